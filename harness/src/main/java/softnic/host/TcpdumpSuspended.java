package softnic.host;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import softnic.host.LetterResult.Observed;
import softnic.macvtap.MacvtapSock;
import softnic.model.PriceFile;
import softnic.net.NetCore;
import softnic.net.PacketSock;
import softnic.sched.VirtualTimeRunner;
import softnic.skb.SkBuff;
import softnic.skb.SkbPool;

/**
 * The letter's test "tcpdump suspended": a packet socket must not keep the guest's buffers, however long its reader
 * sleeps.
 *
 * <pre>
 *   0 %      25 %        50 %      80 %     100 %
 *   | quiet  | listening | frozen  | thawed  |         quiet: no packet socket is open
 * </pre>
 *
 * <p>Returned guest buffers are overwritten at once; a captured packet that still lay in one would not have the
 * stream's bytes.
 */
final class TcpdumpSuspended implements Script {

    private static final int STEPS = 200;
    private static final int RCVBUF = 212_992;      // net.core.rmem_default
    /** How long nothing may move while the reader is frozen, in steps. */
    private static final int PATIENCE = 2;

    private enum Phase { CONNECT, QUIET, LISTENING, FROZEN, THAWED }

    /** What a phase has cost and brought, by differences. */
    private record Account(long nowNs, long bytes, long copied, long vhostNs) {

        Account since(Account start) {
            return new Account(nowNs - start.nowNs, bytes - start.bytes, copied - start.copied, vhostNs - start.vhostNs);
        }

        double mbps() {
            return bytes * 8e3 / nowNs;
        }

        double copiedShare() {
            return bytes == 0 ? 0 : copied / (double) bytes;
        }

        double vhostPct() {
            return 100.0 * vhostNs / nowNs;
        }

        double vhostNsPerKib() {
            return bytes == 0 ? 0 : vhostNs * 1024.0 / bytes;
        }
    }

    private final Scenario scenario;
    private final PacketSock tcpdump = new PacketSock(RCVBUF);
    private final Account[] accounts = new Account[Phase.values().length];
    private final List<Observed> observed = new ArrayList<>();
    private House house;
    private VirtualTimeRunner runner;
    private CapturedStream capture;
    private Phase phase = Phase.CONNECT;
    private Account phaseStart;
    private Progress bytes;
    private Progress used;
    private long read;
    private long readBeforeThaw;
    private long guestFrags;
    private long looks;
    private long mostQueued;
    private long dropsWhenThawed;
    private long frozenNs;
    private boolean isOpen;

    TcpdumpSuspended(Scenario scenario) {
        this.scenario = scenario;
    }

    LetterResult run(PriceFile prices) {
        RunResult run = Runs.scripted(scenario, prices, this);
        return new LetterResult(run, List.copyOf(observed));
    }

    @Override
    public long stepNs() {
        return scenario.durationNs() / STEPS;
    }

    @Override
    public void begin(House house, VirtualTimeRunner runner) {
        this.house = house;
        this.runner = runner;
        capture = new CapturedStream(house.flow().guestMac());
        open(true);             // to see the SYN: positions in the stream count from it
        phaseStart = account(0);
    }

    private void open(boolean on) {
        isOpen = on;
        if (on) {
            house.kernel().lowerdev().addTap(tcpdump);
        } else {
            house.kernel().lowerdev().removeTap(tcpdump);
        }
    }

    @Override
    public void step(long nowNs) {
        Phase now = phaseAt(nowNs);
        if (phase == Phase.FROZEN) {
            lookAtFrozen(nowNs);
        }
        if (now != phase) {
            turn(now, nowNs);
        }
        if (phase != Phase.FROZEN) {
            readAll();
        }
    }

    private Phase phaseAt(long nowNs) {
        long percent = 100 * nowNs / scenario.durationNs();
        return percent < 5 ? Phase.CONNECT : percent < 25 ? Phase.QUIET : percent < 50 ? Phase.LISTENING
                : percent < 80 ? Phase.FROZEN : Phase.THAWED;
    }

    private void turn(Phase next, long nowNs) {
        readUnlessFrozen();
        Account now = account(nowNs);
        accounts[phase.ordinal()] = now.since(phaseStart);
        if (phase == Phase.FROZEN) {
            frozenNs = now.since(phaseStart).nowNs();
            readBeforeThaw = capture.packets();
            dropsWhenThawed = tcpdump.drops();
        }
        phaseStart = now;
        phase = next;
        if (next == Phase.QUIET || next == Phase.LISTENING) {
            open(next == Phase.LISTENING);
        } else if (next == Phase.FROZEN) {
            bytes = new Progress(nowNs, house.bytesVerified());
            used = new Progress(nowNs, house.guest().headsReturned());
        }
    }

    private void readUnlessFrozen() {
        if (phase != Phase.FROZEN) {
            readAll();
        }
    }

    private void lookAtFrozen(long nowNs) {
        bytes.look(nowNs, house.bytesVerified());
        used.look(nowNs, house.guest().headsReturned());
        guestFrags += tcpdump.guestFrags();
        looks++;
        mostQueued = Math.max(mostQueued, tcpdump.rmemAlloc());
    }

    private void readAll() {
        for (SkBuff skb = tcpdump.read(); skb != null; skb = tcpdump.read()) {
            read++;
            capture.read(skb);
            skb.consume();
        }
    }

    private Account account(long nowNs) {
        long copied = house.kernel().netCore().counters().value(NetCore.Count.TAP_COPIED_BYTES)
                + house.kernel().tap().counters().value(MacvtapSock.Count.TX_COPIED_BYTES);
        return new Account(nowNs, house.bytesVerified(), copied, runner.busyNs(house.kernel().workerProcessor()));
    }

    @Override
    public void quiet() {
        accounts[phase.ordinal()] = account(scenario.durationNs()).since(phaseStart);
        readAll();
        if (isOpen) {
            open(false);
        }
        observe();
    }

    // ---- KERNEL-FACTS 7.2, a to f

    private void observe() {
        Account listening = accounts[Phase.LISTENING.ordinal()];
        Account frozen = accounts[Phase.FROZEN.ordinal()];
        Account quiet = accounts[Phase.QUIET.ordinal()];
        Account thawed = accounts[Phase.THAWED.ordinal()];
        long patienceNs = PATIENCE * stepNs();
        add("the guest goes on sending while the reader is frozen", bytes.gained() > 0 && bytes.longestNs() <= patienceNs,
                "%.0f Mb/s without tcpdump, %.0f with, %.0f frozen for %.1f ms, %.0f thawed; nothing moved for %.2f ms at most",
                quiet.mbps(), listening.mbps(), frozen.mbps(), frozenNs / 1e6, thawed.mbps(), bytes.longestNs() / 1e6);
        add("the used index goes on while the reader is frozen", used.gained() > 0 && used.longestNs() <= patienceNs,
                "%d heads came back; it stood for %.2f ms at most", used.gained(), used.longestNs() / 1e6);
        add("no page of the guest hangs in the socket's queue", guestFrags == 0 && mostQueued > 0,
                "%d fragments in guest pages in %d looks; up to %d bytes waited there", guestFrags, looks, mostQueued);
        long sends = house.kernel().vhost().zerocopySends();
        long callbacks = house.kernel().vhost().callbacks();
        long copied = house.kernel().skbs().counters().value(SkbPool.Count.COPY_UBUFS);
        add("each zero-copy packet has one callback", sends == callbacks && sends > 0,
                "%d zero-copy packets, %d callbacks, %d of them because tcpdump got a copy", sends, callbacks, copied);
        add("copying replaces pinning, on the worker's CPU",
                frozen.copiedShare() > quiet.copiedShare() && frozen.vhostNsPerKib() > quiet.vhostNsPerKib(),
                "%.2f bytes copied a byte sent without tcpdump, %.2f frozen; vhost %.1f %% and %.1f %% of a CPU, %.0f and %.0f ns a KiB",
                quiet.copiedShare(), frozen.copiedShare(), quiet.vhostPct(), frozen.vhostPct(), quiet.vhostNsPerKib(),
                frozen.vhostNsPerKib());
        long seen = read + tcpdump.drops();
        add("thawed, it reads what was sent, in order",
                capture.fault() == null && capture.packets() > readBeforeThaw && seen == tcpdump.packets(),
                "%s; %d packets of the guest captured, %d of them after the thaw, %d stream bytes compared; tp_packets %d = "
                        + "read %d + tp_drops %d, %d of them frozen",
                capture.fault() == null ? "every byte right" : "WRONG: " + capture.fault(), capture.packets(),
                capture.packets() - readBeforeThaw, capture.payloadBytes(), tcpdump.packets(), read, tcpdump.drops(),
                dropsWhenThawed);
    }

    private void add(String what, boolean seen, String format, Object... values) {
        observed.add(new Observed(what, seen, String.format(Locale.ROOT, format, values)));
    }
}
