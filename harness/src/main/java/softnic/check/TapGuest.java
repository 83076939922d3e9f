package softnic.check;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.Random;
import java.util.SplittableRandom;
import softnic.mm.GuestMemory;
import softnic.mm.IoVec;
import softnic.mm.PhysMem;

/**
 * The memory of a hostile guest: slots from which packets are sent, and a buffer to receive into. It cuts what it sends
 * into vectors as no driver would, and overwrites its pages as soon as they are its own again.
 */
final class TapGuest implements AutoCloseable {

    static final int SLOTS = 6;
    /** More than a packet can have: what has too many pages fits too. */
    static final int SLOT_PAGES = 24;
    static final int PAGE = PhysMem.PAGE_SIZE;
    static final int SLOT_BYTES = SLOT_PAGES * PAGE;
    /** What a page holds that was given back. */
    static final byte GONE = (byte) 0xDB;

    private static final int RAM_PAGES = (SLOTS + 1) * SLOT_PAGES;
    private static final int SHAPES = 8;
    private static final int HUGE = 10 << 20;
    private static final int MAX_PIECES = IoVec.UIO_MAXIOV - 2;     // one for the rest, one for what is no memory
    private static final byte[] NOISE = new byte[SLOT_BYTES + PAGE];

    static {
        new Random(42).nextBytes(NOISE);
    }

    /** Where the next piece goes. */
    private enum Place { BEHIND, APART, PAGE_START, ACROSS, ANYWHERE }

    final IoVec iov = new IoVec();
    private final PhysMem memory;
    private final GuestMemory guest;
    private final Arena arena = Arena.ofConfined();
    private final MemorySegment ram = arena.allocate((long) RAM_PAGES * PAGE, PAGE);
    private final long base;
    private final boolean[] busy = new boolean[SLOTS];
    private int slot;
    private int at;                 // in the slot: behind the last piece
    private final int[] first = new int[SLOTS];     // bytes of each slot that its pieces lie in
    private final int[] end = new int[SLOTS];

    TapGuest(PhysMem memory) {
        this.memory = memory;
        this.guest = new GuestMemory(memory);
        guest.addRegion(0, ram);
        this.base = guest.regionHpa(0);
    }

    GuestMemory memory() {
        return guest;
    }

    /** A slot whose pages nobody else has, or -1. */
    int freeSlot() {
        for (int i = 0; i < SLOTS; i++) {
            if (!busy[i]) {
                return i;
            }
        }
        return -1;
    }

    void lend(int number) {
        busy[number] = true;
    }

    /** The pages of a slot are the guest's again, which uses them at once. */
    void takeBack(int number) {
        busy[number] = false;
        ram.asSlice((long) number * SLOT_BYTES + first[number], end[number] - first[number]).fill(GONE);
    }

    /** Begins a new vector, in a slot. */
    void begin(SplittableRandom random, int number) {
        slot = number;
        at = random.nextInt(3) == 0 ? 0 : random.nextInt(PAGE);
        first[number] = at;
        end[number] = at;
        iov.clear();
    }

    /** Gives all pieces some content. */
    void fill(SplittableRandom random) {
        MemorySegment.copy(NOISE, random.nextInt(PAGE), ram, ValueLayout.JAVA_BYTE,
                (long) slot * SLOT_BYTES + first[slot], end[slot] - first[slot]);
    }

    /** Cuts {@code hdrSz + frameLen} bytes into pieces, one way or another; {@code plain}: in two. */
    void cut(SplittableRandom random, int hdrSz, int frameLen, boolean plain) {
        int shape = plain ? 0 : random.nextInt(SHAPES);
        int left = hdrSz + frameLen;
        if (shape != 1 && shape != 4 && shape != 7 && hdrSz > 0) {
            left -= piece(random, Place.BEHIND, hdrSz);
        }
        switch (shape) {
            case 2 -> {                                     // as a driver does: headers, then pages
                left -= piece(random, Place.APART, Math.min(left, 14 + random.nextInt(120)));
                while (left > 0 && iov.count() < MAX_PIECES) {
                    left -= piece(random, Place.PAGE_START, Math.min(left, PAGE));
                }
            }
            case 3, 4 -> {
                for (int pieces = random.nextInt(24); pieces > 0 && left > 0; pieces--) {
                    left -= piece(random, Place.values()[random.nextInt(5)], 1 + random.nextInt(left));
                }
            }
            case 5 -> {                                     // a crowd
                int most = 1 + random.nextInt(random.nextBoolean() ? 4 : 400);
                for (int pieces = random.nextInt(MAX_PIECES); pieces > 0 && left > 0; pieces--) {
                    left -= piece(random, Place.BEHIND, Math.min(left, 1 + random.nextInt(most)));
                }
            }
            case 6 -> {                                     // a page for each few bytes, headers in two
                left -= piece(random, Place.APART, Math.min(left, 14));
                left -= piece(random, Place.APART, Math.min(left, random.nextInt(200)));
                for (int pieces = random.nextInt(22); pieces > 0 && left > 0; pieces--) {
                    Place place = random.nextInt(4) == 0 ? Place.ACROSS : Place.PAGE_START;
                    left -= piece(random, place, Math.min(left, 1 + random.nextInt(random.nextInt(8) == 0 ? 3000 : 40)));
                }
            }
            case 7 -> {                                     // nothing, again and again
                while (left > 0 && iov.count() < 30) {
                    piece(random, Place.BEHIND, 0);
                    left -= piece(random, Place.APART, Math.min(left, random.nextInt(2000)));
                }
            }
            default -> {
            }
        }
        if (left > 0) {
            piece(random, Place.BEHIND, left);
        }
    }

    /** One more piece, which no memory is behind, or not all. */
    void addHole(SplittableRandom random) {
        int pages = random.nextInt(6);
        long end = base + ram.byteSize();
        switch (random.nextInt(3)) {
            case 0 -> iov.add(base + (long) slot * SLOT_BYTES, HUGE);
            case 1 -> iov.add(end - (long) pages * PAGE, (pages + 1) * PAGE);
            default -> iov.add(end + PAGE, 1 + random.nextInt(2 * PAGE));
        }
    }

    private int piece(SplittableRandom random, Place place, int len) {
        int start = switch (place) {
            case BEHIND -> at;
            case APART -> at + random.nextInt(100);
            case PAGE_START -> at + PAGE - 1 & -PAGE;
            case ACROSS -> (at + PAGE & -PAGE) + PAGE - 1 - random.nextInt(Math.max(1, Math.min(len, PAGE)));
            case ANYWHERE -> random.nextInt(SLOT_BYTES);
        };
        if (start + len > SLOT_BYTES) {
            start = len >= SLOT_BYTES ? 0 : random.nextInt(SLOT_BYTES - len + 1);
        }
        iov.add(base + (long) slot * SLOT_BYTES + start, len);
        at = start + len;
        first[slot] = Math.min(first[slot], start);
        end[slot] = Math.max(end[slot], at);
        return len;
    }

    /** Writes through the vector. */
    void scatter(byte[] bytes, int count) {
        int done = 0;
        for (int i = 0; i < iov.count() && done < count; i++) {
            int piece = Math.min(iov.len(i), count - done);
            MemorySegment.copy(bytes, done, ram, ValueLayout.JAVA_BYTE, iov.base(i) - base, piece);
            done += piece;
        }
    }

    /** Reads through the vector, up to {@code most} bytes or the first that is no memory. */
    byte[] gather(int most) {
        byte[] bytes = new byte[(int) Math.min(most, iov.length())];
        int done = 0;
        for (int i = 0; i < iov.count() && done < bytes.length; i++) {
            long from = iov.base(i) - base;
            int wanted = Math.min(iov.len(i), bytes.length - done);
            int piece = Math.clamp(ram.byteSize() - from, 0, wanted);
            if (piece > 0) {
                MemorySegment.copy(ram, ValueLayout.JAVA_BYTE, from, bytes, done, piece);
            }
            done += piece;
            if (piece < wanted) {
                return Arrays.copyOf(bytes, done);
            }
        }
        return bytes;
    }

    /** Vectors to receive into: {@code room} bytes, cut at random. */
    void receiveBuffers(SplittableRandom random, int room) {
        long from = base + (long) SLOTS * SLOT_BYTES;
        int left = Math.min(room, SLOT_BYTES);
        iov.clear();
        while (left > 0) {
            int len = iov.count() > 20 || random.nextBoolean() ? left : 1 + random.nextInt(left);
            iov.add(from, len);
            from += len;
            left -= len;
        }
    }

    /** Pages that the vector touches behind its first {@code skip} bytes, counted piece by piece. */
    int pagesBehind(long skip) {
        long left = skip;
        int pages = 0;
        for (int i = 0; i < iov.count(); i++) {
            if (iov.len(i) <= left) {
                left -= iov.len(i);
                continue;
            }
            long first = iov.base(i) + left;
            long last = iov.base(i) + iov.len(i) - 1;
            pages += (int) (last / PAGE - first / PAGE + 1);
            left = 0;
        }
        return pages;
    }

    @Override
    public void close() {
        arena.close();
    }
}
