package softnic.net;

import java.lang.foreign.MemorySegment;

/**
 * The IPv4 header: {@code struct iphdr} (include/linux/ip.h), RFC 791 section 3.1.
 *
 * <pre>
 *   0        1     2         4    6           8     9          10      12      16
 *   +--------+-----+---------+----+-----------+-----+----------+-------+-------+-------+
 *   | ver/ihl| tos | tot_len | id | frag_off  | ttl | protocol | check | saddr | daddr |
 *   +--------+-----+---------+----+-----------+-----+----------+-------+-------+-------+
 * </pre>
 */
public final class Ipv4Header {

    /** Bytes without options. */
    public static final int SIZE = 20;
    public static final int IPPROTO_TCP = 6;
    public static final int IPPROTO_UDP = 17;

    public static final int TOT_LEN = 2;
    public static final int ID = 4;
    public static final int PROTOCOL = 9;
    public static final int CHECK = 10;
    public static final int SADDR = 12;
    public static final int DADDR = 16;

    private static final int FRAG_OFF = 6;
    private static final int IP_DF = 0x4000;
    private static final int IP_MF = 0x2000;

    private Ipv4Header() {
    }

    public static int version(MemorySegment m, long at) {
        return NetworkOrder.u8(m, at) >>> 4;
    }

    /** Header length in bytes. */
    public static int headerLen(MemorySegment m, long at) {
        return (NetworkOrder.u8(m, at) & 0xF) * 4;
    }

    public static int totLen(MemorySegment m, long at) {
        return NetworkOrder.u16(m, at + TOT_LEN);
    }

    public static void totLen(MemorySegment m, long at, int bytes) {
        NetworkOrder.u16(m, at + TOT_LEN, bytes);
    }

    public static int id(MemorySegment m, long at) {
        return NetworkOrder.u16(m, at + ID);
    }

    public static void id(MemorySegment m, long at, int id) {
        NetworkOrder.u16(m, at + ID, id);
    }

    /** {@code offset} in bytes, of which the header keeps eighths. */
    static void fragOff(MemorySegment m, long at, int offset, boolean more) {
        NetworkOrder.u16(m, at + FRAG_OFF, offset >> 3 | (more ? IP_MF : 0));
    }

    public static int protocol(MemorySegment m, long at) {
        return NetworkOrder.u8(m, at + PROTOCOL);
    }

    public static int saddr(MemorySegment m, long at) {
        return NetworkOrder.u32(m, at + SADDR);
    }

    public static int daddr(MemorySegment m, long at) {
        return NetworkOrder.u32(m, at + DADDR);
    }

    /** Writes a header without options, DF set, its checksum correct. */
    public static void write(MemorySegment m, long at, int totLen, int id, int protocol, int saddr, int daddr) {
        NetworkOrder.u8(m, at, 0x45);
        NetworkOrder.u8(m, at + 1, 0);
        NetworkOrder.u16(m, at + TOT_LEN, totLen);
        NetworkOrder.u16(m, at + ID, id);
        NetworkOrder.u16(m, at + FRAG_OFF, IP_DF);
        NetworkOrder.u8(m, at + 8, 64);
        NetworkOrder.u8(m, at + PROTOCOL, protocol);
        NetworkOrder.u32(m, at + SADDR, saddr);
        NetworkOrder.u32(m, at + DADDR, daddr);
        updateCheck(m, at, SIZE);
    }

    /** Computes and stores the header checksum ({@code ip_send_check}). */
    public static void updateCheck(MemorySegment m, long at, int headerLen) {
        NetworkOrder.u16(m, at + CHECK, 0);
        Checksum.store(m, at + CHECK, Checksum.fold(Checksum.partial(m, at, headerLen, 0)));
    }

    /** True if the header sums up. */
    public static boolean isCheckValid(MemorySegment m, long at, int headerLen) {
        return Checksum.fold(Checksum.partial(m, at, headerLen, 0)) == 0;
    }
}
