package softnic.bench;

import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OperationsPerInvocation;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;
import softnic.Edition;
import softnic.mm.PageAllocator;
import softnic.mm.PhysMem;
import softnic.skb.SkBuff;
import softnic.skb.SkbCopy;
import softnic.skb.SkbPool;
import softnic.skb.SkbSharedInfo;
import softnic.skb.UbufInfo;
import softnic.trace.Trace;

/**
 * What does an sk_buff cost, from alloc_skb to the last free?
 *
 * <p>Measured: {@link SkbPool} and {@link SkbCopy} alone: birth and death, a clone, the pages of fragments, and what
 * happens to the pages of a zero-copy packet when somebody clones it.
 *
 * <p>Why it matters: vhost makes one skb a packet, software segmentation one a frame, tcpdump one more a packet. And
 * the clone is where zero-copy ends: a clone may live for ever, so it must not hold the guest's pages.
 *
 * <p>What you should see (2 CPUs of a cloud machine, JDK 25):
 * <ul>
 * <li>alloc and free take 25 ns whatever the head's size: nothing is zeroed, both ends are a pop and a push;
 * <li>clone and its free add 25 ns: the struct is new, the data is counted once more;
 * <li>a page costs about 20 ns from alloc_page to put_page, so a packet of 16 pages 330 ns;
 * <li>cloning a zero-copy packet costs about 170 ns <em>a page</em>: 4096 bytes are copied for each.
 * </ul>
 * No garbage: skbs, heads and pages come from pools that were filled at start.
 *
 * <p>How to run: {@code ./softnic bench B02}
 */
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@State(Scope.Thread)
@Fork(3)
@Warmup(iterations = 5, time = 100, timeUnit = TimeUnit.MILLISECONDS)
@Measurement(iterations = 15, time = 40, timeUnit = TimeUnit.MILLISECONDS)
public class B02_SkbAllocCloneFree {

    private static final int SMALL = 128;
    private static final int LARGE = 60_000;
    /** Pages of a packet of 64 KB. */
    private static final int PAGES = 16;

    private final PhysMem memory = new PhysMem();
    private final PageAllocator pages = new PageAllocator(memory, 4 * PAGES);
    private final SkbPool pool =
            new SkbPool(memory, pages, Edition.V6_1, new OneThread(), Trace.off(), 64);
    private long completed;
    private final UbufInfo ubuf = success -> completed++;

    @TearDown
    public void close() {
        if (pool.inUse() != 0 || pages.inUse() != 0) {
            throw new IllegalStateException("bench: " + pool.inUse() + " skbs and " + pages.inUse()
                    + " pages were left behind");
        }
        pool.close();
        pages.close();
    }

    /** An skb with a small head, born and freed. */
    @Benchmark
    public int allocFree() {
        return lived(pool.alloc(SMALL));
    }

    /** The same with a head of 64 KiB. */
    @Benchmark
    public int allocFreeLargeHead() {
        return lived(pool.alloc(LARGE));
    }

    /** A second skb over the same data, and both freed: what each packet socket costs. */
    @Benchmark
    public int allocCloneFree() {
        SkBuff skb = pool.alloc(SMALL);
        return lived(SkbCopy.clone(skb)) + lived(skb);
    }

    /** A packet of sixteen pages, each held by its fragment; the figure is per page. */
    @Benchmark
    @OperationsPerInvocation(PAGES)
    public int allocPagesFree() {
        return lived(withPages());
    }

    /** The same packet with the zero-copy flag, cloned: the clone must not hold a user's pages, so all are copied. */
    @Benchmark
    @OperationsPerInvocation(PAGES)
    public int cloneZerocopyPages() {
        SkBuff skb = withPages();
        skb.shinfo().zerocopy(ubuf);
        return lived(SkbCopy.clone(skb)) + lived(skb);
    }

    private SkBuff withPages() {
        SkBuff skb = pool.alloc(SMALL);
        SkbSharedInfo shinfo = skb.shinfo();
        for (int i = 0; i < PAGES; i++) {
            shinfo.frag(i).alloc(pages);
            shinfo.addFrag(0, PhysMem.PAGE_SIZE);
        }
        skb.addFragBytes(PAGES * PhysMem.PAGE_SIZE, PAGES * PhysMem.PAGE_SIZE);
        return skb;
    }

    private static int lived(SkBuff skb) {
        int len = skb.len();
        skb.consume();
        return len;
    }
}
