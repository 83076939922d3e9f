package softnic.check;

import java.util.function.Function;
import softnic.host.CheckedRun.Outcome;

/**
 * Finds a smaller scenario that breaks the same invariant.
 *
 * <p>Greedy: takes the first of the next smaller ones that still fails, and begins again, until none does.
 */
final class Shrinker {

    private static final int MAX_RUNS = 100;

    private final Function<CheckScenario, Outcome> runner;
    private int runs;

    Shrinker(Function<CheckScenario, Outcome> runner) {
        this.runner = runner;
    }

    /** @param kind which violation must stay, see {@link Outcome#kinds} */
    CheckScenario shrink(CheckScenario failing, String kind) {
        CheckScenario smallest = failing;
        boolean shrunk = true;
        while (shrunk) {
            shrunk = false;
            for (CheckScenario smaller : smallest.smaller()) {
                if (runs++ < MAX_RUNS && runner.apply(smaller).kinds().contains(kind)) {
                    smallest = smaller;
                    shrunk = true;
                    break;
                }
            }
        }
        return smallest;
    }
}
