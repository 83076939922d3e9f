package softnic.check;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import softnic.Quirk;

/** What a row of seeds gave: added up as they come, said in text or JSON. */
public final class CheckReport {

    private static final long PRIME = 0x9E37_79B9_7F4A_7C15L;
    private static final int SEEDS_NAMED = 10;

    private final String what;
    private final Map<Quirk, List<Long>> quirks = new EnumMap<>(Quirk.class);
    private final Map<Quirk, Set<String>> kinds = new EnumMap<>(Quirk.class);
    private final Map<Fault, Long> fired = new EnumMap<>(Fault.class);
    private final List<Checker.Result> failures = new ArrayList<>();
    private long seeds;
    private long sound;
    private long packets;
    private long fingerprint = PRIME;

    /** @param what which editions and faults, for the heading */
    public CheckReport(String what) {
        this.what = what;
    }

    public void add(Checker.Result result) {
        seeds++;
        packets += result.outcome().packets();
        fingerprint = (fingerprint ^ result.outcome().fingerprint()) * PRIME;
        if (result.outcome().isSound()) {
            sound++;
        } else if (result.isFailure()) {
            failures.add(result);
        }
        result.quirks().forEach(quirk -> quirks.computeIfAbsent(quirk, q -> new ArrayList<>())
                .add(result.scenario().seed()));
        result.causes().forEach((kind, cause) -> cause.quirks().forEach(quirk ->
                kinds.computeIfAbsent(quirk, q -> new TreeSet<>()).add(kind)));
        result.scenario().faults().forEach(fault -> fired.merge(fault, fault.fired(result.outcome()), Long::sum));
    }

    /** True if every violation is a quirk's. */
    public boolean isSound() {
        return failures.isEmpty();
    }

    /** One scenario in one line; a failure in some more, with the commands that replay it. */
    public static String line(Checker.Result result) {
        StringBuilder line = new StringBuilder(result.scenario().toString());
        line.append(": ").append(result.outcome().packets()).append(" packets, fingerprint ")
                .append(hex(result.outcome().fingerprint())).append(", ");
        if (result.outcome().isSound()) {
            return line.append("sound\n").toString();
        }
        if (!result.isFailure()) {
            line.append("quirk ").append(names(result)).append('\n');
            result.causes().forEach((kind, cause) -> line.append("    ").append(cause).append(": ")
                    .append(first(result, kind)).append('\n'));
            return line.toString();
        }
        line.append("FAILED\n");
        result.outcome().kinds().forEach(kind -> line.append("    ").append(first(result, kind)).append('\n'));
        line.append("    replay:   ").append(result.scenario().command()).append('\n');
        line.append("    smallest: ").append(result.smallest().command()).append('\n');
        return line.toString();
    }

    private static String first(Checker.Result result, String kind) {
        return result.outcome().violations().stream().filter(v -> v.startsWith(kind + ':')).findFirst().orElse(kind);
    }

    private static String names(Checker.Result result) {
        return result.quirks().stream().map(Enum::name).collect(Collectors.joining(","));
    }

    private static String hex(long value) {
        return String.format("%016x", value);
    }

    /** How many of what, and which seeds show which quirk. */
    public String toText() {
        StringBuilder text = new StringBuilder();
        text.append(seeds).append(seeds == 1 ? " seed, " : " seeds, ").append(what).append(": ").append(packets)
                .append(" packets, fingerprint ").append(hex(fingerprint)).append('\n');
        text.append("  sound   ").append(sound).append('\n');
        quirks.forEach((quirk, shown) -> text.append("  quirk   ").append(quirk).append(" (")
                .append(String.join(", ", kinds.get(quirk))).append("): ").append(shown.size())
                .append(shown.size() == 1 ? " seed, " : " seeds, ")
                .append(shown.stream().limit(SEEDS_NAMED).map(String::valueOf).collect(Collectors.joining(" ")))
                .append(shown.size() > SEEDS_NAMED ? " ...\n" : "\n"));
        text.append("  fired   ").append(fired.isEmpty() ? "nothing" : fired.entrySet().stream()
                .map(e -> e.getKey() + " " + e.getValue()).collect(Collectors.joining(", "))).append('\n');
        text.append("  failed  ").append(failures.size()).append('\n');
        return text.toString();
    }

    /** For a program. */
    public String toJson() {
        ObjectMapper mapper = new ObjectMapper().enable(SerializationFeature.INDENT_OUTPUT);
        ObjectNode root = mapper.createObjectNode();
        root.put("world", "virtual").put("what", what).put("seeds", seeds).put("packets", packets)
                .put("fingerprint", hex(fingerprint)).put("sound", sound).put("failed", failures.size());
        ObjectNode shown = root.putObject("quirks");
        quirks.forEach((quirk, seedsOf) -> shown.set(quirk.name(), mapper.valueToTree(seedsOf)));
        ObjectNode faults = root.putObject("fired");
        fired.forEach((fault, count) -> faults.put(fault.toString(), count));
        ArrayNode failed = root.putArray("failures");
        for (Checker.Result failure : failures) {
            ObjectNode one = failed.addObject();
            one.put("seed", failure.scenario().seed()).put("edition", failure.scenario().edition().name())
                    .put("fingerprint", hex(failure.outcome().fingerprint()));
            one.set("violations", mapper.valueToTree(failure.outcome().violations()));
            one.put("replay", failure.scenario().command()).put("smallest", failure.smallest().command());
        }
        try {
            return mapper.writeValueAsString(root) + "\n";
        } catch (JsonProcessingException e) {
            throw new IllegalStateException("check: " + e.getMessage(), e);
        }
    }
}
