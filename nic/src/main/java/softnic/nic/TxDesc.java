package softnic.nic;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;

/**
 * The advanced transmit descriptors: {@code union ixgbe_adv_tx_desc} and {@code struct ixgbe_adv_tx_context_desc}
 * (drivers/net/ixgbe/ixgbe_type.h). Static accessors over ring memory; a descriptor is named by its byte offset.
 *
 * <pre>
 *   data     63                                                             0
 *     +0     | buffer_addr                                                  |
 *            | olinfo_status                 | cmd_type_len                 |
 *            31      14 13  8  7 6   4 3   0  31 24 23  20 19 18 17 16 15  0
 *     +8     | PAYLEN | POPTS|CC|IDX |STA  | | DCMD |DTYP | MAC |     |DTALEN|
 *
 *   context  31   16 15    9 8     0          31                            0
 *     +0     | VLAN | MACLEN | IPLEN |  +4    | seqnum_seed                 |
 *            31 24 23  20 19     9 8 0        31 16 15    8 7 6   4 3   0
 *     +8     | DCMD |DTYP | TUCMD  |   | +12  | MSS | L4LEN | | IDX |     |
 *
 *   written back: DD = bit 0 of the dword at +12, where PAYLEN was: a new descriptor clears it
 * </pre>
 *
 * <p>The driver writes everything plainly and then moves the tail (release). The device sets DD with release,
 * after its last read of the packet; the driver reads it with acquire.
 */
public final class TxDesc {

    /** Bytes of the buffer. */
    public static final int IXGBE_ADVTXD_DTALEN_MASK = 0x0000_FFFF;
    public static final int IXGBE_ADVTXD_DTYP_MASK = 0x00F0_0000;
    public static final int IXGBE_ADVTXD_DTYP_CTXT = 0x0020_0000;
    public static final int IXGBE_ADVTXD_DTYP_DATA = 0x0030_0000;
    /** End of packet. */
    public static final int IXGBE_ADVTXD_DCMD_EOP = 0x0100_0000;
    /** Insert the frame check sequence. */
    public static final int IXGBE_ADVTXD_DCMD_IFCS = 0x0200_0000;
    /** Report status: write DD back. */
    public static final int IXGBE_ADVTXD_DCMD_RS = 0x0800_0000;
    /** Descriptor extension: 1 in all advanced descriptors. */
    public static final int IXGBE_ADVTXD_DCMD_DEXT = 0x2000_0000;
    /** Insert a VLAN tag. */
    public static final int IXGBE_ADVTXD_DCMD_VLE = 0x4000_0000;
    /** TCP segmentation. */
    public static final int IXGBE_ADVTXD_DCMD_TSE = 0x8000_0000;

    /** Descriptor done. */
    public static final int IXGBE_TXD_STAT_DD = 0x0000_0001;
    public static final int IXGBE_ADVTXD_IDX_SHIFT = 4;
    private static final int IDX_MASK = 7;
    /** Check context: the index is valid though no offload asks for it. */
    public static final int IXGBE_ADVTXD_CC = 0x0000_0080;
    public static final int IXGBE_ADVTXD_POPTS_SHIFT = 8;
    /** Insert the IPv4 header checksum; before its shift. */
    public static final int IXGBE_TXD_POPTS_IXSM = 0x01;
    /** Insert the TCP or UDP checksum; before its shift. */
    public static final int IXGBE_TXD_POPTS_TXSM = 0x02;
    public static final int IXGBE_ADVTXD_PAYLEN_SHIFT = 14;
    /** Largest PAYLEN, in bytes. */
    public static final int PAYLEN_MAX = (1 << 18) - 1;

    public static final int IXGBE_ADVTXD_MACLEN_SHIFT = 9;
    public static final int IXGBE_ADVTXD_VLAN_SHIFT = 16;
    /** Longest IP header, in bytes. */
    public static final int IPLEN_MASK = 0x1FF;
    private static final int MACLEN_MASK = 0x7F;
    public static final int IXGBE_ADVTXD_TUCMD_IPV4 = 0x0000_0400;
    public static final int IXGBE_ADVTXD_TUCMD_L4T_UDP = 0x0000_0000;
    public static final int IXGBE_ADVTXD_TUCMD_L4T_TCP = 0x0000_0800;
    public static final int IXGBE_ADVTXD_TUCMD_L4T_SCTP = 0x0000_1000;
    public static final int L4T_MASK = 0x0000_1800;
    public static final int IXGBE_ADVTXD_L4LEN_SHIFT = 8;
    public static final int IXGBE_ADVTXD_MSS_SHIFT = 16;

    /** {@code IXGBE_MAX_DATA_PER_TXD}: bytes that one data descriptor may carry. */
    public static final int IXGBE_MAX_DATA_PER_TXD = 1 << 14;

    private static final int CMD_TYPE_LEN = 8;          // also type_tucmd_mlhl
    private static final int OLINFO_STATUS = 12;        // also mss_l4len_idx

    private static final ValueLayout.OfInt LE32 = ValueLayout.JAVA_INT.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfLong LE64 = ValueLayout.JAVA_LONG.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final VarHandle STATUS = LE32.varHandle();

    private TxDesc() {
    }

    // ---- data

    /** Writes a data descriptor, read form; DD becomes 0. */
    public static void data(MemorySegment m, long at, long bufferAddr, int cmdTypeLen, int olinfoStatus) {
        m.set(LE64, at, bufferAddr);
        m.set(LE32, at + CMD_TYPE_LEN, cmdTypeLen);
        m.set(LE32, at + OLINFO_STATUS, olinfoStatus);
    }

    /** DMA address of the buffer. */
    public static long bufferAddr(MemorySegment m, long at) {
        return m.get(LE64, at);
    }

    /** DTALEN, DTYP and DCMD; of a context descriptor TUCMD, DTYP and DCMD. */
    public static int cmdTypeLen(MemorySegment m, long at) {
        return m.get(LE32, at + CMD_TYPE_LEN);
    }

    /** STA, IDX, POPTS and PAYLEN. */
    public static int olinfoStatus(MemorySegment m, long at) {
        return m.get(LE32, at + OLINFO_STATUS);
    }

    /** Bytes of the payload, from {@link #olinfoStatus}. */
    public static int paylen(int olinfoStatus) {
        return olinfoStatus >>> IXGBE_ADVTXD_PAYLEN_SHIFT;
    }

    /** Context slot, from {@link #olinfoStatus} or {@link #mssL4lenIdx}. */
    public static int idx(int olinfoStatus) {
        return olinfoStatus >>> IXGBE_ADVTXD_IDX_SHIFT & IDX_MASK;
    }

    public static boolean isContext(int cmdTypeLen) {
        return (cmdTypeLen & (IXGBE_ADVTXD_DTYP_MASK | IXGBE_ADVTXD_DCMD_DEXT))
                == (IXGBE_ADVTXD_DTYP_CTXT | IXGBE_ADVTXD_DCMD_DEXT);
    }

    public static boolean isData(int cmdTypeLen) {
        return (cmdTypeLen & (IXGBE_ADVTXD_DTYP_MASK | IXGBE_ADVTXD_DCMD_DEXT))
                == (IXGBE_ADVTXD_DTYP_DATA | IXGBE_ADVTXD_DCMD_DEXT);
    }

    /** True once the device is done with the packet. Acquire: pairs with {@link #writeBackRelease}. */
    public static boolean isDoneAcquire(MemorySegment m, long at) {
        return ((int) STATUS.getAcquire(m, at + OLINFO_STATUS) & IXGBE_TXD_STAT_DD) != 0;
    }

    /** The device's write-back: DD, nothing else. Release: after all its reads of the packet. */
    public static void writeBackRelease(MemorySegment m, long at) {
        STATUS.setRelease(m, at + OLINFO_STATUS, IXGBE_TXD_STAT_DD);
    }

    /** The driver forgets a status it has seen ({@code tx_desc->wb.status = 0}). */
    public static void clearStatus(MemorySegment m, long at) {
        m.set(LE32, at + OLINFO_STATUS, 0);
    }

    // ---- context

    /** Writes a context descriptor ({@code ixgbe_tx_ctxtdesc}); {@code tucmd} without DEXT and DTYP. */
    public static void context(MemorySegment m, long at, int vlanMacipLens, int tucmd, int mssL4lenIdx) {
        m.set(LE32, at, vlanMacipLens);
        m.set(LE32, at + 4, 0);
        m.set(LE32, at + CMD_TYPE_LEN, tucmd | IXGBE_ADVTXD_DCMD_DEXT | IXGBE_ADVTXD_DTYP_CTXT);
        m.set(LE32, at + OLINFO_STATUS, mssL4lenIdx);
    }

    public static int vlanMacipLens(MemorySegment m, long at) {
        return m.get(LE32, at);
    }

    public static int mssL4lenIdx(MemorySegment m, long at) {
        return m.get(LE32, at + OLINFO_STATUS);
    }

    /** Bytes of the IP header, from {@link #vlanMacipLens}. */
    public static int iplen(int vlanMacipLens) {
        return vlanMacipLens & IPLEN_MASK;
    }

    /** Bytes of the link header, from {@link #vlanMacipLens}. */
    public static int maclen(int vlanMacipLens) {
        return vlanMacipLens >>> IXGBE_ADVTXD_MACLEN_SHIFT & MACLEN_MASK;
    }

    /** Bytes of the TCP header, from {@link #mssL4lenIdx}. */
    public static int l4len(int mssL4lenIdx) {
        return mssL4lenIdx >>> IXGBE_ADVTXD_L4LEN_SHIFT & 0xFF;
    }

    /** Payload bytes of a segment, from {@link #mssL4lenIdx}. */
    public static int mss(int mssL4lenIdx) {
        return mssL4lenIdx >>> IXGBE_ADVTXD_MSS_SHIFT;
    }
}
