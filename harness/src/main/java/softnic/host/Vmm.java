package softnic.host;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Deque;
import java.util.List;
import java.util.SplittableRandom;
import java.util.function.IntConsumer;
import softnic.guest.Guest;
import softnic.guest.GuestRam;
import softnic.macvtap.MacvtapSock;
import softnic.macvtap.TapIoctl;
import softnic.mm.Errno;
import softnic.mm.GuestMemory;
import softnic.mm.PhysMem;
import softnic.net.Sock;
import softnic.sched.Agent;
import softnic.sched.Cpu;
import softnic.sched.WaitQueue;
import softnic.vhost.VhostDev;
import softnic.vhost.VhostNet;
import softnic.vhost.VhostVirtqueue;
import softnic.virtio.Vring;

/**
 * A thread of the VMM's that asks for ioctls while packets move: backends come and go, the guest's driver resets its
 * device, the memory table changes. Each thing it does is a row of steps; the next step follows when the ioctl of the
 * one before has returned.
 *
 * <p>What it checks is what it may rely on: when the ioctl has returned, nobody holds memory that it takes away, and the
 * guest has back what the host had taken. Virtual world only.
 */
public final class Vmm implements Agent {

    /** One thing to do. */
    public enum Deed { SWAP_BACKEND, SET_SNDBUF, RESET_GUEST, CHANGE_MEMORY }

    /**
     * What it does and when.
     *
     * @param atNs not before; what is still going on is ended first
     * @param seed of what the deed leaves open
     */
    public record Order(Deed deed, long atNs, long seed) {
    }

    /** Asks for something. @return 0 if the answer will come, -EBUSY: ask again */
    private interface Step {
        int ask(IntConsumer done);
    }

    /** What a reader of memory finds that has been taken away: nobody writes it. */
    private static final MemorySegment STALE = Arena.global().allocate(64 << 20, PhysMem.PAGE_SIZE);
    private static final long RETRY_NS = 1_000;
    private static final long PATIENCE_NS = 200_000;
    private static final int MAX_PAUSE_NS = 30_000;
    private static final int TX = VhostNet.VHOST_NET_VQ_TX;
    private static final int RX = VhostNet.VHOST_NET_VQ_RX;
    private static final int INVARIANT_TAKEN_BACK = 1;
    private static final int INVARIANT_NOBODY_READS = 6;
    private static final int INVARIANT_CLEANED_UP = 34;
    private static final int MAX_REGIONS = 6;

    private final Cpu cpu;
    private final House house;
    private final HostKernel kernel;
    private final VhostNet vhost;
    private final GuestMemory memory;
    private final GuestRam ram;
    private final boolean eventIdx;
    private final WaitQueue waitQueue;
    private final Deque<Order> orders = new ArrayDeque<>();
    private final Deque<Step> steps = new ArrayDeque<>();
    private final long[] done = new long[Deed.values().length];
    private boolean waiting;
    private long resumeNs;
    private long neverTaken;

    Vmm(Cpu cpu, House house, GuestMemory memory, GuestRam ram, boolean eventIdx, WaitQueue waitQueue, List<Order> orders) {
        this.cpu = cpu;
        this.house = house;
        this.kernel = house.kernel();
        this.vhost = kernel.vhost();
        this.memory = memory;
        this.ram = ram;
        this.eventIdx = eventIdx;
        this.waitQueue = waitQueue;
        this.orders.addAll(orders);
    }

    /** How often something was done. */
    long done(Deed deed) {
        return done[deed.ordinal()];
    }

    /** Packets that the guest posted and the host never took, because the device was reset. */
    long neverTaken() {
        return neverTaken;
    }

    @Override
    public int doWork() {
        if (waiting || cpu.nowNs() < nextDeadlineNs()) {
            return 0;
        }
        if (steps.isEmpty()) {
            if (!isTime(orders.peek())) {
                resumeNs = cpu.nowNs() + RETRY_NS;
                return 0;
            }
            begin(orders.remove());
        }
        waiting = true;
        if (steps.peek().ask(this::answered) != 0) {
            waiting = false;
            resumeNs = cpu.nowNs() + RETRY_NS;
        }
        return 0;
    }

    /** Any moment will do for one half; the other waits a while for the most telling: the device is lent memory. */
    private boolean isTime(Order order) {
        return (order.seed() & 1) == 0 || vhost.zerocopySends() > vhost.callbacks()
                || cpu.nowNs() >= order.atNs() + PATIENCE_NS;
    }

    private void answered(int err) {
        steps.remove();
        waiting = false;
        resumeNs = Math.max(resumeNs, cpu.nowNs());
        waitQueue.wakeUp();
    }

    @Override
    public long nextDeadlineNs() {
        if (waiting) {
            return NO_DEADLINE_NS;
        }
        return steps.isEmpty() && orders.isEmpty() ? NO_DEADLINE_NS
                : steps.isEmpty() ? Math.max(resumeNs, orders.peek().atNs()) : resumeNs;
    }

    private void begin(Order order) {
        SplittableRandom random = new SplittableRandom(order.seed());
        resumeNs = cpu.nowNs();
        switch (order.deed()) {
            case SWAP_BACKEND -> swap(random);
            case SET_SNDBUF -> now(() -> kernel.tap().ioctl(TapIoctl.TUNSETSNDBUF, -random.nextInt(2)));
            case RESET_GUEST -> reset();
            case CHANGE_MEMORY -> change(random);
        }
        now(() -> done[order.deed().ordinal()]++);
    }

    private void now(Runnable action) {
        steps.add(answer -> {
            action.run();
            answer.accept(0);
            return 0;
        });
    }

    private void pause(SplittableRandom random) {
        long ns = random.nextInt(MAX_PAUSE_NS);
        now(() -> resumeNs = cpu.nowNs() + ns);
    }

    private void backend(int index, Sock sock) {
        steps.add(answer -> vhost.setBackend(index, sock, answer));
    }

    // ---- VHOST_NET_SET_BACKEND

    /** Away and back, one ring or both; or to a tap of another device on the same port. */
    private void swap(SplittableRandom random) {
        int what = random.nextInt(4);
        MacvtapSock tap = kernel.tap();
        if (what == 3) {
            backend(TX, kernel.otherTap());
            pause(random);
            backend(TX, tap);
            return;
        }
        boolean tx = what != 1;
        boolean rx = what != 0;
        if (rx) {
            backend(RX, null);
        }
        if (tx) {
            backend(TX, null);
        }
        pause(random);
        if (tx) {
            backend(TX, tap);
        }
        if (rx) {
            backend(RX, tap);
        }
    }

    // ---- VHOST_RESET_OWNER: the guest's driver resets its device, and sets it up again

    private void reset() {
        Guest guest = house.guest();
        steps.add(answer -> {
            if (!guest.detach()) {
                return -Errno.EBUSY;
            }
            answer.accept(0);
            return 0;
        });
        steps.add(vhost::resetOwner);
        now(() -> {
            checkReset();
            guest.reset();
            setUp(vhost.dev());
        });
        backend(RX, kernel.tap());
        backend(TX, kernel.tap());
        now(guest::attach);
    }

    /** The device was reset and has returned: nothing of the guest's is held, and what it had taken is back. */
    private void checkReset() {
        if (house.pins() != 0) {
            house.violations().report(INVARIANT_CLEANED_UP, "vhost: " + house.pins() + " pages pinned after a reset");
        }
        long taken = vhost.tx().counters().value(VhostVirtqueue.Count.HEADS) + neverTaken;
        long lost = house.unreported() - (house.packets() - taken);
        if (lost != 0) {
            house.violations().report(INVARIANT_TAKEN_BACK, "vhost: " + lost + " buffers were not given back before a reset returned");
        }
        neverTaken += house.packets() - taken;
    }

    private void setUp(VhostDev dev) {
        int err = dev.setOwner();
        err |= dev.setFeatures(eventIdx ? 1L << VhostDev.VIRTIO_RING_F_EVENT_IDX : 0);
        err |= dev.setMemTable(0, regions(memory.regionHpa(0), List.of(0L)));
        err |= setUp(dev, TX, ram.txRingGpa(), memory.regionHpa(0));
        err |= setUp(dev, RX, ram.rxRingGpa(), memory.regionHpa(0));
        err |= dev.setVringKick(TX, kernel.txKick()) | dev.setVringKick(RX, kernel.rxKick());
        err |= dev.setVringCall(TX, kernel.txCall()) | dev.setVringCall(RX, kernel.rxCall());
        assert err == 0 : "set-up after a reset: " + err;
    }

    private int setUp(VhostDev dev, int index, long ringGpa, long ramHpa) {
        return dev.setVringNum(index, ram.ringSize()) | dev.setVringBase(index, 0) | setAddr(dev, index, ringGpa, ramHpa);
    }

    private int setAddr(VhostDev dev, int index, long ringGpa, long ramHpa) {
        long at = ramHpa + ringGpa;
        return dev.setVringAddr(index, 0, at, at + Vring.legacyUsedOffset(ram.ringSize(), GuestRam.VIRTIO_PCI_VRING_ALIGN),
                at + (long) Vring.DESC_SIZE * ram.ringSize(), 0);
    }

    // ---- VHOST_SET_MEM_TABLE: the same RAM at other addresses, in other pieces; then the old addresses go

    private void change(SplittableRandom random) {
        List<Long> cuts = new ArrayList<>(List.of(0L));
        long pages = ram.segment().byteSize() >>> PhysMem.PAGE_SHIFT;
        for (int i = random.nextInt(MAX_REGIONS); i > 0; i--) {
            long cut = random.nextLong(1, pages) << PhysMem.PAGE_SHIFT;
            if (!cuts.contains(cut)) {
                cuts.add(cut);
            }
        }
        Collections.sort(cuts);
        long[] hpa = new long[1];
        steps.add(answer -> {
            if (hpa[0] == 0) {
                hpa[0] = memory.mapAgain(0);
            }
            return vhost.ioctl(dev -> dev.setMemTable(0, regions(hpa[0], cuts)), answer);
        });
        steps.add(answer -> vhost.ioctl(dev -> setAddr(dev, RX, ram.rxRingGpa(), hpa[0]), answer));
        steps.add(answer -> vhost.ioctl(dev -> setAddr(dev, TX, ram.txRingGpa(), hpa[0]), answer));
        now(() -> unmap(hpa[0]));
    }

    /** The regions that begin at the cuts, the last one first: any order will do. */
    private List<VhostDev.Region> regions(long hpa, List<Long> cuts) {
        List<VhostDev.Region> regions = new ArrayList<>();
        long end = ram.segment().byteSize();
        for (int i = cuts.size() - 1; i >= 0; i--) {
            regions.add(new VhostDev.Region(cuts.get(i), end - cuts.get(i), hpa + cuts.get(i), 0));
            end = cuts.get(i);
        }
        return regions;
    }

    private void unmap(long hpa) {
        int held = memory.move(0, hpa, STALE.asSlice(0, ram.segment().byteSize()));
        if (held > 0) {
            house.violations().report(INVARIANT_NOBODY_READS, "vhost: packets hold " + held
                    + " pages of memory that the table has not any more");
        }
    }

    @Override
    public String roleName() {
        return "vmm";
    }
}
