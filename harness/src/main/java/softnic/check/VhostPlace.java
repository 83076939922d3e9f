package softnic.check;

import java.lang.foreign.Arena;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.SplittableRandom;
import softnic.mm.GuestMemory;
import softnic.mm.PhysMem;
import softnic.mm.VhostMemory;
import softnic.vhost.VhostDev;
import softnic.virtio.Vring;

/**
 * Guest memory of a {@link VhostScenario}, and where things lie in it.
 *
 * <pre>
 *   gpa  1M                                1M + 256K   2M        2M + 96K    3M                    1G
 *        | buffers: three regions, no gap | nothing  | scratch | nothing   | tables | nothing .. | rings, bitmap |
 *                   device's table has these                                                     not this
 * </pre>
 *
 * <p>The rings lie where no descriptor can name them, so that what a device writes is never an index.
 */
final class VhostPlace {

    static final long BUFFERS = 1L << 20;
    static final int BUFFERS_SIZE = 256 << 10;
    static final long SCRATCH = 2L << 20;
    static final int SCRATCH_SIZE = 96 << 10;
    /** Indirect tables of drivers; a page lies around them, for whoever aims at the edge of a region. */
    static final long TABLES = (3L << 20) + PhysMem.PAGE_SIZE;
    static final int TABLES_SIZE = 32 << 10;
    private static final long RINGS = 1L << 30;
    private static final int RING_PART = 64 << 10;              // of one ring: up to 2048 descriptors
    private static final int AVAIL = 32 << 10;
    private static final int USED = 40 << 10;
    private static final int BITMAP = 2 * RING_PART;
    private static final int BITMAP_SIZE = PhysMem.PAGE_SIZE;
    /** Where the used rings are said to lie, for the log: nothing else is logged there. */
    private static final long LOGGED_USED = 4L << 20;

    final PhysMem memory;
    final GuestMemory guest;
    final List<VhostDev.Region> regions = new ArrayList<>();
    final VhostMemory table;
    /** Where a region begins behind another. */
    final long[] borders = new long[2];

    /** @param random where the borders are, and the order of the table */
    VhostPlace(PhysMem memory, Arena arena, SplittableRandom random) {
        this.memory = memory;
        guest = new GuestMemory(memory);
        int pages = BUFFERS_SIZE >> PhysMem.PAGE_SHIFT;
        int first = 1 + random.nextInt(pages - 3);
        int second = random.nextBoolean() ? 1 : 1 + random.nextInt(pages - first - 1);
        borders[0] = BUFFERS + ((long) first << PhysMem.PAGE_SHIFT);
        borders[1] = borders[0] + ((long) second << PhysMem.PAGE_SHIFT);
        add(arena, BUFFERS, borders[0] - BUFFERS);
        add(arena, borders[0], borders[1] - borders[0]);
        add(arena, borders[1], BUFFERS + BUFFERS_SIZE - borders[1]);
        add(arena, SCRATCH, SCRATCH_SIZE);
        add(arena, TABLES - PhysMem.PAGE_SIZE, TABLES_SIZE + 2L * PhysMem.PAGE_SIZE);
        guest.addRegion(RINGS, arena.allocate(BITMAP + BITMAP_SIZE, PhysMem.PAGE_SIZE));
        VhostMemory described = VhostMemory.EMPTY;
        for (int i = 0; i < regions.size(); i++) {
            regions.add(i, regions.remove(random.nextInt(i, regions.size())));
            VhostDev.Region r = regions.get(i);
            described = described.with(r.guestPhysAddr(), r.memorySize(), r.userspaceAddr());
        }
        table = described;
    }

    private void add(Arena arena, long gpa, long bytes) {
        guest.addRegion(gpa, arena.allocate(bytes, PhysMem.PAGE_SIZE));
        regions.add(new VhostDev.Region(gpa, bytes, guest.hpa(gpa), 0));
    }

    long descGpa(int index) {
        return RINGS + (long) index * RING_PART;
    }

    long availGpa(int index) {
        return descGpa(index) + AVAIL;
    }

    long usedGpa(int index) {
        return descGpa(index) + USED;
    }

    Vring ring(int index, int num) {
        return new Vring(memory, num, guest.hpa(descGpa(index)), guest.hpa(availGpa(index)), guest.hpa(usedGpa(index)));
    }

    /** User address of the dirty bitmap, which has bits for all that can be logged. */
    long bitmap() {
        return guest.hpa(RINGS + BITMAP);
    }

    /** Under which guest address the used ring of a virtqueue is logged. */
    static long loggedUsed(int index) {
        return LOGGED_USED + ((long) index << 20);
    }

    /** The pages that the bitmap says were written. */
    BitSet dirty() {
        return BitSet.valueOf(memory.segment(bitmap()).asSlice(PhysMem.offset(bitmap()), BITMAP_SIZE).asByteBuffer()
                .order(ByteOrder.LITTLE_ENDIAN));
    }
}
