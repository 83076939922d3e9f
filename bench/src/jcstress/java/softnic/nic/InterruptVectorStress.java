package softnic.nic;

import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.Z_Result;
import org.openjdk.jcstress.annotations.Arbiter;
import softnic.sched.AtOnce;
import softnic.sched.Cpu;

/** A cause that comes while the driver unmasks: one of the two sees the other and wakes the vector. */
@JCStressTest
@Outcome(id = "true", expect = Expect.ACCEPTABLE, desc = "woken")
@Outcome(id = "false", expect = Expect.FORBIDDEN, desc = "the lost interrupt")
@State
public class InterruptVectorStress {

    private static final Cpu CPU = new AtOnce();

    private final InterruptVector vector = new InterruptVector(CPU, AtOnce.waiter(this::woken), 0);
    private volatile boolean woken;

    public InterruptVectorStress() {
        vector.raise();
        vector.doWork();                    // fires, and is masked now
        woken = false;
    }

    private void woken() {
        woken = true;
    }

    @Actor
    public void device() {
        vector.raise();
    }

    @Actor
    public void driver() {
        vector.unmask();
    }

    @Arbiter
    public void after(Z_Result r) {
        r.r1 = woken;
    }
}
