package softnic.skb;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import softnic.Behaviour;
import softnic.Edition;
import softnic.trace.Violations;

/** A packet of user pages, for tests of what the kernel does with it; in each kernel, with its bugs and without. */
abstract class ZerocopyTable {

    private static final long SEED = 18L;
    static final int LINEAR = 66;
    static final int[] FRAGS = {100, 4096, 1};

    final Edition edition;
    final Random random = new Random(SEED);
    final Violations violations = new Violations();
    final Workshop.Owner owner = new Workshop.Owner();
    final Workshop.SharedOwner sender = new Workshop.SharedOwner();
    Workshop shop;
    SkBuff skb;
    byte[] before;

    ZerocopyTable(Edition edition) {
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

    final void assertCopied() {
        assertThat(shop.content(skb)).isEqualTo(before);
        assertThat(skb.shinfo().isZerocopy()).isFalse();
        assertThat(owner.callbacks).isEqualTo(1);
        assertThat(owner.success).isFalse();
        assertThat(shop.guest.pins()).isZero();
    }

    final void assertUntouched() {
        assertThat(shop.content(skb)).isEqualTo(before);
        assertThat(skb.shinfo().isZerocopy()).isTrue();
        assertThat(owner.callbacks).isZero();
        assertThat(shop.guest.pins()).isEqualTo(skb.shinfo().nrFrags());
    }

    /** The packet again, its pages of the kind that can be shared since 4.14. */
    final boolean isShareable() {
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
    final void assertSenderHears(boolean zerocopy, SkBuff... others) {
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
}
