package softnic.sched;

/**
 * The last-level cache as far as prices need it: how much of a copy misses, given how much packet data is
 * alive between writer and wire.
 *
 * <pre>miss share = min(1, live bytes / cache share)</pre>
 *
 * <p>Written by any agent of the virtual world; the live world has real caches and uses {@link #none}.
 */
public final class Llc {

    private final long shareBytes;
    private long liveBytes;

    /** @param shareBytes how much of the cache packet data may use, in bytes; 0: none is modelled */
    public Llc(long shareBytes) {
        this.shareBytes = shareBytes;
    }

    /** A cache that never misses. */
    public static Llc none() {
        return new Llc(0);
    }

    /** Packet bytes came alive (positive) or died (negative). */
    public void live(long bytes) {
        if (shareBytes > 0) {
            liveBytes += bytes;
            assert liveBytes >= 0 : "llc: " + liveBytes + " live bytes";
        }
    }

    /** How many of {@code bytes} copied bytes miss the cache now. */
    public long missBytes(long bytes) {
        return shareBytes == 0 ? 0 : bytes * Math.min(liveBytes, shareBytes) / shareBytes;
    }

    /** Packet bytes alive now. */
    public long liveBytes() {
        return liveBytes;
    }
}
