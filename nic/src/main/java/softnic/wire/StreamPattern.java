package softnic.wire;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * The byte stream that netperf sends and netserver expects, so that a lost, repeated, reordered or
 * overwritten byte shows where it arrives.
 *
 * <pre>
 *   byte at stream position p = table[p mod PERIOD]
 *
 *   table   0                              PERIOD              PERIOD + MAX_RUN
 *           +------------------------------+----------------------+
 *           | pseudo-random, fixed seed    | its beginning again  |
 *           +------------------------------+----------------------+
 * </pre>
 *
 * <p>The period is prime: no page, segment or message boundary ever falls on the same bytes twice within
 * it. Streams beside each other begin at different places of it ({@link #start}). The repeated beginning makes any run of up to {@link #MAX_RUN} bytes contiguous. Short enough to stay in
 * a processor's cache, so that the check costs little. Read-only after start; any agent.
 */
public final class StreamPattern {

    /** Bytes after which the stream repeats: the largest prime below 2^16. */
    public static final int PERIOD = 65_521;
    /** Longest contiguous run, in bytes. */
    public static final int MAX_RUN = 1 << 16;
    /** Bytes of the whole table. */
    public static final int TABLE_SIZE = PERIOD + MAX_RUN;
    /** What {@link #mismatch} answers when all bytes are right. */
    public static final long NO_MISMATCH = -1;

    /** Where streams begin lies this far apart; no divisor of the period, so each begins elsewhere. */
    private static final int STREAM_STEP = 4093;
    private static final long SEED = 0x736F66746E6963L;
    private static final long GOLDEN = 0x9E3779B97F4A7C15L;
    private static final MemorySegment TABLE = table();

    private StreamPattern() {
    }

    /** Where in the pattern the {@code i}-th stream begins, from 0: to be added to its positions. */
    public static long start(int i) {
        return (long) i * STREAM_STEP;
    }

    /** Where in a table the byte of stream position {@code position} lies. */
    public static int tableOffset(long position) {
        return (int) (position % PERIOD);
    }

    /** Writes {@code len} bytes of the stream from {@code position} on. */
    public static void fill(MemorySegment to, long offset, int len, long position) {
        assert len >= 0 && len <= MAX_RUN : "run of " + len + " bytes";
        MemorySegment.copy(TABLE, tableOffset(position), to, offset, len);
    }

    /** Writes a whole table, {@link #TABLE_SIZE} bytes: netperf's user buffer. */
    public static void fillTable(MemorySegment to, long offset) {
        MemorySegment.copy(TABLE, 0, to, offset, TABLE_SIZE);
    }

    /**
     * Compares {@code len} bytes with the stream at {@code position}.
     *
     * @return which byte is the first wrong one, or {@link #NO_MISMATCH}
     */
    public static long mismatch(MemorySegment bytes, long offset, int len, long position) {
        assert len >= 0 && len <= MAX_RUN : "run of " + len + " bytes";
        long at = tableOffset(position);
        return MemorySegment.mismatch(bytes, offset, offset + len, TABLE, at, at + len);
    }

    private static MemorySegment table() {
        MemorySegment table = Arena.global().allocate(TABLE_SIZE);
        long state = SEED;
        for (int i = 0; i < PERIOD; i++) {                  // splitmix64, one byte a step
            state += GOLDEN;
            long z = (state ^ state >>> 30) * 0xBF58476D1CE4E5B9L;
            z = (z ^ z >>> 27) * 0x94D049BB133111EBL;
            table.set(ValueLayout.JAVA_BYTE, i, (byte) (z >>> 56));
        }
        MemorySegment.copy(table, 0, table, PERIOD, MAX_RUN);
        return table;
    }
}
