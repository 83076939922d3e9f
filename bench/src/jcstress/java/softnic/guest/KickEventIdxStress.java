package softnic.guest;

import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.ZZ_Result;
import softnic.stress.Pool;

/** The guest posts while the host goes to sleep (event index): it kicks, or the host finds the packet, or both. */
@JCStressTest
@Outcome(id = "true, false", expect = Expect.ACCEPTABLE, desc = "the guest kicks")
@Outcome(id = "false, true", expect = Expect.ACCEPTABLE, desc = "the host finds the packet")
@Outcome(id = "true, true", expect = Expect.ACCEPTABLE, desc = "both")
@Outcome(id = "false, false", expect = Expect.FORBIDDEN, desc = "the lost kick")
@State
public class KickEventIdxStress {

    private static final Pool<RingPair> RINGS = new Pool<>(() -> new RingPair(true));

    private final RingPair ring = RINGS.take();

    public KickEventIdxStress() {
        ring.rest();
        ring.add();
    }

    @Actor
    public void guest(ZZ_Result r) {
        ring.guest().publish(1);
        r.r1 = ring.guest().isKickWanted(1);
    }

    @Actor
    public void host(ZZ_Result r) {
        r.r2 = ring.host().enableNotify();
    }
}
