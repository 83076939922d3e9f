package softnic.guest;

import softnic.mm.PhysMem;

/** Free pages for the send buffers of all streams: the guest's page allocator, the one freed last first. */
final class GuestPages {

    private final int[] free;           // page frame numbers, a stack
    private int count;

    GuestPages(GuestRam ram) {
        free = new int[(int) (ram.sendBufferBytes() >>> PhysMem.PAGE_SHIFT)];
        int first = (int) (ram.sendBufferGpa() >>> PhysMem.PAGE_SHIFT);
        while (count < free.length) {
            free[count] = first + free.length - 1 - count;
            count++;
        }
    }

    /** Pages there are, free or not. */
    int total() {
        return free.length;
    }

    int count() {
        return count;
    }

    /** The caller has seen that there is one. */
    int take() {
        return free[--count];
    }

    void put(int frame) {
        free[count++] = frame;
    }
}
