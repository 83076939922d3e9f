package softnic.vhost;

import softnic.net.Sock;

/**
 * Waiting for the socket to have room: {@code tx_poll_start}, {@code tx_poll_stop} and the sk_wmem_alloc
 * thresholds of {@code handle_tx} (3.1, drivers/vhost/net.c); {@code vhost_net_enable_vq}, {@code vhost_net_disable_vq}
 * since 3.10.
 *
 * <p>The worker's own. The socket wakes by queueing the work, from whatever agent made room.
 */
final class TxPoll {

    private final Runnable queueWork;
    private Sock waitsOn;
    private boolean started;

    TxPoll(Runnable queueWork) {
        this.queueWork = queueWork;
    }

    /**
     * Waits for POLLOUT; if there is room already, the work is queued at once ({@code vhost_poll_start}).
     * Deviation: asks again where the kernel, waiting already, does nothing: room that came between the caller's
     * look and SOCK_ASYNC_NOSPACE would wake nobody.
     */
    void start(Sock sock) {
        started = true;
        waitsOn = sock;
        if (sock.pollOut(queueWork)) {
            queueWork.run();
        }
    }

    void stop() {
        if (started) {
            started = false;
            waitsOn.pollOut(null);
        }
    }

    /** At the start of a call: true if the socket is full, and will wake; else no wake-up is needed below half. */
    boolean stopIfFull(Sock sock) {
        int wmem = sock.wmemAlloc();
        if (wmem >= sock.sndbuf()) {
            start(sock);
            return true;
        }
        if (wmem < sock.sndbuf() / 2) {
            stop();
        }
        return false;
    }

    /** When the ring is empty: true if three quarters are full, and the socket, not the guest, will wake. */
    boolean startIfNearlyFull(Sock sock) {
        if (sock.wmemAlloc() < (long) sock.sndbuf() * 3 / 4) {
            return false;
        }
        sock.wantSpace();
        start(sock);
        return true;
    }
}
