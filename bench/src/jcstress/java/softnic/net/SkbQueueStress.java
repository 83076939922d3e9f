package softnic.net;

import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.ZZ_Result;
import softnic.mm.PageAllocator;
import softnic.mm.PhysMem;
import softnic.skb.SkBuff;
import softnic.skb.SkbPool;
import softnic.sched.AtOnce;
import softnic.trace.Trace;
import softnic.Edition;

/** One agent queues, one takes: what the tail covers is there, a slot that the head gave back is free. */
@JCStressTest
@Outcome(id = "true, true", expect = Expect.ACCEPTABLE, desc = "taken, then room for one more")
@Outcome(id = "false, false", expect = Expect.ACCEPTABLE, desc = "nothing there yet, and no room for a second")
@Outcome(id = "true, false", expect = Expect.ACCEPTABLE, desc = "taken after the second was refused")
@Outcome(expect = Expect.FORBIDDEN, desc = "an empty slot behind the tail, or a second packet in one slot")
@State
public class SkbQueueStress {

    private static final SkBuff SKB;

    static {
        PhysMem memory = new PhysMem();
        SKB = new SkbPool(memory, new PageAllocator(memory, 1), Edition.V6_1, new AtOnce(), Trace.off(), 1).alloc(64);
    }

    private final SkbQueue queue = new SkbQueue(1);

    @Actor
    public void queuer(ZZ_Result r) {
        queue.add(SKB);
        r.r2 = queue.add(SKB);
    }

    @Actor
    public void taker(ZZ_Result r) {
        r.r1 = queue.poll() == SKB;
    }
}
