package softnic.wire;

import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.infra.results.ZZ_Result;
import softnic.sched.AtOnce;

/** A frame is published while the consumer goes to sleep: it sees the frame, or it is woken. */
@JCStressTest
@Outcome(id = "true, false", expect = Expect.ACCEPTABLE, desc = "seen")
@Outcome(id = "false, true", expect = Expect.ACCEPTABLE, desc = "woken")
@Outcome(id = "true, true", expect = Expect.ACCEPTABLE, desc = "both")
@Outcome(id = "false, false", expect = Expect.FORBIDDEN, desc = "a frame of which nobody hears")
@State
public class FrameRingStress {

    private static final softnic.stress.Pool<Rings> POOL = new softnic.stress.Pool<>(Rings::new);

    private final Rings rings = POOL.take();

    public FrameRingStress() {
        while (rings.ring.peek() != null) {
            rings.ring.release();
        }
        rings.ring.claim();
        rings.woken = false;
    }

    @Actor
    public void producer() {
        rings.ring.publish();
    }

    @Actor
    public void consumer(ZZ_Result r) {
        r.r1 = rings.ring.peek() != null;
    }

    @Arbiter
    public void after(ZZ_Result r) {
        r.r2 = rings.woken;
    }

    private static final class Rings {

        private final FrameRing ring = new FrameRing(1, AtOnce.waiter(() -> { }), AtOnce.waiter(() -> wake()));
        private volatile boolean woken;

        private void wake() {
            woken = true;
        }
    }
}
