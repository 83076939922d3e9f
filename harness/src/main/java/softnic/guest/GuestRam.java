package softnic.guest;

import java.lang.foreign.MemorySegment;
import softnic.mm.GuestMemory;
import softnic.mm.PhysMem;
import softnic.mm.Slab;
import softnic.virtio.Vring;
import softnic.wire.StreamPattern;

/**
 * The guest's memory and what lies where in it: one region at guest-physical address 0.
 *
 * <pre>
 *   gpa 0        nothing (an address of 0 is a mistake)
 *       0x1000   TX ring | RX ring                       legacy layout, each aligned to 4096
 *                TX indirect tables | RX indirect tables one slot a head
 *                TX headers                              one slot a packet: virtio_net_hdr, Ethernet..TCP
 *                RX buffers                              one slot a buffer: virtio_net_hdr, frame
 *                netperf's user buffer                   the stream's pattern, see StreamPattern
 *                send buffers                            pages, handed out by GuestPages
 * </pre>
 *
 * <p>The guest reaches it through {@link #segment}, in which an offset is a guest-physical address.
 */
public final class GuestRam implements AutoCloseable {

    /** Legacy PCI: {@code VIRTIO_PCI_VRING_ALIGN}. */
    public static final int VIRTIO_PCI_VRING_ALIGN = 4096;

    /** Descriptors of one indirect table: at least 2 + MAX_SKB_FRAGS. */
    static final int INDIRECT_DESCS = 32;
    static final int INDIRECT_SIZE = INDIRECT_DESCS * Vring.DESC_SIZE;
    static final int TX_HEADER_SIZE = 128;
    static final int RX_BUFFER_SIZE = 2048;

    private static final int MAX_PACKET = 65536;
    private static final long MAX_UNRETURNED = 16 << 20;        // a longer ring is for short packets, and short runs

    private final PhysMem memory;
    private final GuestMemory guest;
    private final Slab slab;
    private final int ringSize;
    private final int skbs;
    private final long txRing;
    private final long rxRing;
    private final long txIndirect;
    private final long rxIndirect;
    private final long txHeaders;
    private final long rxBuffers;
    private final long userBuffer;
    private final long sendBuffer;
    private final long sendBufferBytes;
    private long next = PhysMem.PAGE_SIZE;

    /** Makes the memory and adds it to {@code guest}, which must be empty. */
    public GuestRam(PhysMem memory, GuestMemory guest, GuestOptions options) {
        assert guest.regions() == 0 : guest.regions() + " regions";
        this.memory = memory;
        this.guest = guest;
        this.ringSize = options.ringSize();
        this.skbs = ringSize + GuestQdisc.LIMIT + 8;
        txRing = take(Vring.legacySize(ringSize, VIRTIO_PCI_VRING_ALIGN));
        rxRing = take(Vring.legacySize(ringSize, VIRTIO_PCI_VRING_ALIGN));
        txIndirect = take((long) ringSize * INDIRECT_SIZE);
        rxIndirect = take((long) ringSize * INDIRECT_SIZE);
        txHeaders = take((long) skbs * TX_HEADER_SIZE);
        rxBuffers = take((long) ringSize * RX_BUFFER_SIZE);
        userBuffer = take(StreamPattern.TABLE_SIZE);
        // what the ring can hold unreturned, what each TCP can hold unacknowledged, and packets to spare
        sendBufferBytes = pages(Math.min((long) ringSize * MAX_PACKET, MAX_UNRETURNED)
                + options.streams() * (options.sndbufBytes() + 2L * MAX_PACKET));
        sendBuffer = take(sendBufferBytes);
        slab = new Slab(next);
        guest.addRegion(0, slab.segment());
        StreamPattern.fillTable(slab.segment(), userBuffer);
    }

    private long take(long bytes) {
        long at = next;
        next += pages(bytes);
        return at;
    }

    private static long pages(long bytes) {
        return bytes + PhysMem.PAGE_SIZE - 1 & -PhysMem.PAGE_SIZE;
    }

    /** All of it; offsets are guest-physical addresses. */
    public MemorySegment segment() {
        return slab.segment();
    }

    public PhysMem memory() {
        return memory;
    }

    /** Guest-physical address of the TX ring: descriptor table first, legacy layout. */
    public long txRingGpa() {
        return txRing;
    }

    /** Guest-physical address of the RX ring. */
    public long rxRingGpa() {
        return rxRing;
    }

    /** A new object over the TX ring; guest and host take one each. */
    public Vring txVring() {
        return vring(txRing);
    }

    /** A new object over the RX ring. */
    public Vring rxVring() {
        return vring(rxRing);
    }

    private Vring vring(long gpa) {
        long hpa = guest.hpa(gpa);
        return new Vring(memory, ringSize, hpa, hpa + (long) Vring.DESC_SIZE * ringSize,
                hpa + Vring.legacyUsedOffset(ringSize, VIRTIO_PCI_VRING_ALIGN));
    }

    /** Host address of a guest address. */
    long hpa(long gpa) {
        return guest.hpa(gpa);
    }

    /** Descriptors of each ring. */
    public int ringSize() {
        return ringSize;
    }

    /** How many packets TX headers are there for. */
    int skbs() {
        return skbs;
    }

    long txIndirectGpa() {
        return txIndirect;
    }

    long rxIndirectGpa() {
        return rxIndirect;
    }

    long txHeadersGpa() {
        return txHeaders;
    }

    long rxBuffersGpa() {
        return rxBuffers;
    }

    long userBufferGpa() {
        return userBuffer;
    }

    /** Guest-physical address of the send buffer. */
    public long sendBufferGpa() {
        return sendBuffer;
    }

    /** Bytes of the send buffer, whole pages. */
    public long sendBufferBytes() {
        return sendBufferBytes;
    }

    @Override
    public void close() {
        slab.close();
    }
}
