package softnic.skb;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import softnic.Behaviour;
import softnic.Edition;
import softnic.Quirk;
import softnic.mm.Errno;

/** Memory runs out amid an operation: whatever it had taken is given back, and the packet is as it was. */
class SkbShortMemoryTest {

    private Workshop shop = new Workshop(Edition.V6_1);
    private final Random random = new Random(10);
    private final Workshop.Owner owner = new Workshop.Owner();

    @AfterEach
    void allIsHome() {
        shop.release();
        assertThat(shop.missing()).isEmpty();
        shop.close();
    }

    private void with(Edition edition) {
        shop.close();
        shop = new Workshop(edition);
    }

    private void assertUserPages(SkBuff skb, byte[] before) {
        assertThat(shop.content(skb)).isEqualTo(before);
        assertThat(skb.shinfo().isZerocopy()).isTrue();
        assertThat(owner.callbacks).isZero();
    }

    @Test
    void aCopyWhoseUserPagesCannotBeCopiedIsFreedAgain() {
        SkBuff skb = shop.zerocopy(random, owner, 0, 66, 100, 4096);
        byte[] before = shop.content(skb);
        SkBuff to = shop.pool.alloc(100);
        shop.leavePages(0);
        assertThat(SkbCopy.pskbCopy(skb)).isNull();
        assertThat(SkbSplit.split(skb, to, 80)).isEqualTo(-Errno.ENOMEM);
        assertThat(to.len()).isZero();
        assertThat(shop.pool.inUse()).isEqualTo(2);
        assertUserPages(skb, before);
        shop.pool.drops().asMap().forEach((reason, n) -> assertThat(n).as(reason)
                .isEqualTo(reason.equals("skb_drop_reason_nomem") ? 1 : 0));
        shop.release();
        to.kfree();
        skb.kfree();
    }

    @Test
    void aHeaderThatNeedsRoomAndGetsNoneLeavesNoClone() {
        SkBuff skb = shop.packet(random, 16, 66);
        shop.leaveHeads(0);
        assertThat(SkbCopy.reallocHeadroom(skb, 17)).isNull();
        assertThat(shop.pool.inUse()).isEqualTo(1);
        assertThat(skb.isCloned()).isFalse();
        shop.release();
        skb.kfree();
    }

    @Test
    void aSharedHeadThatCannotGiveUpItsUserPagesStays() {
        for (Edition edition : Edition.ALL) {
            with(edition);
            SkBuff skb = shop.packet(random, 0, 66, 100, 4096);
            SkBuff clone = SkbCopy.clone(skb);
            skb.shinfo().zerocopy(owner);                       // as skb_morph of an old kernel leaves it
            byte[] before = shop.content(skb);
            shop.leavePages(0);
            assertThat(SkbCopy.expandHead(skb, 10, 10)).as(edition.name()).isEqualTo(-Errno.ENOMEM);
            assertUserPages(skb, before);
            assertThat(skb.shinfo()).isSameAs(clone.shinfo());
            assertThat(shop.guest.pins()).as("none is held twice").isEqualTo(2);
            shop.release();
            shop.leaveHeads(1);
            assertThat(shop.pool.allocHead(1)).as("the head taken is free again").isNotNull();
            skb.shinfo().txFlags = 0;
            skb.shinfo().destructorArg = null;
            clone.kfree();
            skb.kfree();
            with(edition);
        }
    }

    @Test
    void segmentsThatWereMadeAreFreedWhenOneCannotBe() {
        SkBuff skb = shop.packet(random, 0, 54, 3000);
        byte[] before = shop.content(skb);
        shop.leaveStructs(2);
        assertThat(SkbSegment.segment(skb, 54, 1000, true)).isEqualTo(-Errno.ENOMEM);
        assertThat(skb.next()).isNull();
        assertThat(shop.content(skb)).isEqualTo(before);
        assertThat(shop.guest.pins()).isEqualTo(1);
        shop.release();
        assertThat(shop.pool.inUse()).isEqualTo(1);
        assertThat(shop.pool.drops().value(DropReason.SKB_DROP_REASON_SKB_GSO_SEG)).isEqualTo(2);
        skb.kfree();
    }

    /** A segment in the free list leads nowhere: who takes it next must not find the old chain behind it. */
    @Test
    void segmentsThatAreFreedHaveLeftTheirChain() {
        SkBuff skb = shop.packet(random, 0, 54, 3000);
        shop.leaveStructs(2);
        SkBuff first = shop.pool.alloc(1);
        SkBuff second = shop.pool.alloc(1);
        second.kfree();
        first.kfree();
        assertThat(SkbSegment.segment(skb, 54, 1000, true)).isEqualTo(-Errno.ENOMEM);
        assertThat(first.next()).isNull();
        assertThat(second.next()).isNull();
        shop.release();
        skb.kfree();
    }

    /** A chained packet that others own too is cloned, and the clone gets a head of its own: there may be none. */
    @Test
    void aChainThatCannotBeCutStaysAndTheCloneMadeForItIsFreed() {
        SkBuff skb = shop.packet(random, 8, 20, 50);
        skb.addFragList(shop.list(random, 100, 200));
        byte[] before = shop.content(skb);
        SkBuff copy = SkbCopy.pskbCopy(skb);
        assertThat(SkbCopy.expandHead(skb, 0, 1000)).isZero();
        int inUse = shop.pool.inUse();
        shop.leaveHeads(0);
        assertThat(SkbCopy.pullTail(skb, 50 + 80)).as("amid the first packet's fragment").isEqualTo(-Errno.ENOMEM);
        assertThat(SkbCopy.trim(skb, 20 + 50 + 80)).isEqualTo(-Errno.ENOMEM);
        assertThat(shop.pool.inUse()).isLessThanOrEqualTo(inUse + 1);
        assertThat(shop.content(skb)).isEqualTo(before);
        assertThat(shop.content(copy)).isEqualTo(before);
        shop.release();
        copy.kfree();
        skb.kfree();
    }

    @Test
    void aMorphTakesTheOldChargeOffAndFailsOnlyWherePagesMustBeCopied() {
        for (Edition edition : Edition.ALL) {
            with(edition);
            Workshop.Owner pages = new Workshop.Owner();
            SkBuff skb = shop.zerocopy(random, pages, 0, 66, 100);
            byte[] before = shop.content(skb);
            List<SkBuff> uncharged = new ArrayList<>();
            SkBuff to = shop.packet(random, 0, 10);
            to.destructor(uncharged::add);
            shop.leavePages(0);
            boolean shares = edition.has(Quirk.MORPH_SHARES_UBUF);
            assertThat(SkbCopy.morph(to, skb)).as(edition.name()).isEqualTo(shares);
            assertThat(uncharged).hasSize(shares ? 1 : 0);
            assertThat(to.len()).isEqualTo(shares ? 166 : 10);
            shop.release();
            if (!shares) {
                assertThat(SkbCopy.morph(to, skb)).isTrue();
                assertThat(uncharged).containsExactly(to);
                assertThat(pages.callbacks).isEqualTo(1);
            }
            assertThat(shop.content(to)).isEqualTo(before);
            to.kfree();
            skb.kfree();
            assertThat(pages.callbacks).isEqualTo(1);
        }
    }

    @Test
    void theLastSegmentOwesWhatThePacketOwed() {
        for (Edition edition : Edition.ALL) {
            with(edition);
            List<SkBuff> uncharged = new ArrayList<>();
            SkBuff skb = shop.packet(random, 0, 54, 3000);
            SkBuff.Destructor socket = uncharged::add;
            skb.destructor(socket);
            int truesize = skb.truesize();
            assertThat(SkbSegment.segment(skb, 54, 1000, true)).isZero();
            SkBuff last = skb.next().next().next();
            boolean keeps = edition.has(Behaviour.SEGMENTS_KEEP_CHARGE);
            assertThat(last.destructor()).as(edition.name()).isSameAs(keeps ? socket : null);
            assertThat(skb.destructor()).isSameAs(keeps ? null : socket);
            assertThat(keeps ? last.truesize() : skb.truesize()).isEqualTo(truesize);
            assertThat(keeps ? skb.truesize() : last.truesize()).isLessThan(truesize);
            for (SkBuff s = skb.next(); s != null;) {
                SkBuff next = s.next();
                s.next(null);
                s.kfree();
                s = next;
            }
            skb.next(null);
            skb.kfree();
            assertThat(uncharged).containsExactly(keeps ? last : skb);
        }
    }

    /** The workshop has fewer than 400 heads: one that is lost each time would be missed. */
    @Test
    void headsThatWereTakenForAWhileAreGivenBack() {
        SkBuff skb = shop.zerocopy(random, owner, 0, 66, 100);
        for (int i = 0; i < 400; i++) {
            SkBuff copied = shop.zerocopy(random, new Workshop.Owner(), 0, 10, 50);
            assertThat(SkbCopy.copyUbufs(copied)).as("copy %d", i).isZero();
            copied.kfree();
        }
        SkBuff clone = SkbCopy.clone(skb);
        skb.shinfo().zerocopy(new Workshop.Owner());
        shop.leavePages(0);
        for (int i = 0; i < 400; i++) {
            assertThat(SkbCopy.expandHead(skb, 10, 10)).isNegative();
        }
        shop.release();
        skb.shinfo().txFlags = 0;
        skb.shinfo().destructorArg = null;
        assertThat(SkbCopy.expandHead(skb, 10, 10)).isZero();
        clone.kfree();
        skb.kfree();
    }
}
