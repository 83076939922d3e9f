package softnic.net;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import softnic.skb.SkBuff;

/**
 * Packets that wait for a reader: {@code struct sk_buff_head} (include/linux/skbuff.h), bounded.
 *
 * <p>One agent queues, one takes; the indices are published with release and read with acquire.
 */
public final class SkbQueue {

    private static final VarHandle HEAD;
    private static final VarHandle TAIL;

    static {
        try {
            HEAD = MethodHandles.lookup().findVarHandle(SkbQueue.class, "head", long.class);
            TAIL = MethodHandles.lookup().findVarHandle(SkbQueue.class, "tail", long.class);
        } catch (ReflectiveOperationException e) {
            throw new ExceptionInInitializerError(e);
        }
    }

    private final SkBuff[] slots;
    private final int limit;
    private volatile long head;         // free-running, written by the taker
    private volatile long tail;         // free-running, written by the queuer

    public SkbQueue(int limit) {
        this.limit = limit;
        this.slots = new SkBuff[Integer.highestOneBit(Math.max(1, limit - 1)) * 2];
    }

    /** Appends a packet ({@code skb_queue_tail}); false when the queue is full, the packet is the caller's. */
    public boolean add(SkBuff skb) {
        long at = (long) TAIL.getOpaque(this);
        if (at - (long) HEAD.getAcquire(this) >= limit) {
            return false;
        }
        slots[(int) at & slots.length - 1] = skb;
        TAIL.setRelease(this, at + 1);
        return true;
    }

    /** The oldest packet, or null ({@code skb_peek}). */
    public SkBuff peek() {
        long at = (long) HEAD.getOpaque(this);
        return at == (long) TAIL.getAcquire(this) ? null : slots[(int) at & slots.length - 1];
    }

    /** Takes the oldest packet, or null ({@code skb_dequeue}). */
    public SkBuff poll() {
        SkBuff skb = peek();
        if (skb != null) {
            long at = (long) HEAD.getOpaque(this);
            slots[(int) at & slots.length - 1] = null;
            HEAD.setRelease(this, at + 1);
        }
        return skb;
    }

    public int size() {
        return (int) ((long) TAIL.getAcquire(this) - (long) HEAD.getAcquire(this));
    }
}
