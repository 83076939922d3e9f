package softnic.wire;

import com.lmax.disruptor.AlertException;
import com.lmax.disruptor.RingBuffer;
import com.lmax.disruptor.Sequence;
import com.lmax.disruptor.SequenceBarrier;
import com.lmax.disruptor.WaitStrategy;
import java.lang.invoke.VarHandle;
import softnic.mm.Slab;
import softnic.sched.WaitQueue;

/**
 * Packet memory between two stages: one agent fills slots, one empties them, on a Disruptor ring.
 *
 * <pre>
 *        taken                       cursor
 *          v                           v
 *   [ free | frame | frame | frame | frame | being filled | free ... ]
 * </pre>
 *
 * <p>The consumer's {@link Sequence} is the only one that gates the producer: a full ring is back-pressure. A
 * publish wakes the consumer if it found the ring empty; a release wakes the producer if it found the ring full,
 * once a quarter is free: neither is woken for every frame.
 *
 * <p>Memory order: whoever goes to sleep writes its flag, then looks at the ring again; whoever moves a sequence then
 * looks at the flag. Full fences on both sides, so that at least one of the two sees the other.
 */
public final class FrameRing implements AutoCloseable {

    private final Slab slab;
    private final RingBuffer<FrameSlot> ring;
    private final Sequence taken = new Sequence();
    private final WaitQueue producer;
    private final WaitQueue consumer;
    private final int wakeRoom;
    private volatile boolean producerWaits;
    private volatile boolean consumerWaits;
    private long claimed = -1;

    /**
     * @param slots a power of two
     * @param producer woken when room appears after {@link #claim} found none
     * @param consumer woken by a publish after {@link #peek} found nothing
     */
    public FrameRing(int slots, WaitQueue producer, WaitQueue consumer) {
        this.producer = producer;
        this.consumer = consumer;
        wakeRoom = Math.max(1, slots / 4);
        slab = new Slab((long) slots * FrameSlot.SIZE);
        ring = RingBuffer.createSingleProducer(FrameSlot::new, slots, new WakeStrategy());
        for (int i = 0; i < slots; i++) {
            FrameSlot slot = ring.get(i);
            slot.memory = slab.segment();
            slot.offset = (long) i * FrameSlot.SIZE;
        }
        ring.addGatingSequences(taken);
    }

    /** The slot to fill next, or null when the ring is full. Asking again gives the same slot. */
    public FrameSlot claim() {
        if (claimed < 0) {
            if (!ring.hasAvailableCapacity(1) && !hasRoomAfterAsking()) {
                return null;
            }
            claimed = ring.next();
        }
        return ring.get(claimed);
    }

    /** Hands the claimed slot to the consumer. */
    public void publish() {
        long sequence = claimed;
        claimed = -1;
        ring.publish(sequence);
    }

    /** The oldest frame; or null, and the consumer will be woken when one comes. */
    public FrameSlot peek() {
        long next = taken.get() + 1;
        return next <= ring.getCursor() || hasFrameAfterAsking(next) ? ring.get(next) : null;
    }

    /** Gives the oldest slot back. */
    public void release() {
        taken.set(taken.get() + 1);
        VarHandle.fullFence();              // room before asking who waits: pairs with claim()
        if (producerWaits && ring.hasAvailableCapacity(wakeRoom)) {
            producerWaits = false;
            producer.wakeUp();
        }
    }

    /** Frames published and not yet released. */
    public int backlog() {
        return (int) (ring.getCursor() - taken.get());
    }

    private boolean hasRoomAfterAsking() {
        producerWaits = true;
        VarHandle.fullFence();              // ask before looking again: pairs with release()
        return ring.hasAvailableCapacity(1);
    }

    private boolean hasFrameAfterAsking(long next) {
        consumerWaits = true;
        VarHandle.fullFence();              // ask before looking again: pairs with a publish
        return next <= ring.getCursor();
    }

    @Override
    public void close() {
        slab.close();
    }

    /** What the Disruptor calls after each publish; nobody blocks on the ring. */
    private final class WakeStrategy implements WaitStrategy {

        @Override
        public long waitFor(long sequence, Sequence cursor, Sequence dependentSequence, SequenceBarrier barrier)
                throws AlertException {
            throw new IllegalStateException("wire: agents do not block on a ring");
        }

        @Override
        public void signalAllWhenBlocking() {
            VarHandle.fullFence();          // frame before asking who waits: pairs with peek()
            if (consumerWaits) {
                consumerWaits = false;
                consumer.wakeUp();
            }
        }
    }
}
