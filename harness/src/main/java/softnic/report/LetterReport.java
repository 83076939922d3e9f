package softnic.report;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.List;
import java.util.Locale;
import softnic.host.LetterResult;
import softnic.host.LetterTest;
import softnic.host.RunResult;
import softnic.host.Scenario;

/** One of the cover letter's tests, for people and for programs. */
public record LetterReport(LetterTest test, LetterResult result) {

    /** For a terminal: a line for each thing that must be observed, and the verdict. */
    public String toText() {
        Scenario s = result.run().scenario();
        StringBuilder text = new StringBuilder();
        text.append(String.format(Locale.ROOT, "%s: %s%n", test, test.what()));
        text.append(String.format(Locale.ROOT,
                "world virtual, edition %s, seed %d, %s, %.3f s, fingerprint %016x%n%n",
                s.edition().title(), s.seed(), load(s), result.run().elapsedNs() / 1e9, fingerprint()));
        appendTable(text);
        result.observed().forEach(o -> text.append(String.format("  %-3s  %s: %s%n", o.seen() ? "yes" : "NO", o.what(),
                o.figures())));
        text.append(String.format("%n%s%n", result.holds() ? "As it must be; nothing lost, leaked or broken."
                : result.isSound() ? "NOT AS IT MUST BE." : "NOT SOUND: see standard error."));
        return text.toString().replace(System.lineSeparator(), "\n");
    }

    private String load(Scenario s) {
        int streams = s.variant().streams();
        return result.table().isEmpty() ? (streams == 1 ? "" : streams + " streams, ") + s.messageBytes()
                + "-byte messages, zero-copy" : result.runs().size() + " runs";
    }

    /** Of all runs, as the table has it. */
    private long fingerprint() {
        long all = 0;
        for (RunResult run : result.runs()) {
            all = 31 * all + run.fingerprint();
        }
        return all;
    }

    private void appendTable(StringBuilder text) {
        if (result.table().isEmpty()) {
            return;
        }
        List<String> header = result.table().getFirst();
        int[] width = new int[header.size()];
        result.table().forEach(row -> {
            for (int i = 0; i < width.length; i++) {
                width[i] = Math.max(width[i], row.get(i).length());
            }
        });
        for (List<String> row : result.table()) {
            text.append(' ');
            for (int i = 0; i < width.length; i++) {
                text.append(String.format(i == 1 ? "  %-" + width[i] + "s" : "  %" + width[i] + "s", row.get(i)));
            }
            text.append(String.format("%n"));
        }
        text.append(String.format("%n"));
    }

    /** For a program. */
    public String toJson() {
        ObjectMapper mapper = new ObjectMapper().enable(SerializationFeature.INDENT_OUTPUT);
        Scenario s = result.run().scenario();
        ObjectNode root = mapper.createObjectNode();
        root.put("test", test.toString()).put("world", "virtual").put("edition", s.edition().name())
                .put("quirks", s.edition().faithful()).put("seed", s.seed())
                .put("message_bytes", s.messageBytes()).put("elapsed_ns", result.run().elapsedNs())
                .put("fingerprint", String.format("%016x", fingerprint()));
        if (!result.table().isEmpty()) {
            root.set("table", mapper.valueToTree(result.table()));
        }
        ArrayNode observed = root.putArray("observed");
        result.observed().forEach(o -> observed.addObject().put("what", o.what()).put("seen", o.seen())
                .put("figures", o.figures()));
        root.put("sound", result.isSound()).put("holds", result.holds());
        root.set("violations", mapper.valueToTree(result.runs().stream().flatMap(run -> run.violations().stream()).toList()));
        try {
            return mapper.writeValueAsString(root) + "\n";
        } catch (JsonProcessingException e) {
            throw new IllegalStateException("report: " + e.getMessage(), e);
        }
    }
}
