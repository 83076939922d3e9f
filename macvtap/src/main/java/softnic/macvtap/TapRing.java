package softnic.macvtap;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import softnic.skb.SkBuff;

/**
 * Packets that wait for a tap's reader: {@code sk_receive_queue}, {@code struct ptr_ring} since 4.x.
 *
 * <p>Several agents queue, the softirq and the workers of bridged siblings; one takes. A slot is filled after its
 * number was taken by CAS, so the taker may find a number whose slot is still empty: then the packet comes later, and
 * so does its wake-up.
 */
final class TapRing {

    private static final VarHandle TAIL;
    private static final VarHandle SLOTS = MethodHandles.arrayElementVarHandle(SkBuff[].class);

    static {
        try {
            TAIL = MethodHandles.lookup().findVarHandle(TapRing.class, "tail", long.class);
        } catch (ReflectiveOperationException e) {
            throw new ExceptionInInitializerError(e);
        }
    }

    private final int limit;
    private final SkBuff[] slots;
    private volatile long head;         // free-running, written by the taker
    private volatile long tail;         // free-running, by CAS

    TapRing(int limit) {
        this.limit = limit;
        this.slots = new SkBuff[Integer.highestOneBit(Math.max(1, limit - 1)) * 2];
    }

    /** Appends a packet; false when {@code limit} wait, the packet is the caller's. */
    boolean add(SkBuff skb) {
        long at;
        do {
            at = tail;
            if (at - head >= limit) {
                return false;
            }
        } while (!TAIL.compareAndSet(this, at, at + 1));
        SLOTS.setRelease(slots, (int) at & slots.length - 1, skb);
        return true;
    }

    /** The oldest packet, or null. Reader only. */
    SkBuff peek() {
        return (SkBuff) SLOTS.getAcquire(slots, (int) head & slots.length - 1);
    }

    /** Takes the oldest packet, or null. Reader only. */
    SkBuff poll() {
        SkBuff skb = peek();
        if (skb != null) {
            SLOTS.setOpaque(slots, (int) head & slots.length - 1, null);
            head = head + 1;            // volatile: the slot is empty before its number may be used again
        }
        return skb;
    }

    int size() {
        return (int) (tail - head);
    }
}
