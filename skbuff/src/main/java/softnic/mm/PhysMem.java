package softnic.mm;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Arrays;

/**
 * The host's physical memory: guest RAM, kernel heads and kernel pages under one kind of address.
 *
 * <pre>
 *   hpa  63            40 39                    0
 *        +---------------+----------------------+
 *        | region + 1    | offset in the region |      hpa 0 is no address
 *        +---------------+----------------------+
 * </pre>
 *
 * <p>A host-physical address (hpa) is also what a DMA descriptor holds. Every access is bounds-checked
 * by its region's {@link MemorySegment}; whoever lets a guest choose an address checks the range first
 * ({@link VhostMemory#translate}). Kernel counterpart: the direct mapping and {@code pfn_to_page}.
 */
public final class PhysMem {

    /** Bytes of a page. */
    public static final int PAGE_SIZE = 4096;
    /** log2 of {@link #PAGE_SIZE}. */
    public static final int PAGE_SHIFT = 12;

    private static final int REGION_SHIFT = 40;
    private static final long OFFSET_MASK = (1L << REGION_SHIFT) - 1;

    private static final Page[] NO_PAGES = new Page[0];

    static final ValueLayout.OfShort LE16 =
            ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    static final ValueLayout.OfInt LE32 =
            ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    static final ValueLayout.OfLong LE64 =
            ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    static final ValueLayout.OfShort BE16 =
            ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN);
    static final ValueLayout.OfInt BE32 =
            ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN);

    private final FaultInjection faults;        // null: nothing fails
    private MemorySegment[] segments = new MemorySegment[8];
    private Page[][] pages = new Page[8][];
    private int regions;

    public PhysMem() {
        this(null);
    }

    /** @param faults makes steps of the kernel fail that touch this memory, or null */
    public PhysMem(FaultInjection faults) {
        this.faults = faults;
    }

    /** True if the step that the caller is about to do shall fail. */
    public boolean fails(FaultPoint point) {
        return faults != null && faults.shouldFail(point);
    }

    /** Adds memory; its hpa range is [returned, returned + size). Set-up only. */
    public long addRegion(MemorySegment segment) {
        int index = regions++;
        if (index == segments.length) {
            segments = Arrays.copyOf(segments, 2 * index);
            pages = Arrays.copyOf(pages, 2 * index);
        }
        segments[index] = segment;
        pages[index] = NO_PAGES;
        return (long) (index + 1) << REGION_SHIFT;
    }

    /** Adds memory of which every page has a {@code struct page}, and so can be held. Set-up only. */
    public long addPagedRegion(MemorySegment segment, PageAllocator home) {
        long hpa = addRegion(segment);
        Page[] all = new Page[(int) (segment.byteSize() >>> PAGE_SHIFT)];
        for (int i = 0; i < all.length; i++) {
            all[i] = new Page(hpa + ((long) i << PAGE_SHIFT), home);
        }
        pages[regions - 1] = all;
        return hpa;
    }

    /** Other bytes from now on in a region as long as before: its pages have left. */
    void replace(long hpa, MemorySegment segment) {
        int index = (int) (hpa >>> REGION_SHIFT) - 1;
        assert segments[index].byteSize() == segment.byteSize() : segment.byteSize() + " bytes";
        segments[index] = segment;
    }

    /** The memory that holds {@code hpa}. */
    public MemorySegment segment(long hpa) {
        return segments[(int) (hpa >>> REGION_SHIFT) - 1];
    }

    /** Where in its {@link #segment} an address lies. */
    public static long offset(long hpa) {
        return hpa & OFFSET_MASK;
    }

    /** True if all of [hpa, hpa + len) is memory of one region. */
    public boolean isMemory(long hpa, long len) {
        int index = (int) (hpa >>> REGION_SHIFT) - 1;
        if (index < 0 || index >= regions || len < 0) {
            return false;
        }
        long size = segments[index].byteSize();
        return len <= size && offset(hpa) <= size - len;
    }

    /** {@code struct page} of an address, or null if its memory has none ({@code virt_to_page}). */
    public Page page(long hpa) {
        Page[] all = pages[(int) (hpa >>> REGION_SHIFT) - 1];
        int index = (int) (offset(hpa) >>> PAGE_SHIFT);
        return index < all.length ? all[index] : null;
    }

    /** All pages of the region at {@code hpa}: for checks. */
    public Page[] pages(long hpa) {
        return pages[(int) (hpa >>> REGION_SHIFT) - 1];
    }

    /** Copies {@code len} bytes; ranges of the same region may overlap ({@code memmove}). */
    public void copy(long from, long to, long len) {
        MemorySegment.copy(segment(from), offset(from), segment(to), offset(to), len);
    }

    public byte u8(long hpa) {
        return segment(hpa).get(ValueLayout.JAVA_BYTE, offset(hpa));
    }

    public void u8(long hpa, int value) {
        segment(hpa).set(ValueLayout.JAVA_BYTE, offset(hpa), (byte) value);
    }

    public int le16(long hpa) {
        return Short.toUnsignedInt(segment(hpa).get(LE16, offset(hpa)));
    }

    public void le16(long hpa, int value) {
        segment(hpa).set(LE16, offset(hpa), (short) value);
    }

    public int le32(long hpa) {
        return segment(hpa).get(LE32, offset(hpa));
    }

    public void le32(long hpa, int value) {
        segment(hpa).set(LE32, offset(hpa), value);
    }

    public long le64(long hpa) {
        return segment(hpa).get(LE64, offset(hpa));
    }

    public void le64(long hpa, long value) {
        segment(hpa).set(LE64, offset(hpa), value);
    }

    /** A network-order u16. */
    public int be16(long hpa) {
        return Short.toUnsignedInt(segment(hpa).get(BE16, offset(hpa)));
    }

    public void be16(long hpa, int value) {
        segment(hpa).set(BE16, offset(hpa), (short) value);
    }

    /** A network-order u32. */
    public int be32(long hpa) {
        return segment(hpa).get(BE32, offset(hpa));
    }

    public void be32(long hpa, int value) {
        segment(hpa).set(BE32, offset(hpa), value);
    }
}
