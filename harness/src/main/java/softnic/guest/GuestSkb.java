package softnic.guest;

/**
 * One packet of the guest: its {@code struct sk_buff} between tcp_transmit_skb and free_old_xmit_skbs.
 *
 * <pre>
 *   header slot in guest RAM            send buffer
 *   +-----------------+-----------+     +---- page ----+---- page ----+
 *   | virtio_net_hdr  | Ethernet  |     |      payload |  payload     |
 *   | (10 or 12)      | IP, TCP   |     +--------------+--------------+
 *   +-----------------+-----------+       frags, one a page
 *     sg[0]             sg[1] linear      sg[2]...
 * </pre>
 *
 * <p>Made at start, reused ({@link GuestSkbPool}). Both guest agents.
 */
final class GuestSkb {

    /** Where the Ethernet header lies in the header slot. */
    private static final int LINEAR_OFFSET = 16;

    final int index;
    final long vnetHdrGpa;
    final long linearGpa;

    SendBuffer buffer;                  // where the payload lies, of which stream it is
    int linearLen;
    long payloadAt;                     // stream position of the first payload byte
    int payloadLen;
    int gsoSize;                        // 0: not GSO
    long sendTicket;                    // where the send buffer notes that it is out
    int headersHash;                    // monitor: what they were when the packet was posted
    GuestSkb next;                      // in the free list

    GuestSkb(int index, long slotGpa) {
        this.index = index;
        this.vnetHdrGpa = slotGpa;
        this.linearGpa = slotGpa + LINEAR_OFFSET;
    }

    boolean isGso() {
        return gsoSize != 0;
    }
}
