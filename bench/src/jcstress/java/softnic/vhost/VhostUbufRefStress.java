package softnic.vhost;

import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.ZZ_Result;
import softnic.Edition;

/** The last send comes home while an ioctl begins to wait for it: the ioctl sees that nothing is out, or is called. */
@JCStressTest
@Outcome(id = "true, false", expect = Expect.ACCEPTABLE, desc = "seen")
@Outcome(id = "false, true", expect = Expect.ACCEPTABLE, desc = "called")
@Outcome(id = "true, true", expect = Expect.ACCEPTABLE, desc = "both")
@Outcome(id = "false, false", expect = Expect.FORBIDDEN, desc = "waits for ever")
@State
public class VhostUbufRefStress {

    private final VhostUbufRef ubufs = new VhostUbufRef(Edition.V6_18, null);
    private final Runnable whenZero = this::whenZero;
    private volatile boolean called;

    public VhostUbufRefStress() {
        ubufs.get();
    }

    private void whenZero() {
        called = true;
    }

    @Actor
    public void softirq() {
        ubufs.put();
    }

    @Actor
    public void worker(ZZ_Result r) {
        r.r1 = ubufs.putAndWait(whenZero);
    }

    @Arbiter
    public void after(ZZ_Result r) {
        r.r2 = called;
    }
}
