package softnic.guest;

/**
 * The queue in front of the driver: {@code pfifo_fast} of one band (net/sched/sch_generic.c). Packets that
 * meet a stopped queue wait here.
 */
final class GuestQdisc {

    /** {@code tx_queue_len} of an Ethernet device. */
    static final int LIMIT = 1000;

    private static final int SLOTS = 1024;

    private final GuestSkb[] queue = new GuestSkb[SLOTS];
    private int head;                   // free-running
    private int tail;

    boolean isFull() {
        return tail - head >= LIMIT;
    }

    boolean isEmpty() {
        return head == tail;
    }

    int length() {
        return tail - head;
    }

    /** The caller has seen that it is not full. */
    void enqueue(GuestSkb skb) {
        assert !isFull() : "qdisc of " + length();
        queue[tail++ & SLOTS - 1] = skb;
    }

    /** The oldest packet, or null. */
    GuestSkb dequeue() {
        if (isEmpty()) {
            return null;
        }
        int slot = head++ & SLOTS - 1;
        GuestSkb skb = queue[slot];
        queue[slot] = null;
        return skb;
    }
}
