package softnic.mm;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.Arena;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Bytes scattered over pieces behave as the one array they stand for. */
class IoVecTest {

    private static final long SEED = 1024L;
    private static final int SIZE = 4096;

    private final Arena arena = Arena.ofConfined();
    private final PhysMem memory = new PhysMem();
    private final long a = memory.addRegion(arena.allocate(SIZE));
    private final long b = memory.addRegion(arena.allocate(SIZE));
    private final IoVec iov = new IoVec();

    @AfterEach
    void close() {
        arena.close();
    }

    /** Pieces of 0..40 bytes over region a, with holes; returns what they hold in all. */
    private byte[] scatter(Random random, int pieces) {
        iov.clear();
        byte[] whole = new byte[pieces * 40];
        int len = 0;
        for (int i = 0; i < pieces; i++) {
            int bytes = random.nextInt(41);
            long base = a + i * 64L;
            iov.add(base, bytes);
            for (int n = 0; n < bytes; n++) {
                whole[len] = (byte) random.nextInt();
                memory.u8(base + n, whole[len++]);
            }
        }
        return java.util.Arrays.copyOf(whole, len);
    }

    private byte[] at(long hpa, int bytes) {
        byte[] out = new byte[bytes];
        for (int i = 0; i < bytes; i++) {
            out[i] = memory.u8(hpa + i);
        }
        return out;
    }

    @Test
    void copyingOutIsTheSliceOfTheWhole() {
        Random random = new Random(SEED);
        for (int round = 0; round < 2000; round++) {
            byte[] whole = scatter(random, random.nextInt(20));
            assertThat(iov.length()).isEqualTo(whole.length);
            int offset = random.nextInt(whole.length + 3);
            int bytes = random.nextInt(whole.length + 3);
            int err = iov.copyTo(memory, offset, b, bytes);
            boolean fits = bytes == 0 || offset + bytes <= whole.length;
            assertThat(err).as("seed=%d round %d", SEED, round).isEqualTo(fits ? 0 : -Errno.EFAULT);
            if (fits && bytes > 0) {
                assertThat(at(b, bytes)).isEqualTo(java.util.Arrays.copyOfRange(whole, offset, offset + bytes));
            }
        }
    }

    @Test
    void copyingInChangesThatSliceOnly() {
        Random random = new Random(SEED);
        for (int round = 0; round < 2000; round++) {
            byte[] whole = scatter(random, random.nextInt(20));
            int offset = random.nextInt(whole.length + 1);
            int bytes = random.nextInt(whole.length - offset + 1);
            for (int i = 0; i < bytes; i++) {
                whole[offset + i] = (byte) ~whole[offset + i];
                memory.u8(b + i, whole[offset + i]);
            }
            assertThat(iov.copyFrom(memory, offset, b, bytes)).isZero();
            assertThat(iov.copyTo(memory, 0, b, whole.length)).isZero();
            assertThat(at(b, whole.length)).as("seed=%d round %d", SEED, round).isEqualTo(whole);
        }
        iov.clear();
        iov.add(a, 10);
        assertThat(iov.copyFrom(memory, 5, b, 6)).isEqualTo(-Errno.EFAULT);
    }

    @Test
    void advancingDropsBytesFromTheFront() {
        Random random = new Random(SEED);
        for (int round = 0; round < 2000; round++) {
            byte[] whole = scatter(random, random.nextInt(20));
            int drop = random.nextInt(whole.length + 1);
            iov.advance(drop);
            assertThat(iov.length()).as("seed=%d round %d", SEED, round).isEqualTo(whole.length - drop);
            iov.copyTo(memory, 0, b, whole.length - drop);
            assertThat(at(b, whole.length - drop)).isEqualTo(java.util.Arrays.copyOfRange(whole, drop, whole.length));
        }
    }

    @Test
    void advancingByAllThereIsLeavesNothingWhateverLiesBehind() {
        iov.add(a, 10);
        iov.add(a, 20);
        iov.advance(30);
        assertThat(iov.count()).isZero();
        assertThat(iov.length()).isZero();
    }

    @Test
    void lengthsAddUpBeyondThirtyTwoBits() {
        for (int i = 0; i < IoVec.UIO_MAXIOV; i++) {
            iov.add(a, Integer.MAX_VALUE);
        }
        assertThat(iov.length()).isEqualTo(1024L * Integer.MAX_VALUE);
        assertThat(iov.length(10, 13)).isEqualTo(3L * Integer.MAX_VALUE);
        iov.truncate(2);
        assertThat(iov.count()).isEqualTo(2);
    }

    /** A piece may end behind its region, or begin where none is: what could be copied is copied. */
    @Test
    void aPieceThatIsNoMemoryIsEfault() {
        for (long[] hole : new long[][] {{a + SIZE - 5, 10}, {a + SIZE, 10}, {b + (1L << 40), 10}, {0, 10}}) {
            iov.clear();
            iov.add(a, 5);
            iov.add(hole[0], (int) hole[1]);
            assertThat(iov.copyTo(memory, 0, b, 15)).isEqualTo(-Errno.EFAULT);
            assertThat(iov.copyFrom(memory, 0, b, 15)).isEqualTo(-Errno.EFAULT);
            assertThat(iov.copyTo(memory, 0, b, 5)).isZero();
        }
    }
}
