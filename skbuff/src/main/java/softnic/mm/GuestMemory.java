package softnic.mm;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/**
 * What a guest calls its memory: {@code struct vhost_memory} (include/linux/vhost.h), a list of regions
 * {guest-physical address, size, where the host has it}.
 *
 * <p>The device side reaches guest memory only through {@link #translate}, which checks all of
 * [gpa, gpa + len). The guest's own code uses {@link #hpa}, as its page tables would.
 */
public final class GuestMemory {

    /** {@code VHOST_MEMORY_MAX_NREGIONS} (drivers/vhost/vhost.c). */
    public static final int VHOST_MEMORY_MAX_NREGIONS = 64;

    private final PhysMem memory;
    private long[] gpa = new long[0];
    private long[] size = new long[0];
    private long[] hpa = new long[0];

    public GuestMemory(PhysMem memory) {
        this.memory = memory;
    }

    /** Adds guest RAM of whole pages at {@code atGpa}, beside what there is. Set-up only. */
    public void addRegion(long atGpa, MemorySegment ram) {
        check(atGpa, ram);
        if (gpa.length == VHOST_MEMORY_MAX_NREGIONS) {
            throw new IllegalArgumentException("mm: at most " + VHOST_MEMORY_MAX_NREGIONS
                    + " memory regions [vhost_set_memory, drivers/vhost/vhost.c]");
        }
        int n = gpa.length;
        gpa = Arrays.copyOf(gpa, n + 1);
        size = Arrays.copyOf(size, n + 1);
        hpa = Arrays.copyOf(hpa, n + 1);
        gpa[n] = atGpa;
        size[n] = ram.byteSize();
        hpa[n] = memory.addPagedRegion(ram, null);
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
        for (int i = 0; i < gpa.length; i++) {
            overlaps |= Long.compareUnsigned(atGpa, gpa[i] + size[i] - 1) <= 0
                    && Long.compareUnsigned(gpa[i], last) <= 0;
        }
        if (wraps || overlaps) {
            throw new IllegalArgumentException("mm: region at gpa 0x" + Long.toHexString(atGpa) + " of "
                    + ram.byteSize() + " bytes "
                    + (wraps ? "passes the end of the address space" : "overlaps another"));
        }
    }

    public int regions() {
        return gpa.length;
    }

    /** Host address where region {@code i} begins. */
    public long regionHpa(int i) {
        return hpa[i];
    }

    /** Host address of a guest address that is known to be RAM. Guest and set-up code only. */
    public long hpa(long guestPhysical) {
        int region = find(guestPhysical);
        if (region < 0) {
            throw new IllegalArgumentException(
                    "mm: guest address 0x" + Long.toHexString(guestPhysical) + " is not RAM");
        }
        return hpa[region] + (guestPhysical - gpa[region]);
    }

    /**
     * Guest range to host pieces, each inside one region ({@code translate_desc}, drivers/vhost/vhost.c).
     *
     * @param lenBytes unsigned 32-bit length, 0..2^32-1
     * @param maxPieces how many pieces {@code iov} may hold in all
     * @return pieces appended, or -EFAULT (no such memory), -ENOBUFS (too many pieces)
     */
    public int translate(long guestPhysical, long lenBytes, IoVec iov, int maxPieces) {
        if (lenBytes > 0 && Long.compareUnsigned(guestPhysical + lenBytes - 1, guestPhysical) < 0) {
            return -Errno.EFAULT;           // would pass 2^64 and go on at 0
        }
        long done = 0;
        int pieces = 0;
        while (done < lenBytes) {
            if (iov.count() >= maxPieces) {
                return -Errno.ENOBUFS;
            }
            long at = guestPhysical + done;
            int region = find(at);
            if (region < 0) {
                return -Errno.EFAULT;
            }
            long into = at - gpa[region];
            int piece = (int) Math.min(Math.min(lenBytes - done, size[region] - into), Integer.MAX_VALUE);
            iov.add(hpa[region] + into, piece);
            done += piece;
            pieces++;
        }
        return pieces;
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
        for (long region : hpa) {
            for (Page page : memory.pages(region)) {
                sum += page.holders();
            }
        }
        return sum;
    }

    private int find(long at) {
        for (int i = 0; i < gpa.length; i++) {
            long into = at - gpa[i];        // unsigned: below the region, it is huge, hence negative or beyond the size
            if (into >= 0 && into < size[i]) {
                return i;
            }
        }
        return -1;
    }
}
