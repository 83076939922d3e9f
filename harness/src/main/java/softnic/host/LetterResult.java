package softnic.host;

import java.util.List;

/**
 * What one {@link LetterTest} gave.
 *
 * @param runs what was run, at least one
 * @param table its figures run by run, a line each, the header first; empty if there is but one
 * @param observed what must be observed, in the order in which it is told
 */
public record LetterResult(List<RunResult> runs, List<List<String>> table, List<Observed> observed) {

    /** Of one run. */
    LetterResult(RunResult run, List<Observed> observed) {
        this(List.of(run), List.of(), observed);
    }

    /** The first run. */
    public RunResult run() {
        return runs.getFirst();
    }

    /** True if every run is sound. */
    public boolean isSound() {
        return runs.stream().allMatch(RunResult::isSound);
    }

    /**
     * One thing that must be observed.
     *
     * @param what it, as a statement
     * @param seen whether it was so
     * @param figures the numbers that say so
     */
    public record Observed(String what, boolean seen, String figures) {
    }

    /** True if all was observed and every run is sound. */
    public boolean holds() {
        return isSound() && observed.stream().allMatch(Observed::seen);
    }
}
