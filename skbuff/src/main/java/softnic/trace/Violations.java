package softnic.trace;

import java.util.ArrayList;
import java.util.List;

/**
 * Where monitors report that an invariant was broken. Any agent reports; the first few are kept whole, all
 * are counted. Reporting may allocate: a healthy run never does it.
 */
public final class Violations {

    private static final int KEPT = 20;

    private final List<String> kept = new ArrayList<>();
    private long count;

    /**
     * Notes one violation.
     *
     * @param invariant its number in docs/INVARIANTS.md
     * @param what room, what is wrong, values with units
     */
    public synchronized void report(int invariant, String what) {
        count++;
        if (kept.size() < KEPT) {
            kept.add("invariant " + invariant + ": " + what);
        }
    }

    public synchronized long count() {
        return count;
    }

    /** The first violations, oldest first. */
    public synchronized List<String> kept() {
        return List.copyOf(kept);
    }
}
