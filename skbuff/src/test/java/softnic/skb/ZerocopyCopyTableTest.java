package softnic.skb;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
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
 * What each function of net/core/skbuff.c that makes a second packet, or a second head, does with user pages: one test a
 * function and case.
 */
@ParameterizedClass(name = "{0}")
@MethodSource("editions")
class ZerocopyCopyTableTest extends ZerocopyTable {

    ZerocopyCopyTableTest(Edition edition) {
        super(edition);
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
}
