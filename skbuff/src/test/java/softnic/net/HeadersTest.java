package softnic.net;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.HexFormat;
import org.junit.jupiter.api.Test;

/** The headers we write, byte by byte as the RFCs draw them, over memory that was not zero before. */
class HeadersTest {

    private static final int AT = 3;

    private final byte[] bytes = new byte[80];
    private final MemorySegment m = MemorySegment.ofArray(bytes);

    HeadersTest() {
        Arrays.fill(bytes, (byte) 0xEE);
    }

    private String written(int len) {
        assertThat(bytes[AT - 1]).isEqualTo((byte) 0xEE);
        assertThat(bytes[AT + len]).isEqualTo((byte) 0xEE);
        return HexFormat.of().formatHex(bytes, AT, AT + len);
    }

    /** RFC 791; the sum by hand: 0x4500 + 0x05dc + 0x1234 + 0x4000 + 0x4006 + 0x0a00 + 1 + 0x0a00 + 2. */
    @Test
    void anIpv4HeaderHasNoOptionsLivesSixtyFourHopsAndSumsUp() {
        Ipv4Header.write(m, AT, 1500, 0x1234, 6, 0x0A000001, 0x0A000002);
        int sum = 0x4500 + 0x05DC + 0x1234 + 0x4000 + 0x4006 + 0x0A00 + 1 + 0x0A00 + 2;
        assertThat(written(20)).isEqualTo("450005dc123440004006" + String.format("%04x", ~sum & 0xFFFF)
                + "0a0000010a000002");
        assertThat(Ipv4Header.isCheckValid(m, AT, 20)).isTrue();
        bytes[AT + 8]--;
        assertThat(Ipv4Header.isCheckValid(m, AT, 20)).isFalse();
    }

    @Test
    void aTcpHeaderHasItsLengthAndNoSumYet() {
        TcpHeader.write(m, AT, 0x1111, 0x2222, 0x33333333, 0x44444444, 32, TcpHeader.ACK, 0x5555);
        assertThat(written(20)).isEqualTo("1111222233333333444444448010555500000000");
        TcpHeader.writeTimestamps(m, AT, 0x66666666, 0x77777777);
        assertThat(written(32)).endsWith("0101080a6666666677777777");
        assertThat(TcpHeader.timestamp(m, AT)).isEqualTo(0x66666666);
        TcpHeader.option(m, AT, 2, 0x12345678);
        assertThat(written(32)).endsWith("0101080a6666666612345678");
        assertThat(TcpHeader.option(m, AT, 2)).isEqualTo(0x12345678);
        assertThat(TcpHeader.option(m, AT, 1)).isEqualTo(0x66666666);
        TcpHeader.option(m, AT, 0, 0x01010101);
        assertThat(TcpHeader.timestamp(m, AT)).as("no timestamps").isZero();
    }

    /** RFC 8200, 4.5. */
    @Test
    void aFragmentHeaderSaysWhatFollowsAndWhereItBelongs() {
        Ipv6Header.writeFrag(m, AT, 17, 0xCAFEBABE);
        assertThat(written(8)).isEqualTo("11000000cafebabe");
        Ipv6Header.fragOff(m, AT, 1448, true);
        assertThat(written(8)).isEqualTo("110005a9cafebabe");
        Ipv6Header.payloadLen(m, AT, 0xABCD);
        assertThat(Ipv6Header.payloadLen(m, AT)).isEqualTo(0xABCD);
        assertThat(bytes[AT + 4]).isEqualTo((byte) 0xAB);
    }
}
