package softnic.skb;

import static org.assertj.core.api.Assertions.assertThat;

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

/** Invariant 19: {@code skb_copy_ubufs} does all or nothing, wherever memory runs out. */
@ParameterizedClass(name = "{0}")
@MethodSource("editions")
class CopyUbufsTest {

    private static final long SEED = 2111L;

    private final Edition edition;
    private final Random random = new Random(SEED);
    private final Violations violations = new Violations();
    private final Workshop.Owner owner = new Workshop.Owner();
    private final boolean keepsFrags;
    private Workshop shop;

    CopyUbufsTest(Edition edition) {
        this.edition = edition;
        this.keepsFrags = !edition.has(Behaviour.PACKS_COPIED_UBUFS);
    }

    static List<Edition> editions() {
        return ZerocopyTable.editions();
    }

    @BeforeEach
    void open() {
        shop = new Workshop(edition);
    }

    @AfterEach
    void allIsHome() {
        assertThat(violations.kept()).isEmpty();
        shop.release();
        assertThat(shop.missing()).isEmpty();
        shop.close();
    }

    /** Every number of fragments, and for each every page at which memory can run out. */
    @Test
    void failsAtEveryPageIndexWithNothingChangedAndThenSucceeds() {
        for (int n = 0; n <= edition.maxSkbFrags(); n++) {
            int[] sizes = random.ints(n, 1, 4097).toArray();
            owner.callbacks = 0;
            SkBuff skb = shop.zerocopy(random, owner, 16, 66, sizes);
            int needed = keepsFrags ? n : (skb.dataLen() + 4095) / 4096;
            for (int left = 0; left < needed; left++) {
                shop.leavePages(left);
                var before = new SkbCheck.Before(skb);
                int err = SkbCopy.copyUbufs(skb);
                assertThat(err).as("seed=%d frags %d pages %d", SEED, n, left).isEqualTo(-Errno.ENOMEM);
                before.check(skb, err, keepsFrags, violations);
                assertThat(owner.callbacks).isZero();
                assertThat(shop.guest.pins()).isEqualTo(n);
                shop.release();
                assertThat(shop.pages.inUse()).isZero();
            }
            shop.leavePages(needed);
            var before = new SkbCheck.Before(skb);
            owner.then = () -> assertThat(shop.guest.pins()).isZero();
            int err = SkbCopy.copyUbufs(skb);
            assertThat(err).isZero();
            before.check(skb, err, keepsFrags, violations);
            SkbCheck.check(skb, violations);
            assertThat(owner.callbacks).isEqualTo(1);
            assertThat(owner.success).isFalse();
            shop.release();
            skb.kfree();
            assertThat(owner.callbacks).isEqualTo(1);
        }
    }

    /** CVE-2023-53669: half a megabyte in seventeen compound pages does not fit in seventeen single ones. */
    @Test
    void cve2023_53669_moreThanMaxSkbFragsPagesNeedLargerPages() {
        SkBuff skb = shop.compoundPacket(random, 66, 16, 32768);
        skb.shinfo().zerocopy(owner);
        var before = new SkbCheck.Before(skb);
        int err = SkbCopy.copyUbufs(skb);
        if (keepsFrags || edition.has(Quirk.UBUF_COPY_OVERRUNS)) {
            assertThat(err).as("the kernel writes past frags[]").isEqualTo(-Errno.EINVAL);
            assertThat(shop.pool.counters().value(SkbPool.Count.COPY_UBUFS_OVERRUN)).isEqualTo(1);
            assertThat(owner.callbacks).isZero();
        } else {
            assertThat(err).isZero();
            assertThat(skb.shinfo().nrFrags()).isEqualTo(16);
            assertThat(skb.shinfo().frag(15).size()).isEqualTo(32768);
            assertThat(owner.callbacks).isEqualTo(1);
        }
        SkbCheck.check(skb, violations);
        before.check(skb, err, keepsFrags, violations);
        skb.kfree();
        assertThat(owner.callbacks).isEqualTo(1);
    }

    @Test
    void largerPagesAreOfTheSmallestOrderThatFits() {
        for (int frags = 3; frags <= 5; frags++) {
            SkBuff skb = shop.compoundPacket(random, 66, frags, 32768);
            owner.callbacks = 0;
            skb.shinfo().zerocopy(owner);
            var before = new SkbCheck.Before(skb);
            int err = SkbCopy.copyUbufs(skb);
            before.check(skb, err, keepsFrags, violations);
            SkbCheck.check(skb, violations);
            if (!keepsFrags && !edition.has(Quirk.UBUF_COPY_OVERRUNS)) {
                assertThat(err).isZero();
                int size = frags == 5 ? 16384 : 8192;           // 17 * 8 KiB = 136 KiB
                assertThat(skb.shinfo().frag(0).size()).isEqualTo(size);
                assertThat(skb.shinfo().nrFrags()).isEqualTo(frags * 32768 / size);
            } else {
                assertThat(err).isEqualTo(-Errno.EINVAL);
            }
            skb.kfree();
            assertThat(owner.callbacks).isEqualTo(1);
        }
    }

    @Test
    void moreThanTheLargestPagesHoldIsNoMemory() {
        SkBuff skb = shop.compoundPacket(random, 66, 1, 100);
        skb.shinfo().zerocopy(owner);
        skb.shinfo().frag(0).size = (edition.maxSkbFrags() << 15) + 1;      // says so, has not
        assertThat(SkbCopy.copyUbufs(skb)).isIn(-Errno.ENOMEM, -Errno.EINVAL);
        assertThat(owner.callbacks).isZero();
        skb.shinfo().frag(0).size = 100;
        skb.kfree();
    }

    @Test
    void whatNobodyCanReadIsRefusedWhereItExists() {
        SkBuff skb = shop.zerocopy(random, owner, 0, 66, 100);
        skb.unreadable(true);
        int err = SkbCopy.copyUbufs(skb);
        assertThat(err).isEqualTo(edition.has(Behaviour.DEVMEM_FRAGS) ? -Errno.EFAULT : 0);
        assertThat(owner.callbacks).isEqualTo(err == 0 ? 1 : 0);
        assertThat(SkbCopy.copy(skb)).isNull();
        skb.kfree();
        assertThat(owner.callbacks).isEqualTo(1);
    }

    @Test
    void sharedDataOfAUbufThatCanBeSharedIsUnclonedFirst() {
        if (!edition.has(Behaviour.SHARES_UBUF)) {
            return;
        }
        var sender = new Workshop.SharedOwner();
        SkBuff skb = shop.packet(random, 0, 66, 100, 200);
        skb.shinfo().zcopySet(sender);
        SkBuff clone = SkbCopy.clone(skb);
        shop.leaveHeads(0);
        assertThat(SkbCopy.copyUbufs(skb)).isEqualTo(-Errno.EINVAL);
        shop.release();
        assertThat(SkbCopy.copyUbufs(skb)).isZero();
        assertThat(skb.shinfo().isZerocopy()).isFalse();
        assertThat(clone.shinfo().isZerocopy()).isTrue();
        assertThat(shop.content(clone)).isEqualTo(shop.content(skb));
        clone.kfree();
        skb.kfree();
        sender.callback(true);
        assertThat(sender.completions).isEqualTo(1);
        assertThat(sender.zerocopy).isFalse();
    }
}
