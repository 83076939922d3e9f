package softnic.wire;

import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.infra.results.ZZ_Result;
import softnic.sched.AtOnce;
import softnic.stress.Pool;

/** A slot is given back while the producer goes to sleep on a full ring: it gets the slot, or it is woken. */
@JCStressTest
@Outcome(id = "true, false", expect = Expect.ACCEPTABLE, desc = "got it")
@Outcome(id = "false, true", expect = Expect.ACCEPTABLE, desc = "woken")
@Outcome(id = "true, true", expect = Expect.ACCEPTABLE, desc = "both")
@Outcome(id = "false, false", expect = Expect.FORBIDDEN, desc = "room of which nobody hears")
@State
public class FrameRingFullStress {

    private static final Pool<Rings> POOL = new Pool<>(Rings::new);

    private final Rings rings = POOL.take();

    public FrameRingFullStress() {
        if (rings.ring.claim() != null) {
            rings.ring.publish();           // full
        }
        rings.ring.peek();
        rings.woken = false;
    }

    @Actor
    public void producer(ZZ_Result r) {
        r.r1 = rings.ring.claim() != null;
    }

    @Actor
    public void consumer() {
        rings.ring.release();
    }

    @Arbiter
    public void after(ZZ_Result r) {
        r.r2 = rings.woken;
    }

    private static final class Rings {

        private final FrameRing ring = new FrameRing(1, AtOnce.waiter(() -> wake()), AtOnce.waiter(() -> { }));
        private volatile boolean woken;

        private void wake() {
            woken = true;
        }
    }
}
