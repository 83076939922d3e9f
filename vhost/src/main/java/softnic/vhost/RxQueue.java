package softnic.vhost;

import softnic.net.Sock;
import softnic.trace.Counters;

/**
 * What the two works of RX have in common: {@code struct vhost_net_virtqueue} of the RX ring. They never run at the
 * same time.
 *
 * <p>The worker's; the backend changes between two works.
 */
final class RxQueue {

    final Counters<HandleRx.Count> counters;
    final RxBufs bufs;
    Sock sock;                          // private_data: the backend, or null

    RxQueue(Counters<HandleRx.Count> counters, RxBufs bufs) {
        this.counters = counters;
        this.bufs = bufs;
    }
}
