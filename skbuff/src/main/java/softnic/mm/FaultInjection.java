package softnic.mm;

/**
 * Makes chosen steps fail: {@code struct fault_attr} with {@code should_fail} (lib/fault-inject.c), one for each
 * {@link FaultPoint}.
 *
 * <p>Deterministic: the k-th passage of a point fails, and then each {@code interval}-th after it. One thread, hence
 * the virtual world only; {@link PhysMem#fails} is how rooms ask.
 */
public final class FaultInjection {

    private final long[] next = new long[FaultPoint.values().length];
    private final long[] interval = new long[FaultPoint.values().length];
    private final long[] passed = new long[FaultPoint.values().length];
    private final long[] failed = new long[FaultPoint.values().length];
    private boolean armed;

    /**
     * Lets a point fail. Set-up only.
     *
     * @param k which passage fails, from 1, counted from {@link #arm}
     * @param every after how many further passages it fails again; 0: never
     */
    public FaultInjection fail(FaultPoint point, long k, long every) {
        if (k < 1 || every < 0) {
            throw new IllegalArgumentException("fault: " + point + " at passage " + k + ", then every " + every
                    + "; must be at least 1 and 0");
        }
        next[point.ordinal()] = k;
        interval[point.ordinal()] = every;
        return this;
    }

    /** From now on passages count: what is set up before cannot fail. */
    public void arm() {
        armed = true;
    }

    /** Nothing fails any more. */
    public void disarm() {
        armed = false;
    }

    boolean shouldFail(FaultPoint point) {
        if (!armed) {
            return false;
        }
        int i = point.ordinal();
        if (++passed[i] != next[i]) {
            return false;
        }
        failed[i]++;
        next[i] = interval[i] == 0 ? 0 : next[i] + interval[i];
        return true;
    }

    /** How often the point was passed. */
    public long passed(FaultPoint point) {
        return passed[point.ordinal()];
    }

    /** A failure may have cost a packet: one of any point but TX_BUSY, after which the packet waits. */
    public boolean mayHaveLost() {
        long sum = 0;
        for (FaultPoint point : FaultPoint.values()) {
            sum += point == FaultPoint.TX_BUSY ? 0 : failed(point);
        }
        return sum > 0;
    }

    /** How often it failed. */
    public long failed(FaultPoint point) {
        return failed[point.ordinal()];
    }
}
