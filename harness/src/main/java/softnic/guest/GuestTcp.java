package softnic.guest;

import softnic.net.TcpHeader;
import softnic.sched.Cost;
import softnic.sched.Cpu;
import softnic.sched.Llc;
import softnic.trace.Counters;
import softnic.wire.StreamPattern;

/**
 * The sender of one TCP connection: {@code tcp_sendmsg} (net/ipv4/tcp.c), {@code tcp_write_xmit}
 * (net/ipv4/tcp_output.c) and {@code tcp_ack} (net/ipv4/tcp_input.c) of 2.6.39, as TCP_STREAM uses them.
 *
 * <pre>
 *   stream   0 ....... sndUna ............ sndNxt .............. writeSeq
 *                      | in flight         | queued, not sent    |
 *                      +---- sndWnd / cwnd ----+
 * </pre>
 *
 * <p>Positions are stream bytes as {@code long}; sequence number = initial + 1 + position. The caller owns
 * the socket: it calls {@link #append} and then {@link #writeXmit} packet by packet until that says no.
 *
 * <p>Deviation: the wire loses nothing, so there is no retransmission and no congestion control but slow
 * start up to the receiver's window; a deferred segment has a deadline of its own, where the kernel relies
 * on the next ACK.
 */
final class GuestTcp {

    /** Payload of a full frame: MTU 1500 less IPv4, TCP and timestamps. */
    static final int MSS = 1448;
    /** {@code tcp_nagle_check}: small segments wait for the acknowledgement of an earlier one. */
    static final int NAGLE = 0;
    /** {@code TCP_NAGLE_PUSH}: send what is there. */
    static final int NAGLE_PUSH = 4;
    /** What {@link #append} answers when no memory is left. */
    static final int NO_MEMORY = 0;

    enum State { CLOSED, SYN_SENT, ESTABLISHED }

    private static final int INITIAL_SEQ = 0x1D4B_0000;
    private static final int SEQ_STEP = 0x1A2B_3C4D;
    private static final int INITIAL_CWND = 10;
    private static final int GSO_MAX_SIZE = 65536;
    private static final int GSO_OVERHEAD = 1 + 20 + TcpHeader.SIZE_TIMESTAMPS;
    private static final int TSO_WIN_DIVISOR = 3;
    private static final long NANOS_PER_JIFFY = 1_000_000;
    private static final long TSO_DEFER_JIFFIES = 2;

    private final Cpu cpu;
    private final Llc llc;
    private final Counters<GuestCounter> counters;
    private final GuestSkbPool pool;
    private final SendBuffer buffer;
    private final SendQueue queue = new SendQueue(MSS);
    private final GuestTcpHeaders headers;
    private final GuestDev dev;
    private final long userBufferGpa;
    private final int sndbuf;
    private final boolean nodelay;
    private final int initialSeq;
    private final long patternStart;

    private State state = State.CLOSED;
    private long sndUna;
    private long sndNxt;
    private long writeSeq;
    private long pushedSeq;             // up to here a PSH has been asked for
    private long sndSml;                // end of the last small segment sent: Minshall's Nagle
    private int sndWnd;
    private int maxWindow;
    private int windowScale;
    private int sizeGoal = MSS;
    private int cwnd = INITIAL_CWND;    // segments
    private int packetsOut;             // segments of the MSS in flight
    private int rcvNxt;
    private int tsRecent;
    private boolean tsoDeferred;
    private long tsoDeferredJiffies;
    private long deferDeadlineNs = Long.MAX_VALUE;
    private boolean stalled;
    private boolean noSpace;

    /** @param stream which of {@code options.streams()}, from 0 */
    GuestTcp(int stream, Cpu cpu, Llc llc, GuestRam ram, GuestOptions options, GuestSkbPool pool, SendBuffer buffer,
            GuestDev dev, Counters<GuestCounter> counters) {
        this.cpu = cpu;
        this.llc = llc;
        this.counters = counters;
        this.pool = pool;
        this.buffer = buffer;
        this.dev = dev;
        this.headers = new GuestTcpHeaders(ram, options, options.flow().stream(stream));
        this.nodelay = options.nodelay();
        this.initialSeq = INITIAL_SEQ + stream * SEQ_STEP;
        this.patternStart = StreamPattern.start(stream);
        this.userBufferGpa = ram.userBufferGpa();
        this.sndbuf = options.sndbufBytes();
    }

    /** Active open ({@code tcp_v4_connect}): sends the SYN. */
    void connect() {
        assert state == State.CLOSED : "state " + state;
        state = State.SYN_SENT;
        GuestSkb skb = controlSkb();
        headers.writeSyn(skb, initialSeq, jiffies32());
        transmit(skb);
    }

    /**
     * One received packet, owned socket ({@code tcp_v4_do_rcv}). New bytes may be sendable after it:
     * {@link #writeXmit}.
     */
    void receive(int flags, int seq, int ackSeq, int window, int timestamp, int scale) {
        if (state == State.SYN_SENT && (flags & TcpHeader.SYN) != 0) {
            synAck(seq, window, timestamp, scale);
        } else if (state == State.ESTABLISHED && (flags & TcpHeader.SYN) == 0) {
            tsRecent = timestamp;
            ack(sndUna + (ackSeq - seqOf(sndUna)), window << windowScale);
        }
    }

    private void synAck(int seq, int window, int timestamp, int scale) {
        state = State.ESTABLISHED;
        rcvNxt = seq + 1;
        tsRecent = timestamp;
        windowScale = Math.max(0, scale);
        window(window);
        GuestSkb skb = controlSkb();
        headers.writeSegment(skb, seqOf(0), rcvNxt, TcpHeader.ACK, 1, jiffies32(), tsRecent);
        transmit(skb);
    }

    /** {@code tcp_ack}, {@code tcp_clean_rtx_queue}, {@code tcp_slow_start}. */
    private void ack(long position, int window) {
        if (position > sndNxt) {
            counters.bump(GuestCounter.RX_BAD_ACK);
            return;
        }
        window(window);
        if (position <= sndUna) {
            return;
        }
        long bytes = position - sndUna;
        int segments = queue.clean(position);
        assert segments <= packetsOut : segments + " of " + packetsOut + " segments acknowledged";
        packetsOut -= segments;
        sndUna = position;
        buffer.acked(position);
        llc.acknowledged(bytes);
        counters.bump(GuestCounter.ACKS);
        counters.add(GuestCounter.BYTES_ACKED, bytes);
        cwnd = Math.min(cwnd + segments, Math.max(INITIAL_CWND, queue.pcount(sndWnd)));
    }

    private void window(int bytes) {
        sndWnd = bytes;
        if (bytes > maxWindow) {
            maxWindow = bytes;
            int half = maxWindow >> 1;                  // tcp_bound_to_half_wnd
            int goal = Math.min(GSO_MAX_SIZE - GSO_OVERHEAD, half);
            sizeGoal = Math.max(MSS, goal - goal % MSS);
        }
    }

    /**
     * Copies from the user's message to the last segment, up to the size goal, or begins a new segment: one
     * turn of {@code tcp_sendmsg}'s loop.
     *
     * @param left bytes of the message not yet written
     * @param isFirst nothing of this message has been written yet
     * @return bytes written, or {@link #NO_MEMORY}: push what is there and wait
     */
    int append(int left, boolean isFirst) {
        int room = queue.hasSendHead() ? sizeGoal - queue.tailLen() : 0;
        if (room <= 0) {
            if (!isMemoryFree()) {
                noSpace = true;
                return NO_MEMORY;
            }
            queue.entail(writeSeq);
            room = sizeGoal;
        }
        int bytes = Math.min(room, left);
        cpu.charge(Cost.GUEST_COPY, bytes);
        cpu.charge(Cost.GUEST_COPY_COLD, llc.missBytes(bytes));
        buffer.write(userBufferGpa + StreamPattern.tableOffset(patternStart + writeSeq), bytes);
        if (isFirst) {
            queue.tailPush(false);
        }
        queue.extendTail(bytes);
        writeSeq += bytes;
        counters.add(GuestCounter.BYTES_WRITTEN, bytes);
        return bytes;
    }

    /** {@code sk_stream_memory_free}, and pages to write into. */
    private boolean isMemoryFree() {
        return writeSeq - sndUna < sndbuf && !queue.isFull() && buffer.room() >= GSO_MAX_SIZE;
    }

    /** A writer that was about to sleep finds memory after all ({@code sk_stream_wait_memory}). */
    boolean takeMemory() {
        if (isMemoryFree()) {
            noSpace = false;
            return true;
        }
        return false;
    }

    /** {@code sk_stream_write_space}: true when a sleeping writer may go on, once. */
    boolean takeWriteSpace() {
        long queued = writeSeq - sndUna;
        if (noSpace && sndbuf - queued >= queued >> 1 && isMemoryFree()) {
            noSpace = false;
            return true;
        }
        return false;
    }

    /** The last segment is as long as it may get. */
    boolean isTailFull() {
        return queue.hasSendHead() && queue.tailLen() >= sizeGoal;
    }

    /** The last segment is the next to send: {@code tcp_push_one} may send it. */
    boolean isTailNext() {
        return queue.hasSendHead() && queue.isSendHeadTail();
    }

    /** More than half the largest window since the last PSH ({@code forced_push}). */
    boolean isForcedPush() {
        return writeSeq > pushedSeq + (maxWindow >> 1);
    }

    /** {@code tcp_mark_push}. */
    void markPush() {
        if (queue.hasSendHead()) {
            queue.tailPush(true);
            pushedSeq = writeSeq;
        }
    }

    /**
     * Sends one packet if there is one that may go: one turn of {@code tcp_write_xmit}'s loop.
     *
     * @param nonagle {@link #NAGLE} or {@link #NAGLE_PUSH}
     * @param pushOne {@code tcp_push_one}: no deferring
     * @return true if a packet went out; there may be more
     */
    boolean writeXmit(int nonagle, boolean pushOne) {
        if (!queue.hasSendHead() || state != State.ESTABLISHED) {
            return false;
        }
        int quota = cwnd - packetsOut;
        int len = queue.headLen();
        if (quota <= 0 || queue.headStart() + Math.min(len, MSS) > wndEnd()) {
            counters.bump(GuestCounter.WINDOW_HELD);
            return false;
        }
        int segments = queue.pcount(len);
        if (segments == 1 ? isNagled(len, nonagle) : !pushOne && shouldDefer(len, quota)) {
            return false;
        }
        if (pool.isEmpty() || dev.isQdiscFull()) {
            counters.bump(GuestCounter.XMIT_STALLED);
            stalled = true;
            return false;
        }
        stalled = false;
        int limit = segments > 1 ? splitPoint(len, quota) : MSS;
        if (len > limit) {
            queue.fragmentHead(limit);
        }
        sendHead();
        return true;
    }

    /** {@code tcp_nagle_test}; only the last segment can be held back, and not with {@code TCP_NODELAY}. */
    private boolean isNagled(int len, int nonagle) {
        boolean push = nodelay || nonagle == NAGLE_PUSH || !queue.isSendHeadTail();
        boolean smallInFlight = sndSml > sndUna && sndSml <= sndNxt;
        if (push || len >= MSS || packetsOut == 0 || !smallInFlight) {
            return false;
        }
        counters.bump(GuestCounter.NAGLE_HELD);
        return true;
    }

    /** {@code tcp_tso_should_defer}: a larger packet may be possible in a moment. */
    private boolean shouldDefer(int len, int quota) {
        long sendWin = wndEnd() - queue.headStart();
        long limit = Math.min(sendWin, (long) quota * MSS);
        long chunk = Math.min(sndWnd, (long) cwnd * MSS) / TSO_WIN_DIVISOR;
        boolean isOld = tsoDeferred && jiffies() - tsoDeferredJiffies >= TSO_DEFER_JIFFIES;
        if (isOld || limit >= GSO_MAX_SIZE || !queue.isSendHeadTail() && limit >= len || limit >= chunk) {
            tsoDeferred = false;
            deferDeadlineNs = Long.MAX_VALUE;
            return false;
        }
        counters.bump(GuestCounter.TSO_DEFERRED);
        tsoDeferredJiffies = jiffies();
        deferDeadlineNs = (tsoDeferredJiffies + TSO_DEFER_JIFFIES) * NANOS_PER_JIFFY;
        tsoDeferred = true;
        return true;
    }

    /** {@code tcp_mss_split_point}: whole segments only, the rest stays queued. */
    private int splitPoint(int len, int quota) {
        long window = wndEnd() - queue.headStart();
        long cwndLen = (long) quota * MSS;
        if (cwndLen <= window && !queue.isSendHeadTail()) {
            return (int) Math.min(cwndLen, GSO_MAX_SIZE);
        }
        long needed = Math.min(len, window);
        if (cwndLen <= needed) {
            return (int) cwndLen;
        }
        return (int) (needed - needed % MSS);
    }

    /** {@code tcp_transmit_skb}, {@code tcp_event_new_data_sent}, {@code tcp_minshall_update}. */
    private void sendHead() {
        int len = queue.headLen();
        int segments = queue.pcount(len);
        GuestSkb skb = pool.alloc();
        skb.buffer = buffer;
        skb.payloadAt = queue.headStart();
        skb.payloadLen = len;
        skb.gsoSize = segments > 1 ? MSS : 0;
        int flags = queue.headPush() ? TcpHeader.ACK | TcpHeader.PSH : TcpHeader.ACK;
        headers.writeSegment(skb, seqOf(skb.payloadAt), rcvNxt, flags, segments, jiffies32(), tsRecent);
        buffer.sent(skb);
        deferDeadlineNs = Long.MAX_VALUE;
        queue.advanceHead();
        llc.sent(len);
        sndNxt += len;
        packetsOut += segments;
        if (len < MSS) {
            sndSml = sndNxt;
        }
        transmit(skb);
    }

    private void transmit(GuestSkb skb) {
        cpu.charge(Cost.GUEST_XMIT, 1);
        dev.queueXmit(skb);
    }

    /** A packet without payload; the handshake runs when the pool is full. */
    private GuestSkb controlSkb() {
        GuestSkb skb = pool.alloc();
        skb.buffer = buffer;
        skb.payloadAt = sndNxt;
        skb.payloadLen = 0;
        skb.gsoSize = 0;
        return skb;
    }

    private long wndEnd() {
        return sndUna + sndWnd;
    }

    private int seqOf(long position) {
        return initialSeq + 1 + (int) position;
    }

    private long jiffies() {
        return cpu.nowNs() / NANOS_PER_JIFFY;
    }

    private int jiffies32() {
        return (int) jiffies() + 1;
    }

    /** When a deferred packet must go at the latest, or {@code Long.MAX_VALUE}. */
    long deferDeadlineNs() {
        return deferDeadlineNs;
    }

    /** The deadline has come: the next {@link #writeXmit} decides anew. */
    void takeDeferDeadline() {
        deferDeadlineNs = Long.MAX_VALUE;
        counters.bump(GuestCounter.TSO_DEADLINES);
    }

    /** The qdisc was full when a packet could have gone: push again when it has room. */
    boolean isStalled() {
        return stalled;
    }

    State state() {
        return state;
    }

    long bytesWritten() {
        return writeSeq;
    }

    long bytesAcked() {
        return sndUna;
    }

    long bytesSent() {
        return sndNxt;
    }

    int sizeGoal() {
        return sizeGoal;
    }

    int cwnd() {
        return cwnd;
    }

    int packetsOut() {
        return packetsOut;
    }
}
