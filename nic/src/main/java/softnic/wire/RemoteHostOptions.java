package softnic.wire;

/**
 * How the far end behaves.
 *
 * @param flow whom it answers
 * @param moderationNs its interrupt throttle: from the first frame to the poll, on the world's clock
 * @param windowBytes receive window it advertises, always the same, in bytes
 * @param windowScale window scale option of RFC 7323: the header carries windowBytes &gt;&gt; windowScale
 * @param lossy the sender's host may lose packets: a gap is counted, but is no violation
 * @param streams connections it has, from {@code flow} on ({@link TcpFlow#stream})
 */
public record RemoteHostOptions(TcpFlow flow, long moderationNs, int windowBytes, int windowScale, boolean lossy,
        int streams) {

    /** Connections it can have. */
    public static final int MAX_STREAMS = 64;

    /** 100 us, 384 KiB, scale 7, one connection. */
    public static final RemoteHostOptions DEFAULT =
            new RemoteHostOptions(TcpFlow.DEFAULT, 100_000, 384 << 10, 7, false, 1);

    public RemoteHostOptions {
        if (moderationNs < 0) {
            throw new IllegalArgumentException("far end: moderation must not be negative, got " + moderationNs + " ns");
        }
        if (streams < 1 || streams > MAX_STREAMS) {
            throw new IllegalArgumentException("far end: streams must be 1.." + MAX_STREAMS + ", got " + streams);
        }
        if (windowScale < 0 || windowScale > 14) {
            throw new IllegalArgumentException("far end: window scale must be 0..14, got " + windowScale);
        }
        if (windowBytes < 2 * 1460 || windowBytes >>> windowScale > 0xFFFF) {
            throw new IllegalArgumentException("far end: window must be 2920.." + (0xFFFFL << windowScale)
                    + " bytes at scale " + windowScale + ", got " + windowBytes);
        }
    }

    public RemoteHostOptions withStreams(int count) {
        return new RemoteHostOptions(flow, moderationNs, windowBytes, windowScale, lossy, count);
    }

    public RemoteHostOptions withWindowBytes(int bytes) {
        return new RemoteHostOptions(flow, moderationNs, bytes, windowScale, lossy, streams);
    }

    public RemoteHostOptions withFlow(TcpFlow other) {
        return new RemoteHostOptions(other, moderationNs, windowBytes, windowScale, lossy, streams);
    }

    public RemoteHostOptions withModerationNs(long ns) {
        return new RemoteHostOptions(flow, ns, windowBytes, windowScale, lossy, streams);
    }

    public RemoteHostOptions withLossy(boolean on) {
        return new RemoteHostOptions(flow, moderationNs, windowBytes, windowScale, on, streams);
    }
}
