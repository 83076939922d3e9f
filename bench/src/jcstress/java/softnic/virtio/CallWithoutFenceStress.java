package softnic.virtio;

import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.ZZ_Result;
import softnic.stress.LightRing;

/**
 * Why the interrupt needs a full fence on both sides: as {@link KickWithoutFenceStress}, the other way round. With the
 * fence: {@code softnic.guest.CallStress}.
 */
@JCStressTest
@Outcome(id = "true, false", expect = Expect.ACCEPTABLE, desc = "the host calls")
@Outcome(id = "false, true", expect = Expect.ACCEPTABLE, desc = "the guest finds the buffer")
@Outcome(id = "true, true", expect = Expect.ACCEPTABLE, desc = "both")
@Outcome(id = "false, false", expect = Expect.ACCEPTABLE_INTERESTING, desc = "the lost interrupt")
@State
public class CallWithoutFenceStress {

    private final Vring ring = LightRing.make();

    public CallWithoutFenceStress() {
        ring.availFlags(Vring.VRING_AVAIL_F_NO_INTERRUPT);
    }

    @Actor
    public void host(ZZ_Result r) {
        ring.usedIdxRelease(1);
        r.r1 = ring.availFlags() == 0;
    }

    @Actor
    public void guest(ZZ_Result r) {
        ring.availFlags(0);
        r.r2 = ring.usedIdxAcquire() == 1;
    }
}
