package softnic.check;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import softnic.host.CheckedRun.Outcome;

/**
 * Finds a smaller scenario that breaks the same invariant: fewer faults, then plainer features, then a shorter run.
 *
 * <p>Greedy: takes the first of the next smaller ones that still fails, and begins again, until none does.
 */
final class Shrinker {

    private static final int MAX_RUNS = 100;
    private static final long SHORTEST_NS = 50_000;

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
            for (CheckScenario smaller : smallerThan(smallest)) {
                if (runs++ < MAX_RUNS && runner.apply(smaller).kinds().contains(kind)) {
                    smallest = smaller;
                    shrunk = true;
                    break;
                }
            }
        }
        return smallest;
    }

    /** The next smaller ones, those that explain most first. */
    private static List<CheckScenario> smallerThan(CheckScenario s) {
        List<CheckScenario> all = new ArrayList<>();
        s.faults().forEach(fault -> all.add(s.without(fault)));
        if (s.eventIdx()) {
            all.add(s.with("event-idx", "off"));
        }
        if (s.indirect()) {
            all.add(s.with("indirect", "off"));
        }
        if (s.zerocopy()) {
            all.add(s.with("zero-copy", "off"));
        }
        if (s.pendingStart() != 0) {
            all.add(s.with("pending", "0"));
        }
        if (s.ringSize() > 32) {
            all.add(s.with("ring", "32"));
        }
        if (s.durationNs() / 2 >= SHORTEST_NS) {
            all.add(s.with("duration", Long.toString(s.durationNs() / 2)));
        }
        if (s.messageBytes() > 1000) {
            all.add(s.with("size", "1000"));
        }
        return all;
    }
}
