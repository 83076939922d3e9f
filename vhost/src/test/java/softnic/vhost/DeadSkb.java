package softnic.vhost;

import softnic.Edition;
import softnic.mm.PageAllocator;
import softnic.mm.PhysMem;
import softnic.skb.SkBuff;
import softnic.skb.SkbPool;
import softnic.trace.Trace;

/** The death of a packet, as its socket sees it. */
final class DeadSkb {

    private DeadSkb() {
    }

    /** Takes {@code bytes} off what {@code sock} is charged, and wakes who waits if there is room. */
    static void uncharge(FakeSock sock, int bytes) {
        PhysMem memory = new PhysMem();
        PageAllocator pages = new PageAllocator(memory, 1);
        SkbPool pool = new SkbPool(memory, pages, Edition.V8, new StepCpu(), Trace.off(), 1);
        SkBuff skb = pool.alloc(64);
        sock.charge(skb.truesize() - bytes);
        skb.destructor(sock);
        skb.kfree();
        pool.close();
        pages.close();
    }
}
