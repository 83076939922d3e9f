package softnic.skb;

import softnic.Edition;
import softnic.mm.PageAllocator;
import softnic.mm.PhysMem;
import softnic.sched.AtOnce;
import softnic.trace.Trace;

/** An skb for each sample, from one pool. */
public final class OneSkb {

    private static final int SKBS = 2048;
    private static final SkbPool POOL;

    static {
        PhysMem memory = new PhysMem();
        POOL = new SkbPool(memory, new PageAllocator(memory, 1), Edition.V6_1, new AtOnce(), Trace.off(), SKBS);
    }

    private OneSkb() {
    }

    /** A packet of 60 bytes. */
    public static SkBuff take() {
        SkBuff skb = POOL.alloc(60);
        if (skb == null) {
            throw new IllegalStateException("stress: skbs did not come back");
        }
        skb.put(60);
        return skb;
    }
}
