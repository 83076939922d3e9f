package softnic.guest;

import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.ZZ_Result;
import softnic.stress.Pool;

/** The host gives a buffer back while the guest goes to sleep (event index): it calls, or the guest finds it, or both. */
@JCStressTest
@Outcome(id = "true, false", expect = Expect.ACCEPTABLE, desc = "the host calls")
@Outcome(id = "false, true", expect = Expect.ACCEPTABLE, desc = "the guest finds the buffer")
@Outcome(id = "true, true", expect = Expect.ACCEPTABLE, desc = "both")
@Outcome(id = "false, false", expect = Expect.FORBIDDEN, desc = "the lost interrupt")
@State
public class CallEventIdxStress {

    private static final Pool<RingPair> RINGS = new Pool<>(() -> new RingPair(true));

    private final RingPair ring = RINGS.take();
    private final int head;

    public CallEventIdxStress() {
        ring.rest();
        ring.add();
        ring.guest().publish(1);
        head = ring.host().take();
    }

    @Actor
    public void host(ZZ_Result r) {
        r.r1 = ring.host().use(head);
    }

    @Actor
    public void guest(ZZ_Result r) {
        r.r2 = !ring.guest().enableCb();
    }
}
