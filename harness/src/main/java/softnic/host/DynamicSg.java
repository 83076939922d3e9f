package softnic.host;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import softnic.Quirk;
import softnic.host.LetterResult.Observed;
import softnic.model.PriceFile;
import softnic.net.NetCore;
import softnic.net.NetDevice;
import softnic.net.Qdisc;
import softnic.nic.driver.Ixgbe;
import softnic.sched.VirtualTimeRunner;

/**
 * The letter's test "dynamic SG change": {@code ethtool -K eth0 sg off}, {@code sg on}, {@code tso off} and
 * {@code tso on} in turn, while netperf sends. The open tap keeps {@code SOCK_ZEROCOPY}, so fragments still arrive for
 * a device that no longer takes any.
 *
 * <p>Software segmentation with scatter/gather shares the guest's pages; where a kernel does that without an owner
 * (CVE-2014-0131) the wire would carry what the guest wrote later, so TSO alone stays on there.
 *
 * <p>The ring of the NIC is the smallest there is: it fills, the queue stops, and packets wait in the qdisc when a
 * change comes.
 */
final class DynamicSg implements Script {

    private static final int MAX_TURNS = 40;
    /** Shorter, and a burst of acknowledgements could make a turn look idle. */
    private static final long MIN_TURN_NS = 500_000;
    private static final int STEPS_A_TURN = 5;
    private static final int TX_RING = 64;
    /** A context and one buffer: what a checksummed TCP packet in one piece takes. */
    private static final int LINEAR_DESCRIPTORS = 2;

    private enum State { ALL_ON, SG_OFF, ALL_ON_AGAIN, TSO_OFF }

    /** Sums over all turns of one state. */
    private static final class Sums {
        private long ns;
        private long bytes;
        private long packets;           // to the driver, once all that the turn before left behind was gone
        private long descriptors;
        private long segmented;
        private long linearized;

        private double mbps() {
            return ns == 0 ? 0 : bytes * 8e3 / ns;
        }
    }

    private final Scenario scenario;
    private final Sums[] sums = new Sums[State.values().length];
    private final List<Observed> observed = new ArrayList<>();
    private House house;
    private Ixgbe dev;
    private int allOn;
    private State state = State.ALL_ON;
    private int stepInTurn;
    private long startNs;
    private long startBytes;
    private long startPackets;
    private long startDescriptors;
    private long startSegmented;
    private long startLinearized;
    private int turns;
    private int turnsWithBacklog;
    private int turnsWithRequeued;
    private int stoodStill;
    private boolean featuresFollowed = true;

    DynamicSg(Scenario scenario) {
        this.scenario = scenario;
        for (State s : State.values()) {
            sums[s.ordinal()] = new Sums();
        }
    }

    LetterResult run(PriceFile prices) {
        RunResult run = Runs.scripted(scenario, prices, this);
        observe(run);
        return new LetterResult(run, List.copyOf(observed));
    }

    @Override
    public long stepNs() {
        return Math.max(scenario.durationNs() / MAX_TURNS, MIN_TURN_NS) / STEPS_A_TURN;
    }

    @Override
    public int txRing() {
        return TX_RING;
    }

    @Override
    public void begin(House house, VirtualTimeRunner runner) {
        this.house = house;
        dev = house.port().adapter().device();
        allOn = dev.features();
        startTurn(0);
    }

    private void startTurn(long nowNs) {
        startNs = nowNs;
        startBytes = house.bytesVerified();
        startSegmented = count(NetCore.Count.GSO_SOFTWARE);
        startLinearized = count(NetCore.Count.LINEARIZED);
        stepInTurn = 0;
    }

    @Override
    public void step(long nowNs) {
        stepInTurn++;
        if (stepInTurn == 1) {
            startPackets = dev.counters().value(Ixgbe.Count.TX_PACKETS);
            startDescriptors = dev.descriptorsFilled();
        } else if (stepInTurn == STEPS_A_TURN) {
            endTurn(nowNs);
            change(State.values()[(state.ordinal() + 1) % State.values().length]);
            startTurn(nowNs);
        }
    }

    private void endTurn(long nowNs) {
        Sums s = sums[state.ordinal()];
        long bytes = house.bytesVerified() - startBytes;
        s.ns += nowNs - startNs;
        s.bytes += bytes;
        s.packets += dev.counters().value(Ixgbe.Count.TX_PACKETS) - startPackets;
        s.descriptors += dev.descriptorsFilled() - startDescriptors;
        s.segmented += count(NetCore.Count.GSO_SOFTWARE) - startSegmented;
        s.linearized += count(NetCore.Count.LINEARIZED) - startLinearized;
        stoodStill += bytes == 0 && turns > 0 ? 1 : 0;      // the first one connects
    }

    private void change(State next) {
        Qdisc qdisc = dev.qdisc();
        turns++;
        turnsWithBacklog += qdisc.backlog() > 0 ? 1 : 0;
        turnsWithRequeued += qdisc.isRequeued() ? 1 : 0;
        state = next;
        int off = switch (next) {
            case SG_OFF -> NetDevice.NETIF_F_SG;
            case TSO_OFF -> segmentsSafely() ? NetDevice.NETIF_F_ALL_TSO : 0;
            case ALL_ON, ALL_ON_AGAIN -> 0;
        };
        dev.setFeatures(allOn & ~off);
        int gone = next == State.SG_OFF ? NetDevice.NETIF_F_SG | NetDevice.NETIF_F_ALL_TSO | NetDevice.NETIF_F_GSO
                | NetDevice.NETIF_F_UFO : off;
        featuresFollowed &= dev.features() == (allOn & ~gone);
    }

    private boolean segmentsSafely() {
        return !scenario.edition().has(Quirk.SEGMENT_SHARES_PAGES);
    }

    private long count(NetCore.Count what) {
        return house.kernel().netCore().counters().value(what);
    }

    @Override
    public void quiet() {
        dev.setFeatures(allOn);
    }

    // ---- KERNEL-FACTS 7.3

    private void observe(RunResult run) {
        Sums on = sums[State.ALL_ON.ordinal()];
        Sums again = sums[State.ALL_ON_AGAIN.ordinal()];
        Sums sgOff = sums[State.SG_OFF.ordinal()];
        Sums tsoOff = sums[State.TSO_OFF.ordinal()];
        long requeues = dev.qdisc().requeues();
        add("without SG there is no TSO, GSO or UFO; with it they are back", featuresFollowed && turns > 3,
                "%d changes while netperf sent", turns);
        add("traffic goes on", stoodStill == 0, "%.0f Mb/s with all on, %.0f sg off, %.0f on again, %.0f %s",
                on.mbps(), sgOff.mbps(), again.mbps(), tsoOff.mbps(),
                segmentsSafely() ? "tso off" : "still on: tso off left out, it shows CVE-2014-0131 in this edition");
        add("no completion is lost and none comes twice", balanced(run, "posted=used") && balanced(run,
                "zero-copy sends=callbacks"), "%s, %s", figures(run, "posted=used"),
                figures(run, "zero-copy sends=callbacks"));
        add("the payload arrives intact", balanced(run, "bytes sent=verified"), "%s bytes",
                figures(run, "bytes sent=verified"));
        add("no page stays pinned, no charge stays", balanced(run, "pins") && balanced(run, "sk_wmem_alloc"),
                "%s, %s", figures(run, "pins"), figures(run, "sk_wmem_alloc"));
        add("with SG off each frame comes from one linear buffer",
                sgOff.packets > 0 && sgOff.descriptors == LINEAR_DESCRIPTORS * sgOff.packets,
                "%d packets took %d descriptors, a context and one buffer each; %d GSO packets cut, %d packets made linear; "
                        + "%.1f descriptors a packet with all on",
                sgOff.packets, sgOff.descriptors, sgOff.segmented, sgOff.linearized,
                on.packets == 0 ? 0 : on.descriptors / (double) on.packets);
        add("packets that the driver refused survive a change", requeues > 0 && turnsWithRequeued > 0
                && run.counters().get("dev").get("tx_dropped") == 0,
                "%d times NETDEV_TX_BUSY; at %d of %d changes packets waited in the qdisc, at %d a refused one; %d dropped",
                requeues, turnsWithBacklog, turns, turnsWithRequeued, run.counters().get("dev").get("tx_dropped"));
    }

    private static RunResult.Balance balance(RunResult run, String what) {
        return run.conservation().stream().filter(b -> b.what().equals(what)).findFirst().orElseThrow();
    }

    private static boolean balanced(RunResult run, String what) {
        return balance(run, what).holds();
    }

    private static String figures(RunResult run, String what) {
        RunResult.Balance b = balance(run, what);
        return what + " " + b.expected() + "=" + b.actual();
    }

    private void add(String what, boolean seen, String format, Object... values) {
        observed.add(new Observed(what, seen, String.format(Locale.ROOT, format, values)));
    }
}
