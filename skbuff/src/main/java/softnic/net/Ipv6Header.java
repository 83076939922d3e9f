package softnic.net;

import java.lang.foreign.MemorySegment;

/**
 * The IPv6 header: {@code struct ipv6hdr} (include/linux/ipv6.h), RFC 8200 section 3; and the fragment header,
 * {@code struct frag_hdr} (include/net/ipv6.h).
 *
 * <pre>
 *   0          4             6         7           8       24      40
 *   +----------+-------------+---------+-----------+-------+-------+
 *   | ver/flow | payload_len | nexthdr | hop_limit | saddr | daddr |
 *   +----------+-------------+---------+-----------+-------+-------+
 *   fragment header:   nexthdr, reserved | frag_off u16, flags in bits 0-2 | identification u32
 * </pre>
 */
public final class Ipv6Header {

    /** Bytes without extension headers. */
    public static final int SIZE = 40;
    /** Bytes of a fragment header. */
    public static final int FRAG_SIZE = 8;
    public static final int NEXTHDR_HOP = 0;
    public static final int NEXTHDR_ROUTING = 43;
    public static final int NEXTHDR_FRAGMENT = 44;
    public static final int NEXTHDR_DEST = 60;

    public static final int PAYLOAD_LEN = 4;
    public static final int NEXTHDR = 6;
    public static final int SADDR = 8;

    private static final int IP6_MF = 1;

    private Ipv6Header() {
    }

    public static int payloadLen(MemorySegment m, long at) {
        return NetworkOrder.u16(m, at + PAYLOAD_LEN);
    }

    public static void payloadLen(MemorySegment m, long at, int bytes) {
        NetworkOrder.u16(m, at + PAYLOAD_LEN, bytes);
    }

    public static int nexthdr(MemorySegment m, long at) {
        return NetworkOrder.u8(m, at + NEXTHDR);
    }

    public static void nexthdr(MemorySegment m, long at, int protocol) {
        NetworkOrder.u8(m, at + NEXTHDR, protocol);
    }

    /** True for an extension header that may stand before TCP or UDP in a packet that is segmented. */
    static boolean isExtension(int nexthdr) {
        return nexthdr == NEXTHDR_HOP || nexthdr == NEXTHDR_ROUTING || nexthdr == NEXTHDR_DEST;
    }

    /** Length of the extension header at {@code at}, in bytes ({@code ipv6_optlen}). */
    static int extensionLen(MemorySegment m, long at) {
        return (NetworkOrder.u8(m, at + 1) + 1) * 8;
    }

    /** Writes a fragment header, offset 0. */
    static void writeFrag(MemorySegment m, long at, int nexthdr, int id) {
        NetworkOrder.u8(m, at, nexthdr);
        NetworkOrder.u8(m, at + 1, 0);
        NetworkOrder.u16(m, at + 2, 0);
        NetworkOrder.u32(m, at + 4, id);
    }

    /** {@code offset} in bytes; its low three bits are the flags' place. */
    static void fragOff(MemorySegment m, long at, int offset, boolean more) {
        NetworkOrder.u16(m, at + 2, more ? offset | IP6_MF : offset);
    }
}
