package softnic.nic;

import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.ZZ_Result;
import java.lang.foreign.MemorySegment;
import softnic.sched.AtOnce;
import softnic.sched.Cpu;

/**
 * The device writes back a descriptor and raises, while an earlier cause fires: the poll of that interrupt sees the
 * descriptor, or another interrupt comes.
 */
@JCStressTest
@Outcome(id = "true, false", expect = Expect.ACCEPTABLE, desc = "the poll sees the descriptor")
@Outcome(id = "false, true", expect = Expect.ACCEPTABLE, desc = "another interrupt")
@Outcome(id = "true, true", expect = Expect.ACCEPTABLE, desc = "both")
@Outcome(id = "false, false", expect = Expect.FORBIDDEN, desc = "a descriptor of which nobody hears")
@State
public class InterruptCauseStress {

    private static final Cpu CPU = new AtOnce();

    private final InterruptVector vector = new InterruptVector(CPU, AtOnce.waiter(() -> { }), 0);
    private final MemorySegment ring = MemorySegment.ofArray(new long[2]);
    private boolean seen;

    public InterruptCauseStress() {
        vector.handler(() -> seen = TxDesc.isDoneAcquire(ring, 0));
        vector.raise();
    }

    @Actor
    public void device() {
        TxDesc.writeBackRelease(ring, 0);
        vector.raise();
    }

    @Actor
    public void vector() {
        vector.doWork();
    }

    @Arbiter
    public void after(ZZ_Result r) {
        r.r1 = seen;
        vector.unmask();
        r.r2 = vector.doWork() == 1;
    }
}
