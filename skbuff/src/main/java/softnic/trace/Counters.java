package softnic.trace;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Named counts of one room, like the lines of {@code ethtool -S}.
 *
 * <p>Kernel counterpart: per-CPU statistics such as {@code struct pcpu_sw_netstats}. Any agent may
 * count; a count is exact once the agents have stopped.
 *
 * @param <E> an enum of the room that names its counts
 */
public final class Counters<E extends Enum<E>> {

    private static final VarHandle VALUES = MethodHandles.arrayElementVarHandle(long[].class);

    private final String room;
    private final Class<E> names;
    private final boolean shared;
    private final long[] values;

    private Counters(String room, Class<E> names, boolean shared) {
        this.room = room;
        this.names = names;
        this.shared = shared;
        this.values = new long[names.getEnumConstants().length];
    }

    /** Counts that one agent writes. */
    public static <E extends Enum<E>> Counters<E> of(String room, Class<E> names) {
        return new Counters<>(room, names, false);
    }

    /** Counts that several agents write. */
    public static <E extends Enum<E>> Counters<E> shared(String room, Class<E> names) {
        return new Counters<>(room, names, true);
    }

    public void bump(E name) {
        add(name, 1);
    }

    public void add(E name, long n) {
        if (shared) {
            long before = (long) VALUES.getAndAdd(values, name.ordinal(), n);
            assert before + n >= 0 || before < 0 : room + "." + name;
        } else {
            values[name.ordinal()] += n;
        }
    }

    public long value(E name) {
        return (long) VALUES.getOpaque(values, name.ordinal());
    }

    public String room() {
        return room;
    }

    /** All counts by their lower-case names, in order of declaration. */
    public Map<String, Long> asMap() {
        Map<String, Long> map = new LinkedHashMap<>();
        for (E name : EnumSet.allOf(names)) {
            map.put(name.name().toLowerCase(java.util.Locale.ROOT), value(name));
        }
        return map;
    }
}
