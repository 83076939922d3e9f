package softnic.net;

import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.II_Result;
import softnic.skb.OneSkb;
import softnic.skb.SkBuff;

/** A packet is queued while another agent runs the queue: whoever holds it sends, and nobody leaves it behind. */
@JCStressTest
@Outcome(id = "1, 0", expect = Expect.ACCEPTABLE, desc = "sent once")
@Outcome(expect = Expect.FORBIDDEN, desc = "left in the queue, or sent twice")
@State
public class QdiscStress {

    private static final SkBuff SKB = OneSkb.take();

    private final CountingDevice dev = new CountingDevice();

    @Actor
    public void worker() {
        dev.qdisc().xmit(SKB);
    }

    @Actor
    public void softirq() {
        dev.qdisc().run();
    }

    @Arbiter
    public void after(II_Result r) {
        r.r1 = dev.sent();
        r.r2 = dev.qdisc().backlog();
    }
}
