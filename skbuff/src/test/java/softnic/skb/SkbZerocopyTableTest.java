package softnic.skb;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.MethodSource;
import softnic.Behaviour;
import softnic.Edition;
import softnic.Quirk;
import softnic.mm.Errno;
import softnic.trace.Violations;

/**
 * What each function of net/core/skbuff.c does with a packet of user pages, one test a function: those that change, cut
 * or free it. Those that copy are in ZerocopyCopyTableTest, {@code skb_segment} with headers in GsoTest,
 * {@code deliver_skb} and {@code netif_receive_skb} in ZerocopyReceiveTableTest; {@code skb_gro_receive} takes no packet
 * that is sent.
 */
@ParameterizedClass(name = "{0}")
@MethodSource("editions")
class SkbZerocopyTableTest extends ZerocopyTable {

    SkbZerocopyTableTest(Edition edition) {
        super(edition);
    }

    @Test
    void __pskbPullTailGivesEmptiedPagesBackAndTellsTheOwnerAtTheEndOrWhenTheLastOneGoes() {
        assertThat(SkbCopy.pullTail(skb, 101)).isZero();
        assertUntouched();
        assertThat(skb.shinfo().nrFrags()).isEqualTo(2);
        assertThat(SkbCopy.linearize(skb)).isZero();
        assertThat(shop.content(skb)).isEqualTo(before);
        assertThat(shop.guest.pins()).isZero();
        assertThat(skb.shinfo().isZerocopy()).isEqualTo(!edition.has(Behaviour.COMPLETES_WHEN_LINEAR));
        assertThat(owner.callbacks).isEqualTo(edition.has(Behaviour.COMPLETES_WHEN_LINEAR) ? 1 : 0);
        assertThat(owner.success).isFalse();
    }

    @Test
    void ___pskbTrimGivesPagesBackAndKeepsTheFlag() {
        for (int len : new int[] {LINEAR + 100 + 4096, LINEAR + 100 + 7, LINEAR + 100, LINEAR + 1, LINEAR, 10, 0}) {
            assertThat(SkbCopy.trim(skb, len)).isZero();
            assertThat(shop.content(skb)).isEqualTo(Arrays.copyOf(before, len));
            assertThat(skb.shinfo().isZerocopy()).isTrue();
            assertThat(owner.callbacks).isZero();
            assertThat(shop.guest.pins()).isEqualTo(skb.shinfo().nrFrags());
            assertThat(SkbCheck.check(skb, violations)).isTrue();
        }
        assertThat(skb.shinfo().nrFrags()).isZero();
        assertThat(SkbCopy.trim(skb, 100)).isZero();
        assertThat(skb.len()).isZero();
    }

    @Test
    void skbSplitMovesPagesAwayFromTheirOwnerUntilTheOwnerGoesWithThem() {
        SkBuff second = shop.pool.alloc(LINEAR);
        assertThat(SkbSplit.split(skb, second, LINEAR + 150)).isZero();
        if (edition.has(Quirk.SPLIT_WITHOUT_OWNER)) {
            assertThat(skb.shinfo().isZerocopy()).isTrue();
            assertThat(second.shinfo().isZerocopy()).isFalse();
            assertThat(second.shinfo().frag(0).page().isGuest()).as("a user page nobody waits for").isTrue();
        } else {
            assertThat(owner.callbacks).isEqualTo(1);
            assertThat(shop.guest.pins()).isZero();
        }
        byte[] joined = Arrays.copyOf(shop.content(skb), before.length);
        System.arraycopy(shop.content(second), 0, joined, skb.len(), second.len());
        assertThat(joined).isEqualTo(before);
        SkbCheck.check(second, violations);
        second.kfree();
    }

    @Test
    void skbSplitTakesAReferenceOnAUbufThatCanBeShared() {
        if (isShareable()) {
            SkBuff second = shop.pool.alloc(LINEAR);
            assertThat(SkbSplit.split(skb, second, 10)).isZero();
            assertThat(sender.refcnt()).isEqualTo(3);
            assertThat(second.shinfo().isZerocopy()).isTrue();
            assertSenderHears(true, second);
        }
    }

    @Test
    void skbSplitThatMustCopyAndCannotHasDoneNothing() {
        SkBuff second = shop.pool.alloc(LINEAR);
        shop.leavePages(1);
        int err = SkbSplit.split(skb, second, LINEAR + 150);
        if (!edition.has(Quirk.SPLIT_WITHOUT_OWNER)) {
            assertThat(err).isEqualTo(-Errno.ENOMEM);
            assertUntouched();
            assertThat(second.len()).isZero();
        }
        second.kfree();
    }

    @Test
    void skbShiftAndCoalesceRefuseUserPagesSince414() {
        assertThat(SkbCopy.pull(skb, LINEAR)).isTrue();
        SkBuff to = shop.pool.alloc(0);
        boolean moves = edition.has(Quirk.SPLIT_WITHOUT_OWNER);
        assertThat(SkbSplit.shift(to, skb, 50)).isEqualTo(moves ? 50 : 0);
        assertThat(skb.len()).isEqualTo(moves ? 4147 : 4197);
        assertThat(to.len()).isEqualTo(moves ? 50 : 0);
        assertThat(SkbSplit.canCoalesce(to, skb.shinfo().frag(0))).isEqualTo(moves);
        assertThat(SkbSplit.tryCoalesce(to, skb)).isEqualTo(moves);
        assertThat(to.len()).isEqualTo(moves ? 4197 : 0);
        if (moves) {
            assertThat(to.shinfo().isZerocopy()).isFalse();
            assertThat(shop.content(to)).isEqualTo(Arrays.copyOfRange(before, LINEAR, before.length));
        }
        SkbCheck.check(to, violations);
        to.kfree();
    }

    @Test
    void skbSegmentLendsPagesCopiesThemOrSharesTheirUbuf() {
        int err = SkbSegment.segment(skb, LINEAR, 1000, true);
        assertThat(err).isZero();
        List<SkBuff> segments = takeSegments();
        if (edition.has(Quirk.SEGMENT_SHARES_PAGES)) {
            assertThat(owner.callbacks).isZero();
            assertThat(shop.guest.pins()).isEqualTo(FRAGS.length + 5 + 2);      // two segments have two pieces
            assertThat(segments).allSatisfy(s -> {
                assertThat(s.shinfo().isZerocopy()).isFalse();
                assertThat(s.shinfo().frag(0).page().isGuest()).isTrue();
            });
        } else {
            assertCopied();
            assertThat(shop.guest.pins()).isZero();
        }
        segments.forEach(SkBuff::kfree);
    }

    @Test
    void skbSegmentTakesAReferenceASegmentOnAUbufThatCanBeShared() {
        if (isShareable()) {
            assertThat(SkbSegment.segment(skb, LINEAR, 1000, true)).isZero();
            List<SkBuff> segments = takeSegments();
            assertThat(segments).hasSize(5);
            assertThat(sender.refcnt()).isEqualTo(2 + 5);
            assertSenderHears(true, segments.toArray(SkBuff[]::new));
        }
    }

    private List<SkBuff> takeSegments() {
        List<SkBuff> all = new ArrayList<>();
        for (SkBuff s = skb.next(); s != null; s = s.next()) {
            all.add(s);
        }
        skb.next(null);
        all.forEach(s -> s.next(null));
        all.forEach(s -> SkbCheck.check(s, violations));
        return all;
    }

    @Test
    void skbRecycleCheckRefusesUserPagesAndIsGoneSince37() {
        assertThat(shop.pool.recycle(skb, 60)).isFalse();
        skb.kfree();
        owner.callbacks = 0;
        skb = shop.zerocopy(random, owner, 16, LINEAR);
        assertThat(shop.pool.recycle(skb, 60)).as("user's, though linear").isFalse();
        assertThat(owner.callbacks).isZero();
        SkBuff kernels = shop.packet(random, 16, LINEAR);
        assertThat(shop.pool.recycle(kernels, 60)).isEqualTo(edition.has(Behaviour.RECYCLES_SKBS));
        if (edition.has(Behaviour.RECYCLES_SKBS)) {
            assertThat(kernels.len()).isZero();
            assertThat(kernels.headroom()).isZero();
            kernels.put(10);
            assertThat(shop.pool.recycle(kernels, 4096)).as("too small").isFalse();
            SkBuff clone = SkbCopy.clone(kernels);
            assertThat(shop.pool.recycle(kernels, 60)).as("cloned").isFalse();
            clone.kfree();
            kernels.get();
            assertThat(shop.pool.recycle(kernels, 60)).as("shared").isFalse();
            kernels.kfree();
        }
        kernels.kfree();
    }

    @Test
    void devForwardSkbGetsCopiesWhateverTheKindOfUbuf() {
        shop.leavePages(1);
        assertThat(SkbCopy.orphanFragsRx(skb)).isEqualTo(-Errno.ENOMEM);
        assertUntouched();
        shop.release();
        assertThat(SkbCopy.orphanFragsRx(skb)).isZero();
        assertCopied();
        if (isShareable()) {
            assertThat(SkbCopy.orphanFrags(skb)).isZero();
            assertThat(skb.shinfo().isZerocopy()).isTrue();
            assertThat(SkbCopy.orphanFragsRx(skb)).isZero();
            assertThat(skb.shinfo().isZerocopy()).isFalse();
            assertThat(shop.guest.pins()).isZero();
            assertSenderHears(false);
        }
    }

    @Test
    void skbTxErrorCompletesTheUbufSince38() {
        SkbCopy.txError(skb);
        boolean told = edition.has(Behaviour.TELLS_TX_ERROR);
        assertThat(owner.callbacks).isEqualTo(told ? 1 : 0);
        assertThat(owner.success).isEqualTo(edition.has(Behaviour.TX_ERROR_SUCCEEDS));
        assertThat(skb.shinfo().isZerocopy()).isEqualTo(!told);
        SkbCopy.txError(skb);
        assertThat(owner.callbacks).isEqualTo(told ? 1 : 0);
    }

    /** The flag of 3.1's macvtap, set before there was a ubuf: a kernel jumps through garbage. */
    @Test
    void aFlagWithoutUbufIsCountedNotFollowed() {
        SkBuff bad = shop.packet(random, 0, 40, 10);
        bad.shinfo().zerocopy(null);
        Violations seen = new Violations();
        assertThat(SkbCheck.check(bad, seen)).isFalse();
        assertThat(seen.kept().getFirst()).contains("invariant 18", "no ubuf");
        bad.kfree();
        assertThat(shop.pool.counters().value(SkbPool.Count.FLAG_WITHOUT_UBUF)).isEqualTo(1);
    }
}
