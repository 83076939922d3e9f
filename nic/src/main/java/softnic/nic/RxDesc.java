package softnic.nic;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;

/**
 * The advanced receive descriptor: {@code union ixgbe_adv_rx_desc} (drivers/net/ixgbe/ixgbe_type.h).
 *
 * <pre>
 *            63                               0
 *   read  +0 | pkt_addr                       |
 *         +8 | hdr_addr, 0 clears the status  |
 *
 *            63  48 47    32 31          20 19                  0
 *   back  +8 | vlan | length | errors       | status            |     +0: RSS, not modelled
 * </pre>
 *
 * <p>The device writes the length first and the status last, with release; the driver reads the status with
 * acquire and then the rest.
 */
public final class RxDesc {

    /** Descriptor done. */
    public static final int IXGBE_RXD_STAT_DD = 0x01;
    /** End of packet. */
    public static final int IXGBE_RXD_STAT_EOP = 0x02;
    /** The TCP or UDP checksum was looked at. */
    public static final int IXGBE_RXD_STAT_L4CS = 0x20;
    /** The IPv4 header checksum was looked at. */
    public static final int IXGBE_RXD_STAT_IPCS = 0x40;
    /** The TCP or UDP checksum is wrong. */
    public static final int IXGBE_RXDADV_ERR_TCPE = 0x4000_0000;
    /** The IPv4 header checksum is wrong. */
    public static final int IXGBE_RXDADV_ERR_IPE = 0x8000_0000;

    private static final int HDR_ADDR = 8;
    private static final int STATUS_ERROR = 8;
    private static final int LENGTH = 12;

    private static final ValueLayout.OfShort LE16 = ValueLayout.JAVA_SHORT.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfInt LE32 = ValueLayout.JAVA_INT.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfLong LE64 = ValueLayout.JAVA_LONG.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final VarHandle STATUS = LE32.varHandle();

    private RxDesc() {
    }

    /** The driver posts a buffer; DD becomes 0. */
    public static void post(MemorySegment m, long at, long pktAddr) {
        m.set(LE64, at, pktAddr);
        m.set(LE64, at + HDR_ADDR, 0);
    }

    /** DMA address of the buffer. */
    public static long pktAddr(MemorySegment m, long at) {
        return m.get(LE64, at);
    }

    /** The device reports a frame: {@code lenBytes} without FCS, status and errors in one dword. */
    public static void writeBackRelease(MemorySegment m, long at, int lenBytes, int statusError) {
        m.set(LE16, at + LENGTH, (short) lenBytes);
        STATUS.setRelease(m, at + STATUS_ERROR, statusError);
    }

    /** Status and errors. Acquire: pairs with {@link #writeBackRelease}. */
    public static int statusErrorAcquire(MemorySegment m, long at) {
        return (int) STATUS.getAcquire(m, at + STATUS_ERROR);
    }

    /** Bytes of the frame. */
    public static int length(MemorySegment m, long at) {
        return Short.toUnsignedInt(m.get(LE16, at + LENGTH));
    }
}
