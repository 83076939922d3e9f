package softnic.net;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.MemorySegment;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** RFC 1071 computed the slow way, against ours. */
class ChecksumTest {

    private static final long SEED = 1071L;

    private final Random random = new Random(SEED);

    private byte[] bytes(int n) {
        byte[] all = new byte[n];
        random.nextBytes(all);
        return all;
    }

    /** Sum of big-endian 16-bit words, end-around carry at each step; complemented. */
    static int naive(byte[] data, int from, int len, int start) {
        int sum = start;
        for (int i = 0; i < len; i++) {
            sum += (data[from + i] & 0xFF) << ((i & 1) == 0 ? 8 : 0);
            sum = (sum & 0xFFFF) + (sum >>> 16);
        }
        return ~sum & 0xFFFF;
    }

    private static int swapped(int v) {
        return (v & 0xFF) << 8 | v >>> 8;
    }

    @Test
    void equalsTheNaiveSumForEveryLengthAndOffset() {
        byte[] data = bytes(400);
        MemorySegment m = MemorySegment.ofArray(data);
        for (int at = 0; at < 20; at++) {
            for (int len = 0; len <= 300; len++) {
                int folded = Checksum.fold(Checksum.partial(m, at, len, 0));
                assertThat(swapped(folded)).as("at %d len %d", at, len).isEqualTo(naive(data, at, len, 0));
            }
        }
    }

    @Test
    void onesDoNotOverflow() {
        byte[] data = new byte[65536];
        java.util.Arrays.fill(data, (byte) 0xFF);
        MemorySegment m = MemorySegment.ofArray(data);
        long sum = 0;
        for (int i = 0; i < 1000; i++) {
            sum = Checksum.partial(m, 0, data.length, sum);
        }
        assertThat(Checksum.fold(sum)).isZero();
        assertThat(Checksum.fold(Checksum.partial(m, 0, 65535, 0))).isEqualTo(swapped(naive(data, 0, 65535, 0)));
    }

    @Test
    void sumsOfPiecesMayBeCutAnywhere() {
        for (int round = 0; round < 3000; round++) {
            byte[] data = bytes(random.nextInt(200));
            MemorySegment m = MemorySegment.ofArray(data);
            int cut = random.nextInt(data.length + 1);
            long rest = Checksum.partial(m, cut, data.length - cut, 0);
            long sum = Checksum.partial(m, 0, cut, 0) + ((cut & 1) == 0 ? rest : Checksum.odd(rest));
            assertThat(swapped(Checksum.fold(sum))).as("seed=%d round %d", SEED, round)
                    .isEqualTo(naive(data, 0, data.length, 0));
        }
    }

    @Test
    void thePseudoHeaderHasAddressesProtocolAndLength() {
        byte[] ip = bytes(20);
        for (int len : new int[] {0, 20, 0xFFFF, 0x12345}) {
            byte[] pseudo = new byte[12];
            System.arraycopy(ip, 12, pseudo, 0, 8);
            pseudo[9] = 6;
            pseudo[10] = (byte) (len >>> 8);
            pseudo[11] = (byte) len;
            int expected = naive(pseudo, 0, 12, len >>> 16);
            long sum = Checksum.pseudoIpv4(MemorySegment.ofArray(ip), 0, 6, len);
            assertThat(swapped(Checksum.fold(sum))).isEqualTo(expected);
        }
    }

    @Test
    void anIpv4HeaderChecksItself() {
        MemorySegment m = MemorySegment.ofArray(new byte[64]);
        Ipv4Header.write(m, 3, 1500, 0xBEEF, Ipv4Header.IPPROTO_TCP, 0x0A000001, 0x0A000002);
        assertThat(Ipv4Header.isCheckValid(m, 3, 20)).isTrue();
        assertThat(Ipv4Header.version(m, 3)).isEqualTo(4);
        assertThat(Ipv4Header.headerLen(m, 3)).isEqualTo(20);
        assertThat(Ipv4Header.totLen(m, 3)).isEqualTo(1500);
        assertThat(Ipv4Header.id(m, 3)).isEqualTo(0xBEEF);
        assertThat(Ipv4Header.saddr(m, 3)).isEqualTo(0x0A000001);
        assertThat(Ipv4Header.daddr(m, 3)).isEqualTo(0x0A000002);
        Ipv4Header.id(m, 3, 1);
        assertThat(Ipv4Header.isCheckValid(m, 3, 20)).isFalse();
    }

    @Test
    void headersReadBackWhatWasWritten() {
        MemorySegment m = MemorySegment.ofArray(new byte[128]);
        EthHeader.write(m, 1, 0xFFEEDDCCBBAAL, 0x020000000001L, EthHeader.ETH_P_IPV6);
        assertThat(EthHeader.dest(m, 1)).isEqualTo(0xFFEEDDCCBBAAL);
        assertThat(EthHeader.source(m, 1)).isEqualTo(0x020000000001L);
        assertThat(EthHeader.type(m, 1)).isEqualTo(EthHeader.ETH_P_IPV6);
        TcpHeader.write(m, 15, 40000, 80, 0xFFFFFFF0, 7, 32, TcpHeader.ACK | TcpHeader.CWR, 0xFFFF);
        TcpHeader.writeTimestamps(m, 15, 0x11223344, 0x55667788);
        assertThat(TcpHeader.source(m, 15)).isEqualTo(40000);
        assertThat(TcpHeader.dest(m, 15)).isEqualTo(80);
        assertThat(TcpHeader.seq(m, 15)).isEqualTo(0xFFFFFFF0);
        assertThat(TcpHeader.ackSeq(m, 15)).isEqualTo(7);
        assertThat(TcpHeader.headerLen(m, 15)).isEqualTo(32);
        assertThat(TcpHeader.flags(m, 15)).isEqualTo(TcpHeader.ACK | TcpHeader.CWR);
        assertThat(TcpHeader.window(m, 15)).isEqualTo(0xFFFF);
        assertThat(TcpHeader.timestamp(m, 15)).isEqualTo(0x11223344);
        TcpHeader.flags(m, 15, 0xFFF);
        assertThat(TcpHeader.headerLen(m, 15)).isEqualTo(32);
        TcpHeader.option(m, 15, 0, 0x020405B4);
        assertThat(TcpHeader.option(m, 15, 0)).isEqualTo(0x020405B4);
        assertThat(TcpHeader.timestamp(m, 15)).isZero();
    }
}
