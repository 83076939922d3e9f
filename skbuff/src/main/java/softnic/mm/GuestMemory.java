package softnic.mm;

import java.lang.foreign.MemorySegment;

/**
 * A guest's RAM: regions that it has, and the {@link VhostMemory} that describes them.
 *
 * <p>The device side reaches guest memory only through a {@link VhostMemory}, which checks all of
 * [gpa, gpa + len). The guest's own code uses {@link #hpa}, as its page tables would.
 */
public final class GuestMemory {

    private final PhysMem memory;
    private VhostMemory table = VhostMemory.EMPTY;

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
        table = table.with(atGpa, ram.byteSize(), memory.addPagedRegion(ram, null));
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
        for (int i = 0; i < table.regions(); i++) {
            for (Page page : memory.pages(table.userspaceAddr(i))) {
                sum += page.holders();
            }
        }
        return sum;
    }
}
