package softnic.trace;

import java.util.ArrayList;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * Where monitors report that an invariant was broken. Any agent reports; the first few of each invariant are kept whole,
 * all are counted: one that breaks at every look hides no other. Reporting may allocate: a healthy run never does it.
 */
public final class Violations {

    private static final int KEPT_OF_EACH = 3;
    private static final int KEPT = 50;             // of all; but the first of each is always kept

    private final List<String> kept = new ArrayList<>();
    private final SortedMap<Integer, Long> counts = new TreeMap<>();

    /**
     * Notes one violation.
     *
     * @param invariant its number in docs/INVARIANTS.md
     * @param what room, what is wrong, values with units
     */
    public synchronized void report(int invariant, String what) {
        long seen = counts.merge(invariant, 1L, Long::sum);
        if (seen == 1 || seen <= KEPT_OF_EACH && kept.size() < KEPT) {
            kept.add("invariant " + invariant + ": " + what);
        }
    }

    public synchronized long count() {
        return counts.values().stream().mapToLong(Long::longValue).sum();
    }

    /** How often each invariant was broken, by its number. */
    public synchronized SortedMap<Integer, Long> counts() {
        return new TreeMap<>(counts);
    }

    /** The first violations of each invariant, oldest first. */
    public synchronized List<String> kept() {
        return List.copyOf(kept);
    }
}
