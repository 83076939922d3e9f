package softnic.vhost;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import softnic.mm.GuestMemory;
import softnic.mm.PhysMem;
import softnic.virtio.Vring;

/**
 * A guest's memory and its side of one ring, for tests. Not a driver: it writes what it is told, true or false.
 *
 * <pre>
 *   gpa 0          16K     20K    32K                       1M      (1M, 2M) nothing      2M            2M + 64K
 *       | desc     | avail | used | data ................... |                             | second region |
 * </pre>
 */
final class Ram implements AutoCloseable {

    static final long AVAIL = 16 << 10;
    static final long USED = 20 << 10;
    static final long DATA = 32 << 10;
    static final long SIZE = 1 << 20;
    static final long SECOND = 2 << 20;
    static final long SECOND_SIZE = 64 << 10;

    final PhysMem memory = new PhysMem();
    final GuestMemory guest = new GuestMemory(memory);
    final Vring ring;
    private final Arena arena = Arena.ofConfined();
    final MemorySegment bytes = arena.allocate(SIZE, 4096);
    int availIdx;

    Ram(int num) {
        guest.addRegion(0, bytes);
        guest.addRegion(SECOND, arena.allocate(SECOND_SIZE, 4096));
        long hpa = guest.regionHpa(0);
        ring = new Vring(memory, num, hpa, hpa + AVAIL, hpa + USED);
    }

    /** Puts a head into the available ring and publishes it. */
    void post(int head) {
        ring.availRing(availIdx, head);
        availIdx = availIdx + 1 & 0xFFFF;
        ring.availIdxRelease(availIdx);
    }

    /** The guest's driver begins anew: both rings empty. */
    void reset() {
        availIdx = 0;
        ring.availIdxRelease(0);
        ring.usedIdxRelease(0);
        ring.usedFlags(0);
    }

    /** One descriptor of {@code len} bytes at {@link #DATA}, posted. */
    void post(int head, int len, int flags) {
        ring.desc(head, DATA, len, flags, 0);
        post(head);
    }

    /** Writes a descriptor anywhere in memory: an indirect table's. */
    void desc(long gpa, long addr, int len, int flags, int next) {
        long hpa = guest.hpa(gpa);
        memory.le64(hpa, addr);
        memory.le32(hpa + 8, len);
        memory.le16(hpa + 12, flags);
        memory.le16(hpa + 14, next);
    }

    @Override
    public void close() {
        arena.close();
    }
}
