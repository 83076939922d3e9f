package softnic.vhost;

import java.lang.foreign.MemorySegment;
import softnic.mm.GuestMemory;
import softnic.mm.PhysMem;

/**
 * The address space of a device's owner, QEMU's: {@code dev->mm} with {@code access_ok}. A user address is a host
 * address here; the owner has the guest's RAM and what it {@link #map maps} beside it, and nothing of the kernel's.
 *
 * <p>Deviation: {@code access_ok} in the kernel asks only whether an address is a user's, and what is not mapped faults
 * when it is used; here it is refused at once, so that a ring that was accepted never faults. Set-up only, but for
 * {@link #accessOk}.
 */
public final class OwnerMm {

    private final PhysMem memory;
    private final GuestMemory guest;
    private long[] mapped = new long[0];

    public OwnerMm(PhysMem memory, GuestMemory guest) {
        this.memory = memory;
        this.guest = guest;
    }

    /** Memory of the owner that is no guest RAM, a dirty bitmap say ({@code mmap}). @return its user address */
    public long map(MemorySegment segment) {
        long address = memory.addRegion(segment);
        mapped = java.util.Arrays.copyOf(mapped, mapped.length + 1);
        mapped[mapped.length - 1] = address;
        return address;
    }

    /** True if all of [address, address + len) is memory of the owner, in one piece. */
    public boolean accessOk(long address, long len) {
        return len == 0 || memory.isMemory(address, len) && isOwners(memory.segment(address));
    }

    private boolean isOwners(MemorySegment segment) {
        for (int i = 0; i < guest.regions(); i++) {
            if (memory.segment(guest.regionHpa(i)) == segment) {
                return true;
            }
        }
        for (long address : mapped) {
            if (memory.segment(address) == segment) {
                return true;
            }
        }
        return false;
    }
}
