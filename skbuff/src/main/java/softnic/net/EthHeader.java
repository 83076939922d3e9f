package softnic.net;

import java.lang.foreign.MemorySegment;

/**
 * The Ethernet header: {@code struct ethhdr} (include/linux/if_ether.h).
 *
 * <pre>
 *   byte 0          6            12          14
 *        +----------+------------+-----------+
 *        | dest MAC | source MAC | ethertype |
 *        +----------+------------+-----------+
 * </pre>
 *
 * <p>A MAC address is a {@code long} of 48 bits, first byte highest.
 */
public final class EthHeader {

    /** {@code ETH_HLEN}. */
    public static final int ETH_HLEN = 14;
    /** Shortest frame without FCS ({@code ETH_ZLEN}). */
    public static final int ETH_ZLEN = 60;
    /** Bytes of the frame check sequence. */
    public static final int ETH_FCS_LEN = 4;
    /** Preamble with start delimiter (8), and the gap between frames (12). */
    public static final int PREAMBLE_AND_GAP = 20;
    public static final int ETH_P_IP = 0x0800;
    public static final int ETH_P_IPV6 = 0x86DD;

    private static final int SOURCE = 6;
    private static final int TYPE = 12;

    private EthHeader() {
    }

    public static long dest(MemorySegment m, long at) {
        return mac(m, at);
    }

    public static long source(MemorySegment m, long at) {
        return mac(m, at + SOURCE);
    }

    public static int type(MemorySegment m, long at) {
        return NetworkOrder.u16(m, at + TYPE);
    }

    public static void write(MemorySegment m, long at, long dest, long source, int type) {
        mac(m, at, dest);
        mac(m, at + SOURCE, source);
        NetworkOrder.u16(m, at + TYPE, type);
    }

    private static long mac(MemorySegment m, long at) {
        return (long) NetworkOrder.u16(m, at) << 32 | NetworkOrder.u32(m, at + 2) & 0xFFFF_FFFFL;
    }

    private static void mac(MemorySegment m, long at, long value) {
        NetworkOrder.u16(m, at, (int) (value >>> 32));
        NetworkOrder.u32(m, at + 2, (int) value);
    }
}
