package softnic.macvtap;

import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.II_Result;
import softnic.skb.OneSkb;
import softnic.skb.SkBuff;

/** Two agents queue, and the reader takes meanwhile (two CPUs suffice): each packet comes out once, and no slot is used by two. */
@JCStressTest
@Outcome(id = "1, 1", expect = Expect.ACCEPTABLE, desc = "each once")
@Outcome(expect = Expect.FORBIDDEN, desc = "lost or doubled")
@State
public class TapRingStress {

    private static final SkBuff FIRST = OneSkb.take();
    private static final SkBuff SECOND = OneSkb.take();

    private final TapRing ring = new TapRing(2);
    private int first;
    private int second;

    private void take() {
        SkBuff skb = ring.poll();
        first += skb == FIRST ? 1 : 0;
        second += skb == SECOND ? 1 : 0;
    }

    @Actor
    public void softirq() {
        ring.add(FIRST);
    }

    @Actor
    public void siblingAndReader() {
        ring.add(SECOND);
        take();
    }

    @Arbiter
    public void after(II_Result r) {
        take();
        take();
        r.r1 = first;
        r.r2 = second;
    }
}
