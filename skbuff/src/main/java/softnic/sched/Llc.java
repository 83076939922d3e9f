package softnic.sched;

/**
 * The last-level cache as far as prices need it: how much of a copy misses.
 *
 * <pre>miss share = min(1, bytes touched between writing a buffer and using it again / cache share)</pre>
 *
 * <p>A buffer is used again when its data was acknowledged. Until then its lines compete with all that was
 * sent after it, and with the host's copies of that: a copying host doubles the footprint. Written by any
 * agent of the virtual world; the live world has a real cache and uses {@link #none}.
 */
public final class Llc {

    private final long shareBytes;
    private long sentBytes;             // not acknowledged
    private long copiedBytes;           // the host's copies of those

    /** @param shareBytes how much of the cache packet data may use, in bytes; 0: none is modelled */
    public Llc(long shareBytes) {
        this.shareBytes = shareBytes;
    }

    /** A cache that never misses. */
    public static Llc none() {
        return new Llc(0);
    }

    /** The guest has sent so many bytes more. */
    public void sent(long bytes) {
        if (shareBytes > 0) {
            sentBytes += bytes;
        }
    }

    /** The host has copied so many bytes. */
    public void copied(long bytes) {
        if (shareBytes > 0) {
            copiedBytes += bytes;
        }
    }

    /** So many of the bytes sent are acknowledged: their buffers, and the copies, are used again. */
    public void acknowledged(long bytes) {
        if (shareBytes > 0) {
            sentBytes -= bytes;
            copiedBytes = Math.clamp(copiedBytes - bytes, 0, sentBytes);    // headers were copied, too: drop them
            assert sentBytes >= 0 : "llc: " + sentBytes + " bytes sent and not acknowledged";
        }
    }

    /** How many of {@code bytes} copied bytes miss the cache now. */
    public long missBytes(long bytes) {
        return shareBytes == 0 ? 0 : bytes * Math.min(sentBytes + copiedBytes, shareBytes) / shareBytes;
    }
}
