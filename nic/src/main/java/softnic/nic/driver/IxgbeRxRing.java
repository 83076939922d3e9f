package softnic.nic.driver;

import softnic.nic.DescRing;
import softnic.nic.RxDesc;
import softnic.skb.SkBuff;
import softnic.skb.SkbPool;

/**
 * The driver's side of a receive queue: {@code struct ixgbe_ring} with its {@code rx_buffer_info}
 * (drivers/net/ixgbe/ixgbe.h). The poll's own; the device sees the descriptors and the tail.
 */
final class IxgbeRxRing {

    /** {@code IXGBE_RXBUFFER_2048}: bytes of a buffer, SRRCTL.BSIZEPKT = 2. */
    static final int IXGBE_RXBUFFER_2048 = 2048;
    /** {@code IXGBE_RX_BUFFER_WRITE}: buffers returned to the device at once. */
    static final int IXGBE_RX_BUFFER_WRITE = 16;

    final DescRing desc;
    private final SkbPool pool;
    private final SkBuff[] buffers;
    private long nextToUse;
    private long nextToClean;

    IxgbeRxRing(DescRing desc, SkbPool pool) {
        this.desc = desc;
        this.pool = pool;
        buffers = new SkBuff[desc.count()];
    }

    /** Status of the next frame, DD not set while there is none. */
    int nextStatus() {
        return nextToClean == nextToUse ? 0 : RxDesc.statusErrorAcquire(desc.memory(), desc.at(nextToClean));
    }

    /** Bytes of the next frame; {@link #nextStatus} has DD. */
    int nextLength() {
        return RxDesc.length(desc.memory(), desc.at(nextToClean));
    }

    /** Takes the next frame's buffer out of the ring. */
    SkBuff take() {
        int slot = (int) nextToClean++ & buffers.length - 1;
        SkBuff skb = buffers[slot];
        buffers[slot] = null;
        return skb;
    }

    /** Slots without a buffer, the gap of one left out ({@code IXGBE_DESC_UNUSED}). */
    int unused() {
        return (int) (desc.count() - 1 - (nextToUse - nextToClean));
    }

    /** Buffers posted and not yet taken. */
    int posted() {
        return (int) (nextToUse - nextToClean);
    }

    /**
     * Posts new buffers and moves the tail ({@code ixgbe_alloc_rx_buffers}).
     *
     * @return false if memory was short
     */
    boolean allocRxBuffers(int wanted) {
        int left = wanted;
        while (left > 0) {
            SkBuff skb = pool.alloc(IXGBE_RXBUFFER_2048);
            if (skb == null) {
                break;
            }
            buffers[(int) nextToUse & buffers.length - 1] = skb;
            RxDesc.post(desc.memory(), desc.at(nextToUse), skb.dataHpa());
            nextToUse++;
            left--;
        }
        desc.tail().set(nextToUse);         // release: after the descriptors
        return left == 0;
    }

    /** Frees what is posted ({@code ixgbe_clean_rx_ring}); the device must be still. */
    void clean() {
        while (nextToClean < nextToUse) {
            take().consume();
        }
    }
}
