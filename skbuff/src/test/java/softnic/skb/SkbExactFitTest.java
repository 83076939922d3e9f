package softnic.skb;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import softnic.Edition;
import softnic.mm.PhysMem;

/** What just fits costs nothing; one byte more costs a new head, a slot or a no. */
class SkbExactFitTest {

    private final Workshop shop = new Workshop(Edition.V6_1);
    private final Random random = new Random(9);

    @AfterEach
    void allIsHome() {
        shop.release();
        assertThat(shop.missing()).isEmpty();
        shop.close();
    }

    private static int[] frags(int n, int size) {
        int[] sizes = new int[n];
        Arrays.fill(sizes, size);
        return sizes;
    }

    @Test
    void whatFitsBehindTheLinearPartNeedsNoNewHead() {
        SkBuff skb = shop.packet(random, 16, 66, 4096);         // 128 bytes of room: 46 are free
        byte[] before = shop.content(skb);
        long head = skb.hpa(0);
        assertThat(SkbCopy.pullTail(skb, 46)).isZero();
        assertThat(skb.hpa(0)).isEqualTo(head);
        assertThat(SkbCopy.pullTail(skb, 1)).isZero();
        assertThat(skb.hpa(0)).isNotEqualTo(head);
        assertThat(shop.content(skb)).isEqualTo(before);
        skb.kfree();
    }

    @Test
    void whatIsLinearAlreadyNeedsNoMemoryEvenInAClone() {
        SkBuff skb = shop.packet(random, 0, 66, 100);
        SkBuff clone = SkbCopy.clone(skb);
        shop.leaveHeads(0);
        assertThat(SkbCopy.mayPull(clone, 66)).isTrue();
        assertThat(SkbCopy.mayPull(clone, 67)).isFalse();
        assertThat(SkbCopy.pull(clone, 67)).isFalse();
        assertThat(SkbCopy.linearize(clone)).isNegative();
        assertThat(SkbCopy.trim(clone, 166)).as("as long as it is").isZero();
        assertThat(SkbCopy.trim(clone, 165)).isNegative();
        assertThat(clone.shinfo()).isSameAs(skb.shinfo());
        shop.release();
        assertThat(SkbCopy.mayPull(clone, 166)).as("all of it").isTrue();
        assertThat(clone.headlen()).isEqualTo(166);
        assertThat(SkbCopy.mayPull(clone, 167)).isFalse();
        clone.kfree();
        skb.kfree();
    }

    @Test
    void headroomGrowsByWholeCacheLinesAndNoMoreThanNeeded() {
        int[][] asked = {{16, 16}, {17, 80}, {80, 80}, {81, 144}};
        for (int[] a : asked) {
            SkBuff skb = shop.packet(random, 16, 50);
            byte[] before = shop.content(skb);
            SkBuff copy = SkbCopy.reallocHeadroom(skb, a[0]);
            assertThat(copy.headroom()).as("%d bytes", a[0]).isEqualTo(a[1]);
            assertThat(shop.content(copy)).isEqualTo(before);
            copy.kfree();
            skb.kfree();
        }
    }

    /** skb_copy: what a header may be pushed over is copied as well. */
    @Test
    void aCopyHasTheBytesOfItsHeadroomToo() {
        SkBuff skb = shop.packet(random, 20, 50, 100);
        SkBuff copy = SkbCopy.copy(skb);
        SkBuff less = SkbCopy.copyExpand(skb, 7, 0);
        SkBuff more = SkbCopy.copyExpand(skb, 30, 0);
        skb.push(20);
        copy.push(20);
        more.push(20);
        less.push(7);
        byte[] all = shop.content(skb);
        assertThat(shop.content(copy)).isEqualTo(all);
        assertThat(shop.content(more)).isEqualTo(all);
        assertThat(shop.content(less)).isEqualTo(Arrays.copyOfRange(all, 13, all.length));
        for (SkBuff s : new SkBuff[] {skb, copy, less, more}) {
            s.kfree();
        }
    }

    @Test
    void aPayloadOfWholeSegmentsHasNoEmptyOneBehind() {
        SkBuff skb = shop.packet(random, 0, 54, 3000);
        assertThat(SkbSegment.segment(skb, 54, 1000, true)).isZero();
        int n = 0;
        for (SkBuff s = skb.next(); s != null; n++) {
            assertThat(s.len()).isEqualTo(1054);
            SkBuff next = s.next();
            s.kfree();
            s = next;
        }
        assertThat(n).isEqualTo(3);
        skb.next(null);
        skb.kfree();
    }

    @Test
    void aShiftMayFillTheLastSlotAndMergesWithoutOne() {
        int max = shop.pool.maxFrags();
        SkBuff to = shop.packet(random, 0, 0, frags(max - 2, 8));
        SkBuff skb = shop.packet(random, 0, 0, 100, 200, 300);
        assertThat(SkbSplit.shift(to, skb, 301)).as("three slots").isZero();
        assertThat(SkbSplit.shift(to, skb, 300)).as("two").isEqualTo(300);
        assertThat(to.shinfo().nrFrags()).isEqualTo(max);
        assertThat(SkbSplit.shift(to, skb, 10)).as("no slot").isZero();
        SkBuff last = shop.packet(random, 0, 0, 50);
        assertThat(SkbSplit.shift(to, last, 10)).isZero();
        last.kfree();
        to.kfree();
        SkBuff full = shop.packet(random, 0, 0, frags(max - 1, 8));
        assertThat(SkbSplit.shift(full, skb, 100)).isEqualTo(100);
        assertThat(SkbSplit.shift(full, skb, 100)).as("goes on where the last one ends").isEqualTo(100);
        assertThat(full.shinfo().nrFrags()).isEqualTo(max);
        assertThat(skb.ipSummed()).isEqualTo(SkBuff.CHECKSUM_PARTIAL);
        full.kfree();
        skb.kfree();
    }

    @Test
    void aPacketOfNothingCannotBeShifted() {
        SkBuff to = shop.pool.alloc(10);
        SkBuff empty = shop.pool.alloc(10);
        assertThat(SkbSplit.shift(to, empty, 0)).isZero();
        to.kfree();
        empty.kfree();
    }

    @Test
    void coalescingFillsTheTailroomToTheLastByteAndTheLastSlot() {
        SkBuff to = shop.packet(random, 0, 64 - 10);
        SkBuff ten = shop.packet(random, 0, 4, 6);
        assertThat(SkbSplit.tryCoalesce(to, ten)).isTrue();
        assertThat(to.dataLen()).isZero();
        assertThat(to.tailroom()).isZero();
        ten.kfree();
        int max = shop.pool.maxFrags();
        SkBuff rest = shop.packet(random, 100, 0, frags(max, 8));
        int charged = rest.truesize() + to.truesize();
        int struct = SkBuff.STRUCT_SIZE + (int) PhysMem.offset(rest.shinfo().end);
        assertThat(SkbSplit.tryCoalesce(to, rest)).isTrue();
        assertThat(to.shinfo().nrFrags()).isEqualTo(max);
        assertThat(rest.truesize()).as("a head without data").isEqualTo(struct);
        assertThat(to.truesize() + rest.truesize()).isEqualTo(charged);
        SkBuff more = shop.packet(random, 0, 0, 8);
        assertThat(SkbSplit.tryCoalesce(to, more)).as("no slot is left").isFalse();
        more.kfree();
        rest.kfree();
        to.kfree();
    }

    @Test
    void aSumOfTheWholeIsVoidOnceSomethingIsCutOff() {
        SkBuff skb = shop.packet(random, 0, 40, 100);
        skb.checksumComplete(0x1234);
        assertThat(SkbCopy.trimRcsum(skb, 140)).isZero();
        assertThat(skb.ipSummed()).isEqualTo(SkBuff.CHECKSUM_COMPLETE);
        SkBuff clone = SkbCopy.clone(skb);
        shop.leaveHeads(0);
        assertThat(SkbCopy.trimRcsum(clone, 139)).isNegative();
        shop.release();
        clone.kfree();
        assertThat(SkbCopy.trimRcsum(skb, 139)).isZero();
        assertThat(skb.len()).isEqualTo(139);
        assertThat(skb.ipSummed()).isEqualTo(SkBuff.CHECKSUM_NONE);
        skb.checksumPartial(0, 16);
        assertThat(SkbCopy.trimRcsum(skb, 100)).isZero();
        assertThat(skb.ipSummed()).as("still to be done").isEqualTo(SkBuff.CHECKSUM_PARTIAL);
        skb.kfree();
    }
}
