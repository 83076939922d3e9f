package softnic.nic.driver;

import softnic.skb.SkBuff;

/**
 * What the driver remembers of one transmit descriptor: {@code struct ixgbe_tx_buffer} (drivers/net/ixgbe/ixgbe.h).
 *
 * <p>Written by xmit before the doorbell, read and reset by the clean; the ring's tail orders the two.
 */
final class TxBuffer {

    /** {@link #nextToWatch} of a slot that does not begin a packet. */
    static final long NONE = -1;

    SkBuff skb;                             // in the last slot of a packet
    long dma;                               // what is to be unmapped
    int length;                             // bytes
    long nextToWatch = NONE;                // in the first slot: sequence of the EOP descriptor
    int bytecount;                          // in the last slot: bytes on the wire, headers of all segments included
    int gsoSegs;                            // in the last slot: frames

    void reset() {
        skb = null;
        length = 0;
        nextToWatch = NONE;
    }
}
