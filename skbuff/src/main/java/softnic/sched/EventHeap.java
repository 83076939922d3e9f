package softnic.sched;

import java.util.Arrays;

/**
 * The events of the virtual world, earliest first, equal times in order of insertion.
 *
 * <p>A binary heap of two parallel {@code long[]}: time in picoseconds, and (sequence number, payload).
 * Allocates only when it grows.
 */
final class EventHeap {

    private static final int PAYLOAD_BITS = 16;
    private static final int PAYLOAD_MASK = (1 << PAYLOAD_BITS) - 1;

    private long[] timePs = new long[256];
    private long[] order = new long[256];
    private int size;
    private long sequence;

    boolean isEmpty() {
        return size == 0;
    }

    /** Time of the earliest event; the heap must not be empty. */
    long firstTimePs() {
        return timePs[0];
    }

    int firstPayload() {
        return (int) order[0] & PAYLOAD_MASK;
    }

    int size() {
        return size;
    }

    /** Payload of the event in place {@code i} of [0, size), which are in no order. */
    int payload(int i) {
        return (int) order[i] & PAYLOAD_MASK;
    }

    long timePs(int i) {
        return timePs[i];
    }

    void push(long atPs, int payload) {
        assert payload >= 0 && payload <= PAYLOAD_MASK : "payload " + payload;
        if (size == timePs.length) {
            timePs = Arrays.copyOf(timePs, size * 2);
            order = Arrays.copyOf(order, size * 2);
        }
        siftUp(size++, atPs, sequence++ << PAYLOAD_BITS | payload);
    }

    void pop() {
        size--;
        if (size > 0) {
            siftDown(timePs[size], order[size]);
        }
    }

    /** As {@link #pop} and then {@link #push} of the same payload at a later time, at the price of one of them. */
    void postponeFirst(long atPs) {
        siftDown(atPs, sequence++ << PAYLOAD_BITS | order[0] & PAYLOAD_MASK);
    }

    private void siftUp(int start, long at, long ord) {
        int child = start;
        while (child > 0) {
            int parent = child - 1 >>> 1;
            if (timePs[parent] < at || timePs[parent] == at && order[parent] < ord) {
                break;
            }
            timePs[child] = timePs[parent];
            order[child] = order[parent];
            child = parent;
        }
        timePs[child] = at;
        order[child] = ord;
    }

    private void siftDown(long at, long ord) {
        int parent = 0;
        int half = size >>> 1;
        while (parent < half) {
            int child = 2 * parent + 1;
            int right = child + 1;
            if (right < size && (timePs[right] < timePs[child]
                    || timePs[right] == timePs[child] && order[right] < order[child])) {
                child = right;
            }
            if (at < timePs[child] || at == timePs[child] && ord < order[child]) {
                break;
            }
            timePs[parent] = timePs[child];
            order[parent] = order[child];
            parent = child;
        }
        timePs[parent] = at;
        order[parent] = ord;
    }
}
