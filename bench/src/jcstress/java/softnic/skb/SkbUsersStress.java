package softnic.skb;

import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.I_Result;

/** Two users let go of a zero-copy skb at once: the owner of its pages is told once. */
@JCStressTest
@Outcome(id = "1", expect = Expect.ACCEPTABLE, desc = "told once")
@Outcome(expect = Expect.FORBIDDEN, desc = "told twice or never")
@State
public class SkbUsersStress {

    private final SkBuff skb = OneSkb.take();
    private int told;

    public SkbUsersStress() {
        skb.shinfo().zerocopy(success -> told++);
        skb.get();
    }

    @Actor
    public void nic() {
        skb.consume();
    }

    @Actor
    public void tap() {
        skb.consume();
    }

    @Arbiter
    public void after(I_Result r) {
        r.r1 = told;
    }
}
