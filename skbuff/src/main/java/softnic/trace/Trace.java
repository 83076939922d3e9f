package softnic.trace;

import softnic.sched.Cpu;

/**
 * What a run did, as entries and exits of kernel functions with their times: {@code function_graph}.
 *
 * <p>Off, a tracepoint is one branch. On, it mixes into the fingerprint and, while recording, writes
 * two longs into an array made at start. One thread only: the virtual world's. The live world runs
 * with {@link Level#OFF}.
 */
public final class Trace {

    /** How much a trace keeps. */
    public enum Level {
        /** Nothing. */
        OFF,
        /** A hash of everything that happened, and when. */
        FINGERPRINT,
        /** The hash, and every event as long as there is room. */
        RECORD
    }

    /** Where a function runs; the goldens name worker and softirq. */
    public enum Context { WORKER, SOFTIRQ }

    private static final long PRIME = 0x9E3779B97F4A7C15L;
    private static final int EXIT = 1 << 8;
    private static final int CONTEXT_SHIFT = 9;

    private final Cpu cpu;
    private final Tracepoint.Names names;
    private final boolean[] named = new boolean[Tracepoint.values().length];
    private final boolean on;
    private boolean recording;
    private final long[] times;
    private final int[] events;
    private int count;
    private long lost;
    private int context;
    private long fingerprint = PRIME;

    /** @param capacity how many events to keep when recording */
    public Trace(Level level, Cpu cpu, Tracepoint.Names names, int capacity) {
        this.cpu = cpu;
        this.names = names;
        this.on = level != Level.OFF;
        this.recording = level == Level.RECORD;
        this.times = new long[recording ? capacity : 0];
        this.events = new int[recording ? capacity : 0];
        for (Tracepoint point : Tracepoint.values()) {
            named[point.ordinal()] = point.name(names) != null;
        }
    }

    /** A trace that keeps nothing. */
    public static Trace off() {
        return new Trace(Level.OFF, null, Tracepoint.Names.KERNEL_6_1, 0);
    }

    /** The caller begins a slice in this context. */
    public void context(Context here) {
        context = here.ordinal();
    }

    /** A function begins. */
    public void enter(Tracepoint point) {
        if (on) {
            note(point.ordinal());
        }
    }

    /** A function returns. */
    public void exit(Tracepoint point) {
        if (on) {
            note(point.ordinal() | EXIT);
        }
    }

    /** Mixes a value that is no call into the fingerprint: an index published, a frame's length. */
    public void mix(long value) {
        if (on) {
            fingerprint = (fingerprint ^ value) * PRIME;
        }
    }

    /** A hash over all events and their times so far. */
    public long fingerprint() {
        return fingerprint ^ fingerprint >>> 32;
    }

    /** Events recorded, and still in {@link #forEach}. */
    public int count() {
        return count;
    }

    /** Events that did not fit. */
    public long lost() {
        return lost;
    }

    /** Forgets what was recorded; the fingerprint stays. */
    public void clear() {
        count = 0;
        lost = 0;
    }

    /** Keeps what was recorded and records no more: what is torn down now is not part of the story. */
    public void stopRecording() {
        recording = false;
    }

    public Tracepoint.Names names() {
        return names;
    }

    /** Hands out the recorded events in order of time. */
    public void forEach(Reader reader) {
        for (int i = 0; i < count; i++) {
            int event = events[i];
            reader.event(times[i], Context.values()[event >>> CONTEXT_SHIFT],
                    Tracepoint.of(event & EXIT - 1), (event & EXIT) == 0);
        }
    }

    private void note(int event) {
        if (!named[event & EXIT - 1]) {
            return;
        }
        long nowNs = cpu.nowNs();
        fingerprint = (fingerprint ^ (nowNs << 16 | event | context << CONTEXT_SHIFT)) * PRIME;
        if (recording) {
            record(nowNs, event);
        }
    }

    private void record(long nowNs, int event) {
        if (count == events.length) {
            lost++;
            return;
        }
        times[count] = nowNs;
        events[count++] = event | context << CONTEXT_SHIFT;
    }

    /** Receives one recorded event. */
    @FunctionalInterface
    public interface Reader {
        void event(long timeNs, Context context, Tracepoint point, boolean entry);
    }
}
