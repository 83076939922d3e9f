package softnic.check;

import java.lang.foreign.MemorySegment;
import java.lang.invoke.VarHandle;
import java.util.SplittableRandom;
import softnic.mm.PhysMem;
import softnic.sched.EventFd;
import softnic.virtio.Vring;

/**
 * The guest's side of one ring as a driver has it: everything it posts is well-formed, it knows what is out, and it goes
 * by the notification protocol to the letter. Chains of several descriptors, indirect tables and buffers that lie across
 * the borders of regions are well-formed.
 *
 * <p>Guest code; the kernel's is drivers/virtio/virtio_ring.c.
 */
final class DriverRing {

    /** Packets of at least so many bytes are lent out. */
    private static final int GOODCOPY = 256;
    private static final int PIECES = 4;
    private static final int SHORT = 64;                // buffers of one descriptor
    private static final int TABLES = VhostPlace.TABLES_SIZE / (PIECES * Vring.DESC_SIZE);
    private static final byte POISON = (byte) 0xDB;

    private final VhostPlace place;
    private final Vring ring;
    private final int num;
    private final boolean writable;
    private final boolean eventIdx;
    private final EventFd kick;
    private final EventFd call;
    private final SplittableRandom random;
    private final int[] free;
    private final int[] nextOf;
    private final int[] posted;                 // how often each head is out
    private final long[] gpa;                   // of each head's pieces
    private final int[] len;
    private final int[] pieces;
    private int freeCount;
    private int out;                            // entries posted and not taken back
    private int availIdx;
    private int kickedIdx;
    private int usedIdx;

    DriverRing(VhostPlace place, int index, int num, boolean writable, boolean eventIdx, EventFd kick, EventFd call,
            SplittableRandom random, int base) {
        this.place = place;
        this.num = num;
        this.writable = writable;
        this.eventIdx = eventIdx;
        this.kick = kick;
        this.call = call;
        this.random = random;
        ring = place.ring(index, num);
        free = new int[num];
        nextOf = new int[num];
        posted = new int[num];
        gpa = new long[num * PIECES];
        len = new int[num * PIECES];
        pieces = new int[num];
        for (int i = 0; i < num; i++) {
            free[i] = i;
        }
        freeCount = num;
        availIdx = base;
        kickedIdx = base;
        ring.availIdxRelease(base);
        ring.availEvent(base);              // as the device before this one has left it
    }

    int free() {
        return freeCount;
    }

    int availIdx() {
        return availIdx;
    }

    int usedIdx() {
        return usedIdx;
    }

    // ---- posting; nothing is seen before publish()

    /** A packet of {@code bytes}, anywhere in memory, in some pieces. */
    void packet(int bytes) {
        int n = Math.min(1 + random.nextInt(PIECES), bytes);
        boolean indirect = random.nextInt(3) == 0;
        int descs = indirect ? 1 : Math.min(n, freeCount);
        int parts = indirect ? n : descs;
        int head = take(descs);
        indirect &= head < TABLES;
        parts = indirect ? parts : descs;
        int left = bytes;
        for (int i = 0; i < parts; i++) {
            int piece = i == parts - 1 ? left : 1 + random.nextInt(left - (parts - 1 - i));
            gpa[head * PIECES + i] = anywhere(piece);
            len[head * PIECES + i] = piece;
            left -= piece;
        }
        pieces[head] = parts;
        if (indirect) {
            table(head);
        } else {
            chain(head);
        }
        post(head);
    }

    /** A buffer of {@code bytes} for the device to write, in a place of its own, poisoned. */
    void buffer(int bytes) {
        int descs = bytes < SHORT ? 1 : Math.min(1 + random.nextInt(2), freeCount);
        int head = take(descs);
        int slot = slotBytes();
        long at = VhostPlace.BUFFERS + (long) head * slot;
        int size = Math.min(bytes, slot - 1);               // one more is poisoned, to see what passes the end
        int first = descs == 1 ? size : 1 + random.nextInt(Math.max(1, size - 1));
        for (int i = 0; i < descs && size > 0; i++) {
            gpa[head * PIECES + i] = at;
            len[head * PIECES + i] = i == descs - 1 ? size : Math.min(first, size);
            at += len[head * PIECES + i];
            size -= len[head * PIECES + i];
        }
        pieces[head] = descs;
        poison(head, size(head) + 1);
        chain(head);
        post(head);
    }

    /** The largest buffer there is room for. */
    int slotBytes() {
        return Math.min(16 << 10, VhostPlace.BUFFERS_SIZE / num);
    }

    /** The chain posted last once more, though it is out. */
    void again() {
        if (freeCount < num) {
            int head = ring.availRing(availIdx - 1);
            if (posted[head] > 0) {
                post(head);
            }
        }
    }

    /** True unless what is out would make the index jump. */
    boolean hasRoom() {
        return out < num;
    }

    /** Lets the device see what was posted, and kicks it if it asked. */
    void publish() {
        int old = kickedIdx;
        ring.availIdxRelease(availIdx);
        kickedIdx = availIdx;
        VarHandle.fullFence();
        if (eventIdx ? Vring.needEvent(ring.availEvent(), availIdx, old) : ring.usedFlags() == 0) {
            kick.signal();
        }
    }

    /** Would a kick be asked for, if one more was posted? */
    boolean isKickWanted() {
        return eventIdx ? ring.availEvent() == availIdx : ring.usedFlags() == 0;
    }

    private void post(int head) {
        posted[head]++;
        out++;
        ring.availRing(availIdx, head);
        availIdx = availIdx + 1 & Vring.IDX_MASK;
    }

    private int take(int descs) {
        int head = free[--freeCount];
        int at = head;
        for (int i = 1; i < descs; i++) {
            nextOf[at] = free[--freeCount];
            at = nextOf[at];
        }
        nextOf[at] = -1;
        return head;
    }

    private void chain(int head) {
        int flags = writable ? Vring.VRING_DESC_F_WRITE : 0;
        int at = head;
        for (int i = 0; i < pieces[head]; i++) {
            boolean more = i < pieces[head] - 1;
            ring.desc(at, gpa[head * PIECES + i], len[head * PIECES + i], flags | (more ? Vring.VRING_DESC_F_NEXT : 0),
                    more ? nextOf[at] : 0);
            at = nextOf[at];
        }
    }

    private void table(int head) {
        long table = VhostPlace.TABLES + (long) head * PIECES * Vring.DESC_SIZE;
        long at = place.guest.hpa(table);
        for (int i = 0; i < pieces[head]; i++) {
            place.memory.le64(at, gpa[head * PIECES + i]);
            place.memory.le32(at + Vring.DESC_LEN, len[head * PIECES + i]);
            place.memory.le16(at + Vring.DESC_FLAGS, i < pieces[head] - 1 ? Vring.VRING_DESC_F_NEXT : 0);
            place.memory.le16(at + Vring.DESC_NEXT, i + 1);
            at += Vring.DESC_SIZE;
        }
        ring.desc(head, table, pieces[head] * Vring.DESC_SIZE, Vring.VRING_DESC_F_INDIRECT, 0);
    }

    /** Mostly somewhere, often across the borders of regions. */
    private long anywhere(int bytes) {
        long last = VhostPlace.BUFFERS_SIZE - bytes;
        long at = random.nextLong(last + 1);
        if (random.nextInt(3) == 0) {
            at = place.borders[random.nextInt(2)] - VhostPlace.BUFFERS - random.nextInt(bytes);
        }
        return VhostPlace.BUFFERS + Math.max(0, Math.min(at, last));
    }

    private void poison(int head, int bytes) {
        long at = VhostPlace.BUFFERS + (long) head * slotBytes();
        for (long left = bytes; left > 0; ) {
            long hpa = place.guest.hpa(at);
            MemorySegment segment = place.memory.segment(hpa);
            long n = Math.min(left, segment.byteSize() - PhysMem.offset(hpa));
            segment.asSlice(PhysMem.offset(hpa), n).fill(POISON);
            at += n;
            left -= n;
        }
    }

    // ---- taking back

    /** True if the device has reported something that this side has not seen. */
    boolean hasUsed() {
        return ring.usedIdxAcquire() != usedIdx;
    }

    int usedId() {
        return ring.usedId(usedIdx);
    }

    int usedLen() {
        return ring.usedLen(usedIdx);
    }

    /** The entry {@link #usedId} names is this side's again. @return false for a head that was not out */
    boolean takeBack() {
        int head = ring.usedId(usedIdx);
        usedIdx = usedIdx + 1 & Vring.IDX_MASK;
        if (head < 0 || head >= num || posted[head] == 0) {
            return false;
        }
        out--;
        if (--posted[head] == 0) {
            for (int at = head; at >= 0; at = nextOf[at]) {
                free[freeCount++] = at;
            }
        }
        return true;
    }

    /** All is seen: the next one shall interrupt. @return true if there is more already */
    boolean wantInterrupt() {
        call.read();
        ring.usedEvent(usedIdx);
        VarHandle.fullFence();
        return hasUsed();
    }

    /** Bytes of a buffer. */
    int size(int head) {
        int sum = 0;
        for (int i = 0; i < pieces[head]; i++) {
            sum += len[head * PIECES + i];
        }
        return sum;
    }

    /** Byte {@code offset} of a buffer; the one behind its end is its poison. */
    int byteOf(int head, int offset) {
        long at = VhostPlace.BUFFERS + (long) head * slotBytes() + offset;
        return Byte.toUnsignedInt(place.memory.u8(place.guest.hpa(at)));
    }

    static int poison() {
        return Byte.toUnsignedInt(POISON);
    }

    /** A length: short ones, those about the limit of copying, and long ones. */
    static int packetBytes(SplittableRandom random) {
        return switch (random.nextInt(8)) {
            case 0, 1 -> 14 + random.nextInt(GOODCOPY - 14);
            case 2 -> GOODCOPY - 2 + random.nextInt(4);
            case 3 -> 4096 + random.nextInt(12_000);
            case 4 -> random.nextInt(4) == 0 ? 40_000 + random.nextInt(25_000) : 1500;
            default -> GOODCOPY + random.nextInt(2000);
        };
    }
}
