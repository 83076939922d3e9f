package softnic.check;

import java.util.ArrayList;
import java.util.Collections;
import java.util.EnumMap;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import java.util.stream.Collectors;
import softnic.Edition;
import softnic.Quirk;
import softnic.host.CheckedRun.Outcome;

/**
 * Runs scenarios and says of each whose fault it is, if it is not sound: a quirk that its edition has on purpose, or
 * ours.
 *
 * <p>Each kind of violation needs a cause: quirks of which each alone breaks the same, or else the fewest that break it
 * together. A cause may name fewer quirks than there are: one that hides another's doing. Ours is what has none, what is thrown, and what breaks without quirks.
 */
public final class Checker {

    /** Why a kind of violation is seen: any of these quirks, or all together. */
    public record Cause(Set<Quirk> quirks, boolean together) {
        @Override
        public String toString() {
            return quirks.stream().map(Enum::name).collect(Collectors.joining(together ? " with " : ", "));
        }
    }

    /**
     * What one scenario gave.
     *
     * @param causes of the kinds of violation that quirks explain
     * @param smallest the smallest scenario found that fails alike; the scenario itself unless it is a failure
     */
    public record Result(CheckScenario scenario, Outcome outcome, Map<String, Cause> causes, CheckScenario smallest) {

        /** True for a violation that no quirk explains. */
        public boolean isFailure() {
            return !causes.keySet().containsAll(outcome.kinds());
        }

        /** Whose doing the violations are. */
        public Set<Quirk> quirks() {
            Set<Quirk> all = EnumSet.noneOf(Quirk.class);
            causes.values().forEach(cause -> all.addAll(cause.quirks()));
            return all;
        }
    }

    private final Function<CheckScenario, Outcome> runner;
    private final Set<Quirk> shown = EnumSet.noneOf(Quirk.class);       // these are asked one by one, the others together

    /** @param runner runs a scenario; the same one always gives the same outcome */
    public Checker(Function<CheckScenario, Outcome> runner) {
        this.runner = runner;
    }

    /** Runs one scenario; if it fails, also its neighbours. The result is of the edition without quirks if that fails. */
    public Result check(CheckScenario scenario) {
        Outcome outcome = runner.apply(scenario);
        Edition edition = scenario.edition();
        if (outcome.isSound()) {
            return new Result(scenario, outcome, Map.of(), scenario);
        }
        if (edition.quirks() == 0 || outcome.kinds().stream().anyMatch(Outcome::isThrown)) {
            return failure(scenario, outcome);
        }
        CheckScenario quirkless = scenario.withEdition(edition.withoutQuirks());
        Outcome plain = runner.apply(quirkless);
        return plain.isSound() ? new Result(scenario, outcome, causes(scenario, outcome.kinds()), scenario)
                : failure(quirkless, plain);
    }

    private Result failure(CheckScenario scenario, Outcome outcome) {
        String kind = outcome.kinds().stream().filter(Outcome::isThrown).findFirst()
                .orElse(outcome.kinds().iterator().next());
        return new Result(scenario, outcome, Map.of(), new Shrinker(runner).shrink(scenario, kind));
    }

    private Map<String, Cause> causes(CheckScenario scenario, Set<String> kinds) {
        Map<String, Cause> causes = new LinkedHashMap<>();
        Map<Quirk, Set<String>> alone = new EnumMap<>(Quirk.class);
        List<Quirk> others = new ArrayList<>();
        for (Quirk quirk : Quirk.values()) {
            if (scenario.edition().has(quirk) && shown.contains(quirk)) {
                search(scenario, List.of(quirk), kinds, alone);
            } else if (scenario.edition().has(quirk)) {
                others.add(quirk);
            }
        }
        search(scenario, others, kinds, alone);
        shown.addAll(alone.keySet());
        for (String kind : kinds) {
            Set<Quirk> quirks = EnumSet.noneOf(Quirk.class);
            alone.forEach((quirk, broken) -> {
                if (broken.contains(kind)) {
                    quirks.add(quirk);
                }
            });
            causes.put(kind, quirks.isEmpty() ? new Cause(together(scenario, kind), true) : new Cause(quirks, false));
        }
        return causes;
    }

    /**
     * Finds those of some suspects that break one of the kinds alone: all at once, and if they do, each half. What two of
     * them hide from each other is not found, unless it is a kind without another cause.
     */
    private void search(CheckScenario scenario, List<Quirk> suspects, Set<String> kinds, Map<Quirk, Set<String>> found) {
        if (suspects.isEmpty()) {
            return;
        }
        Edition edition = scenario.edition().withoutQuirks();
        for (Quirk quirk : suspects) {
            edition = edition.with(quirk);
        }
        Set<String> broken = runner.apply(scenario.withEdition(edition)).kinds();
        int half = suspects.size() / 2;
        if (Collections.disjoint(broken, kinds)) {
            return;
        }
        if (half == 0) {
            found.put(suspects.get(0), broken);
            return;
        }
        search(scenario, suspects.subList(0, half), kinds, found);
        search(scenario, suspects.subList(half, suspects.size()), kinds, found);
    }

    /** Takes away one quirk after the other, as long as the kind is still broken. */
    private Set<Quirk> together(CheckScenario scenario, String kind) {
        Set<Quirk> needed = EnumSet.noneOf(Quirk.class);
        Edition edition = scenario.edition();
        for (Quirk quirk : Quirk.values()) {
            if (edition.has(quirk)) {
                Edition fewer = edition.without(quirk);
                if (runner.apply(scenario.withEdition(fewer)).kinds().contains(kind)) {
                    edition = fewer;
                } else {
                    needed.add(quirk);
                }
            }
        }
        return needed;
    }
}
