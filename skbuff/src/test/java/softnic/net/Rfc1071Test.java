package softnic.net;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Random;
import org.junit.jupiter.api.Test;

/**
 * The sum by words of eight bytes is the sum of RFC 1071, written down here byte by byte. Guest, NIC and far end all
 * add with {@link Checksum#partial}: a mistake in it would prove itself everywhere but here.
 */
class Rfc1071Test {

    private static final int LONGEST = 80;

    @Test
    void everyLengthAndPlaceGivesTheSameSum() {
        long seed = 1071;
        Random random = new Random(seed);
        byte[] bytes = new byte[LONGEST + 8];
        random.nextBytes(bytes);
        MemorySegment m = Arena.ofAuto().allocate(bytes.length, Long.BYTES);
        MemorySegment.copy(bytes, 0, m, ValueLayout.JAVA_BYTE, 0, bytes.length);
        for (int at = 0; at < 8; at++) {
            for (int len = 0; len <= LONGEST; len++) {
                int expected = ~sum(bytes, at, len) & 0xFFFF;
                assertThat(bigEndian(Checksum.fold(Checksum.partial(m, at, len, 0))))
                        .as("seed %d: %d bytes at %d", seed, len, at).isEqualTo(expected);
            }
        }
    }

    @Test
    void carriesAreNotLost() {
        MemorySegment m = Arena.ofAuto().allocate(LONGEST, Long.BYTES).fill((byte) 0xFF);
        assertThat(Checksum.fold(Checksum.partial(m, 0, LONGEST, 0xFFFF_FFFFL))).isZero();
    }

    private static int sum(byte[] bytes, int at, int len) {
        int sum = 0;
        for (int i = 0; i < len; i++) {
            int shift = (i & 1) == 0 ? 8 : 0;
            sum += Byte.toUnsignedInt(bytes[at + i]) << shift;
            sum = (sum & 0xFFFF) + (sum >>> 16);
        }
        return sum;
    }

    private static int bigEndian(int folded) {
        return (folded & 0xFF) << 8 | folded >>> 8;
    }
}
