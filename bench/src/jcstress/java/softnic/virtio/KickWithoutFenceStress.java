package softnic.virtio;

import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.ZZ_Result;
import softnic.stress.LightRing;

/**
 * Why the kick needs a full fence on both sides. Release and acquire order what one side wrote; here each side writes one
 * word and reads the other's, and both reads may come before both writes: the guest sees "no kicks, please", the host an
 * empty ring, and the packet lies there until something else happens. With the fence: {@code softnic.guest.KickStress}.
 */
@JCStressTest
@Outcome(id = "true, false", expect = Expect.ACCEPTABLE, desc = "the guest kicks")
@Outcome(id = "false, true", expect = Expect.ACCEPTABLE, desc = "the host finds the packet")
@Outcome(id = "true, true", expect = Expect.ACCEPTABLE, desc = "both")
@Outcome(id = "false, false", expect = Expect.ACCEPTABLE_INTERESTING, desc = "the lost kick")
@State
public class KickWithoutFenceStress {

    private final Vring ring = LightRing.make();

    public KickWithoutFenceStress() {
        ring.usedFlags(Vring.VRING_USED_F_NO_NOTIFY);
    }

    @Actor
    public void guest(ZZ_Result r) {
        ring.availIdxRelease(1);
        r.r1 = ring.usedFlags() == 0;
    }

    @Actor
    public void host(ZZ_Result r) {
        ring.usedFlags(0);
        r.r2 = ring.availIdxAcquire() == 1;
    }
}
