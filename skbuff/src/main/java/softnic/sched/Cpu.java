package softnic.sched;

/**
 * The CPU that runs the caller, as {@code smp_processor_id()} and {@code ktime_get()} would name it.
 *
 * <p>One object serves all rooms of a house: the runner knows who runs. In the live world charges
 * cost nothing and {@link #settle} acts at once; in the virtual world they make time pass.
 */
public interface Cpu {

    /** Now, in nanoseconds since the house started: what this slice has charged is included. */
    long nowNs();

    /** Pays for {@code units} units of {@code cost}; see {@link Cost} for what a unit is. */
    void charge(Cost cost, long units);

    /** How long a latency lasts that is on nobody's account, in nanoseconds; 0 in the live world. */
    long delayNs(Cost latency);

    /** How long {@code units} of a latency last, to the nearest nanosecond. */
    default long delayNs(Cost latency, long units) {
        return delayNs(latency) * units;
    }

    /**
     * Runs {@code action} once all that was charged before has been paid for. Whatever another agent
     * can see leaves through here. The action must be made once and kept in a field; settling the
     * same action again before it ran is a bug of the caller.
     */
    void settle(Runnable action);
}
