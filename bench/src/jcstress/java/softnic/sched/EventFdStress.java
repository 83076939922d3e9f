package softnic.sched;

import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.infra.results.J_Result;

/** Signals are counted once each, whoever reads meanwhile. */
@JCStressTest
@Outcome(id = "2", expect = Expect.ACCEPTABLE, desc = "both signals")
@Outcome(expect = Expect.FORBIDDEN, desc = "a signal lost or read twice")
@State
public class EventFdStress {

    private final EventFd fd = new EventFd();
    private long early;

    @Actor
    public void signaller() {
        fd.signal();
        fd.signal();
    }

    @Actor
    public void reader() {
        early = fd.read();
    }

    @Arbiter
    public void after(J_Result r) {
        r.r1 = early + fd.read();
    }
}
