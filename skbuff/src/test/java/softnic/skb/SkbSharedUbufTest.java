package softnic.skb;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import softnic.Edition;

/** MSG_ZEROCOPY's kind of ubuf: each packet that refers to the user's pages holds it, and the last one completes it. */
class SkbSharedUbufTest {

    private final Workshop shop = new Workshop(Edition.V6_1);
    private final Random random = new Random(11);
    private final Workshop.SharedOwner sender = new Workshop.SharedOwner();

    @AfterEach
    void theSenderHearsOnceAndAllIsHome() {
        assertThat(sender.completions).isZero();
        sender.callback(true);
        assertThat(sender.completions).isEqualTo(1);
        assertThat(shop.missing()).isEmpty();
        shop.close();
    }

    private SkBuff packet() {
        SkBuff skb = shop.packet(random, 0, 66, 100, 140);
        skb.shinfo().zcopySet(sender);
        assertThat(sender.refcnt()).isEqualTo(2);
        return skb;
    }

    @Test
    void aCopyOfTheHeadHoldsItToo() {
        SkBuff skb = packet();
        SkBuff copy = SkbCopy.pskbCopy(skb);
        assertThat(copy.shinfo().isZerocopy()).isTrue();
        assertThat(shop.guest.pins()).isEqualTo(4);
        assertThat(sender.refcnt()).isEqualTo(3);
        skb.kfree();
        assertThat(sender.refcnt()).isEqualTo(2);
        copy.kfree();
        assertThat(sender.refcnt()).isEqualTo(1);
    }

    @Test
    void aCloneSharesItAndAHeadOfItsOwnHoldsItAgain() {
        SkBuff skb = packet();
        SkBuff clone = SkbCopy.clone(skb);
        assertThat(shop.pages.inUse()).as("nothing was copied").isZero();
        assertThat(sender.refcnt()).isEqualTo(2);
        assertThat(SkbCopy.expandHead(clone, 10, 0)).isZero();
        assertThat(clone.shinfo().isZerocopy()).isTrue();
        assertThat(sender.refcnt()).isEqualTo(3);
        clone.kfree();
        skb.kfree();
    }

    @Test
    void segmentsWithUserPagesHoldItAndThoseWithoutDoNot() {
        SkBuff skb = packet();
        assertThat(SkbSegment.segment(skb, 60, 6, true)).isZero();
        SkBuff first = skb.next();
        assertThat(first.shinfo().isZerocopy()).as("the rest of the linear part").isFalse();
        int segments = 0;
        int held = 0;
        for (SkBuff s = first; s != null; s = s.next()) {
            segments++;
            held += s.shinfo().isZerocopy() ? 1 : 0;
        }
        assertThat(held).isEqualTo(segments - 1);
        assertThat(sender.refcnt()).isEqualTo(2 + held);
        for (SkBuff s = first; s != null;) {
            SkBuff next = s.next();
            s.kfree();
            s = next;
        }
        skb.next(null);
        skb.kfree();
        assertThat(sender.refcnt()).isEqualTo(1);
    }

    @Test
    void bothHalvesOfASplitPacketHoldIt() {
        SkBuff skb = packet();
        SkBuff second = shop.pool.alloc(100);
        assertThat(SkbSplit.split(skb, second, 200)).isZero();
        assertThat(second.shinfo().isZerocopy()).isTrue();
        assertThat(sender.refcnt()).isEqualTo(3);
        skb.kfree();
        second.kfree();
    }
}
