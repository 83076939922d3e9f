package softnic.check;

import java.util.random.RandomGenerator;
import softnic.mm.GuestMemory;
import softnic.mm.PhysMem;
import softnic.virtio.VirtioNetHdr;
import softnic.virtio.Vring;

/**
 * A guest that fills a ring by chance, with the structure in mind: most of it is what a driver would write, and then some
 * of it is wrong in a way that somebody once got wrong.
 *
 * <pre>
 *   fill    descriptor table, indirect tables, headers
 *   post    entries of the available ring, and its index
 *   change  one field, whenever: also between two looks of the host
 * </pre>
 *
 * <p>All from one generator: the same seed makes the same guest. It writes only inside its {@link Place}. Set-up and
 * guest code; the kernel has no counterpart.
 */
public final class HostileRing {

    /**
     * Where the guest may write, in guest addresses.
     *
     * @param num descriptors, a power of two
     * @param descGpa descriptor table
     * @param availGpa available ring
     * @param scratchGpa whole pages for indirect tables, headers and data
     * @param scratchBytes how many bytes
     */
    public record Place(int num, long descGpa, long availGpa, long scratchGpa, int scratchBytes) {

        public Place {
            if (Integer.bitCount(num) != 1 || scratchBytes < 1 << 15) {
                throw new IllegalArgumentException("hostile ring: needs a power of two and 32 KiB of scratch, got " + num
                        + " descriptors and " + scratchBytes + " bytes");
            }
        }
    }

    /** What is wrong with a chain. */
    public enum Mistake {
        NONE, LOOP, NEXT_OUT_OF_RANGE, OUT_AFTER_IN, OUTSIDE_MEMORY, ACROSS_THE_END, AROUND_ZERO, HUGE_LENGTH, EMPTY,
        HAS_IN, UNKNOWN_FLAGS, TABLE_LENGTH, TABLE_NESTED, TABLE_WITHOUT_END, TABLE_OUTSIDE, TABLE_ENORMOUS,
        TABLE_AND_NEXT, MANY_PIECES, MANY_EMPTY, BAD_HEADER, NOISE
    }

    private static final Mistake[] MISTAKES = Mistake.values();
    private static final int FEW = 32;                      // descriptors of an ordinary indirect table
    private static final int MANY = 1100;                   // more than UIO_MAXIOV

    private final PhysMem memory;
    private final GuestMemory guest;
    private final RandomGenerator random;
    private final Place place;
    private final boolean writable;
    private final int mistakeOneIn;
    private final Mistake favourite;
    private final Vring ring;
    private final VirtioNetHdr hdr = new VirtioNetHdr();
    private final int[] free;
    private final int[] heads;
    private int freeCount;
    private int headCount;
    private int availIdx;
    private Mistake last = Mistake.NONE;

    /** Of all kinds of chains, one in two with a mistake. */
    public HostileRing(PhysMem memory, GuestMemory guest, RandomGenerator random, Place place) {
        this(memory, guest, random, place, false, 2, Mistake.NONE);
    }

    /**
     * @param writable for a device that writes: all pieces are, but for mistakes
     * @param mistakeOneIn so many chains have one mistake
     * @param favourite that is the mistake of every third of them; NONE: all are alike
     */
    HostileRing(PhysMem memory, GuestMemory guest, RandomGenerator random, Place place, boolean writable, int mistakeOneIn,
            Mistake favourite) {
        this.memory = memory;
        this.guest = guest;
        this.random = random;
        this.place = place;
        this.writable = writable;
        this.mistakeOneIn = mistakeOneIn;
        this.favourite = favourite;
        long unused = hpa(place.descGpa());         // the used ring is the host's
        ring = new Vring(memory, place.num(), hpa(place.descGpa()), hpa(place.availGpa()), unused);
        free = new int[place.num()];
        heads = new int[place.num()];
    }

    /** Writes the whole table anew: chains until no descriptor is left. */
    public void fill() {
        for (int i = 0; i < free.length; i++) {
            int j = random.nextInt(i + 1);
            free[i] = free[j];
            free[j] = i;
        }
        freeCount = free.length;
        headCount = 0;
        while (freeCount > 0) {
            heads[headCount++] = chain(random.nextInt(mistakeOneIn) > 0 ? Mistake.NONE : mistake());
        }
    }

    private Mistake mistake() {
        return favourite != Mistake.NONE && random.nextInt(3) == 0 ? favourite : MISTAKES[random.nextInt(MISTAKES.length)];
    }

    /** Continues where the available index stands, say after the host was told a base. */
    public void startAt(int availIdx) {
        this.availIdx = availIdx & Vring.IDX_MASK;
    }

    /** The mistake of the chain made last. */
    public Mistake last() {
        return last;
    }

    /**
     * Posts up to {@code max} heads: mostly good ones, some twice, some that no table has; rarely the index jumps or goes
     * back.
     */
    public void post(int max) {
        for (int i = random.nextInt(max + 1); i > 0; i--) {
            int head = switch (random.nextInt(24)) {
                case 0 -> place.num() + random.nextInt(3);
                case 1 -> random.nextInt(Vring.IDX_MASK + 1);
                case 2 -> random.nextInt(place.num());      // somewhere in a chain
                default -> heads[random.nextInt(headCount)];
            };
            ring.availRing(availIdx, head);
            availIdx = availIdx + 1 & Vring.IDX_MASK;
        }
        publish(availIdx);
        if (random.nextInt(16) == 0) {
            publish(switch (random.nextInt(4)) {
                case 0 -> availIdx + place.num() + 1;
                case 1 -> availIdx - 1;
                case 2 -> availIdx + place.num();
                default -> random.nextInt(Vring.IDX_MASK + 1);
            });
        }
    }

    /** The index is again what was posted. */
    public void repair() {
        publish(availIdx);
    }

    /** The entry at {@code idx} names a chain of the table, now and then a new one with the favourite mistake. */
    void unblock(int idx) {
        int head = heads[random.nextInt(headCount)];
        if (favourite != Mistake.NONE && random.nextInt(3) == 0) {
            spoil(favourite, head, head, writable ? Vring.VRING_DESC_F_WRITE : 0, random.nextInt(place.num()));
        }
        ring.availRing(idx, head);
    }

    /** Changes one field of the table, the ring or scratch, as a guest may at any moment. */
    public void change() {
        switch (random.nextInt(5)) {
            case 0 -> descriptor(random.nextInt(place.num()), address(), length(), random.nextInt(8),
                    random.nextInt(place.num() + 1));
            case 1 -> ring.availRing(random.nextInt(), random.nextInt(place.num() + 1));
            case 2 -> ring.availFlags(random.nextInt(4));
            case 3 -> ring.usedEvent(random.nextInt());
            default -> memory.le32(hpa(scratch(Integer.BYTES)), random.nextInt());
        }
    }

    // ---- chains

    private int chain(Mistake mistake) {
        last = mistake;
        int n = 1 + (random.nextInt(8) == 0 ? random.nextInt(freeCount) : random.nextInt(Math.min(4, freeCount)));
        int head = free[freeCount - 1];
        boolean in = writable;
        for (int i = 0; i < n; i++) {
            int at = free[--freeCount];
            boolean more = i < n - 1;
            in |= random.nextInt(4 * mistakeOneIn) == 0;
            int flags = (more ? Vring.VRING_DESC_F_NEXT : 0) | (in ? Vring.VRING_DESC_F_WRITE : 0);
            int next = more ? free[freeCount - 1] : random.nextInt(place.num());
            if (random.nextInt(4) == 0) {
                table(at, next, flags, Mistake.NONE);
            } else {
                descriptor(at, scratch(4096), i == 0 ? header() : random.nextInt(4096), flags, next);
            }
            if (i == n - 1 || random.nextInt(n) == 0) {
                spoil(mistake, at, head, flags, next);
            }
        }
        return head;
    }

    /** Makes one descriptor of a chain wrong. */
    private void spoil(Mistake mistake, int at, int head, int flags, int next) {
        int chained = flags | Vring.VRING_DESC_F_NEXT;
        switch (mistake) {
            case NONE -> { }
            case LOOP -> descriptor(at, scratch(64), 64, chained, random.nextBoolean() ? head : at);
            case NEXT_OUT_OF_RANGE -> descriptor(at, scratch(64), 64, chained, place.num() + random.nextInt(1000));
            case OUT_AFTER_IN -> {
                descriptor(head, scratch(64), 64, Vring.VRING_DESC_F_WRITE | Vring.VRING_DESC_F_NEXT, at);
                descriptor(at, scratch(64), 64, 0, next);
            }
            case OUTSIDE_MEMORY -> descriptor(at, random.nextLong(), length(), flags, next);
            case ACROSS_THE_END -> descriptor(at, edge() - random.nextInt(100), random.nextInt(200), flags, next);
            case AROUND_ZERO -> descriptor(at, -1L - random.nextInt(100), random.nextInt(300), flags, next);
            case HUGE_LENGTH -> descriptor(at, scratch(64), random.nextInt() | 1 << 31, flags, next);
            case EMPTY -> descriptor(at, address(), 0, flags, next);
            case HAS_IN -> descriptor(at, scratch(64), 64, flags | Vring.VRING_DESC_F_WRITE, next);
            case UNKNOWN_FLAGS -> descriptor(at, scratch(64), 64, random.nextInt(1 << 16) << 3 | flags, next);
            case BAD_HEADER -> memory.le64(hpa(scratch(Long.BYTES)), random.nextLong());
            case NOISE -> descriptor(at, random.nextLong(), random.nextInt(), random.nextInt(1 << 16), random.nextInt(1 << 16));
            default -> table(at, next, flags, mistake);
        }
    }

    /** An indirect table, and the descriptor that names it. */
    private void table(int at, int next, int flags, Mistake mistake) {
        boolean many = mistake == Mistake.MANY_PIECES || mistake == Mistake.MANY_EMPTY;
        int n = many ? MANY : 1 + random.nextInt(FEW);
        long gpa = scratch(n * Vring.DESC_SIZE);
        int nested = mistake == Mistake.TABLE_NESTED ? random.nextInt(n) : -1;
        for (int i = 0; i < n; i++) {
            boolean more = i < n - 1 || mistake == Mistake.TABLE_WITHOUT_END;
            int len = mistake == Mistake.MANY_EMPTY ? 0 : many ? 1 : random.nextInt(2000);
            int f = (more ? Vring.VRING_DESC_F_NEXT : 0) | (i == nested ? Vring.VRING_DESC_F_INDIRECT : 0)
                    | flags & Vring.VRING_DESC_F_WRITE;
            raw(hpa(gpa + (long) i * Vring.DESC_SIZE), scratch(4096), len, f, random.nextInt());
        }
        int bytes = n * Vring.DESC_SIZE;
        int len = switch (mistake) {
            case TABLE_LENGTH -> random.nextBoolean() ? 0 : bytes + 1 + random.nextInt(15);
            case TABLE_ENORMOUS -> random.nextBoolean() ? 65537 * Vring.DESC_SIZE : -Vring.DESC_SIZE;
            default -> bytes;
        };
        long where = switch (mistake) {
            case TABLE_OUTSIDE -> edge() - random.nextInt(bytes + 1);
            case TABLE_ENORMOUS -> largestRegion();
            default -> gpa;
        };
        int more = mistake == Mistake.TABLE_AND_NEXT ? Vring.VRING_DESC_F_NEXT : flags & Vring.VRING_DESC_F_NEXT;
        descriptor(at, where, len, Vring.VRING_DESC_F_INDIRECT | more, next);
    }

    /** A virtio_net_hdr at the beginning of scratch, plausible in each field alone. @return its length or a bit less */
    private int header() {
        hdr.wrap(memory, hpa(place.scratchGpa()));
        int[] gso = {0, 1, 3, 4, 5, 0x80, 0x81, 0xFF};
        hdr.set(random.nextInt(4), gso[random.nextInt(gso.length)], size(), size(), size(), size());
        hdr.numBuffers(random.nextInt(3));
        return random.nextInt(8) == 0 ? random.nextInt(14) : random.nextInt(12, 2000);
    }

    private int size() {
        int[] sizes = {0, 1, 14, 34, 54, 66, 1448, 4096, 65535};
        return sizes[random.nextInt(sizes.length)];
    }

    // ---- values

    /** Where a piece of {@code len} bytes of scratch begins. */
    private long scratch(int len) {
        return place.scratchGpa() + random.nextInt(place.scratchBytes() - len + 1);
    }

    /** Where a region begins, or where it ends. */
    private long edge() {
        int region = random.nextInt(guest.regions());
        return guest.table().guestPhysAddr(region) + (random.nextBoolean() ? guest.table().memorySize(region) : 0);
    }

    private long largestRegion() {
        int largest = 0;
        for (int i = 1; i < guest.regions(); i++) {
            largest = guest.table().memorySize(i) > guest.table().memorySize(largest) ? i : largest;
        }
        return guest.table().guestPhysAddr(largest);
    }

    private long address() {
        return switch (random.nextInt(4)) {
            case 0 -> random.nextLong();
            case 1 -> edge() + random.nextInt(-100, 100);
            default -> scratch(64);
        };
    }

    private int length() {
        return switch (random.nextInt(4)) {
            case 0 -> random.nextInt();
            case 1 -> Vring.DESC_SIZE * random.nextInt(70);
            default -> random.nextInt(5000);
        };
    }

    // ---- bytes

    private long hpa(long gpa) {
        return guest.hpa(gpa);
    }

    private void descriptor(int i, long addr, int len, int flags, int next) {
        ring.desc(i, addr, len, flags, next);
    }

    private void raw(long hpa, long addr, int len, int flags, int next) {
        memory.le64(hpa, addr);
        memory.le32(hpa + Vring.DESC_LEN, len);
        memory.le16(hpa + Vring.DESC_FLAGS, flags);
        memory.le16(hpa + Vring.DESC_NEXT, next);
    }

    private void publish(int idx) {
        ring.availIdxRelease(idx);
    }
}
