package softnic.host;

import java.util.List;

/**
 * What one {@link LetterTest} gave.
 *
 * @param observed what must be observed, in the order in which it is told
 */
public record LetterResult(RunResult run, List<Observed> observed) {

    /**
     * One thing that must be observed.
     *
     * @param what it, as a statement
     * @param seen whether it was so
     * @param figures the numbers that say so
     */
    public record Observed(String what, boolean seen, String figures) {
    }

    /** True if all was observed and the run is sound. */
    public boolean holds() {
        return run.isSound() && observed.stream().allMatch(Observed::seen);
    }
}
