package softnic.report;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;
import softnic.host.RunResult;
import softnic.host.RunResult.Balance;
import softnic.host.Scenario;

/** One run, for people and for programs. */
public record RunReport(RunResult run) {

    /** For a terminal: the row, the accounts, the counters that are not 0, the conservation line. */
    public String toText() {
        Scenario s = run.scenario();
        Columns c = Row.of(run).ours();
        StringBuilder text = new StringBuilder();
        text.append(String.format(Locale.ROOT, "world %s, edition %s, seed %d, %d-byte messages, %s%s%n",
                s.world().name().toLowerCase(Locale.ROOT), s.edition().title(), s.seed(), s.messageBytes(),
                s.zerocopy() ? "zero-copy" : "copy", fingerprint()));
        text.append(String.format(Locale.ROOT,
                "%n%.2f Mb/s   qemu-kvm %.1f %%   vhost-net %.1f %%   PerfTop %.0f irq/s   io_exits %.0f /s   (%.3f s)%n",
                c.bwMbps(), c.qemuKvmCpuPct(), c.vhostNetCpuPct(), c.perftopIrqPerS(), c.ioExitsPerS(),
                run.elapsedNs() / 1e9));
        if (!run.accounts().isEmpty()) {
            text.append(String.format("%nCPU time, percent of one CPU, by cause%n"));
            run.accounts().forEach((cpu, costs) -> appendAccount(text, cpu, costs));
        }
        text.append(String.format("%nCounters%n"));
        run.counters().forEach((room, counts) -> appendRoom(text, room, counts));
        text.append(String.format("%nConservation: %s%n", run.conservation().stream()
                .map(RunReport::balance).collect(Collectors.joining(", "))));
        text.append(run.isSound() ? "Sound: every byte verified, nothing lost, leaked or broken.\n"
                : "NOT SOUND: see standard error.\n");
        return text.toString().replace(System.lineSeparator(), "\n");
    }

    private String fingerprint() {
        return run.fingerprint() == 0 ? "" : String.format(", fingerprint %016x", run.fingerprint());
    }

    private void appendAccount(StringBuilder text, String cpu, Map<String, Long> costs) {
        text.append(String.format(Locale.ROOT, "  %-10s", cpu));
        costs.entrySet().stream().sorted(Map.Entry.<String, Long>comparingByValue().reversed()).forEach(e ->
                text.append(String.format(Locale.ROOT, " %s %.1f", e.getKey(), 100.0 * e.getValue() / run.elapsedNs())));
        text.append(String.format("%n"));
    }

    private static void appendRoom(StringBuilder text, String room, Map<String, Long> counts) {
        String line = counts.entrySet().stream().filter(e -> e.getValue() != 0)
                .map(e -> e.getKey() + " " + e.getValue()).collect(Collectors.joining("  "));
        if (!line.isEmpty()) {
            text.append(String.format("  %-18s %s%n", room, line));
        }
    }

    private static String balance(Balance b) {
        return b.holds() ? b.what() + " " + b.actual()
                : b.what() + " " + b.actual() + " (EXPECTED " + b.expected() + ")";
    }

    /** For a program. */
    public String toJson() {
        ObjectMapper mapper = new ObjectMapper().enable(SerializationFeature.INDENT_OUTPUT);
        Scenario s = run.scenario();
        Columns c = Row.of(run).ours();
        ObjectNode root = mapper.createObjectNode();
        root.put("world", s.world().name().toLowerCase(Locale.ROOT)).put("edition", s.edition().name())
                .put("quirks", s.edition().faithful())
                .put("seed", s.seed()).put("message_bytes", s.messageBytes()).put("zerocopy", s.zerocopy());
        if (run.fingerprint() == 0) {
            root.putNull("fingerprint");
        } else {
            root.put("fingerprint", String.format("%016x", run.fingerprint()));
        }
        root.put("elapsed_ns", run.elapsedNs()).put("bw_mbps", c.bwMbps()).put("qemu_kvm_cpu_pct", c.qemuKvmCpuPct())
                .put("vhost_net_cpu_pct", c.vhostNetCpuPct()).put("perftop_irq_per_s", c.perftopIrqPerS())
                .put("io_exits_per_s", c.ioExitsPerS()).put("sound", run.isSound());
        root.set("cpu_ns", mapper.valueToTree(run.accounts()));
        root.set("counters", mapper.valueToTree(run.counters()));
        ArrayNode conservation = root.putArray("conservation");
        run.conservation().forEach(b -> conservation.addObject().put("what", b.what()).put("expected", b.expected())
                .put("actual", b.actual()));
        root.set("violations", mapper.valueToTree(run.violations()));
        try {
            return mapper.writeValueAsString(root) + "\n";
        } catch (JsonProcessingException e) {
            throw new IllegalStateException("report: " + e.getMessage(), e);
        }
    }
}
