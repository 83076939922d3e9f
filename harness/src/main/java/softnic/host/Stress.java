package softnic.host;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import softnic.Behaviour;
import softnic.Quirk;
import softnic.guest.GuestCounter;
import softnic.host.LetterResult.Observed;
import softnic.mm.IoVec;
import softnic.model.PriceFile;
import softnic.nic.driver.Ixgbe;
import softnic.sched.VirtualTimeRunner;
import softnic.virtio.Vring;

/**
 * The letter's "netperf/netserver multiple stream stress test": many connections from one guest over one queue pair, with
 * messages of four sizes, over the smallest ring that the NIC can have. Every ring is full again and again.
 */
final class Stress implements Script {

    private static final long STEP_NS = 100_000;
    private static final int NIC_RING = 64;
    /** How long nothing may move while netperf sends and the NIC drains: far below the far end's delayed ACK. */
    private static final long PATIENCE_NS = 10_000_000;

    private final Scenario scenario;
    private final List<Observed> observed = new ArrayList<>();
    private House house;
    private Progress bytes;
    private Progress used;
    private long references;
    private long wmem;
    private long pins;

    Stress(Scenario scenario) {
        Scenario.Variant v = scenario.variant();
        this.scenario = scenario.withVariant(new Scenario.Variant(v.streams(), true, true, v.goodcopyLen(), v.eventIdx()));
    }

    LetterResult run(PriceFile prices) {
        RunResult run = Runs.scripted(scenario, prices, this);
        observe(run);
        return new LetterResult(run, List.copyOf(observed));
    }

    @Override
    public long stepNs() {
        return STEP_NS;
    }

    @Override
    public HouseOptions options() {
        return HouseOptions.DEFAULT.withNicRing(NIC_RING);
    }

    @Override
    public void begin(House house, VirtualTimeRunner runner) {
        this.house = house;
        bytes = new Progress(0, 0);
        used = new Progress(0, 0);
    }

    @Override
    public void step(long nowNs) {
        bytes.look(nowNs, house.bytesVerified());
        used.look(nowNs, house.guest().headsReturned());
    }

    @Override
    public void quiet() {
        references = 1 + house.kernel().vhost().zerocopySends() - house.kernel().vhost().callbacks();
        wmem = house.kernel().tap().wmemAlloc();
        pins = house.pins();
        house.kernel().vhost().check();
    }

    // ---- KERNEL-FACTS 7.1

    private void observe(RunResult run) {
        boolean ordered = scenario.edition().has(Behaviour.COPIED_TAKE_SLOT);
        RunResult.Balance heads = run.conservation().getFirst();
        add("every head is reported once" + (ordered ? ", in the order in which they were taken" : ""),
                heads.holds() && none(run, 1) && none(run, 2) && none(run, 12), "%d posted, %d reported", heads.expected(),
                heads.actual());
        add("the guest never stalls while the NIC drains", bytes.gained() > 0 && bytes.longestNs() <= PATIENCE_NS
                && used.longestNs() <= PATIENCE_NS && none(run, 23),
                "bytes stood still for %.1f ms at most, heads for %.1f ms; its queue stopped %d times, %d packets waited in its "
                + "qdisc%s", bytes.longestNs() / 1e6, used.longestNs() / 1e6, guest(GuestCounter.TX_QUEUE_STOPS),
                guest(GuestCounter.QDISC_QUEUED), none(run, 23) || !scenario.edition().has(Quirk.CALLBACK_WAKES_NOBODY) ? ""
                        : "; the known problem of this edition: all its buffers are finished, and nobody wakes the worker to say so");
        add("vhost_ubuf_ref ends at 1", references == 1 && none(run, 10), "%d sends, ended at %d",
                house.kernel().vhost().zerocopySends(), references);
        add("sk_wmem_alloc ends at 0", wmem == 0 && none(run, 21), "%d bytes", wmem);
        add("no page stays pinned", pins == 0 && none(run, 7), "%d pins", pins);
        observeBytes(run);
        observeBusy();
        observeWraps();
    }

    private void observeBytes(RunResult run) {
        int right = 0;
        long least = Long.MAX_VALUE;
        int streams = scenario.variant().streams();
        for (int i = 0; i < streams; i++) {
            long verified = house.bytesVerified(i);
            right += verified > 0 && verified == house.guest().bytesWritten(i) ? 1 : 0;
            least = Math.min(least, verified);
        }
        add("the bytes on the wire are those sent, stream by stream", right == streams && none(run, 6) && none(run, 40),
                "%d of %d streams whole, %d bytes in all, %d of the smallest", right, streams, house.bytesVerified(), least);
    }

    /** The driver stops its queue before a packet does not fit, so it says NETDEV_TX_BUSY only when it is late. */
    private void observeBusy() {
        Ixgbe dev = house.port().adapter().device();
        long stops = dev.counters().value(Ixgbe.Count.TX_STOP_QUEUE);
        add("a full ring of the NIC loses nothing", stops > 0 && dev.qdisc().drops() == 0,
                "queue stopped %d times, NETDEV_TX_BUSY %d times, %d packets requeued, %d dropped", stops,
                dev.counters().value(Ixgbe.Count.TX_BUSY), dev.qdisc().requeues(), dev.qdisc().drops());
    }

    private void observeWraps() {
        long posted = house.guest().packetsPosted();
        long slots = house.kernel().vhost().zerocopySends();
        if (scenario.edition().has(Behaviour.COPIED_TAKE_SLOT)) {
            slots = posted;
        }
        long ring = (scenario.pendingStart() + slots) / IoVec.UIO_MAXIOV;
        long idx = posted / (Vring.IDX_MASK + 1);
        add("the pending ring and the 16-bit indices have wrapped", ring > 0 && idx > 0, "%d times after %d slots, %d times after %d "
                + "packets%s", ring, slots, idx, posted, idx > 0 ? "" : ": a longer run, or shorter messages");
    }

    private long guest(GuestCounter counter) {
        return house.guest().counters().value(counter);
    }

    private static boolean none(RunResult run, int invariant) {
        return run.violations().stream().noneMatch(v -> v.startsWith("invariant " + invariant + ":"));
    }

    private void add(String what, boolean seen, String format, Object... values) {
        observed.add(new Observed(what, seen, String.format(Locale.ROOT, format, values)));
    }
}
