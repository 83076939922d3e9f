package softnic.skb;

import java.util.function.Consumer;
import softnic.Behaviour;
import softnic.Edition;
import softnic.mm.FaultPoint;
import softnic.mm.IndexStack;
import softnic.mm.Page;
import softnic.mm.PageAllocator;
import softnic.mm.PhysMem;
import softnic.mm.Slab;
import softnic.sched.Cpu;
import softnic.trace.Counters;
import softnic.trace.Trace;
import softnic.trace.Tracepoint;
import softnic.trace.Violations;

/**
 * Birth and death of packets: {@code __alloc_skb}, {@code kfree_skb} and {@code consume_skb}
 * (net/core/skbuff.c) over fixed pools, the kernel's {@code skbuff_head_cache} and kmalloc caches.
 *
 * <p>Everything is made at start; an empty pool is -ENOBUFS, as a failed GFP_ATOMIC allocation would be.
 * Any agent allocates and frees.
 */
public final class SkbPool {

    /** {@code SMP_CACHE_BYTES}: heads are aligned to it ({@code SKB_DATA_ALIGN}). */
    public static final int CACHE_LINE = 64;

    /** Largest head, in bytes. */
    public static final int MAX_HEAD = 128 << 10;

    /** Order of the largest pages: 32 KiB, the one that {@code MAX_SKB_FRAGS} of make half a megabyte with. */
    static final int COMPOUND_ORDER = 3;

    private static final int MIN_HEAD_SHIFT = 9;
    /** How many heads of 512 bytes, 1 KiB, ... 128 KiB there are. */
    private static final int[] HEADS = {4096, 1024, 1024, 2048, 256, 64, 32, 16, 16};

    /** Heads that no skb has: those being exchanged. */
    private static final int SPARE_HEADS = 16;

    /** What the pool counts. */
    public enum Count { ALLOC, ALLOC_FAILED, CLONE, COPY_UBUFS, COPY_UBUFS_FAILED, FREE, FREE_DROPPED, EXPAND_HEAD,
        /** A flag without a ubuf: a kernel would have called through garbage. */
        FLAG_WITHOUT_UBUF,
        /** A head that took a stale flag along: its ubuf will be called twice. */
        STALE_UBUF,
        /** Copied user pages that do not fit in frags[]: a kernel would have written past its end. */
        COPY_UBUFS_OVERRUN }

    private final PhysMem memory;
    private final PageAllocator pages;
    private final Edition edition;
    private final Cpu cpu;
    private final Trace trace;
    private final PageAllocator compound;
    private final Counters<DropReason> drops = Counters.shared("skb_drop", DropReason.class);
    private final Counters<Count> counters = Counters.shared("skb", Count.class);
    private final SkBuff[] skbs;
    private final IndexStack freeSkbs;
    private final SkbSharedInfo[][] heads = new SkbSharedInfo[HEADS.length][];
    private final IndexStack[] freeHeads = new IndexStack[HEADS.length];
    private final Slab slab;

    /** @param size how many skbs may live at once */
    public SkbPool(PhysMem memory, PageAllocator pages, Edition edition, Cpu cpu, Trace trace, int size) {
        this(memory, pages, edition, cpu, trace, size, 1);
    }

    /** @param fewerHeads by what the usual number of heads is divided, for a small host */
    public SkbPool(PhysMem memory, PageAllocator pages, Edition edition, Cpu cpu, Trace trace, int size,
            int fewerHeads) {
        this.memory = memory;
        this.pages = pages;
        this.edition = edition;
        this.cpu = cpu;
        this.trace = trace;
        skbs = new SkBuff[size];
        for (int i = 0; i < size; i++) {
            skbs[i] = new SkBuff(this, i);
        }
        freeSkbs = new IndexStack(size);
        long bytes = 0;
        for (int c = 0; c < HEADS.length; c++) {
            heads[c] = new SkbSharedInfo[Math.min(heads(c, fewerHeads), size + SPARE_HEADS)];
            bytes += (long) heads[c].length << MIN_HEAD_SHIFT + c;
        }
        slab = new Slab(bytes);
        long hpa = memory.addRegion(slab.segment());
        for (int c = 0; c < HEADS.length; c++) {
            for (int i = 0; i < heads[c].length; i++) {
                heads[c][i] = new SkbSharedInfo(i, c, hpa, edition.maxSkbFrags());
                hpa += 1L << MIN_HEAD_SHIFT + c;
            }
            freeHeads[c] = new IndexStack(heads[c].length);
        }
        compound = new PageAllocator(memory, 2 * edition.maxSkbFrags(), COMPOUND_ORDER);
    }

    private static int heads(int sizeClass, int fewer) {
        return Math.max(4, HEADS[sizeClass] / fewer);
    }

    /**
     * A packet with {@code size} bytes of linear room, not yet used ({@code alloc_skb}).
     *
     * @return null when a pool is empty
     */
    public SkBuff alloc(int size) {
        SkbSharedInfo head = allocHead(size);
        SkBuff skb = head == null ? null : allocStruct();
        if (skb == null) {
            if (head != null) {
                freeHead(head);
            }
            counters.bump(Count.ALLOC_FAILED);
            return null;
        }
        skb.reset(head);
        counters.bump(Count.ALLOC);
        return skb;
    }

    void consume(SkBuff skb) {
        trace.enter(Tracepoint.CONSUME_SKB);
        if (skb.unref()) {
            free(skb);
        }
        trace.exit(Tracepoint.CONSUME_SKB);
    }

    void kfree(SkBuff skb, DropReason reason) {
        trace.enter(Tracepoint.KFREE_SKB);
        if (skb.unref()) {
            drops.bump(reason);
            counters.bump(Count.FREE_DROPPED);
            free(skb);
        }
        trace.exit(Tracepoint.KFREE_SKB);
    }

    /** As {@link SkBuff#consume}, from a driver's clean ({@code napi_consume_skb}, dev_kfree_skb_any in 3.1). */
    public void napiConsume(SkBuff skb) {
        trace.enter(Tracepoint.NAPI_CONSUME_SKB);
        if (skb.unref()) {
            free(skb);
        }
        trace.exit(Tracepoint.NAPI_CONSUME_SKB);
    }

    /** {@code __kfree_skb}: the charge first, then the data, then the struct. */
    private void free(SkBuff skb) {
        skb.orphan();
        releaseData(skb);
        counters.bump(Count.FREE);
        skb.shinfo = null;
        freeSkbs.push(skb.index);
    }

    /**
     * {@code skb_release_data}: pages and callback in the edition's order. 3.1 drops the pages first, so a
     * head in the used ring has no pins left; since 5.12 the callback comes first.
     */
    void releaseData(SkBuff skb) {
        trace.enter(Tracepoint.SKB_RELEASE_DATA);
        SkbSharedInfo shinfo = skb.shinfo;
        int owned = skb.nohdr ? (1 << SkbSharedInfo.SKB_DATAREF_SHIFT) + 1 : 1;
        if (!skb.cloned || shinfo.refSub(owned)) {
            if (edition.has(Behaviour.CALLBACK_BEFORE_PAGES)) {
                zcopyClear(shinfo, true);
                shinfo.putFrags();
            } else {
                shinfo.putFrags();
                zcopyClear(shinfo, true);
            }
            FragList.drop(shinfo);
            freeHead(shinfo);
        }
        trace.exit(Tracepoint.SKB_RELEASE_DATA);
    }

    /** Completes the ubuf, if there is one. */
    void zcopyClear(SkbSharedInfo shinfo, boolean success) {
        if (!shinfo.zcopyClear(success)) {
            counters.bump(Count.FLAG_WITHOUT_UBUF);
        }
    }

    /**
     * Makes a sent packet as good as new, so that a driver can receive into it ({@code skb_recycle_check}, until 3.7).
     * The charge is taken off and the head kept.
     *
     * @param size room that is needed, in bytes
     * @return false, and nothing happened, for a packet that has fragments, user pages, clones, other users or too
     *     small a head
     */
    public boolean recycle(SkBuff skb, int size) {
        SkbSharedInfo shinfo = skb.shinfo;
        if (!edition.has(Behaviour.RECYCLES_SKBS) || shinfo.isZerocopy() || skb.dataLen != 0 || shinfo.end < size
                || skb.isShared() || skb.isCloned()) {
            return false;
        }
        skb.orphan();
        shinfo.reset(shinfo.end);
        skb.reset(shinfo);
        return true;
    }

    SkBuff allocStruct() {
        int index = memory.fails(FaultPoint.SLAB) ? IndexStack.EMPTY : freeSkbs.pop();
        return index == IndexStack.EMPTY ? null : skbs[index];
    }

    /** The smallest free head of at least {@code size} bytes ({@code kmalloc_reserve}), or null. */
    SkbSharedInfo allocHead(int size) {
        if (size < 0 || size > MAX_HEAD || memory.fails(FaultPoint.SLAB)) {
            return null;
        }
        int end = size + CACHE_LINE - 1 & -CACHE_LINE;
        int first = Math.max(0, 32 - Integer.numberOfLeadingZeros(Math.max(end, 1) - 1) - MIN_HEAD_SHIFT);
        for (int c = first; c < HEADS.length; c++) {
            int index = freeHeads[c].pop();
            if (index != IndexStack.EMPTY) {
                SkbSharedInfo head = heads[c][index];
                head.reset(end);
                return head;
            }
        }
        return null;
    }

    void freeHead(SkbSharedInfo head) {
        freeHeads[head.sizeClass].push(head.index);
    }

    /** Skbs alive now. For checks, when nobody allocates. */
    public int inUse() {
        return skbs.length - freeSkbs.count();
    }

    /** Sum of truesize over all living skbs that {@code destructor} is charged for. For checks. */
    public long chargedTo(SkBuff.Destructor destructor) {
        long sum = 0;
        for (SkBuff skb : skbs) {
            if (skb.shinfo != null && skb.destructor == destructor) {
                sum += skb.truesize;
            }
        }
        return sum;
    }

    /** Fragments of living packets that hold a guest page: what the pins must add up to. For checks. */
    public long guestFrags() {
        long sum = 0;
        for (SkbSharedInfo[] sizeClass : heads) {
            for (SkbSharedInfo head : sizeClass) {
                for (int i = 0; i < head.nrFrags; i++) {
                    sum += head.frags[i].page().isGuest() ? 1 : 0;
                }
            }
        }
        return sum;
    }

    /** Hands out the guest page of each fragment of living packets: a page comes as often as fragments hold it. For checks. */
    public void forEachGuestFrag(Consumer<Page> action) {
        for (SkbSharedInfo[] sizeClass : heads) {
            for (SkbSharedInfo head : sizeClass) {
                for (int i = 0; i < head.nrFrags; i++) {
                    if (head.frags[i].page().isGuest()) {
                        action.accept(head.frags[i].page());
                    }
                }
            }
        }
    }

    /** {@code MAX_SKB_FRAGS}: fragments a packet can have. */
    public int maxFrags() {
        return edition.maxSkbFrags();
    }

    public Counters<Count> counters() {
        return counters;
    }

    public PhysMem memory() {
        return memory;
    }

    PageAllocator pages() {
        return pages;
    }

    /** Pages of 32 KiB, for copies that do not fit in single ones. */
    public PageAllocator compound() {
        return compound;
    }

    /** Dropped packets by reason. */
    public Counters<DropReason> drops() {
        return drops;
    }

    /** Checks every living packet: invariants 18 and 20. When no slice runs. */
    public void check(Violations violations) {
        for (SkBuff skb : skbs) {
            if (skb.users() > 0 && skb.shinfo != null) {
                SkbCheck.check(skb, violations);
            }
        }
    }

    Cpu cpu() {
        return cpu;
    }

    Trace trace() {
        return trace;
    }

    /** Whose behaviour its packets have. */
    public Edition edition() {
        return edition;
    }

    /** Releases the heads' memory. */
    public void close() {
        slab.close();
        compound.close();
    }
}
