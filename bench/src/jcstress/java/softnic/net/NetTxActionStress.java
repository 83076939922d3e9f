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
import softnic.trace.Trace;

/** A stopped queue is woken while the softirq looks at it: the packet that waits is sent, now or when it comes again. */
@JCStressTest
@Outcome(id = "1, 0", expect = Expect.ACCEPTABLE, desc = "sent once")
@Outcome(expect = Expect.FORBIDDEN, desc = "left in the queue, or sent twice")
@State
public class NetTxActionStress {

    private static final SkBuff SKB = OneSkb.take();

    private final CountingDevice dev = new CountingDevice();
    private final NetTxAction netTx = new NetTxAction(dev.qdisc(), Trace.off());

    public NetTxActionStress() {
        dev.stopQueue();
        dev.qdisc().xmit(SKB);
        netTx.schedule();
    }

    @Actor
    public void clean() {
        dev.wakeQueue();
    }

    @Actor
    public void softirq() {
        netTx.doWork();
    }

    @Arbiter
    public void after(II_Result r) {
        int turns = 0;
        while (netTx.doWork() > 0 && turns++ < 10) {
            // a wake-up is never forgotten: who was scheduled comes again
        }
        r.r1 = dev.sent();
        r.r2 = dev.qdisc().backlog();
    }
}
