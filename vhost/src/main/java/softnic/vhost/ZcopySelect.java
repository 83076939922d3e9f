package softnic.vhost;

/**
 * Whether zero-copy is worth trying: {@code vhost_net_tx_select_zcopy} with {@code tx_packets},
 * {@code tx_zcopy_err}, {@code tx_flush} of {@code struct vhost_net} (drivers/vhost/net.c, since 3.8).
 *
 * <p>At most one failure in 64 packets: after a failure zero-copy pauses until 64 times as many packets as failures
 * were sent, and each 1024 packets it gets a new chance. The worker's.
 */
final class ZcopySelect {

    private static final int PACKETS_PER_FAILURE = 64;
    private static final int NEW_CHANCE = 1024;

    private long txPackets;
    private long txZcopyErr;
    private boolean txFlush;

    boolean isOn() {
        return !txFlush && txPackets / PACKETS_PER_FAILURE >= txZcopyErr;
    }

    /** Before 3.8 nobody counts failures, but nothing may be lent out while somebody waits for all of it. */
    boolean isFlushing() {
        return txFlush;
    }

    /** A packet was sent ({@code vhost_net_tx_packet}). */
    void packet() {
        if (++txPackets >= NEW_CHANCE) {
            reset();
        }
    }

    /** So many buffers came back that had been copied after all ({@code vhost_net_tx_err}). */
    void failures(int n) {
        txZcopyErr += n;
    }

    /** Somebody waits for all zero-copy packets: no more of them until then. */
    void flushing(boolean flush) {
        txFlush = flush;
    }

    /** A new backend knows of no failures. */
    void reset() {
        txPackets = 0;
        txZcopyErr = 0;
    }
}
