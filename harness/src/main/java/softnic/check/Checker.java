package softnic.check;

import java.util.EnumSet;
import java.util.Set;
import java.util.function.Function;
import softnic.Edition;
import softnic.Quirk;
import softnic.host.CheckedRun.Outcome;

/**
 * Runs scenarios and says of each whose fault it is, if it is not sound: a quirk that its edition has on purpose, or
 * ours.
 *
 * <p>A violation is a quirk's if the same scenario is sound without quirks; it is of those quirks that break it alone.
 */
public final class Checker {

    /**
     * What one scenario gave.
     *
     * @param quirks whose doing a violation is; empty: nobody's, or ours
     * @param smallest the smallest scenario found that fails alike; the scenario itself unless it is a failure
     */
    public record Result(CheckScenario scenario, Outcome outcome, Set<Quirk> quirks, CheckScenario smallest) {

        /** True for a violation that no quirk explains. */
        public boolean isFailure() {
            return !outcome.isSound() && quirks.isEmpty();
        }
    }

    private final Function<CheckScenario, Outcome> runner;

    /** @param runner runs a scenario; the same one always gives the same outcome */
    public Checker(Function<CheckScenario, Outcome> runner) {
        this.runner = runner;
    }

    /** Runs one scenario; if it fails, also its neighbours. */
    public Result check(CheckScenario scenario) {
        Outcome outcome = runner.apply(scenario);
        if (outcome.isSound()) {
            return new Result(scenario, outcome, Set.of(), scenario);
        }
        Set<Quirk> quirks = quirksOf(scenario);
        if (!quirks.isEmpty()) {
            return new Result(scenario, outcome, quirks, scenario);
        }
        CheckScenario smallest = new Shrinker(runner).shrink(scenario, Shrinker.kind(outcome));
        return new Result(scenario, outcome, quirks, smallest);
    }

    private Set<Quirk> quirksOf(CheckScenario scenario) {
        Edition edition = scenario.edition();
        Set<Quirk> all = EnumSet.noneOf(Quirk.class);
        Set<Quirk> alone = EnumSet.noneOf(Quirk.class);
        for (Quirk quirk : Quirk.values()) {
            if (edition.has(quirk)) {
                all.add(quirk);
            }
        }
        if (all.isEmpty() || !runner.apply(scenario.withEdition(edition.withoutQuirks())).isSound()) {
            return alone;
        }
        for (Quirk quirk : all) {
            if (!runner.apply(scenario.withEdition(edition.withoutQuirks().with(quirk))).isSound()) {
                alone.add(quirk);
            }
        }
        return alone.isEmpty() ? all : alone;       // several together
    }
}
