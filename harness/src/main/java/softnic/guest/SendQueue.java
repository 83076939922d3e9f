package softnic.guest;

/**
 * The socket's write queue: {@code sk_write_queue} with {@code sk_send_head} (include/net/tcp.h).
 *
 * <pre>
 *   [ una: sent, not acknowledged ... | head: sk_send_head ... tail ]   segments, in stream order
 * </pre>
 *
 * <p>Parallel arrays in a ring; a segment is known by its free-running number. Whoever owns the socket.
 */
final class SendQueue {

    private static final int SEGMENTS = 8192;
    private static final int MASK = SEGMENTS - 1;

    private final int mss;
    private final long[] start = new long[SEGMENTS];
    private final int[] len = new int[SEGMENTS];
    private final boolean[] push = new boolean[SEGMENTS];
    private int una;                    // oldest not acknowledged, free-running
    private int head;                   // next to send
    private int tail;                   // behind the last

    SendQueue(int mss) {
        this.mss = mss;
    }

    /** Segments of {@code mss} bytes that {@code bytes} make ({@code tcp_skb_pcount}). */
    int pcount(int bytes) {
        return (bytes + mss - 1) / mss;
    }

    boolean hasSendHead() {
        return head != tail;
    }

    /** The segment to send next is also the last. */
    boolean isSendHeadTail() {
        return head + 1 == tail;
    }

    /** No more segments can be added, one place kept for a split. */
    boolean isFull() {
        return tail - una >= SEGMENTS - 1;
    }

    long headStart() {
        return start[head & MASK];
    }

    int headLen() {
        return len[head & MASK];
    }

    boolean headPush() {
        return push[head & MASK];
    }

    int tailLen() {
        return len[tail - 1 & MASK];
    }

    /** A new, empty segment at the end ({@code skb_entail}). */
    void entail(long position) {
        start[tail & MASK] = position;
        len[tail & MASK] = 0;
        push[tail & MASK] = false;
        tail++;
    }

    void extendTail(int bytes) {
        len[tail - 1 & MASK] += bytes;
    }

    /** {@code TCPHDR_PSH} of the last segment. */
    void tailPush(boolean on) {
        push[tail - 1 & MASK] = on;
    }

    /**
     * Splits the segment to send behind {@code limit} bytes ({@code tso_fragment}); the later part keeps the
     * PSH. The segments behind move up: nearly always there are none.
     */
    void fragmentHead(int limit) {
        assert limit > 0 && limit < headLen() : "split of " + headLen() + " bytes at " + limit;
        for (int i = tail; i != head + 1; i--) {
            start[i & MASK] = start[i - 1 & MASK];
            len[i & MASK] = len[i - 1 & MASK];
            push[i & MASK] = push[i - 1 & MASK];
        }
        tail++;
        start[head + 1 & MASK] = start[head & MASK] + limit;
        len[head + 1 & MASK] = len[head & MASK] - limit;
        push[head + 1 & MASK] = push[head & MASK];
        len[head & MASK] = limit;
        push[head & MASK] = false;
    }

    /** The segment has been sent ({@code tcp_advance_send_head}). */
    void advanceHead() {
        head++;
    }

    /**
     * Drops what is acknowledged ({@code tcp_clean_rtx_queue}, {@code tcp_tso_acked}).
     *
     * @return segments of the MSS that this took out of flight
     */
    int clean(long ackPosition) {
        int acked = 0;
        while (una != head && start[una & MASK] < ackPosition) {
            int i = una & MASK;
            int before = pcount(len[i]);
            long end = start[i] + len[i];
            if (end > ackPosition) {
                len[i] = (int) (end - ackPosition);
                start[i] = ackPosition;
                return acked + before - pcount(len[i]);
            }
            acked += before;
            una++;
        }
        return acked;
    }

    /** Segments not yet sent. */
    int unsent() {
        return tail - head;
    }
}
