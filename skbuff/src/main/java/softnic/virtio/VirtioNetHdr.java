package softnic.virtio;

import softnic.mm.PhysMem;

/**
 * Flyweight over {@code struct virtio_net_hdr} (include/linux/virtio_net.h), at the head of every packet
 * between guest and host.
 *
 * <pre>
 *   byte 0       1          2         4          6            8             10
 *        +-------+----------+---------+----------+------------+-------------+-------------+
 *        | flags | gso_type | hdr_len | gso_size | csum_start | csum_offset | num_buffers |
 *        +-------+----------+---------+----------+------------+-------------+-------------+
 * </pre>
 *
 * <p>Little endian; {@code num_buffers} only in the 12-byte form (MRG_RXBUF or VERSION_1). Holds no data:
 * {@link #wrap} re-aims it. The guest may change the bytes at any time: read each field once.
 */
public final class VirtioNetHdr {

    public static final int VIRTIO_NET_HDR_F_NEEDS_CSUM = 1;
    public static final int VIRTIO_NET_HDR_F_DATA_VALID = 2;

    public static final int VIRTIO_NET_HDR_GSO_NONE = 0;
    public static final int VIRTIO_NET_HDR_GSO_TCPV4 = 1;
    public static final int VIRTIO_NET_HDR_GSO_UDP = 3;
    public static final int VIRTIO_NET_HDR_GSO_TCPV6 = 4;
    public static final int VIRTIO_NET_HDR_GSO_ECN = 0x80;

    /** Bytes without, and with, num_buffers. */
    public static final int SIZE = 10;
    public static final int SIZE_MRG_RXBUF = 12;

    private PhysMem memory;
    private long hpa;

    public VirtioNetHdr wrap(PhysMem memory, long hpa) {
        this.memory = memory;
        this.hpa = hpa;
        return this;
    }

    public int flags() {
        return memory.u8(hpa) & 0xFF;
    }

    public int gsoType() {
        return memory.u8(hpa + 1) & 0xFF;
    }

    public int hdrLen() {
        return memory.le16(hpa + 2);
    }

    public int gsoSize() {
        return memory.le16(hpa + 4);
    }

    public int csumStart() {
        return memory.le16(hpa + 6);
    }

    public int csumOffset() {
        return memory.le16(hpa + 8);
    }

    /** Writes the first ten bytes. */
    public void set(int flags, int gsoType, int hdrLen, int gsoSize, int csumStart, int csumOffset) {
        memory.u8(hpa, flags);
        memory.u8(hpa + 1, gsoType);
        memory.le16(hpa + 2, hdrLen);
        memory.le16(hpa + 4, gsoSize);
        memory.le16(hpa + 6, csumStart);
        memory.le16(hpa + 8, csumOffset);
    }

    /** Only in the 12-byte form. */
    public void numBuffers(int buffers) {
        memory.le16(hpa + SIZE, buffers);
    }
}
