package softnic.nic.driver;

import com.lmax.disruptor.Sequence;
import java.lang.invoke.VarHandle;
import softnic.net.NetDevice;
import softnic.nic.DescRing;

/**
 * The driver's side of a transmit queue: {@code struct ixgbe_ring} (drivers/net/ixgbe/ixgbe.h).
 *
 * <pre>
 *       nextToClean      TDH           TDT    nextToUse
 *           v             v             v        v
 *   [ free  |  done, DD   |  device's   | filled | free ... ]      at most count - 1 in use
 * </pre>
 *
 * <p>{@code nextToUse} is written by xmit, which the qdisc serialises; {@code nextToClean} by the clean: a Disruptor
 * sequence, whose release gives the slots back to xmit (acquire).
 */
final class IxgbeTxRing {

    /** {@link #maybeStop}: enough descriptors are free. */
    static final int ROOM = 0;
    /** Room came back while the queue was being stopped: it runs on. */
    static final int RESTARTED = 1;
    /** The queue is stopped, and the clean will wake it. */
    static final int STOPPED = 2;

    final DescRing desc;
    final TxBuffer[] buffers;
    final Sequence nextToClean = new Sequence(0);
    long nextToUse;

    IxgbeTxRing(DescRing desc) {
        this.desc = desc;
        buffers = new TxBuffer[desc.count()];
        for (int i = 0; i < buffers.length; i++) {
            buffers[i] = new TxBuffer();
        }
    }

    TxBuffer buffer(long sequence) {
        return buffers[(int) sequence & buffers.length - 1];
    }

    /** Something was sent and is not cleaned. Xmit's agent. */
    boolean isInUse() {
        return nextToUse != nextToClean.get();
    }

    /** Descriptors that xmit may use ({@code IXGBE_DESC_UNUSED}). Xmit's agent. */
    int unused() {
        return unused(nextToUse);
    }

    /** As {@link #unused}, counted from the published tail: what the clean knows of xmit's progress. */
    int unusedBehindTail() {
        return unused(desc.tail().get());
    }

    private int unused(long used) {
        return (int) (desc.count() - 1 - (used - nextToClean.get()));
    }

    /**
     * Stops the queue unless {@code size} descriptors are free ({@code ixgbe_maybe_stop_tx}). Xmit's agent.
     *
     * @return {@link #ROOM}, {@link #RESTARTED} or {@link #STOPPED}
     */
    int maybeStop(NetDevice dev, int size) {
        if (unused() >= size) {
            return ROOM;
        }
        dev.stopQueue();
        VarHandle.fullFence();              // stopped before looking again: pairs with wake()
        if (unused() < size) {
            return STOPPED;
        }
        dev.wakeQueue();                    // the qdisc is running us: it only takes note
        return RESTARTED;
    }

    /**
     * The clean has given slots back: wakes the queue if it is stopped and {@code threshold} descriptors are free.
     *
     * @return true if it was woken
     */
    boolean wake(NetDevice dev, int threshold) {
        if (unusedBehindTail() < threshold) {
            return false;
        }
        VarHandle.fullFence();              // room before asking who waits: pairs with maybeStop()
        if (!dev.isQueueStopped()) {
            return false;
        }
        dev.wakeQueue();
        return true;
    }
}
