package softnic.check;

import java.util.Locale;
import java.util.SplittableRandom;
import softnic.host.CheckedRun.Outcome;
import softnic.host.Vmm;
import softnic.mm.FaultInjection;
import softnic.mm.FaultPoint;

/** What can go wrong in a checked run; when and how often is the seed's choice. */
public enum Fault {
    /** A page of the host's cannot be allocated. */
    PAGE_ALLOC(FaultPoint.PAGE_ALLOC),
    /** An sk_buff or its head cannot be allocated. */
    SKB_ALLOC(FaultPoint.SLAB),
    /** A page of the guest's cannot be pinned. */
    PIN(FaultPoint.PIN),
    /** A copy from or to the guest fails. */
    COPY(FaultPoint.USERCOPY),
    /** The driver answers NETDEV_TX_BUSY. */
    TX_BUSY(FaultPoint.TX_BUSY),
    /** Interrupts of the NIC come late. */
    LATE_IRQ(),
    /** Interrupts of the NIC are lost until the watchdog looks. */
    LOST_IRQ(),
    /** Interrupts of the NIC come for nothing. */
    SPURIOUS_IRQ(),
    /** The shortest rings and a small send buffer: everything runs full. */
    FULL_RINGS(),
    /** An interrupt comes between the two halves of the zero-copy callback. */
    CALLBACK_IRQ(),
    /** The rings lose their sockets and get them back, or others. */
    BACKEND_SWAP(Vmm.Deed.SWAP_BACKEND),
    /** The tap's owner sets a send buffer of nothing, or less. */
    SNDBUF(Vmm.Deed.SET_SNDBUF),
    /** The guest's driver resets its device amid traffic, and sets it up again. */
    GUEST_RESET(Vmm.Deed.RESET_GUEST),
    /** The guest's RAM moves to other user addresses, in other pieces. */
    MEMORY_TABLE(Vmm.Deed.CHANGE_MEMORY),
    /** The guest's rings are not what a driver writes: wrong in few places, or all through. */
    HOSTILE_RING();

    private static final long EARLIEST_NS = 150_000;        // the connection stands by then
    private static final int MAX_PASSAGE = 60;
    private static final int MIN_INTERVAL = 20;     // more pages than a packet has: else none would ever pass
    private static final int MAX_INTERVAL = 60;

    private final FaultPoint point;
    private final Vmm.Deed deed;

    Fault() {
        point = null;
        deed = null;
    }

    Fault(FaultPoint point) {
        this.point = point;
        deed = null;
    }

    Fault(Vmm.Deed deed) {
        this.deed = deed;
        point = null;
    }

    /** As the command line spells it: {@code late-irq}. */
    @Override
    public String toString() {
        return name().toLowerCase(Locale.ROOT).replace('_', '-');
    }

    /** True for a step of the host's kernel that fails. */
    boolean isInjected() {
        return point != null;
    }

    /** True for what the VMM does. */
    boolean isOrdered() {
        return deed != null;
    }

    /** When the VMM does it: while netperf sends, or soon after. */
    Vmm.Order order(SplittableRandom random, long durationNs) {
        return new Vmm.Order(deed, EARLIEST_NS + random.nextLong(durationNs), random.nextLong());
    }

    /** How often it happened in a run. */
    long fired(Outcome outcome) {
        return outcome.fired().getOrDefault(isInjected() ? point.name() : isOrdered() ? deed.name() : name(), 0L);
    }

    /**
     * Chooses which passages fail: one, each so many-th, or, where the kernel gives a packet up after that, all. What
     * is a shortage passes again, so it must not last: a packet would wait for ever, and rightly.
     */
    void inject(FaultInjection faults, SplittableRandom random) {
        boolean mayLast = this == PIN || this == COPY;
        long k = 1 + (random.nextBoolean() ? random.nextInt(8) : random.nextInt(MAX_PASSAGE));
        long every = switch (random.nextInt(mayLast ? 4 : 3)) {
            case 0, 1 -> 0;
            case 2 -> MIN_INTERVAL + random.nextInt(MAX_INTERVAL - MIN_INTERVAL);
            default -> 1;
        };
        faults.fail(point, k, every);
    }
}
