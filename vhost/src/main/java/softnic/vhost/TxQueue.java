package softnic.vhost;

import softnic.net.Sock;
import softnic.trace.Counters;

/**
 * What the two works of TX, kick and socket, have in common: {@code struct vhost_net_virtqueue} of the TX ring
 * (drivers/vhost/net.c) beside its zero-copy buffers. They never run at the same time.
 *
 * <p>The worker's; the backend changes between two works.
 */
final class TxQueue {

    /** Used entries that handle_tx_copy collects, and packets that handle_rx does ({@code VHOST_NET_BATCH}). */
    static final int VHOST_NET_BATCH = 64;

    final Counters<HandleTx.Count> counters = Counters.of("vhost.handle_tx", HandleTx.Count.class);
    final ZcopySelect select = new ZcopySelect();
    final int[] copiedHeads = new int[VHOST_NET_BATCH];
    int copiedCount;
    Sock sock;                          // private_data: the backend, or null
    boolean zerocopyTx;                 // experimental_zcopytx
    int goodcopyLen = HandleTx.VHOST_GOODCOPY_LEN;

    /** {@code vhost_sock_zcopy}: option and socket agree. */
    boolean isZerocopy() {
        return zerocopyTx && sock.isZerocopy();
    }
}
