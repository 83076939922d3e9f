package softnic.mm;

import java.util.Arrays;

/**
 * A table of regions {guest-physical address, size, user address}: {@code struct vhost_memory} (include/linux/vhost.h)
 * with {@code find_region} and {@code translate_desc} (drivers/vhost/vhost.c).
 *
 * <p>Never changed, only replaced, so whoever holds one may read it without a lock: what RCU gives the kernel. A user
 * address is a host address (hpa): the owner's address space is not modelled apart from the host's memory.
 */
public final class VhostMemory {

    /** {@code VHOST_MEMORY_MAX_NREGIONS} (drivers/vhost/vhost.c). */
    public static final int VHOST_MEMORY_MAX_NREGIONS = 64;

    /** No memory at all: what a device has before {@code VHOST_SET_MEM_TABLE}. */
    public static final VhostMemory EMPTY = new VhostMemory(new long[0], new long[0], new long[0]);

    private final long[] gpa;
    private final long[] size;
    private final long[] hpa;

    private VhostMemory(long[] gpa, long[] size, long[] hpa) {
        this.gpa = gpa;
        this.size = size;
        this.hpa = hpa;
    }

    /** This table and one region more, behind the others: where two overlap, the first is found. */
    public VhostMemory with(long guestPhysAddr, long memorySize, long userspaceAddr) {
        int n = gpa.length;
        long[] newGpa = Arrays.copyOf(gpa, n + 1);
        long[] newSize = Arrays.copyOf(size, n + 1);
        long[] newHpa = Arrays.copyOf(hpa, n + 1);
        newGpa[n] = guestPhysAddr;
        newSize[n] = memorySize;
        newHpa[n] = userspaceAddr;
        return new VhostMemory(newGpa, newSize, newHpa);
    }

    public int regions() {
        return gpa.length;
    }

    /** Guest address where region {@code i} begins. */
    public long guestPhysAddr(int i) {
        return gpa[i];
    }

    /** Bytes of region {@code i}. */
    public long memorySize(int i) {
        return size[i];
    }

    /** Host address where region {@code i} begins. */
    public long userspaceAddr(int i) {
        return hpa[i];
    }

    /** Host address of one guest address, or 0 where no region is. */
    public long hpa(long guestPhysical) {
        int region = find(guestPhysical);
        return region < 0 ? 0 : hpa[region] + (guestPhysical - gpa[region]);
    }

    /**
     * Guest range to host pieces, each inside one region ({@code translate_desc}). Deviations: a range that would pass
     * 2^64 is -EFAULT, and a piece has at most 2^31-1 bytes.
     *
     * @param lenBytes unsigned 32-bit length, 0..2^32-1
     * @param maxPieces how many pieces {@code iov} may hold in all
     * @param wholeLength 3.1's error (CVE-2013-0311): a piece behind the first is given the whole length again, as far as
     *     its region goes
     * @return pieces appended, or -EFAULT (no such memory), -ENOBUFS (too many pieces)
     */
    public int translate(long guestPhysical, long lenBytes, IoVec iov, int maxPieces, boolean wholeLength) {
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
            long room = Math.min(size[region] - into, Integer.MAX_VALUE);
            iov.add(hpa[region] + into, (int) Math.min(wholeLength ? lenBytes : lenBytes - done, room));
            done += room;
            pieces++;
        }
        return pieces;
    }

    /** {@code find_region}: the first that has the address; one of 0 or of more than 2^63-1 bytes has none. */
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
