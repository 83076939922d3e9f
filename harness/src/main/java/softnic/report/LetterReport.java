package softnic.report;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.Locale;
import softnic.host.LetterResult;
import softnic.host.LetterTest;
import softnic.host.Scenario;

/** One of the cover letter's tests, for people and for programs. */
public record LetterReport(LetterTest test, LetterResult result) {

    /** For a terminal: a line for each thing that must be observed, and the verdict. */
    public String toText() {
        Scenario s = result.run().scenario();
        StringBuilder text = new StringBuilder();
        text.append(String.format(Locale.ROOT, "%s: %s%n", test, test.what()));
        text.append(String.format(Locale.ROOT,
                "world virtual, edition %s, seed %d, %d-byte messages, zero-copy, %.3f s, fingerprint %016x%n%n",
                s.edition().title(), s.seed(), s.messageBytes(), result.run().elapsedNs() / 1e9, result.run().fingerprint()));
        result.observed().forEach(o -> text.append(String.format("  %-3s  %s: %s%n", o.seen() ? "yes" : "NO", o.what(),
                o.figures())));
        text.append(String.format("%n%s%n", result.holds() ? "As it must be; nothing lost, leaked or broken."
                : result.run().isSound() ? "NOT AS IT MUST BE." : "NOT SOUND: see standard error."));
        return text.toString().replace(System.lineSeparator(), "\n");
    }

    /** For a program. */
    public String toJson() {
        ObjectMapper mapper = new ObjectMapper().enable(SerializationFeature.INDENT_OUTPUT);
        Scenario s = result.run().scenario();
        ObjectNode root = mapper.createObjectNode();
        root.put("test", test.toString()).put("world", "virtual").put("edition", s.edition().name())
                .put("quirks", s.edition().faithful()).put("seed", s.seed())
                .put("message_bytes", s.messageBytes()).put("elapsed_ns", result.run().elapsedNs())
                .put("fingerprint", String.format("%016x", result.run().fingerprint()));
        ArrayNode observed = root.putArray("observed");
        result.observed().forEach(o -> observed.addObject().put("what", o.what()).put("seen", o.seen())
                .put("figures", o.figures()));
        root.put("sound", result.run().isSound()).put("holds", result.holds());
        root.set("violations", mapper.valueToTree(result.run().violations()));
        try {
            return mapper.writeValueAsString(root) + "\n";
        } catch (JsonProcessingException e) {
            throw new IllegalStateException("report: " + e.getMessage(), e);
        }
    }
}
