package softnic.skb;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.api.Test;
import softnic.Behaviour;
import softnic.Edition;
import softnic.mm.Errno;

/**
 * Whatever is copied, moved or shared: the bytes stay the same, the owner of the pages hears once, and when
 * memory is short at any point nothing has happened.
 */
@ParameterizedClass
@MethodSource("editions")
class SkbCopyTest {

    private static final long SEED = 19L;
    private static final int[] FRAGS = {100, 4096, 1, 3000, 4096};

    private final Edition edition;
    private final Random random = new Random(SEED);
    private Workshop shop;
    private Workshop.Owner owner;
    private SkBuff skb;
    private byte[] before;

    SkbCopyTest(Edition edition) {
        this.edition = edition;
    }

    static Iterable<Edition> editions() {
        return Edition.ALL;
    }

    @BeforeEach
    void aPacketOfUserPages() {
        shop = new Workshop(edition);
        fresh();
    }

    private void fresh() {
        owner = new Workshop.Owner();
        skb = shop.zerocopy(random, owner, 16, 66, FRAGS);
        before = shop.content(skb);
    }

    @AfterEach
    void everythingIsHomeAndTheOwnerHeardOnce() {
        if (skb != null) {
            skb.kfree();
            assertThat(owner.callbacks).isEqualTo(1);
        }
        shop.release();
        assertThat(shop.missing()).isEmpty();
        shop.close();
    }

    private void assertUntouched() {
        assertThat(shop.content(skb)).isEqualTo(before);
        assertThat(skb.shinfo().isZerocopy()).isTrue();
        assertThat(skb.shinfo().nrFrags()).isEqualTo(FRAGS.length);
        assertThat(owner.callbacks).isZero();
        assertThat(shop.guest.pins()).isEqualTo(FRAGS.length);
        assertThat(skb.shinfo().dataref()).isEqualTo(1);
    }

    private void assertCopied() {
        assertThat(shop.content(skb)).isEqualTo(before);
        assertThat(skb.shinfo().isZerocopy()).isFalse();
        assertThat(owner.callbacks).isEqualTo(1);
        assertThat(owner.success).isFalse();
        assertThat(shop.guest.pins()).isZero();
    }

    @Test
    void copyUbufsGivesTheUsersPagesBackAndKeepsTheBytes() {
        int truesize = skb.truesize();
        owner.then = () -> assertThat(shop.guest.pins()).isZero();
        assertThat(SkbCopy.copyUbufs(skb)).isZero();
        assertCopied();
        assertThat(skb.truesize()).isEqualTo(truesize);
        assertThat(skb.dataLen()).isEqualTo(before.length - 66);
        if (edition.has(Behaviour.PACKS_COPIED_UBUFS)) {
            assertThat(skb.shinfo().nrFrags()).isEqualTo(3);            // 11293 bytes
            assertThat(skb.shinfo().frag(0).size()).isEqualTo(4096);
            assertThat(skb.shinfo().frag(2).size()).isEqualTo(11293 - 8192);
        } else {
            assertThat(skb.shinfo().nrFrags()).isEqualTo(FRAGS.length);
            for (int i = 0; i < FRAGS.length; i++) {
                assertThat(skb.shinfo().frag(i).size()).isEqualTo(FRAGS[i]);
                assertThat(skb.shinfo().frag(i).pageOffset()).isZero();
            }
        }
        assertThat(shop.pages.inUse()).isEqualTo(skb.shinfo().nrFrags());
    }

    @Test
    void copyUbufsThatRunsOutOfPagesAnywhereHasDoneNothing() {
        int needed = edition.has(Behaviour.PACKS_COPIED_UBUFS) ? 3 : FRAGS.length;
        for (int left = 0; left < needed; left++) {
            shop.leavePages(left);
            assertThat(SkbCopy.copyUbufs(skb)).as("%d pages", left).isEqualTo(-Errno.ENOMEM);
            assertUntouched();
            shop.release();
        }
        shop.leaveHeads(0);
        assertThat(SkbCopy.copyUbufs(skb)).isEqualTo(-Errno.ENOMEM);
        assertUntouched();
        shop.release();
        shop.leavePages(needed);
        assertThat(SkbCopy.copyUbufs(skb)).isZero();
        assertCopied();
    }

    @Test
    void aSharedSkbIsRefusedWhereTheKernelRefusesIt() {
        skb.get();
        int err = SkbCopy.copyUbufs(skb);
        skb.kfree();
        if (edition.has(Behaviour.PACKS_COPIED_UBUFS)) {
            assertThat(err).isEqualTo(-Errno.EINVAL);
            assertUntouched();
        } else {
            assertThat(err).isZero();
            assertCopied();
        }
    }

    @Test
    void withoutFragmentsOnlyTheOwnerIsTold() {
        skb.kfree();
        owner = new Workshop.Owner();
        skb = shop.zerocopy(random, owner, 16, 66);
        before = shop.content(skb);
        assertThat(SkbCopy.copyUbufs(skb)).isZero();
        assertCopied();
    }

    @Test
    void aCloneOfUserPagesCopiesThemFirst() {
        SkBuff clone = SkbCopy.clone(skb);
        assertCopied();
        assertThat(shop.content(clone)).isEqualTo(before);
        assertThat(clone.truesize()).isEqualTo(skb.truesize());
        clone.kfree();
        SkBuff again = SkbCopy.clone(skb);                  // kernel pages: nothing to copy
        assertThat(owner.callbacks).isEqualTo(1);
        again.kfree();
    }

    @Test
    void aCloneThatFailsLeavesTheBytesAndSharesNothing() {
        shop.leavePages(2);
        assertThat(SkbCopy.clone(skb)).isNull();
        assertUntouched();
        shop.release();
        shop.leaveStructs(0);
        assertThat(SkbCopy.clone(skb)).isNull();
        shop.release();
        assertCopied();                                     // skb_orphan_frags had succeeded
        assertThat(skb.shinfo().dataref()).isEqualTo(1);
        assertThat(skb.isCloned()).isFalse();
    }

    @Test
    void aLargerHeadTakesFragmentsFlagAndOwnerWithIt() {
        skb.resetMacHeader();
        skb.networkHeaderAt(14);
        skb.transportHeaderAt(34);
        skb.checksumPartial(34, 16);
        skb.shinfo().gso(SkbSharedInfo.SKB_GSO_TCPV4, 1448);
        skb.shinfo().gsoSegs(8);
        assertThat(SkbCopy.expandHead(skb, 64, 100)).isZero();
        assertThat(shop.content(skb)).isEqualTo(before);
        assertThat(skb.headroom()).isEqualTo(80);
        assertThat(skb.networkOffset()).isEqualTo(14);
        assertThat(skb.transportOffset()).isEqualTo(34);
        assertThat(skb.checksumStartOffset()).isEqualTo(34);
        assertThat(skb.macHeader()).isEqualTo(80);
        assertThat(skb.isGso()).isTrue();
        assertThat(skb.shinfo().gsoSegs()).isEqualTo(8);
        assertUntouched();
    }

    @Test
    void aHeadOfItsOwnLeavesTheClonesAlone() {
        SkBuff clone = SkbCopy.clone(skb);
        skb.shinfo().gso(SkbSharedInfo.SKB_GSO_TCPV4, 1448);
        assertThat(SkbCopy.expandHead(skb, 0, 0)).isZero();
        assertThat(skb.shinfo()).isNotSameAs(clone.shinfo());
        assertThat(skb.isCloned()).isFalse();
        assertThat(skb.shinfo().gsoSize()).isEqualTo(1448);
        assertThat(clone.shinfo().dataref()).isEqualTo(1);
        shop.memory.u8(skb.dataHpa(), ~before[0]);
        assertThat(shop.content(clone)).isEqualTo(before);
        shop.memory.u8(skb.dataHpa(), before[0]);
        assertThat(shop.content(skb)).isEqualTo(before);
        clone.kfree();
    }

    @Test
    void aHeadThatCannotBeHadChangesNothing() {
        shop.leaveHeads(0);
        assertThat(SkbCopy.expandHead(skb, 0, 0)).isEqualTo(-Errno.ENOMEM);
        assertUntouched();
    }

    @Test
    void pullingMovesBytesFromTheFragmentsToTheHead() {
        for (int delta = 1; delta < before.length - 66; delta += 97) {
            assertThat(SkbCopy.pullTail(skb, delta)).isZero();
            assertThat(shop.content(skb)).as("delta %d", delta).isEqualTo(before);
            assertThat(skb.headlen()).isEqualTo(66 + delta);
            assertThat(owner.callbacks).isZero();
            assertThat(shop.guest.pins()).isEqualTo(skb.shinfo().nrFrags());
            assertThat(shop.pool.guestFrags()).isEqualTo(skb.shinfo().nrFrags());
            skb.kfree();
            fresh();
        }
    }

    @Test
    void linearizingReleasesAllPagesAndTellsTheOwnerWhenTheEditionDoes() {
        assertThat(SkbCopy.linearize(skb)).isZero();
        assertThat(shop.content(skb)).isEqualTo(before);
        assertThat(skb.dataLen()).isZero();
        assertThat(skb.shinfo().nrFrags()).isZero();
        assertThat(shop.guest.pins()).isZero();
        assertThat(owner.callbacks).isEqualTo(edition.has(Behaviour.COMPLETES_WHEN_LINEAR) ? 1 : 0);
        assertThat(SkbCopy.linearize(skb)).isZero();
    }

    @Test
    void linearizingWithoutMemoryChangesNothing() {
        shop.leaveHeads(0);
        assertThat(SkbCopy.linearize(skb)).isEqualTo(-Errno.ENOMEM);
        assertUntouched();
        assertThat(SkbCopy.mayPull(skb, 2000)).isFalse();
        assertUntouched();
    }

    @Test
    void linearizingASharedHeadLeavesTheCloneItsFragments() {
        SkBuff clone = SkbCopy.clone(skb);
        int frags = clone.shinfo().nrFrags();
        assertThat(SkbCopy.linearize(skb)).isZero();
        assertThat(shop.content(skb)).isEqualTo(before);
        assertThat(shop.content(clone)).isEqualTo(before);
        assertThat(clone.shinfo().nrFrags()).isEqualTo(frags);
        clone.kfree();
    }

    @Test
    void mayPullAsksForNoMoreThanThereIs() {
        assertThat(SkbCopy.mayPull(skb, 66)).isTrue();
        assertUntouched();
        assertThat(SkbCopy.mayPull(skb, before.length + 1)).isFalse();
        assertUntouched();
        assertThat(SkbCopy.mayPull(skb, 100)).isTrue();
        assertThat(skb.headlen()).isEqualTo(100);
        assertThat(shop.content(skb)).isEqualTo(before);
    }

    @Test
    void bitsAreCopiedFromAnyPosition() {
        SkBuff to = shop.pool.alloc(before.length);
        for (int i = 0; i < 3000; i++) {
            int offset = random.nextInt(before.length + 1);
            int bytes = random.nextInt(before.length - offset + 1);
            SkbCopy.copyBits(skb, offset, to.hpa(0), bytes);
            for (int n = 0; n < bytes; n += 1 + bytes / 50) {
                if (shop.memory.u8(to.hpa(n)) != before[offset + n]) {
                    throw new AssertionError("seed=" + SEED + " offset " + offset + " byte " + n);
                }
            }
        }
        to.kfree();
    }
}
