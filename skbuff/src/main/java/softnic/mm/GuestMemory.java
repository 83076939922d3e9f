package softnic.mm;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/**
 * A guest's RAM: regions that it has, and the {@link VhostMemory} that describes them.
 *
 * <p>The device side reaches guest memory only through a {@link VhostMemory}, which checks all of
 * [gpa, gpa + len). The guest's own code uses {@link #hpa}, as its page tables would.
 */
public final class GuestMemory {

    private final PhysMem memory;
    private VhostMemory table = VhostMemory.EMPTY;
    private long[] mappings = new long[0];          // all there have been: a page may outlive its mapping

    public GuestMemory(PhysMem memory) {
        this.memory = memory;
    }

    /** Adds guest RAM of whole pages at {@code atGpa}, beside what there is. Set-up only. */
    public void addRegion(long atGpa, MemorySegment ram) {
        check(atGpa, ram);
        if (table.regions() == VhostMemory.VHOST_MEMORY_MAX_NREGIONS) {
            throw new IllegalArgumentException("mm: at most " + VhostMemory.VHOST_MEMORY_MAX_NREGIONS
                    + " memory regions [vhost_set_memory, drivers/vhost/vhost.c]");
        }
        table = table.with(atGpa, ram.byteSize(), map(ram));
    }

    private long map(MemorySegment ram) {
        long hpa = memory.addPagedRegion(ram, null);
        mappings = Arrays.copyOf(mappings, mappings.length + 1);
        mappings[mappings.length - 1] = hpa;
        return hpa;
    }

    /**
     * The owner maps a region's RAM at another address too ({@code mmap}); the guest sees nothing of it. Deviation: a
     * page of it is another {@code struct page}. Set-up, or the virtual world.
     *
     * @return user address of its first byte
     */
    public long mapAgain(int region) {
        return map(memory.segment(table.userspaceAddr(region)));
    }

    /**
     * From now on a region lies at the address that {@link #mapAgain} gave, and no longer where it was ({@code munmap}).
     *
     * @param stale what is read there from now on, as long as the region
     * @return pages that somebody still holds of what was taken away
     */
    public int move(int region, long userspaceAddr, MemorySegment stale) {
        long old = table.userspaceAddr(region);
        VhostMemory moved = VhostMemory.EMPTY;
        for (int i = 0; i < table.regions(); i++) {
            moved = moved.with(table.guestPhysAddr(i), table.memorySize(i), i == region ? userspaceAddr : table.userspaceAddr(i));
        }
        table = moved;
        memory.replace(old, stale);
        int held = 0;
        for (Page page : memory.pages(old)) {
            held += page.holders() > 0 ? 1 : 0;
        }
        return held;
    }

    private void check(long atGpa, MemorySegment ram) {
        long mask = PhysMem.PAGE_SIZE - 1;
        if ((atGpa & mask) != 0 || (ram.byteSize() & mask) != 0 || ram.byteSize() == 0 || !ram.isNative()
                || (ram.address() & mask) != 0) {
            throw new IllegalArgumentException("mm: region must be whole native pages, got gpa 0x"
                    + Long.toHexString(atGpa) + ", " + ram.byteSize() + " bytes");
        }
        long last = atGpa + ram.byteSize() - 1;
        boolean wraps = Long.compareUnsigned(last, atGpa) < 0;
        boolean overlaps = false;
        for (int i = 0; i < table.regions(); i++) {
            long first = table.guestPhysAddr(i);
            overlaps |= Long.compareUnsigned(atGpa, first + table.memorySize(i) - 1) <= 0
                    && Long.compareUnsigned(first, last) <= 0;
        }
        if (wraps || overlaps) {
            throw new IllegalArgumentException("mm: region at gpa 0x" + Long.toHexString(atGpa) + " of "
                    + ram.byteSize() + " bytes "
                    + (wraps ? "passes the end of the address space" : "overlaps another"));
        }
    }

    /** All of it as a table for a device. */
    public VhostMemory table() {
        return table;
    }

    public int regions() {
        return table.regions();
    }

    /** Host address where region {@code i} begins. */
    public long regionHpa(int i) {
        return table.userspaceAddr(i);
    }

    /** Host address of a guest address that is known to be RAM. Guest and set-up code only. */
    public long hpa(long guestPhysical) {
        long hpa = table.hpa(guestPhysical);
        if (hpa == 0) {
            throw new IllegalArgumentException(
                    "mm: guest address 0x" + Long.toHexString(guestPhysical) + " is not RAM");
        }
        return hpa;
    }

    /**
     * Pins pages of guest memory ({@code get_user_pages_fast}, mm/gup.c).
     *
     * @param baseHpa any address in the first page
     * @param count pages wanted
     * @param frags who holds each page; piece {@code at + i} holds page i
     * @return pages pinned, fewer than wanted where memory ends
     */
    public int getUserPagesFast(long baseHpa, int count, PageHolder[] frags, int at) {
        long pageHpa = baseHpa & -PhysMem.PAGE_SIZE;
        for (int i = 0; i < count; i++) {
            Page page = memory.isMemory(pageHpa, PhysMem.PAGE_SIZE) && !memory.fails(FaultPoint.PIN)
                    ? memory.page(pageHpa) : null;
            if (page == null) {
                return i;
            }
            frags[at + i].hold(page);
            pageHpa += PhysMem.PAGE_SIZE;
        }
        return count;
    }

    /** Sum of all pins of all guest pages: 0 when no zero-copy packet lives. For checks. */
    public long pins() {
        long sum = 0;
        for (long hpa : mappings) {
            for (Page page : memory.pages(hpa)) {
                sum += page.holders();
            }
        }
        return sum;
    }
}
