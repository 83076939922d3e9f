package softnic.nic;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.HexFormat;
import org.junit.jupiter.api.Test;

/** Every bit where the 82599 datasheet (7.2.3.2) and ixgbe_type.h have it. */
class TxDescTest {

    private final MemorySegment ring = Arena.ofAuto().allocate(64, 128);

    @Test
    void dataDescriptorHasEachFieldInItsPlace() {
        // given the last descriptor of a TSO packet: 4096 bytes at 0x1122334455667788, 65160 bytes of payload
        int cmd = TxDesc.IXGBE_ADVTXD_DTYP_DATA | TxDesc.IXGBE_ADVTXD_DCMD_DEXT | TxDesc.IXGBE_ADVTXD_DCMD_IFCS
                | TxDesc.IXGBE_ADVTXD_DCMD_TSE | TxDesc.IXGBE_ADVTXD_DCMD_EOP | TxDesc.IXGBE_ADVTXD_DCMD_RS | 4096;
        int olinfo = 65160 << TxDesc.IXGBE_ADVTXD_PAYLEN_SHIFT | 3 << TxDesc.IXGBE_ADVTXD_POPTS_SHIFT
                | 1 << TxDesc.IXGBE_ADVTXD_IDX_SHIFT;
        // when
        TxDesc.data(ring, 16, 0x1122334455667788L, cmd, olinfo);
        // then
        assertThat(bytes(16)).isEqualTo("8877665544332211" + "001030ab" + "1003a23f");
        assertThat(TxDesc.bufferAddr(ring, 16)).isEqualTo(0x1122334455667788L);
        assertThat(TxDesc.cmdTypeLen(ring, 16)).isEqualTo(0xAB301000);
        assertThat(TxDesc.paylen(TxDesc.olinfoStatus(ring, 16))).isEqualTo(65160);
        assertThat(TxDesc.idx(TxDesc.olinfoStatus(ring, 16))).isEqualTo(1);
        assertThat(TxDesc.isData(cmd)).isTrue();
        assertThat(TxDesc.isContext(cmd)).isFalse();
    }

    @Test
    void contextDescriptorHasEachFieldInItsPlace() {
        // given TSO over IPv4: 14 + 20 + 32 bytes of headers, MSS 1448, slot 1
        TxDesc.context(ring, 32, 14 << TxDesc.IXGBE_ADVTXD_MACLEN_SHIFT | 20,
                TxDesc.IXGBE_ADVTXD_TUCMD_IPV4 | TxDesc.IXGBE_ADVTXD_TUCMD_L4T_TCP,
                1448 << TxDesc.IXGBE_ADVTXD_MSS_SHIFT | 32 << TxDesc.IXGBE_ADVTXD_L4LEN_SHIFT
                        | 1 << TxDesc.IXGBE_ADVTXD_IDX_SHIFT);
        // then
        assertThat(bytes(32)).isEqualTo("141c0000" + "00000000" + "000c2020" + "1020a805");
        int lens = TxDesc.vlanMacipLens(ring, 32);
        int mss = TxDesc.mssL4lenIdx(ring, 32);
        assertThat(TxDesc.maclen(lens)).isEqualTo(14);
        assertThat(TxDesc.iplen(lens)).isEqualTo(20);
        assertThat(TxDesc.l4len(mss)).isEqualTo(32);
        assertThat(TxDesc.mss(mss)).isEqualTo(1448);
        assertThat(TxDesc.idx(mss)).isEqualTo(1);
        assertThat(TxDesc.isContext(TxDesc.cmdTypeLen(ring, 32))).isTrue();
    }

    @Test
    void writeBackSetsDoneWhereTheLengthWasAndANewDescriptorClearsIt() {
        TxDesc.data(ring, 0, 0, TxDesc.IXGBE_ADVTXD_DTYP_DATA, 1500 << TxDesc.IXGBE_ADVTXD_PAYLEN_SHIFT);
        assertThat(TxDesc.isDoneAcquire(ring, 0)).isFalse();

        TxDesc.writeBackRelease(ring, 0);
        assertThat(TxDesc.isDoneAcquire(ring, 0)).isTrue();
        assertThat(bytes(0)).endsWith("01000000");

        TxDesc.data(ring, 0, 0, TxDesc.IXGBE_ADVTXD_DTYP_DATA, 1500 << TxDesc.IXGBE_ADVTXD_PAYLEN_SHIFT);
        assertThat(TxDesc.isDoneAcquire(ring, 0)).isFalse();
    }

    @Test
    void receiveDescriptorReportsLengthAndStatusWhereTheHeaderAddressWas() {
        RxDesc.post(ring, 16, 0xABCDEF);
        assertThat(RxDesc.pktAddr(ring, 16)).isEqualTo(0xABCDEF);
        assertThat(RxDesc.statusErrorAcquire(ring, 16)).isZero();

        RxDesc.writeBackRelease(ring, 16, 1514, RxDesc.IXGBE_RXD_STAT_DD | RxDesc.IXGBE_RXD_STAT_EOP
                | RxDesc.IXGBE_RXD_STAT_IPCS | RxDesc.IXGBE_RXDADV_ERR_IPE);
        assertThat(bytes(16)).endsWith("43000080" + "ea05" + "0000");
        assertThat(RxDesc.length(ring, 16)).isEqualTo(1514);
    }

    private String bytes(int at) {
        return HexFormat.of().formatHex(ring.asSlice(at, 16).toArray(java.lang.foreign.ValueLayout.JAVA_BYTE));
    }
}
