package softnic.virtio;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import softnic.mm.PhysMem;

/**
 * A split virtqueue in guest memory: {@code struct vring} (include/linux/virtio_ring.h).
 *
 * <pre>
 *   descriptor table   16 * num     addr u64 | len u32 | flags u16 | next u16
 *   available ring     6 + 2 * num  flags u16 | idx u16 | ring[num] u16 | used_event u16       guest writes
 *   used ring          6 + 8 * num  flags u16 | idx u16 | ring[num] {id u32, len u32} | avail_event u16
 * </pre>
 *
 * <p>Little endian. Guest and host each have their own object over the same bytes. Order: an index is
 * stored with release after what it covers and loaded with acquire before it; the handshakes of
 * notification need a full fence between "publish" and "look at the other side" ({@link VarHandle#fullFence}).
 */
public final class Vring {

    public static final int VRING_DESC_F_NEXT = 1;
    public static final int VRING_DESC_F_WRITE = 2;
    public static final int VRING_DESC_F_INDIRECT = 4;
    public static final int VRING_AVAIL_F_NO_INTERRUPT = 1;
    public static final int VRING_USED_F_NO_NOTIFY = 1;

    /** Bytes of one descriptor. */
    public static final int DESC_SIZE = 16;
    public static final int DESC_LEN = 8;
    public static final int DESC_FLAGS = 12;
    public static final int DESC_NEXT = 14;

    /** An index is 16 bits and wraps. */
    public static final int IDX_MASK = 0xFFFF;

    /** Offset of the index in either ring; the flags are at 0. */
    public static final int IDX = 2;
    /** Bytes of one used element. */
    public static final int USED_ELEM_SIZE = 8;
    private static final int RING = 4;

    private static final VarHandle U16 =
            ValueLayout.JAVA_SHORT.withOrder(ByteOrder.LITTLE_ENDIAN).varHandle();
    private static final ValueLayout.OfShort LE16 =
            ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfInt LE32 =
            ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfLong LE64 =
            ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private final int num;
    private final MemorySegment descSegment;
    private final long desc;
    private final MemorySegment availSegment;
    private final long avail;
    private final MemorySegment usedSegment;
    private final long used;

    /**
     * A ring whose parts lie at three host addresses, checked by the caller; {@code num} a power of two. The available
     * ring is 2-aligned, the used ring 4-aligned, the table anyhow: vhost asks no more.
     */
    public Vring(PhysMem memory, int num, long descHpa, long availHpa, long usedHpa) {
        assert Integer.bitCount(num) == 1 : "num " + num;
        this.num = num;
        this.descSegment = memory.segment(descHpa);
        this.desc = PhysMem.offset(descHpa);
        this.availSegment = memory.segment(availHpa);
        this.avail = PhysMem.offset(availHpa);
        this.usedSegment = memory.segment(usedHpa);
        this.used = PhysMem.offset(usedHpa);
    }

    /** Bytes of the available ring, used_event included. */
    public static int availSize(int num) {
        return RING + 2 * num + 2;
    }

    /** Offset of used element {@code i} in the used ring; of avail_event, with {@code i} = num. */
    public static int usedElemOffset(int i) {
        return RING + USED_ELEM_SIZE * i;
    }

    /** Bytes of the used ring, avail_event included. */
    public static int usedSize(int num) {
        return RING + USED_ELEM_SIZE * num + 2;
    }

    /**
     * Where the used ring starts in the legacy layout ({@code vring_init}, 3.1: used_event is not counted
     * before rounding up).
     */
    public static int legacyUsedOffset(int num, int align) {
        return DESC_SIZE * num + RING + 2 * num + align - 1 & -align;
    }

    /** Bytes of a ring in the legacy layout ({@code vring_size}). */
    public static int legacySize(int num, int align) {
        return legacyUsedOffset(num, align) + usedSize(num);
    }

    public int num() {
        return num;
    }

    public long descAddr(int i) {
        return descSegment.get(LE64, desc + (long) i * DESC_SIZE);
    }

    public int descLen(int i) {
        return descSegment.get(LE32, desc + (long) i * DESC_SIZE + DESC_LEN);
    }

    public int descFlags(int i) {
        return Short.toUnsignedInt(descSegment.get(LE16, desc + (long) i * DESC_SIZE + DESC_FLAGS));
    }

    public int descNext(int i) {
        return Short.toUnsignedInt(descSegment.get(LE16, desc + (long) i * DESC_SIZE + DESC_NEXT));
    }

    /** Writes a whole descriptor. Guest only. */
    public void desc(int i, long gpa, int len, int flags, int next) {
        long at = desc + (long) i * DESC_SIZE;
        descSegment.set(LE64, at, gpa);
        descSegment.set(LE32, at + DESC_LEN, len);
        descSegment.set(LE16, at + DESC_FLAGS, (short) flags);
        descSegment.set(LE16, at + DESC_NEXT, (short) next);
    }

    public int availFlags() {
        return u16(availSegment, avail);
    }

    /** Guest only. */
    public void availFlags(int flags) {
        u16(availSegment, avail, flags);
    }

    /** The guest's index; what it covers may be read after. */
    public int availIdxAcquire() {
        return u16Acquire(availSegment, avail + IDX);
    }

    /** Publishes all entries written before. Guest only. */
    public void availIdxRelease(int idx) {
        u16Release(availSegment, avail + IDX, idx);
    }

    /** Entry for free-running index {@code idx}. */
    public int availRing(int idx) {
        return u16(availSegment, avail + RING + 2L * (idx & num - 1));
    }

    /** Guest only. */
    public void availRing(int idx, int head) {
        u16(availSegment, avail + RING + 2L * (idx & num - 1), head);
    }

    /** At which used index the guest wants an interrupt ({@code vring_used_event}). */
    public int usedEvent() {
        return u16(availSegment, avail + RING + 2L * num);
    }

    /** Guest only. */
    public void usedEvent(int idx) {
        u16(availSegment, avail + RING + 2L * num, idx);
    }

    public int usedFlags() {
        return u16(usedSegment, used);
    }

    /** Host only. */
    public void usedFlags(int flags) {
        u16(usedSegment, used, flags);
    }

    /** The host's index; what it covers may be read after. */
    public int usedIdxAcquire() {
        return u16Acquire(usedSegment, used + IDX);
    }

    /** Publishes all elements written before. Host only. */
    public void usedIdxRelease(int idx) {
        u16Release(usedSegment, used + IDX, idx);
    }

    public int usedId(int idx) {
        return usedSegment.get(LE32, used + RING + (long) USED_ELEM_SIZE * (idx & num - 1));
    }

    public int usedLen(int idx) {
        return usedSegment.get(LE32, used + RING + (long) USED_ELEM_SIZE * (idx & num - 1) + 4);
    }

    /** Writes one element. Host only; not visible to the guest before the index covers it. */
    public void usedElem(int idx, int id, int len) {
        long at = used + RING + (long) USED_ELEM_SIZE * (idx & num - 1);
        usedSegment.set(LE32, at, id);
        usedSegment.set(LE32, at + 4, len);
    }

    /** At which available index the host wants a kick ({@code vring_avail_event}). */
    public int availEvent() {
        return u16(usedSegment, used + RING + (long) USED_ELEM_SIZE * num);
    }

    /** Host only. */
    public void availEvent(int idx) {
        u16(usedSegment, used + RING + (long) USED_ELEM_SIZE * num, idx);
    }

    /**
     * True if {@code event} lies in [old, new - 1] modulo 65536: the side that asked for it wants to hear
     * of the step from {@code oldIdx} to {@code newIdx} ({@code vring_need_event}).
     */
    public static boolean needEvent(int event, int newIdx, int oldIdx) {
        return (newIdx - event - 1 & IDX_MASK) < (newIdx - oldIdx & IDX_MASK);
    }

    private static int u16(MemorySegment segment, long at) {
        return Short.toUnsignedInt((short) U16.getOpaque(segment, at));
    }

    private static void u16(MemorySegment segment, long at, int value) {
        U16.setOpaque(segment, at, (short) value);
    }

    private static int u16Acquire(MemorySegment segment, long at) {
        return Short.toUnsignedInt((short) U16.getAcquire(segment, at));
    }

    private static void u16Release(MemorySegment segment, long at, int value) {
        U16.setRelease(segment, at, (short) value);
    }
}
