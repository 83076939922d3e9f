package softnic.sched;

/** Prices in picoseconds a unit, one for each {@link Cost}; immutable after the house was built. */
public final class CostTable {

    private final long[] picos = new long[Cost.COUNT];

    /** A table in which everything is free: the live world's, and the start of any other. */
    public static CostTable free() {
        return new CostTable();
    }

    /** This table with one price changed. */
    public CostTable with(Cost cost, long picosPerUnit) {
        if (picosPerUnit < 0) {
            throw new IllegalArgumentException(
                    "cost table: " + cost + " must not be negative, got " + picosPerUnit + " ps");
        }
        CostTable copy = new CostTable();
        System.arraycopy(picos, 0, copy.picos, 0, picos.length);
        copy.picos[cost.ordinal()] = picosPerUnit;
        return copy;
    }

    /** Price of one unit, in picoseconds. */
    public long picos(Cost cost) {
        return picos[cost.ordinal()];
    }
}
