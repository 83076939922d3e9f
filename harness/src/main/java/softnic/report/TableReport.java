package softnic.report;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.github.freva.asciitable.AsciiTable;
import com.github.freva.asciitable.Column;
import com.github.freva.asciitable.HorizontalAlign;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.function.ToDoubleFunction;
import softnic.Edition;

/**
 * The table in its four forms. Every form says world, edition, seed and fingerprint.
 *
 * @param duration as the user wrote it, of each row
 * @param prices the price file's name; empty in the live world
 * @param fingerprint over all rows, 16 hex digits; empty in the live world
 * @param packetsPerCpuS simulated 4 KiB packets a CPU second, 0 where it was not measured
 */
public record TableReport(String world, Edition edition, long seed, String duration, String prices, String fingerprint,
        double packetsPerCpuS, List<Row> rows) {

    private record Kind(String header, int decimals, boolean points, ToDoubleFunction<Columns> value) {
    }

    private static final List<Kind> KINDS = List.of(
            new Kind("BW(Mb/s)", 2, false, Columns::bwMbps),
            new Kind("qemu-kvm(NumCPU)", 1, true, Columns::qemuKvmCpuPct),
            new Kind("vhost-net(NumCPU)", 1, true, Columns::vhostNetCpuPct),
            new Kind("PerfTop irq/s", 0, false, Columns::perftopIrqPerS));

    /** One line that says what was run. */
    public String heading() {
        String line = "world " + world + ", edition " + edition.title() + ", seed " + seed + ", " + duration + " a row";
        return prices.isEmpty() ? line : line + ", prices " + prices + ", fingerprint " + fingerprint;
    }

    /** For a terminal. */
    public String toText() {
        List<Column> columns = new ArrayList<>();
        columns.add(new Column().header("Message").dataAlign(HorizontalAlign.LEFT).headerAlign(HorizontalAlign.LEFT));
        for (Kind kind : KINDS) {
            columns.add(right(kind.header()));
            columns.add(right("published"));
            columns.add(right("deviation"));
        }
        String[][] cells = rows.stream().map(TableReport::cells).toArray(String[][]::new);
        String table = AsciiTable.getTable(AsciiTable.NO_BORDERS, columns.toArray(Column[]::new), cells);
        return heading() + "\n\n" + table.replace(System.lineSeparator(), "\n").stripTrailing() + "\n\n" + NOTES;
    }

    private static final String NOTES = """
            published: cover letter of "macvtap/vhost TX zero-copy support" V8, July 2011; its "Gb/s" are Mb/s.
            (Orig): without zero-copy. CPU columns in percent of one CPU, their deviation in points.
            PerfTop irq/s is perf's own sampling, 1000 a second for each busy CPU: not device interrupts.
            """;

    private static Column right(String header) {
        return new Column().header(header).dataAlign(HorizontalAlign.RIGHT).headerAlign(HorizontalAlign.RIGHT);
    }

    private static String[] cells(Row row) {
        List<String> cells = new ArrayList<>();
        cells.add(row.message());
        for (Kind kind : KINDS) {
            double ours = kind.value().applyAsDouble(row.ours());
            cells.add(number(ours, kind.decimals()));
            cells.add(row.published().map(p -> number(kind.value().applyAsDouble(p), kind.decimals())).orElse("-"));
            cells.add(row.published().map(p -> deviation(kind, ours, kind.value().applyAsDouble(p))).orElse("-"));
        }
        return cells.toArray(String[]::new);
    }

    private static String deviation(Kind kind, double ours, double published) {
        return kind.points() ? String.format(Locale.ROOT, "%+.1f pt", ours - published)
                : String.format(Locale.ROOT, "%+.1f %%", 100 * (ours / published - 1));
    }

    private static String number(double value, int decimals) {
        return String.format(Locale.ROOT, "%." + decimals + "f", value);
    }

    /** For a spreadsheet: the table's columns under their names, what was published, and what was run. */
    public String toCsv() {
        StringBuilder text = new StringBuilder("Message");
        KINDS.forEach(kind -> text.append(',').append(kind.header()));
        text.append(",io_exits/s");
        KINDS.forEach(kind -> text.append(",published ").append(kind.header()));
        text.append(",message_bytes,zerocopy,world,edition,quirks,seed,fingerprint\n");
        for (Row row : rows) {
            text.append(row.message());
            KINDS.forEach(kind -> text.append(',').append(number(kind.value().applyAsDouble(row.ours()), 2)));
            text.append(',').append(number(row.ours().ioExitsPerS(), 0));
            KINDS.forEach(kind -> text.append(',').append(row.published()
                    .map(p -> number(kind.value().applyAsDouble(p), 2)).orElse("")));
            text.append(',').append(String.join(",", Integer.toString(row.messageBytes()),
                    Boolean.toString(row.zerocopy()), world, edition.name(), Boolean.toString(edition.faithful()),
                    Long.toString(seed), fingerprint)).append('\n');
        }
        return text.toString();
    }

    /** For a document. */
    public String toMarkdown() {
        StringBuilder text = new StringBuilder(heading()).append("\n\n| Message |");
        KINDS.forEach(kind -> text.append(' ').append(kind.header()).append(" | published | deviation |"));
        text.append("\n|---|").append("---:|".repeat(3 * KINDS.size())).append('\n');
        rows.forEach(row -> text.append("| ").append(String.join(" | ", cells(row))).append(" |\n"));
        return text.append('\n').append(NOTES).toString();
    }

    /** For a program. */
    public String toJson() {
        ObjectMapper mapper = new ObjectMapper().enable(SerializationFeature.INDENT_OUTPUT);
        ObjectNode root = mapper.createObjectNode();
        root.put("world", world).put("edition", edition.name()).put("quirks", edition.faithful()).put("seed", seed);
        if (fingerprint.isEmpty()) {
            root.putNull("fingerprint");
        } else {
            root.put("fingerprint", fingerprint);
        }
        if (packetsPerCpuS > 0) {
            root.put("simulated_packets_per_cpu_s", Math.round(packetsPerCpuS));
        } else {
            root.putNull("simulated_packets_per_cpu_s");
        }
        ArrayNode list = root.putArray("rows");
        for (Row row : rows) {
            ObjectNode node = list.addObject();
            node.put("message_bytes", row.messageBytes()).put("zerocopy", row.zerocopy());
            columns(node, row.ours());
            row.published().ifPresentOrElse(p -> columns(node.putObject("published"), p),
                    () -> node.putNull("published"));
        }
        try {
            return mapper.writeValueAsString(root) + "\n";
        } catch (JsonProcessingException e) {
            throw new IllegalStateException("report: " + e.getMessage(), e);
        }
    }

    private static void columns(ObjectNode node, Columns c) {
        node.put("bw_mbps", round(c.bwMbps())).put("qemu_kvm_cpu_pct", round(c.qemuKvmCpuPct()))
                .put("vhost_net_cpu_pct", round(c.vhostNetCpuPct()))
                .put("perftop_irq_per_s", Math.round(c.perftopIrqPerS()));
        if (c.ioExitsPerS() == null) {
            node.putNull("io_exits_per_s");
        } else {
            node.put("io_exits_per_s", Math.round(c.ioExitsPerS()));
        }
    }

    private static double round(double value) {
        return Math.round(value * 100) / 100.0;
    }
}
