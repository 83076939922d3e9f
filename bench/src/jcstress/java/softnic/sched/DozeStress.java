package softnic.sched;

import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.ZZ_Result;

/** A thread goes to sleep while another wakes it: it does not park, or it is unparked. */
@JCStressTest
@Outcome(id = "true, true", expect = Expect.ACCEPTABLE, desc = "parks, and is unparked")
@Outcome(id = "false, true", expect = Expect.ACCEPTABLE, desc = "both see the other")
@Outcome(id = "false, false", expect = Expect.ACCEPTABLE, desc = "hears it in time")
@Outcome(id = "true, false", expect = Expect.FORBIDDEN, desc = "sleeps on")
@State
public class DozeStress {

    private final Doze doze = new Doze();

    @Actor
    public void sleeper(ZZ_Result r) {
        r.r1 = doze.begin();
    }

    @Actor
    public void waker(ZZ_Result r) {
        r.r2 = doze.signal();
    }
}
