package softnic.host;

/** A count that should not stand still: how far it came, and for how long it stood. */
final class Progress {

    private final long startNs;
    private final long start;
    private long lastNs;
    private long last;
    private long longestNs;

    Progress(long nowNs, long value) {
        startNs = nowNs;
        start = value;
        lastNs = nowNs;
        last = value;
    }

    void look(long nowNs, long value) {
        if (value != last) {
            last = value;
            lastNs = nowNs;
        } else {
            longestNs = Math.max(longestNs, nowNs - lastNs);
        }
    }

    long gained() {
        return last - start;
    }

    /** The longest time it was seen not to move, in nanoseconds, as coarse as one looks. */
    long longestNs() {
        return longestNs;
    }

    /** Units a second. */
    double rate(long nowNs) {
        return gained() * 1e9 / (nowNs - startNs);
    }
}
