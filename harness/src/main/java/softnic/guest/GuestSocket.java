package softnic.guest;

/**
 * Who owns the socket, and what waits for the owner: {@code socket_lock_t} and {@code sk_backlog}
 * (include/net/sock.h).
 *
 * <pre>
 *   process  lock_sock ............ copy, push ............ release_sock: backlog, then free
 *   softirq          packet -&gt; backlog                             packet -&gt; tcp_ack
 * </pre>
 *
 * <p>The process owns it for whole slices, the softirq from a packet until it has sent what that packet
 * allowed; both as long as the work is being paid for. A process that finds the softirq inside waits, as on
 * the spin lock.
 */
final class GuestSocket {

    private static final int BACKLOG = 1024;
    private static final int MASK = BACKLOG - 1;
    private static final int FIELDS = 6;

    private final int[] backlog = new int[BACKLOG * FIELDS];
    private int head;
    private int tail;
    private boolean process;
    private boolean softirq;
    private boolean processWaits;
    private boolean pushWanted;

    /** {@code lock_sock}: false if the softirq is inside; {@link #unlockSoftirq} then says so. */
    boolean lockProcess() {
        assert !process : "locked twice";
        processWaits = softirq;
        process = !softirq;
        return process;
    }

    /** {@code release_sock}; the backlog is empty. */
    void unlockProcess() {
        assert process && head == tail : "process=" + process + " backlog=" + (tail - head);
        process = false;
    }

    /** {@code bh_lock_sock}, and nobody owns it; false: to the backlog. */
    boolean lockSoftirq() {
        softirq |= !process;
        return !process;
    }

    /** @return true if the process waits for it */
    boolean unlockSoftirq() {
        assert softirq : "not locked";
        softirq = false;
        return processWaits;
    }

    /** {@code sk_add_backlog}; false if the limit is reached. */
    boolean addBacklog(GuestTcpInput packet) {
        if (tail - head == BACKLOG) {
            return false;
        }
        int at = (tail++ & MASK) * FIELDS;
        backlog[at] = packet.flags;
        backlog[at + 1] = packet.seq;
        backlog[at + 2] = packet.ackSeq;
        backlog[at + 3] = packet.window;
        backlog[at + 4] = packet.timestamp;
        backlog[at + 5] = packet.windowScale;
        return true;
    }

    boolean hasBacklog() {
        return head != tail;
    }

    /** Gives the oldest packet of the backlog to TCP ({@code sk_backlog_rcv}). */
    void receiveBacklog(GuestTcp tcp) {
        int at = (head++ & MASK) * FIELDS;
        tcp.receive(backlog[at], backlog[at + 1], backlog[at + 2], backlog[at + 3], backlog[at + 4],
                backlog[at + 5]);
    }

    /** The softirq wanted to send, but the process owns the socket: it does so at release. */
    void wantPush() {
        pushWanted = true;
    }

    boolean takePushWanted() {
        boolean wanted = pushWanted;
        pushWanted = false;
        return wanted;
    }
}
