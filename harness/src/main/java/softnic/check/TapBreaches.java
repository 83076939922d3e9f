package softnic.check;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import softnic.host.CheckedRun.Outcome;
import softnic.trace.Violations;

/** What was broken in a run of one room: the first of each kind, and how many more. */
final class TapBreaches {

    private static final int KEPT = 2;

    private final Map<String, List<String>> kinds = new LinkedHashMap<>();
    private final Map<String, Integer> counts = new LinkedHashMap<>();
    private final Violations numbered = new Violations();

    /** @param what happened, or null: nothing did */
    void add(String kind, String what) {
        if (what != null) {
            counts.merge(kind, 1, Integer::sum);
            List<String> kept = kinds.computeIfAbsent(kind, k -> new ArrayList<>());
            if (kept.size() < KEPT) {
                kept.add(kind + ": " + what);
            }
        }
    }

    void thrown(Throwable e) {
        kinds.computeIfAbsent("thrown", k -> new ArrayList<>()).add(Outcome.thrown(e));
    }

    /** For checks that report by an invariant's number. */
    Violations numbered() {
        return numbered;
    }

    List<String> all() {
        List<String> all = new ArrayList<>(numbered.kept());
        kinds.values().forEach(all::addAll);
        counts.forEach((kind, count) -> {
            if (count > KEPT) {
                all.add(kind + ": and " + (count - KEPT) + " more");
            }
        });
        return List.copyOf(all);
    }
}
