package softnic.skb;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.MethodSource;
import softnic.Behaviour;
import softnic.Edition;
import softnic.Quirk;
import softnic.mm.Errno;
import softnic.trace.Violations;

/**
 * What each function of net/core/skbuff.c does with a packet of user pages, one test a function: in each kernel, with
 * its bugs and without. The tests of {@code skb_segment} are in GsoTest and SkbSegmentTest, that of
 * {@code skb_gro_receive} is none: it takes no packet that is sent;
 * those of {@code deliver_skb} and {@code netif_receive_skb} are in ZerocopyReceiveTableTest.
 */
@ParameterizedClass(name = "{0}")
@MethodSource("editions")
class SkbZerocopyTableTest {

    private static final long SEED = 18L;
    private static final int LINEAR = 66;
    private static final int[] FRAGS = {100, 4096, 1};

    private final Edition edition;
    private final Random random = new Random(SEED);
    private final Violations violations = new Violations();
    private final Workshop.Owner owner = new Workshop.Owner();
    private final Workshop.SharedOwner sender = new Workshop.SharedOwner();
    private Workshop shop;
    private SkBuff skb;
    private byte[] before;

    SkbZerocopyTableTest(Edition edition) {
        this.edition = edition;
    }

    static List<Edition> editions() {
        List<Edition> all = new ArrayList<>(Edition.ALL);
        Edition.ALL.forEach(e -> all.add(e.withoutQuirks()));
        return all;
    }

    @BeforeEach
    void aPacketOfUserPages() {
        shop = new Workshop(edition);
        skb = shop.zerocopy(random, owner, 16, LINEAR, FRAGS);
        before = shop.content(skb);
    }

    /** Whatever was done: all is sound, home, and the owner heard once (a stale head makes it two). */
    @AfterEach
    void everythingIsHomeAndTheOwnerHeardOnce() {
        SkbCheck.check(skb, violations);
        skb.kfree();
        assertThat(owner.callbacks).isEqualTo(1 + (int) shop.pool.counters().value(SkbPool.Count.STALE_UBUF));
        assertThat(violations.kept()).isEmpty();
        shop.release();
        assertThat(shop.missing()).isEmpty();
        shop.close();
    }

    private void assertCopied() {
        assertThat(shop.content(skb)).isEqualTo(before);
        assertThat(skb.shinfo().isZerocopy()).isFalse();
        assertThat(owner.callbacks).isEqualTo(1);
        assertThat(owner.success).isFalse();
        assertThat(shop.guest.pins()).isZero();
    }

    private void assertUntouched() {
        assertThat(shop.content(skb)).isEqualTo(before);
        assertThat(skb.shinfo().isZerocopy()).isTrue();
        assertThat(owner.callbacks).isZero();
        assertThat(shop.guest.pins()).isEqualTo(skb.shinfo().nrFrags());
    }

    /** The packet again, its pages of the kind that can be shared since 4.14. */
    private boolean isShareable() {
        if (!edition.has(Behaviour.SHARES_UBUF)) {
            return false;
        }
        skb.kfree();
        skb = shop.packet(random, 16, LINEAR, FRAGS);
        skb.shinfo().zcopySet(sender);
        before = shop.content(skb);
        return true;
    }

    /** Frees all and lets the sender go: it hears now, once. */
    private void assertSenderHears(boolean zerocopy, SkBuff... others) {
        for (SkBuff other : others) {
            SkbCheck.check(other, violations);
            other.kfree();
        }
        assertThat(sender.completions).isZero();
        sender.callback(true);
        SkBuff last = skb;
        if (sender.completions == 0) {
            skb = shop.pool.alloc(1);
            last.kfree();
        }
        assertThat(sender.completions).isEqualTo(1);
        assertThat(sender.zerocopy).isEqualTo(zerocopy);
    }

    @Test
    void skbCloneCopiesTheUserPagesFirstAndIsNullIfItCannot() {
        for (int left = 0; left < (edition.has(Behaviour.PACKS_COPIED_UBUFS) ? 2 : 3); left++) {
            shop.leavePages(left);
            assertThat(SkbCopy.clone(skb)).isNull();
            assertUntouched();
            shop.release();
        }
        SkBuff clone = SkbCopy.clone(skb);
        assertCopied();
        assertThat(shop.content(clone)).isEqualTo(before);
        assertThat(clone.shinfo().isZerocopy()).isFalse();
        clone.kfree();
    }

    @Test
    void skbCloneSharesTheKindOfUbufThatCanBeShared() {
        if (isShareable()) {
            SkBuff clone = SkbCopy.clone(skb);
            assertThat(clone.shinfo()).isSameAs(skb.shinfo());
            assertThat(skb.shinfo().isZerocopy()).isTrue();
            assertThat(sender.refcnt()).isEqualTo(2);
            assertSenderHears(true, clone);
        }
    }

    @Test
    void __skbCloneSharesTheHeadAndOwesNobody() {
        assertThat(SkbCopy.copyUbufs(skb)).isZero();
        List<SkBuff> uncharged = new ArrayList<>();
        skb.destructor(uncharged::add);
        SkBuff clone = SkbCopy.clone(skb);
        assertThat(clone.shinfo()).isSameAs(skb.shinfo());
        assertThat(skb.shinfo().dataref()).isEqualTo(2);
        assertThat(skb.isCloned()).isTrue();
        assertThat(clone.isCloned()).isTrue();
        assertThat(clone.destructor()).isNull();
        clone.kfree();
        assertThat(uncharged).isEmpty();
        skb.orphan();
        assertThat(uncharged).hasSize(1);
    }

    @Test
    void skbMorphSharesTheUbufWithoutCopyAndItIsCalledAtTheLastReference() {
        SkBuff morph = shop.pool.alloc(40);
        assertThat(SkbCopy.morph(morph, skb)).isTrue();
        assertThat(shop.content(morph)).isEqualTo(before);
        if (edition.has(Quirk.MORPH_SHARES_UBUF)) {
            assertUntouched();
            assertThat(skb.shinfo().dataref()).isEqualTo(2);
            assertThat(SkbCheck.check(skb, new Violations())).as("invariant 18").isFalse();
        } else {
            assertCopied();
        }
        int heard = owner.callbacks;
        morph.kfree();
        assertThat(owner.callbacks).isEqualTo(heard);
    }

    @Test
    void skbMorphWithoutItsBugChangesNothingIfMemoryIsShort() {
        SkBuff morph = shop.packet(random, 0, 40);
        before = shop.content(skb);                 // the user has written anew
        byte[] was = shop.content(morph);
        shop.leavePages(1);
        boolean done = SkbCopy.morph(morph, skb);
        assertThat(done).isEqualTo(edition.has(Quirk.MORPH_SHARES_UBUF));
        if (!done) {
            assertUntouched();
            assertThat(shop.content(morph)).isEqualTo(was);
        }
        morph.kfree();
    }

    @Test
    void skbCopyIsLinearAndLeavesTheOriginalAlone() {
        skb.shinfo().gso(SkbSharedInfo.SKB_GSO_TCPV4, 1000);
        SkBuff copy = SkbCopy.copy(skb);
        assertUntouched();
        assertThat(shop.content(copy)).isEqualTo(before);
        assertThat(copy.dataLen()).isZero();
        assertThat(copy.headroom()).isEqualTo(16);
        assertThat(copy.shinfo().txFlags()).isZero();
        assertThat(copy.shinfo().gsoSize()).isEqualTo(1000);
        copy.kfree();
        assertUntouched();
        shop.leaveHeads(0);
        assertThat(SkbCopy.copy(skb)).isNull();
    }

    @Test
    void pskbCopyCopiesTheUserPagesInTheOriginalAndSharesTheCopies() {
        for (int left = 0; left < (edition.has(Behaviour.PACKS_COPIED_UBUFS) ? 2 : 3); left++) {
            shop.leavePages(left);
            assertThat(SkbCopy.pskbCopy(skb)).isNull();
            assertUntouched();
            shop.release();
        }
        SkBuff copy = SkbCopy.pskbCopy(skb);
        assertCopied();
        assertThat(shop.content(copy)).isEqualTo(before);
        assertThat(copy.shinfo()).isNotSameAs(skb.shinfo());
        for (int i = 0; i < skb.shinfo().nrFrags(); i++) {
            assertThat(copy.shinfo().frag(i).page()).isSameAs(skb.shinfo().frag(i).page());
            assertThat(copy.shinfo().frag(i).page().holders()).isEqualTo(2);
        }
        copy.kfree();
        assertThat(shop.content(skb)).isEqualTo(before);
    }

    @Test
    void pskbCopyWithoutFragmentsLeavesFlagAndOwnerToTheOriginal() {
        skb.kfree();
        owner.callbacks = 0;
        skb = shop.zerocopy(random, owner, 16, LINEAR);
        before = shop.content(skb);
        SkBuff copy = SkbCopy.pskbCopy(skb);
        assertUntouched();
        assertThat(copy.shinfo().isZerocopy()).isFalse();
        copy.kfree();
        assertUntouched();
    }

    @Test
    void pskbCopyTakesAReferenceOnAUbufThatCanBeShared() {
        if (isShareable()) {
            SkBuff copy = SkbCopy.pskbCopy(skb);
            assertThat(copy.shinfo().isZerocopy()).isTrue();
            assertThat(sender.refcnt()).isEqualTo(3);
            assertThat(shop.guest.pins()).isEqualTo(2 * FRAGS.length);
            assertThat(shop.content(copy)).isEqualTo(before);
            assertSenderHears(true, copy);
        }
    }

    @Test
    void pskbExpandHeadOfAnUnsharedHeadTakesFlagAndOwnerAlong() {
        int truesize = skb.truesize();
        assertThat(SkbCopy.expandHead(skb, 64, 64)).isZero();
        assertUntouched();
        assertThat(skb.headroom()).isEqualTo(80);
        assertThat(skb.truesize()).isEqualTo(truesize + (edition.has(Behaviour.COUNTS_NEW_HEAD) ? 128 : 0));
        skb.destructor(s -> { });
        int charged = skb.truesize();
        assertThat(SkbCopy.expandHead(skb, 64, 64)).isZero();
        assertThat(skb.truesize()).as("a socket's charge does not change").isEqualTo(charged);
    }

    /** Only a morph makes such a packet. The stale head's owner is called at the copy and again at the end. */
    @Test
    void pskbExpandHeadOfASharedHeadKeepsAStaleFlagWhereItCopiesShinfoTooEarly() {
        SkBuff morph = shop.pool.alloc(1);
        SkbCopy.morph(morph, skb);
        int err = SkbCopy.expandHead(skb, 0, 0);
        if (edition.has(Quirk.EXPAND_HEAD_STALE)) {
            assertThat(err).isZero();
            assertThat(owner.callbacks).isEqualTo(1);
            assertThat(skb.shinfo().isZerocopy()).isTrue();
            assertThat(shop.guest.pins()).as("stale pages").isEqualTo(FRAGS.length);
            assertThat(shop.content(morph)).isEqualTo(before);
        } else if (!edition.has(Quirk.MORPH_SHARES_UBUF)) {
            assertThat(err).isZero();
            assertCopied();
            assertThat(skb.shinfo()).isNotSameAs(morph.shinfo());
        } else {
            assertThat(err).as("the kernel calls itself without end").isEqualTo(-Errno.ENOMEM);
            assertThat(owner.callbacks).isZero();
        }
        morph.kfree();
    }

    @Test
    void pskbExpandHeadOfASharedHeadTakesAReferenceOnAUbufThatCanBeShared() {
        if (isShareable()) {
            SkBuff clone = SkbCopy.clone(skb);
            assertThat(SkbCopy.expandHead(skb, 0, 0)).isZero();
            assertThat(skb.shinfo()).isNotSameAs(clone.shinfo());
            assertThat(sender.refcnt()).isEqualTo(3);
            assertThat(shop.content(skb)).isEqualTo(before);
            assertSenderHears(true, clone);
        }
    }

    @Test
    void skbCopyExpandIsLinearAndReallocHeadroomIsACloneOrAPskbCopy() {
        SkBuff expanded = SkbCopy.copyExpand(skb, 100, 50);
        assertUntouched();
        assertThat(shop.content(expanded)).isEqualTo(before);
        assertThat(expanded.headroom()).isEqualTo(100);
        assertThat(expanded.tailroom()).isGreaterThanOrEqualTo(50);
        expanded.kfree();

        SkBuff copy = SkbCopy.reallocHeadroom(skb, 10);
        assertCopied();
        assertThat(copy.headroom()).isEqualTo(16);
        copy.kfree();
        SkBuff clone = SkbCopy.reallocHeadroom(skb, 17);
        assertThat(clone.headroom()).isGreaterThanOrEqualTo(17);
        assertThat(clone.shinfo()).isNotSameAs(skb.shinfo());
        assertThat(shop.content(clone)).isEqualTo(before);
        clone.kfree();
        shop.leaveHeads(0);
        assertThat(SkbCopy.reallocHeadroom(skb, 17)).isNull();
        assertThat(SkbCopy.reallocHeadroom(skb, 0)).isNull();
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
