package softnic.check;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import softnic.Behaviour;
import softnic.Edition;
import softnic.mm.FaultInjection;
import softnic.mm.FaultPoint;
import softnic.mm.GuestMemory;
import softnic.mm.Page;
import softnic.mm.PageAllocator;
import softnic.mm.PhysMem;
import softnic.net.Gso;
import softnic.sched.CostTable;
import softnic.sched.VirtualTimeRunner;
import softnic.skb.SkBuff;
import softnic.skb.SkbPool;
import softnic.skb.SkbSharedInfo;
import softnic.skb.UbufInfoMsgzc;
import softnic.trace.Trace;
import softnic.trace.Violations;

/** The memory of a {@link SkbScenario}: the user's pages, the kernel's, a pool of packets, a socket that is charged. */
final class SkbWorkshop implements AutoCloseable {

    /** Fewer packets live than could: only a fault makes memory short. */
    private static final int SKBS = 112;
    private static final int FEWER_HEADS = 32;
    private static final int PAGES = 256;
    private static final int GUEST_PAGES = 192;
    private static final int LARGE_PAGES = 8;
    private static final int LARGE_ORDER = 3;
    private static final int LARGE_SIZE = PhysMem.PAGE_SIZE << LARGE_ORDER;
    /** What one operation may take: below it a failure is nobody's fault. */
    private static final int RESERVE = 40;
    /** Larger heads are few, as they are in the kernel. */
    private static final int PLENTY = 6000;
    private static final FaultPoint[] SHORTAGES = {FaultPoint.PAGE_ALLOC, FaultPoint.SLAB, FaultPoint.PIN};

    private final Edition edition;
    private final SkbDice random;
    private final FaultInjection faults;
    private final PhysMem memory;
    private final GuestMemory guest;
    private final PageAllocator pages;
    private final PageAllocator large;
    private final SkbPool pool;
    private final SkbSock sock;
    private final Trace trace;
    private final Gso gso;
    private final Arena arena = Arena.ofConfined();
    private final MemorySegment ram = arena.allocate((long) GUEST_PAGES * PhysMem.PAGE_SIZE, PhysMem.PAGE_SIZE);
    private final boolean[] lent = new boolean[GUEST_PAGES];
    private final Set<Page> largeLent = new HashSet<>();
    private final List<SkbLoan> loans = new ArrayList<>();
    private final Violations violations = new Violations();
    private int writes;
    private int writesSeen;
    private long failed;
    private long born;

    SkbWorkshop(Edition edition, FaultInjection faults, SkbDice random) {
        this.edition = edition;
        this.random = random;
        this.faults = faults;
        memory = new PhysMem(faults);
        guest = new GuestMemory(memory);
        guest.addRegion(0, ram);
        pages = new PageAllocator(memory, PAGES);
        large = new PageAllocator(memory, LARGE_PAGES, LARGE_ORDER);
        VirtualTimeRunner runner = new VirtualTimeRunner(CostTable.free());
        trace = new Trace(Trace.Level.FINGERPRINT, runner, edition.names(), 0);
        pool = new SkbPool(memory, pages, edition, runner, trace, SKBS, FEWER_HEADS);
        sock = new SkbSock(pool, pages);
        gso = new Gso(pool, runner, trace);
        faults.arm();
    }

    // ---- birth

    /** A packet in one piece, or null. */
    SkbPacket linear(int headroom, byte[] bytes, int tailroom) {
        SkBuff skb = pool.alloc(headroom + bytes.length + tailroom);
        if (skb == null) {
            return null;
        }
        skb.reserve(headroom);
        skb.put(bytes.length);
        if (random.nextInt(3) == 0) {
            sock.setOwnerW(skb);
        }
        return born(skb, bytes);
    }

    /** A packet of the socket's, its data behind {@code linear} bytes in pages of the kernel; or null. */
    SkbPacket kernel(int linear, byte[] bytes) {
        SkBuff skb = sock.alloc(linear, bytes.length - linear);
        if (skb == null) {
            return null;
        }
        skb.reserveAndPut(0, linear);
        return born(skb, bytes);
    }

    /**
     * A packet of user pages behind {@code linear} copied bytes, each piece in a page of its own; or null.
     *
     * @param shared the kind of ubuf that several packets may have
     */
    SkbPacket lend(int headroom, int linear, byte[] bytes, boolean shared) {
        int[] pieces = pieces(bytes.length - linear);
        List<Long> at = new ArrayList<>();
        for (int piece : pieces) {
            int page = freePage();
            if (page < 0) {
                break;
            }
            lent[page] = true;
            at.add(guest.hpa((long) page * PhysMem.PAGE_SIZE));
        }
        SkbLoan loan = new SkbLoan(this, loans.size(), at, List.of());
        SkBuff skb = at.size() == pieces.length ? pool.alloc(headroom + linear) : null;
        if (skb == null || !pin(skb, at, pieces)) {
            loan.takeBack();
            return null;
        }
        skb.reserveAndPut(headroom, linear);
        return owned(skb, loan, bytes, shared);
    }

    private boolean pin(SkBuff skb, List<Long> at, int[] pieces) {
        SkbSharedInfo shinfo = skb.shinfo();
        for (int i = 0; i < pieces.length; i++) {
            if (guest.getUserPagesFast(at.get(i), 1, shinfo.frags(), i) != 1) {
                skb.kfree();
                return false;
            }
            shinfo.addFrag(random.nextInt(PhysMem.PAGE_SIZE - pieces[i] + 1), pieces[i]);
            skb.addFragBytes(pieces[i], PhysMem.PAGE_SIZE);
        }
        return true;
    }

    /** As {@link #lend}, of pages of 32 KiB: more than {@code MAX_SKB_FRAGS} small ones hold. */
    SkbPacket lendLarge(int linear, byte[] bytes) {
        SkBuff skb = pool.alloc(linear);
        if (skb == null) {
            return null;
        }
        List<SkbLoan.Home> homes = new ArrayList<>();
        for (int left = bytes.length - linear; left > 0; left -= LARGE_SIZE) {
            SkbLoan.Home home = new SkbLoan.Home();
            if (!home.alloc(large)) {
                new SkbLoan(this, loans.size(), List.of(), homes).takeBack();
                skb.kfree();
                return null;
            }
            homes.add(home);
            largeLent.add(home.page());
            skb.shinfo().frag(homes.size() - 1).hold(home.page());
            int size = Math.min(left, LARGE_SIZE);
            skb.shinfo().addFrag(0, size);
            skb.addFragBytes(size, LARGE_SIZE);
        }
        skb.reserveAndPut(0, linear);
        SkbPacket packet = owned(skb, new SkbLoan(this, loans.size(), List.of(), homes), bytes, false);
        packet.large = true;
        return packet;
    }

    private SkbPacket owned(SkBuff skb, SkbLoan loan, byte[] bytes, boolean shared) {
        loans.add(loan);
        if (shared) {
            UbufInfoMsgzc ubuf = loan.shared();
            ubuf.hold();
            skb.shinfo().zerocopy(ubuf);
            ubuf.callback(true);            // the sender's own reference: it does not wait
        } else {
            skb.shinfo().zerocopy(loan);
        }
        if (random.nextInt(3) > 0) {
            sock.setOwnerW(skb);
        }
        return born(skb, bytes);
    }

    private SkbPacket born(SkBuff skb, byte[] bytes) {
        born++;
        write(skb.dataHpa(), bytes, 0, skb.headlen());
        int at = skb.headlen();
        for (int i = 0; i < skb.shinfo().nrFrags(); i++) {
            write(skb.shinfo().frag(i).hpa(), bytes, at, skb.shinfo().frag(i).size());
            at += skb.shinfo().frag(i).size();
        }
        int transport = random.nextInt(100);
        skb.transportHeaderAt(transport);
        skb.checksumPartial(transport, 0);
        return new SkbPacket(skb, bytes);
    }

    /** Sizes of up to {@code MAX_SKB_FRAGS} pieces that make {@code bytes}; half of them whole pages. */
    private int[] pieces(int bytes) {
        int[] sizes = new int[pool.maxFrags()];
        int n = 0;
        for (int left = bytes; left > 0;) {
            int rest = sizes.length - n - 1;
            int least = Math.max(1, left - rest * PhysMem.PAGE_SIZE);
            int most = Math.min(left, PhysMem.PAGE_SIZE);
            sizes[n] = random.nextBoolean() ? most : random.nextInt(least, most + 1);
            left -= sizes[n++];
        }
        return Arrays.copyOf(sizes, n);
    }

    private int freePage() {
        int first = random.nextInt(GUEST_PAGES);
        for (int i = 0; i < GUEST_PAGES; i++) {
            if (!lent[(first + i) % GUEST_PAGES]) {
                return (first + i) % GUEST_PAGES;
            }
        }
        return -1;
    }

    // ---- bytes

    byte[] randomBytes(int n) {
        byte[] bytes = new byte[n];
        random.nextBytes(bytes);
        return bytes;
    }

    void write(long hpa, byte[] bytes, int from, int len) {
        MemorySegment.copy(MemorySegment.ofArray(bytes), from, memory.segment(hpa), PhysMem.offset(hpa), len);
    }

    /** The user has these pages back, and uses them. */
    void overwrite(List<Long> users) {
        for (long hpa : users) {
            ram.asSlice(PhysMem.offset(hpa), PhysMem.PAGE_SIZE).fill((byte) ++writes);
            lent[(int) (PhysMem.offset(hpa) >>> PhysMem.PAGE_SHIFT)] = false;
        }
    }

    void overwriteLarge(List<SkbLoan.Home> users) {
        for (SkbLoan.Home home : users) {
            long hpa = home.page().hpa();
            memory.segment(hpa).asSlice(PhysMem.offset(hpa), LARGE_SIZE).fill((byte) ++writes);
            home.put();
        }
    }

    /** True if the user has written since this was last asked. */
    boolean isOverwritten() {
        boolean more = writes != writesSeen;
        writesSeen = writes;
        return more;
    }

    boolean isUsers(Page page) {
        return page.isGuest() || largeLent.contains(page);
    }

    // ---- shortage

    /** An operation begins: what fails from now on is its own. */
    void begin() {
        failed = failures();
    }

    private long failures() {
        long sum = 0;
        for (FaultPoint point : SHORTAGES) {
            sum += faults.failed(point);
        }
        return sum;
    }

    /** True if the operation had a reason to fail. @param head bytes of the largest head that it needed */
    boolean isShort(int head) {
        return failures() != failed || head > PLENTY || pool.inUse() > SKBS - RESERVE || pages.inUse() > PAGES - RESERVE;
    }

    /** True if all that is lent could be copied and more be done. */
    boolean isRoomFor(int newPages) {
        return pages.inUse() + guest.pins() + newPages < PAGES - 2 * RESERVE && pool.inUse() < SKBS - 2 * RESERVE;
    }

    boolean hasLarge() {
        return edition.has(Behaviour.PACKS_COPIED_UBUFS);
    }

    // ---- what there is

    List<SkbLoan> loans() {
        return loans;
    }

    long born() {
        return born;
    }

    Edition edition() {
        return edition;
    }

    PhysMem memory() {
        return memory;
    }

    GuestMemory guest() {
        return guest;
    }

    PageAllocator pages() {
        return pages;
    }

    PageAllocator largePages() {
        return large;
    }

    SkbPool pool() {
        return pool;
    }

    SkbSock sock() {
        return sock;
    }

    Gso gso() {
        return gso;
    }

    Violations violations() {
        return violations;
    }

    FaultInjection faults() {
        return faults;
    }

    long fingerprint() {
        return trace.fingerprint();
    }

    @Override
    public void close() {
        pool.close();
        pages.close();
        large.close();
        arena.close();
    }
}
