package softnic.check;

import java.util.Collections;
import java.util.EnumMap;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import softnic.Edition;
import softnic.Quirk;
import softnic.host.CheckedRun.Outcome;

/**
 * Runs scenarios and says of each whose fault it is, if it is not sound: a quirk that its edition has on purpose, or
 * ours.
 *
 * <p>Each kind of violation needs a cause: quirks of which each alone breaks the same, or else the fewest that break it
 * together. A cause may name fewer quirks than there are: one may hide another's doing. Ours is what has none, what is
 * thrown, and what breaks without quirks.
 */
public final class Checker {

    private static final int GROUP = 8;     // quirks that are asked together first

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
        List<Quirk> suspects = Stream.of(Quirk.values()).filter(scenario.edition()::has).toList();
        for (int i = 0; i < suspects.size(); i += GROUP) {
            search(scenario, suspects.subList(i, Math.min(i + GROUP, suspects.size())), kinds, alone);
        }
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
     * Finds those of some suspects that break one of the kinds alone: if all together do, each is asked. What two of them
     * hide from each other is not found, unless it is a kind without another cause.
     */
    private void search(CheckScenario scenario, List<Quirk> suspects, Set<String> kinds, Map<Quirk, Set<String>> found) {
        if (Collections.disjoint(broken(scenario, suspects), kinds)) {
            return;
        }
        for (Quirk quirk : suspects) {
            Set<String> broken = broken(scenario, List.of(quirk));
            if (!Collections.disjoint(broken, kinds)) {
                found.put(quirk, broken);
            }
        }
    }

    /** What an edition breaks that has these quirks only. */
    private Set<String> broken(CheckScenario scenario, List<Quirk> quirks) {
        Edition edition = scenario.edition().withoutQuirks();
        for (Quirk quirk : quirks) {
            edition = edition.with(quirk);
        }
        return runner.apply(scenario.withEdition(edition)).kinds();
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
