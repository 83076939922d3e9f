package softnic.skb;

import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.IZ_Result;

/** Two skbs let go of one ubuf at once, one after a copy: the owner is told once, and of the copy. */
@JCStressTest
@Outcome(id = "1, false", expect = Expect.ACCEPTABLE, desc = "told once: copied")
@Outcome(expect = Expect.FORBIDDEN, desc = "told twice, never, or the wrong thing")
@State
public class UbufInfoMsgzcStress {

    private int told;
    private boolean zerocopy = true;
    private final UbufInfoMsgzc ubuf = new UbufInfoMsgzc() {
        @Override
        protected void complete(boolean success) {
            told++;
            zerocopy = success;
        }
    };

    public UbufInfoMsgzcStress() {
        ubuf.hold();
    }

    @Actor
    public void nic() {
        ubuf.callback(true);
    }

    @Actor
    public void tap() {
        ubuf.callback(false);
    }

    @Arbiter
    public void after(IZ_Result r) {
        r.r1 = told;
        r.r2 = zerocopy;
    }
}
