package softnic.host;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import softnic.Behaviour;
import softnic.Quirk;
import softnic.guest.GuestCounter;
import softnic.host.LetterResult.Observed;
import softnic.model.PriceFile;
import softnic.sched.Cost;
import softnic.vhost.VhostNet;

/**
 * The letter's remark on messages of at most 2 KiB: "TX overrun", and {@code io_exits} of the guest three times as many.
 * Each size is sent copied, and zero-copy under three thresholds: none, the kernel's {@code VHOST_GOODCOPY_LEN}, and a
 * page, which the letter's sixth version had; each with and without event index where the edition has it.
 *
 * <p>A packet is longer than its message by 76 or 78 bytes of headers, so {@code VHOST_GOODCOPY_LEN} lets all these sizes
 * through.
 */
final class TxOverrun {

    private static final int[] SIZES = {256, 512, 1024, 2048};
    private static final int PAGE_SIZE = 4096;
    /** So many segments in flight that the ring is full before TCP's window is: else messages would grow together. */
    private static final long WINDOW = 2 << 20;
    /** From here on a copy costs enough to be seen without it. */
    private static final int PLAIN_COPY_COSTS = 1024;
    private static final int SHARES = 20;
    private static final long SHORTEST_NS = 20_000_000;

    private enum Mode {
        COPIED("copied", 0), NO_THRESHOLD("zero-copy, no threshold", 0),
        GOODCOPY("zero-copy from 256 B", VhostNet.VHOST_GOODCOPY_LEN), PAGE("zero-copy from 4 KiB", PAGE_SIZE),
        FREE_PINS("zero-copy, if pins were free", 0);

        private final String words;
        private final int threshold;

        Mode(String words, int threshold) {
            this.words = words;
            this.threshold = threshold;
        }
    }

    /** What one run showed. */
    private record Line(int size, Mode mode, boolean indirect, boolean eventIdx, RunResult run) {

        private long count(GuestCounter counter) {
            return run.counters().get("guest").get(counter.name().toLowerCase(Locale.ROOT));
        }

        private double perSecond(long count) {
            return count * 1e9 / run.elapsedNs();
        }

        private double exitsAPacket() {
            return run.packets() == 0 ? 0 : run.ioExits() / (double) run.packets();
        }

        private double vhostNsAPacket() {
            return run.packets() == 0 ? 0 : run.vhostBusyNs() / (double) run.packets();
        }

        private double vhostPct() {
            return 100.0 * run.vhostBusyNs() / run.elapsedNs();
        }

        private List<String> cells() {
            return List.of(Integer.toString(size), mode.words, indirect ? "yes" : "no", eventIdx ? "yes" : "no",
                    whole(perSecond(run.packets())), whole(perSecond(run.ioExits())), decimals(exitsAPacket()),
                    whole(perSecond(count(GuestCounter.TX_QUEUE_STOPS))),
                    whole(perSecond(count(GuestCounter.TX_FIFO_ERRORS))),
                    whole(vhostPct()), whole(run.bytesVerified() * 8e3 / run.elapsedNs()));
        }

        private static String whole(double value) {
            return String.format(Locale.ROOT, "%.0f", value);
        }

        private static String decimals(double value) {
            return String.format(Locale.ROOT, "%.3f", value);
        }
    }

    private static final List<String> HEADER = List.of("Message", "Mode", "Indirect", "Event index", "packets/s", "io_exits/s",
            "exits/packet", "queue stops/s", "tx_fifo_errors/s", "vhost %", "BW(Mb/s)");

    private final Scenario scenario;
    private final List<Line> lines = new ArrayList<>();
    private final List<Observed> observed = new ArrayList<>();

    TxOverrun(Scenario scenario) {
        this.scenario = scenario.withDurationNs(Math.max(SHORTEST_NS, scenario.durationNs() / SHARES));
    }

    LetterResult run(PriceFile file) {
        PriceFile prices = file.with("tcp_window", WINDOW);
        PriceFile freePins = prices.with(Cost.PIN_PAGE, 0).with(Cost.VHOST_ZC, 0);
        boolean hasEventIdx = scenario.edition().has(Behaviour.EVENT_IDX);
        for (int size : SIZES) {
            for (Mode mode : Mode.values()) {
                run(size, mode, true, hasEventIdx, mode == Mode.FREE_PINS ? freePins : prices);
            }
            if (!scenario.edition().has(Quirk.CALLBACK_WAKES_NOBODY)) {     // else the full ring is never reported
                run(size, Mode.COPIED, false, hasEventIdx, prices);
                run(size, Mode.GOODCOPY, false, hasEventIdx, prices);
            }
        }
        observe(hasEventIdx);
        List<List<String>> table = new ArrayList<>(List.of(HEADER));
        lines.forEach(line -> table.add(line.cells()));
        return new LetterResult(lines.stream().map(Line::run).toList(), table, List.copyOf(observed));
    }

    private void run(int size, Mode mode, boolean indirect, boolean hasEventIdx, PriceFile prices) {
        for (boolean eventIdx : hasEventIdx ? new boolean[] {false, true} : new boolean[] {false}) {
            lines.add(new Line(size, mode, indirect, eventIdx, Runs.run(scenario.withMessageBytes(size)
                    .withIndirect(indirect).withZerocopy(mode != Mode.COPIED)
                    .withVariant(new Scenario.Variant(1, false, true, mode.threshold, eventIdx)), prices)));
        }
    }

    private Line line(int size, Mode mode, boolean indirect, boolean eventIdx) {
        return lines.stream().filter(line -> line.size == size && line.mode == mode && line.indirect == indirect
                && line.eventIdx == eventIdx).findFirst().orElseThrow();
    }

    // ---- KERNEL-FACTS 5.4

    private void observe(boolean hasEventIdx) {
        observeExits();
        if (hasEventIdx) {
            observeEventIdx();
        }
        observeStops();
    }

    /** Before the event index a kick is an exit whenever the worker has drained the ring and sleeps. */
    private void observeExits() {
        StringBuilder figures = new StringBuilder();
        boolean cheaperMeansMore = true;
        boolean busierMeansFewer = true;
        int busier = 0;
        for (int size : SIZES) {
            Line copied = line(size, Mode.COPIED, true, false);
            Line lent = line(size, Mode.NO_THRESHOLD, true, false);
            Line free = line(size, Mode.FREE_PINS, true, false);
            if (size >= PLAIN_COPY_COSTS) {
                cheaperMeansMore &= free.exitsAPacket() > copied.exitsAPacket();
            }
            if (lent.vhostNsAPacket() > copied.vhostNsAPacket()) {
                busier++;
                busierMeansFewer &= lent.exitsAPacket() < copied.exitsAPacket();
            }
            figures.append(String.format(Locale.ROOT, "%s%d B: %.3f copied, %.3f zero-copy, %.3f if pins were free (worker %.0f, "
                    + "%.0f, %.0f ns a packet)", figures.isEmpty() ? "" : "; ", size, copied.exitsAPacket(),
                    lent.exitsAPacket(), free.exitsAPacket(), copied.vhostNsAPacket(), lent.vhostNsAPacket(),
                    free.vhostNsAPacket()));
        }
        add("exits a packet go up when zero-copy makes the worker cheaper, from " + PLAIN_COPY_COSTS + " B on", cheaperMeansMore,
                "%s", figures);
        add("where pinning costs more than the copy, they go down instead", busierMeansFewer, "at %d of %d sizes", busier,
                SIZES.length);
    }

    private void observeEventIdx() {
        int cut = 0;
        int all = 0;
        double without = 0;
        double with = 0;
        for (Line on : lines) {
            if (on.eventIdx && on.indirect) {
                Line off = line(on.size, on.mode, true, false);
                all++;
                cut += on.exitsAPacket() < off.exitsAPacket() ? 1 : 0;
                without += off.exitsAPacket();
                with += on.exitsAPacket();
            }
        }
        add("the event index cuts exits a packet", cut == all, "in %d of %d pairs of runs with indirect descriptors; from %.3f to "
                + "%.3f a packet in the mean", cut, all, without / all, with / all);
    }

    private void observeStops() {
        long lent = 0;
        long copied = 0;
        long errors = 0;
        for (Line line : lines) {
            long stops = line.count(GuestCounter.TX_QUEUE_STOPS);
            copied += line.mode == Mode.COPIED ? stops : 0;
            lent += line.mode == Mode.GOODCOPY ? stops : 0;
            errors += line.count(GuestCounter.TX_FIFO_ERRORS);
        }
        add("zero-copy keeps descriptors longer: the guest stops its queue more often", lent > copied,
                "%d stops copied, %d zero-copy from 256 B, of as many runs", copied, lent);
        add("no tx_fifo_errors, because the driver stops its queue in time", errors == 0 && lent > 0, "%d in %d runs", errors,
                lines.size());
        long small = 0;
        long packets = 0;
        for (int size : SIZES) {
            Map<String, Long> counts = line(size, Mode.GOODCOPY, true, false).run.counters().get("vhost.handle_tx");
            small += counts.get("small_copied");
            packets += counts.get("packets");
        }
        add("VHOST_GOODCOPY_LEN copies next to none of these messages: headers count", small * 100 < packets,
                "%d of %d packets are shorter", small, packets);
    }

    private void add(String what, boolean seen, String format, Object... values) {
        observed.add(new Observed(what, seen, String.format(Locale.ROOT, format, values)));
    }
}
