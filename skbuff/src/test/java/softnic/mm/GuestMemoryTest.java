package softnic.mm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/**
 * A guest may name any address and any length: what it gets are pieces inside its own memory, or an errno.
 *
 * <pre>
 *   gpa   0        64K       96K      128K              2^64 - 64K    2^64
 *         | first   | second  | (hole) | third | (hole)   | last       |
 * </pre>
 */
class GuestMemoryTest {

    private static final long SEED = 2012_0311L;
    private static final int K = 1024;
    private static final long LAST = -64L * K;

    private final Arena arena = Arena.ofConfined();
    private final PhysMem memory = new PhysMem();
    private final GuestMemory guest = new GuestMemory(memory);
    private final IoVec iov = new IoVec();

    GuestMemoryTest() {
        guest.addRegion(0, ram(64 * K));
        guest.addRegion(64 * K, ram(32 * K));
        guest.addRegion(128 * K, ram(16 * K));
        guest.addRegion(LAST, ram(64 * K));
    }

    private MemorySegment ram(int bytes) {
        return arena.allocate(bytes, PhysMem.PAGE_SIZE);
    }

    @AfterEach
    void close() {
        arena.close();
    }

    private int translate(long gpa, long len) {
        iov.clear();
        return guest.table().translate(gpa, len, iov, IoVec.UIO_MAXIOV, false);
    }

    @Test
    void aRangeInsideOneRegionIsOnePiece() {
        assertThat(translate(100, 1000)).isEqualTo(1);
        assertThat(iov.base(0)).isEqualTo(guest.regionHpa(0) + 100);
        assertThat(iov.len(0)).isEqualTo(1000);
    }

    @Test
    void aRangeOverTwoRegionsIsCutWhereTheFirstEnds() {
        assertThat(translate(63 * K, 3 * K)).isEqualTo(2);
        assertThat(iov.base(0)).isEqualTo(guest.regionHpa(0) + 63 * K);
        assertThat(iov.len(0)).isEqualTo(K);
        assertThat(iov.base(1)).isEqualTo(guest.regionHpa(1));
        assertThat(iov.len(1)).isEqualTo(2 * K);        // not 3 K: CVE-2013-0311
    }

    @Test
    void aRangeOverThreeRegionsIsThreePieces() {
        guest.addRegion(96 * K, ram(32 * K));           // closes the hole
        assertThat(translate(60 * K, 80 * K)).isEqualTo(4);
        assertThat(iov.length()).isEqualTo(80 * K);
    }

    /** Host lengths are ints: a piece of 2 GiB would be none. */
    @Test
    void aPieceHasAtMostTwoGibibytesLessOne() {
        VhostMemory huge = VhostMemory.EMPTY.with(0, 8L << 30, 1L << 40);
        assertThat(huge.translate(4096, 0xFFFF_FFFFL, iov, IoVec.UIO_MAXIOV, false)).isEqualTo(3);
        assertThat(iov.len(0)).isEqualTo(Integer.MAX_VALUE);
        assertThat(iov.base(1)).isEqualTo((1L << 40) + 4096 + Integer.MAX_VALUE);
        assertThat(iov.len(2)).isEqualTo(1);
        assertThat(iov.length()).isEqualTo(0xFFFF_FFFFL);
    }

    /** CVE-2013-0311. */
    @Test
    void theOldErrorGivesAPieceBehindTheFirstTheWholeLengthAgain() {
        assertThat(guest.table().translate(63 * K, 3 * K, iov, IoVec.UIO_MAXIOV, true)).isEqualTo(2);
        assertThat(iov.len(0)).isEqualTo(K);
        assertThat(iov.len(1)).isEqualTo(3 * K);
        iov.clear();
        assertThat(guest.table().translate(100, 1000, iov, IoVec.UIO_MAXIOV, true)).isEqualTo(1);
        assertThat(iov.len(0)).isEqualTo(1000);
        iov.clear();
        assertThat(guest.table().translate(60 * K, 34 * K, iov, IoVec.UIO_MAXIOV, true)).isEqualTo(2);
        assertThat(iov.len(1)).as("as far as its region goes").isEqualTo(32 * K);
    }

    @Test
    void nothingIsNoPieceWhereverItLies() {
        assertThat(translate(0, 0)).isZero();
        assertThat(translate(0x1234_5678_9ABC_DEF0L, 0)).isZero();
    }

    @Test
    void whatIsNoMemoryIsAFault() {
        assertThat(translate(96 * K, 1)).isEqualTo(-Errno.EFAULT);              // in the hole
        assertThat(translate(95 * K, 2 * K)).isEqualTo(-Errno.EFAULT);          // into the hole
        assertThat(translate(144 * K, 1)).isEqualTo(-Errno.EFAULT);
        assertThat(translate(Long.MIN_VALUE, 1)).isEqualTo(-Errno.EFAULT);
        assertThat(translate(Long.MAX_VALUE, 0xFFFF_FFFFL)).isEqualTo(-Errno.EFAULT);
        assertThat(translate(0, 0xFFFF_FFFFL)).isEqualTo(-Errno.EFAULT);
    }

    @Test
    void theLastByteOfTheAddressSpaceIsReachedAndNotPassed() {
        assertThat(translate(-1, 1)).isEqualTo(1);
        assertThat(iov.base(0)).isEqualTo(guest.regionHpa(3) + 64 * K - 1);
        assertThat(translate(LAST, 64 * K)).isEqualTo(1);
        assertThat(translate(-1, 2)).isEqualTo(-Errno.EFAULT);                  // would go on at 0, which is memory
        assertThat(translate(LAST, 64 * K + 1)).isEqualTo(-Errno.EFAULT);
        assertThat(translate(LAST - 1, 2)).isEqualTo(-Errno.EFAULT);
    }

    @Test
    void tooManyPiecesAreAnErrorBeforeTheyAreWritten() {
        iov.clear();
        iov.add(1, 1);
        assertThat(guest.table().translate(63 * K, 2 * K, iov, 2, false)).isEqualTo(-Errno.ENOBUFS);
        assertThat(iov.count()).isEqualTo(2);
        assertThat(guest.table().translate(0, 1, iov, 2, false)).isEqualTo(-Errno.ENOBUFS);
        assertThat(guest.table().translate(0, 0, iov, 2, false)).isZero();
    }

    /** Invariant 30: the lengths add up, and every piece lies inside one region. */
    @Test
    void piecesAlwaysAddUpAndNeverLeaveTheirRegion() {
        Random random = new Random(SEED);
        long[] bases = {0, 64 * K, 96 * K, 128 * K, 144 * K, LAST, -1, Long.MIN_VALUE};
        for (int i = 0; i < 100_000; i++) {
            long gpa = bases[random.nextInt(bases.length)] + random.nextInt(-3 * K, 3 * K);
            long len = random.nextBoolean() ? random.nextInt(100 * K) : random.nextLong(1L << 32);
            int pieces = translate(gpa, len);
            boolean all = true;
            for (long at = gpa, left = len; left > 0 && all; at += 512, left -= 512) {
                all = isRam(at) && isRam(at + Math.min(left, 512) - 1);
            }
            all &= len == 0 || Long.compareUnsigned(gpa + len - 1, gpa) >= 0;
            assertThat(pieces >= 0).as("seed=%d gpa=%x len=%d", SEED, gpa, len).isEqualTo(all);
            if (pieces >= 0) {
                assertThat(iov.length()).isEqualTo(len);
                for (int p = 0; p < iov.count(); p++) {
                    assertThat(memory.isMemory(iov.base(p), iov.len(p))).isTrue();
                }
            }
        }
    }

    private static boolean isRam(long gpa) {
        return gpa >= 0 && gpa < 96 * K || gpa >= 128 * K && gpa < 144 * K || gpa >= LAST && gpa < 0;
    }

    @Test
    void pinningTakesWholePagesAndStopsWhereMemoryEnds() {
        Holder[] holders = new Holder[8];
        for (int i = 0; i < holders.length; i++) {
            holders[i] = new Holder("holder " + i);
        }
        long hpa = guest.hpa(128 * K + 2 * PhysMem.PAGE_SIZE + 100);
        assertThat(guest.getUserPagesFast(hpa, 4, holders, 1)).isEqualTo(2);
        assertThat(guest.pins()).isEqualTo(2);
        assertThat(holders[0].page()).isNull();
        assertThat(holders[1].page().hpa()).isEqualTo(hpa - 100);
        assertThat(holders[1].page().isGuest()).isTrue();
        assertThat(holders[3].page()).isNull();
        holders[1].put();
        holders[2].put();
        assertThat(guest.pins()).isZero();
    }

    @Test
    void pinningTakesAsManyPagesAsWereAskedForAndNoMore() {
        Holder[] holders = {new Holder("first"), new Holder("second"), new Holder("third")};
        assertThat(guest.getUserPagesFast(guest.hpa(4096), 2, holders, 0)).isEqualTo(2);
        assertThat(holders[2].page()).isNull();
        assertThat(guest.pins()).isEqualTo(2);
        assertThat(guest.getUserPagesFast(guest.hpa(4096), 0, holders, 2)).isZero();
        holders[0].put();
        holders[1].put();
    }

    @Test
    void regionsAreWholePagesThatOverlapNobody() {
        assertThatThrownBy(() -> guest.addRegion(100, ram(4 * K))).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> guest.addRegion(96 * K, arena.allocate(100, 4096)))
                .isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> guest.addRegion(96 * K, MemorySegment.ofArray(new byte[4096])))
                .isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> guest.addRegion(92 * K, ram(4 * K))).hasMessageContaining("overlaps");
        assertThatThrownBy(() -> guest.addRegion(120 * K, ram(32 * K))).hasMessageContaining("overlaps");
        assertThatThrownBy(() -> guest.addRegion(-4L * K, ram(8 * K))).hasMessageContaining("passes the end");
        assertThat(guest.regions()).isEqualTo(4);
    }

    @Test
    void thereAreAtMostSixtyFourRegions() {
        for (int i = guest.regions(); i < VhostMemory.VHOST_MEMORY_MAX_NREGIONS; i++) {
            guest.addRegion((1L << 30) + i * 4096L, ram(4096));
        }
        assertThatThrownBy(() -> guest.addRegion(1L << 40, ram(4096))).hasMessageContaining("at most 64");
    }

    @Test
    void theGuestsOwnCodeIsToldWhenItMissesItsMemory() {
        assertThat(guest.hpa(65 * K)).isEqualTo(guest.regionHpa(1) + K);
        assertThat(guest.hpa(5)).isEqualTo(guest.regionHpa(0) + 5);
        assertThatThrownBy(() -> guest.hpa(100 * K)).hasMessageContaining("0x19000 is not RAM");
    }

    private static final class Holder extends PageHolder {

        private final String name;

        Holder(String name) {
            this.name = name;
        }

        @Override
        public String referenceName() {
            return name;
        }
    }

    /** The owner maps the same RAM elsewhere: the guest's bytes move along, a pin of the old place stays a pin of it. */
    @Test
    void aRegionMovesAndItsOldAddressIsStale() {
        long old = guest.regionHpa(1);
        memory.u8(old + 5, 77);
        PageHolder[] holders = {new Holder("test")};
        assertThat(guest.getUserPagesFast(old, 1, holders, 0)).isEqualTo(1);
        long now = guest.mapAgain(1);
        assertThat(memory.u8(now + 5)).as("two addresses of one byte").isEqualTo((byte) 77);
        assertThat(guest.regionHpa(1)).as("not moved yet").isEqualTo(old);

        assertThat(guest.move(1, now, ram(32 * K))).as("pages still held").isEqualTo(1);
        assertThat(memory.u8(old + 5)).as("stale").isZero();
        assertThat(guest.hpa(64 * K + 5)).isEqualTo(now + 5);
        assertThat(memory.u8(now + 5)).isEqualTo((byte) 77);
        assertThat(translate(60 * K, 8 * K)).isEqualTo(2);
        assertThat(iov.base(1)).isEqualTo(now);
        assertThat(guest.pins()).isEqualTo(1);
        assertThat(guest.table().guestPhysAddr(1)).isEqualTo(64 * K);
        assertThat(guest.table().memorySize(1)).isEqualTo(32 * K);
        holders[0].put();
        assertThat(guest.pins()).isZero();
    }
}
