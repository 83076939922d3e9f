package softnic.skb;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import softnic.Edition;
import softnic.mm.GuestMemory;
import softnic.mm.PageAllocator;
import softnic.mm.PageHolder;
import softnic.mm.PhysMem;
import softnic.sched.CostTable;
import softnic.sched.Cpu;
import softnic.sched.VirtualTimeRunner;
import softnic.trace.Trace;

/** Guest memory, kernel pages and a pool of skbs, for tests that make packets and take memory away. */
public final class Workshop implements AutoCloseable {

    public static final int PAGES = 128;
    public static final int SKBS = 64;
    private static final int FEWER_HEADS = 8;         // or most of a test is spent zeroing them
    private static final int GUEST_PAGES = 64;

    public final PhysMem memory = new PhysMem();
    public final GuestMemory guest = new GuestMemory(memory);
    public final PageAllocator pages = new PageAllocator(memory, PAGES);
    public final Cpu cpu;
    public final SkbPool pool;
    public final Edition edition;
    private final Arena arena = Arena.ofConfined();
    private final MemorySegment ram = arena.allocate(GUEST_PAGES * 4096L, 4096);
    private final List<Holder> hoard = new ArrayList<>();
    private final List<SkbSharedInfo> headHoard = new ArrayList<>();
    private final List<SkBuff> structHoard = new ArrayList<>();

    /** An owner of user pages that counts how often, and how, it was told. */
    public static final class Owner implements UbufInfo {
        public int callbacks;
        public boolean success;
        public Runnable then = () -> { };

        @Override
        public void callback(boolean zerocopySuccess) {
            callbacks++;
            success = zerocopySuccess;
            then.run();
        }
    }

    /** User pages that several skbs may share, and whose sender still holds one reference. */
    public static final class SharedOwner extends UbufInfoMsgzc {
        public int completions;
        public boolean zerocopy;

        @Override
        protected void complete(boolean zerocopy) {
            completions++;
            this.zerocopy = zerocopy;
        }
    }

    private static final class Holder extends PageHolder {
        @Override
        public String referenceName() {
            return "hoard";
        }
    }

    public Workshop(Edition edition) {
        this(edition, new VirtualTimeRunner(CostTable.free()), Trace.off());
    }

    public Workshop(Edition edition, Cpu cpu, Trace trace) {
        this.edition = edition;
        this.cpu = cpu;
        guest.addRegion(0, ram);
        pool = new SkbPool(memory, pages, edition, cpu, trace, SKBS, FEWER_HEADS);
    }

    /** A packet of random bytes: {@code linear} in the head, then pieces of guest pages of these sizes. */
    public SkBuff packet(Random random, int headroom, int linear, int... frags) {
        SkBuff skb = pool.alloc(headroom + linear);
        for (int i = 0; i < frags.length; i++) {
            MemorySegment.copy(MemorySegment.ofArray(bytes(random, 4096)), 0, ram, 4096L * (2 * i + 1), 4096);
            int offset = random.nextInt(4096 - frags[i] + 1);
            guest.getUserPagesFast(guest.hpa(4096L * (2 * i + 1)), 1, skb.shinfo().frags(), i);
            skb.shinfo().addFrag(offset, frags[i]);
            skb.addFragBytes(frags[i], frags[i]);
        }
        skb.reserveAndPut(headroom, linear);
        MemorySegment head = memory.segment(skb.dataHpa());
        MemorySegment.copy(MemorySegment.ofArray(bytes(random, headroom + linear)), 0, head,
                PhysMem.offset(skb.hpa(0)), headroom + linear);
        return skb;
    }

    /** A packet whose fragments are compound pages of the kernel, each filled with {@code size} random bytes. */
    public SkBuff compoundPacket(Random random, int linear, int frags, int size) {
        SkBuff skb = packet(random, 16, linear);
        for (int i = 0; i < frags; i++) {
            skb.shinfo().frag(i).alloc(pool.compound());
            long hpa = skb.shinfo().frag(i).page().hpa();
            MemorySegment.copy(MemorySegment.ofArray(bytes(random, size)), 0, memory.segment(hpa),
                    PhysMem.offset(hpa), size);
            skb.shinfo().addFrag(0, size);
            skb.addFragBytes(size, size);
        }
        return skb;
    }

    /** Packets of these lengths, half of each in a fragment, linked as a frag_list is. */
    public SkBuff list(Random random, int... lengths) {
        SkBuff first = null;
        for (int i = lengths.length - 1; i >= 0; i--) {
            SkBuff skb = packet(random, 0, lengths[i] - lengths[i] / 2, lengths[i] / 2);
            skb.next(first);
            first = skb;
        }
        return first;
    }

    /** The user writes this byte everywhere. */
    public void overwriteGuest(int value) {
        ram.fill((byte) value);
    }

    private static byte[] bytes(Random random, int n) {
        byte[] all = new byte[n];
        random.nextBytes(all);
        return all;
    }

    /** As {@link #packet}, the pages {@code owner}'s. */
    public SkBuff zerocopy(Random random, Owner owner, int headroom, int linear, int... frags) {
        SkBuff skb = packet(random, headroom, linear, frags);
        skb.shinfo().zerocopy(owner);
        return skb;
    }

    /** The bytes of a packet, read piece by piece. */
    public byte[] content(SkBuff skb) {
        byte[] all = new byte[skb.len()];
        int at = 0;
        for (; at < skb.headlen(); at++) {
            all[at] = memory.u8(skb.dataHpa() + at);
        }
        for (int f = 0; f < skb.shinfo().nrFrags(); f++) {
            for (int i = 0; i < skb.shinfo().frag(f).size(); i++) {
                all[at++] = memory.u8(skb.shinfo().frag(f).hpa() + i);
            }
        }
        for (SkBuff list = skb.shinfo().fragList(); list != null; list = list.next()) {
            byte[] more = content(list);
            System.arraycopy(more, 0, all, at, more.length);
            at += more.length;
        }
        if (at != all.length) {
            throw new AssertionError("skb of " + all.length + " bytes has " + at);
        }
        return all;
    }

    /** Only {@code left} pages can be allocated from now on. */
    public void leavePages(int left) {
        while (PAGES - pages.inUse() > left) {
            Holder holder = new Holder();
            holder.alloc(pages);
            hoard.add(holder);
        }
    }

    /** Only {@code left} heads can be allocated from now on. */
    public void leaveHeads(int left) {
        for (SkbSharedInfo head = pool.allocHead(1); head != null; head = pool.allocHead(1)) {
            headHoard.add(head);
        }
        for (int i = 0; i < left; i++) {
            pool.freeHead(headHoard.removeLast());
        }
    }

    /** Only {@code left} structs can be allocated from now on. */
    public void leaveStructs(int left) {
        while (SKBS - pool.inUse() > left) {
            structHoard.add(pool.alloc(1));
        }
    }

    /** Memory is plenty again. */
    public void release() {
        hoard.forEach(PageHolder::put);
        hoard.clear();
        headHoard.forEach(pool::freeHead);
        headHoard.clear();
        structHoard.forEach(SkBuff::kfree);
        structHoard.clear();
    }

    /** What is not back: skbs, kernel pages, pins. Empty when all is home. */
    public String missing() {
        return (pool.inUse() == 0 ? "" : pool.inUse() + " skbs ")
                + (pages.inUse() == 0 ? "" : pages.inUse() + " pages ")
                + (pool.compound().inUse() == 0 ? "" : pool.compound().inUse() + " compound pages ")
                + (guest.pins() == 0 ? "" : guest.pins() + " pins");
    }

    @Override
    public void close() {
        pool.close();
        pages.close();
        arena.close();
    }
}
