package softnic.vhost;

import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.infra.results.II_Result;
import softnic.sched.AtOnce;
import softnic.sched.Cpu;
import softnic.trace.Trace;

/** A work is queued again while the worker takes it: it runs after each queueing, once for both or once for each. */
@JCStressTest
@Outcome(id = "1, 1", expect = Expect.ACCEPTABLE, desc = "a run for each")
@Outcome(id = "0, 1", expect = Expect.ACCEPTABLE, desc = "one run for both")
@Outcome(expect = Expect.FORBIDDEN, desc = "a queueing without a run after it")
@State
public class VhostWorkerStress {

    private static final Cpu CPU = new AtOnce();

    private final VhostWorker worker = new VhostWorker(CPU, Trace.off(), AtOnce.waiter(() -> { }));
    private final VhostWork work = new VhostWork("stress", this::step);
    private int runs;
    private int early;

    public VhostWorkerStress() {
        worker.queue(work);
    }

    private boolean step() {
        runs++;
        return false;
    }

    @Actor
    public void kick() {
        worker.queue(work);
    }

    @Actor
    public void worker() {
        worker.doWork();
        early = runs;
    }

    @Arbiter
    public void after(II_Result r) {
        while (worker.doWork() > 0) {
            // until the list is empty
        }
        r.r1 = runs - early;
        r.r2 = early;
    }
}
