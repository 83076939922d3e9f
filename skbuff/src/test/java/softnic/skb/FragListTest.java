package softnic.skb;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import softnic.Edition;
import softnic.mm.Errno;
import softnic.trace.Violations;

/** Packets behind a packet: whatever is done to the whole, the bytes stay in order and each packet is freed once. */
class FragListTest {

    private static final int[] LENGTHS = {100, 1, 300, 64};
    private static final int ALL = 20 + 50 + 465;

    private final Workshop shop = new Workshop(Edition.V6_1);
    private final Random random = new Random(5);
    private final Violations violations = new Violations();

    @AfterEach
    void allIsHome() {
        assertThat(violations.kept()).isEmpty();
        shop.release();
        assertThat(shop.missing()).isEmpty();
        shop.close();
    }

    private SkBuff packet() {
        SkBuff list = shop.list(random, LENGTHS);
        SkBuff skb = shop.packet(random, 8, 20, 50);
        skb.addFragList(list);
        assertThat(skb.len()).isEqualTo(ALL);
        return skb;
    }

    private void assertSound(SkBuff skb, byte[] expected) {
        assertThat(SkbCheck.check(skb, violations)).isTrue();
        assertThat(shop.content(skb)).isEqualTo(expected);
        assertThat(SkbCheck.bytes(skb)).isEqualTo(expected);
    }

    @Test
    void itsTruesizeAndBytesCount() {
        SkBuff skb = packet();
        int sum = 0;
        for (SkBuff s = skb.shinfo().fragList(); s != null; s = s.next()) {
            sum += s.truesize();
        }
        assertThat(skb.truesize()).isEqualTo(64 + SkBuff.STRUCT_SIZE + 50 + sum);
        assertThat(skb.dataLen()).isEqualTo(ALL - 20);
        assertSound(skb, shop.content(skb));
        skb.kfree();
    }

    @Test
    void bitsAreCopiedFromAnyPositionToAnyOther() {
        SkBuff skb = packet();
        byte[] before = shop.content(skb);
        SkBuff to = shop.pool.alloc(ALL);
        for (int from = 0; from < ALL; from += 3) {
            for (int len = 0; from + len <= ALL; len += 31) {
                SkbCopy.copyBits(skb, from, to.hpa(0), len);
                for (int i = 0; i < len; i++) {
                    if (shop.memory.u8(to.hpa(i)) != before[from + i]) {
                        throw new AssertionError("from " + from + " len " + len + " byte " + i);
                    }
                }
            }
        }
        to.kfree();
        skb.kfree();
    }

    @Test
    void everyPullMovesBytesAndFreesWhatIsEmpty() {
        for (int delta = 1; delta <= ALL - 20; delta++) {
            SkBuff skb = packet();
            byte[] before = shop.content(skb);
            assertThat(SkbCopy.pullTail(skb, delta)).isZero();
            assertThat(skb.headlen()).isEqualTo(20 + delta);
            assertSound(skb, before);
            skb.kfree();
            assertThat(shop.missing()).isEmpty();
        }
    }

    @Test
    void everyTrimKeepsTheFront() {
        for (int len = 0; len <= ALL; len++) {
            SkBuff skb = packet();
            byte[] before = shop.content(skb);
            assertThat(SkbCopy.trim(skb, len)).isZero();
            assertSound(skb, Arrays.copyOf(before, len));
            skb.kfree();
            assertThat(shop.missing()).isEmpty();
        }
    }

    /** Two heads over one chain: what one does, the other must not see. */
    @Test
    void aCopyAndItsOriginalShareTheChainAndCutTheirOwn() {
        for (int n = 1; n < ALL; n += 7) {
            SkBuff skb = packet();
            byte[] before = shop.content(skb);
            SkBuff copy = SkbCopy.pskbCopy(skb);
            assertThat(copy.shinfo().fragList()).isSameAs(skb.shinfo().fragList());
            assertThat(copy.shinfo().fragList().users()).isEqualTo(2);
            assertThat(SkbCopy.pull(copy, n)).isTrue();
            assertSound(copy, Arrays.copyOfRange(before, n, ALL));
            assertSound(skb, before);
            assertThat(SkbCopy.trim(skb, ALL - n)).isZero();
            assertSound(skb, Arrays.copyOf(before, ALL - n));
            assertSound(copy, Arrays.copyOfRange(before, n, ALL));
            copy.kfree();
            assertSound(skb, Arrays.copyOf(before, ALL - n));
            skb.kfree();
            assertThat(shop.missing()).isEmpty();
        }
    }

    @Test
    void aCloneThatGetsAHeadOfItsOwnHoldsTheChain() {
        SkBuff skb = packet();
        byte[] before = shop.content(skb);
        SkBuff clone = SkbCopy.clone(skb);
        assertThat(skb.shinfo().fragList().users()).isEqualTo(1);
        assertThat(SkbCopy.expandHead(skb, 10, 10)).isZero();
        assertThat(skb.shinfo().fragList().users()).isEqualTo(2);
        skb.kfree();
        assertSound(clone, before);
        assertThat(SkbCopy.linearize(clone)).isZero();
        assertSound(clone, before);
        assertThat(clone.shinfo().fragList()).isNull();
        clone.kfree();
    }

    @Test
    void shortMemoryLeavesThePacketWhole() {
        SkBuff skb = packet();
        byte[] before = shop.content(skb);
        SkBuff copy = SkbCopy.pskbCopy(skb);
        assertThat(SkbCopy.expandHead(skb, 0, 1000)).isZero();
        shop.leaveStructs(0);
        assertThat(SkbCopy.pullTail(skb, 60)).isEqualTo(-Errno.ENOMEM);
        assertSound(skb, before);
        assertThat(SkbCopy.trim(skb, 100)).isEqualTo(-Errno.ENOMEM);
        assertSound(skb, before);
        assertSound(copy, before);
        shop.release();
        copy.kfree();
        skb.kfree();
    }

    @Test
    void copiesAndSegmentsAreLinearThere() {
        SkBuff skb = packet();
        byte[] before = shop.content(skb);
        SkBuff copy = SkbCopy.copy(skb);
        assertSound(copy, before);
        assertThat(copy.dataLen()).isZero();
        copy.kfree();
        assertThat(SkbSegment.segment(skb, 20, 200, true)).isZero();
        int at = 20;
        for (SkBuff s = skb.next(); s != null;) {
            byte[] expected = new byte[s.len()];
            System.arraycopy(before, 0, expected, 0, 20);
            System.arraycopy(before, at, expected, 20, s.len() - 20);
            assertSound(s, expected);
            at += s.len() - 20;
            SkBuff next = s.next();
            s.kfree();
            s = next;
        }
        assertThat(at).isEqualTo(ALL);
        skb.next(null);
        skb.kfree();
    }
}
