package softnic.skb;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import softnic.Edition;
import softnic.trace.Violations;

/** Bytes go from one packet to another and none is lost, doubled or moved. */
class SkbSplitTest {

    private static final int[] FRAGS = {100, 1, 300};

    private final Workshop shop = new Workshop(Edition.V6_1);
    private final Random random = new Random(6);
    private final Violations violations = new Violations();

    @AfterEach
    void allIsHome() {
        assertThat(violations.kept()).isEmpty();
        shop.release();
        assertThat(shop.missing()).isEmpty();
        shop.close();
    }

    private void assertSound(SkBuff skb, byte[] all, int from, int to) {
        assertThat(SkbCheck.check(skb, violations)).isTrue();
        assertThat(shop.content(skb)).isEqualTo(Arrays.copyOfRange(all, from, to));
    }

    @Test
    void aSplitAtEveryByteGivesTwoPackets() {
        for (int len = 1; len < 60 + 401; len++) {
            SkBuff skb = shop.packet(random, 4, 60, FRAGS);
            byte[] before = shop.content(skb);
            SkBuff second = shop.pool.alloc(100);
            assertThat(SkbSplit.split(skb, second, len)).isZero();
            assertSound(skb, before, 0, len);
            assertSound(second, before, len, before.length);
            skb.kfree();
            assertSound(second, before, len, before.length);
            second.kfree();
            assertThat(shop.missing()).isEmpty();
        }
    }

    @Test
    void aShiftOfEveryLengthMovesTheFrontToAnotherPacket() {
        for (int n = 1; n <= 401; n++) {
            SkBuff skb = shop.packet(random, 0, 0, FRAGS);
            byte[] before = shop.content(skb);
            SkBuff to = shop.pool.alloc(10);
            int sum = skb.truesize() + to.truesize();
            assertThat(SkbSplit.shift(to, skb, n)).isEqualTo(n);
            assertSound(to, before, 0, n);
            assertSound(skb, before, n, 401);
            assertThat(skb.truesize() + to.truesize()).isEqualTo(sum);
            assertThat(to.ipSummed()).isEqualTo(SkBuff.CHECKSUM_PARTIAL);
            if (n < 401) {
                int frags = to.shinfo().nrFrags();
                assertThat(SkbSplit.shift(to, skb, 1)).isEqualTo(1);
                boolean merges = n != 100 && n != 101;
                assertThat(to.shinfo().nrFrags()).as("after %d", n).isEqualTo(merges ? frags : frags + 1);
                assertSound(to, before, 0, n + 1);
                assertSound(skb, before, n + 1, 401);
            }
            to.kfree();
            skb.kfree();
            assertThat(shop.missing()).isEmpty();
        }
    }

    @Test
    void aShiftLeavesClonesAlone() {
        SkBuff skb = shop.packet(random, 0, 0, FRAGS);
        byte[] before = shop.content(skb);
        SkBuff clone = SkbCopy.clone(skb);
        SkBuff to = shop.pool.alloc(10);
        shop.leaveHeads(0);
        assertThat(SkbSplit.shift(to, skb, 150)).isZero();
        shop.release();
        assertThat(SkbSplit.shift(to, skb, 150)).isEqualTo(150);
        assertSound(clone, before, 0, 401);
        assertSound(to, before, 0, 150);
        clone.kfree();
        to.kfree();
        skb.kfree();
    }

    @Test
    void aShiftNeedsFragmentsAndRoomForThem() {
        SkBuff linear = shop.packet(random, 0, 10, 100);
        SkBuff to = shop.pool.alloc(10);
        assertThat(SkbSplit.shift(to, linear, 5)).isZero();
        linear.kfree();
        to.kfree();
        int max = shop.pool.maxFrags();
        int[] sizes = new int[max];
        Arrays.fill(sizes, 8);
        SkBuff full = shop.packet(random, 0, 0, sizes);
        SkBuff skb = shop.packet(random, 0, 0, 100);
        assertThat(SkbSplit.shift(full, skb, 50)).isZero();
        assertThat(skb.len()).isEqualTo(100);
        full.kfree();
        skb.kfree();
    }

    @Test
    void anEmptyPacketCoalescesWithAnyAndChangesNothing() {
        SkBuff to = shop.packet(random, 0, 40, FRAGS);
        byte[] before = shop.content(to);
        SkBuff empty = shop.packet(random, 0, 0);
        assertThat(SkbSplit.tryCoalesce(to, empty)).isTrue();
        assertSound(to, before, 0, before.length);
        empty.kfree();
        to.kfree();
    }

    @Test
    void coalescingCopiesWhereThereIsRoomAndMovesFragmentsElse() {
        SkBuff to = shop.packet(random, 0, 40);
        SkBuff small = shop.packet(random, 0, 10, 10);
        byte[] first = shop.content(to);
        byte[] second = shop.content(small);
        assertThat(SkbSplit.tryCoalesce(to, small)).isTrue();
        small.kfree();
        assertThat(to.dataLen()).isZero();
        assertThat(shop.content(to)).startsWith(first).endsWith(second).hasSize(60);
        SkBuff large = shop.packet(random, 0, 0, FRAGS);
        byte[] third = shop.content(large);
        byte[] soFar = shop.content(to);
        int truesize = to.truesize();
        assertThat(SkbSplit.tryCoalesce(to, large)).isTrue();
        assertThat(to.truesize()).isEqualTo(truesize + 401);
        assertThat(SkbCheck.check(large, violations)).isTrue();
        assertThat(large.len()).isZero();
        large.kfree();
        assertThat(shop.content(to)).startsWith(soFar).endsWith(third).hasSize(461);
        SkbCheck.check(to, violations);

        SkBuff cloned = shop.packet(random, 0, 0, 50);
        byte[] kept = shop.content(cloned);
        SkBuff clone = SkbCopy.clone(cloned);
        assertThat(SkbSplit.tryCoalesce(to, cloned)).isTrue();
        assertThat(to.len()).isEqualTo(511);
        assertThat(shop.content(clone)).isEqualTo(kept);
        assertThat(SkbSplit.tryCoalesce(clone, to)).as("cloned").isFalse();
        SkBuff withHead = shop.packet(random, 0, 70, 50);
        assertThat(SkbSplit.tryCoalesce(to, withHead)).as("linear part").isFalse();
        withHead.kfree();
        clone.kfree();
        cloned.kfree();
        to.kfree();
    }
}
