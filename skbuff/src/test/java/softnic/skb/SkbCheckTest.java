package softnic.skb;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Random;
import java.util.function.Consumer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import softnic.Edition;
import softnic.trace.Violations;

/** A monitor that cannot fail proves nothing: each fault is named. */
class SkbCheckTest {

    private final Workshop shop = new Workshop(Edition.V6_1);
    private final Random random = new Random(4);
    private final Workshop.Owner owner = new Workshop.Owner();

    @AfterEach
    void allIsHome() {
        assertThat(shop.missing()).isEmpty();
        shop.close();
    }

    private void assertFound(int invariant, String what, Consumer<SkBuff> fault, Consumer<SkBuff> repair) {
        SkBuff skb = shop.zerocopy(random, owner, 16, 66, 100, 4096);
        Violations violations = new Violations();
        assertThat(SkbCheck.check(skb, violations)).isTrue();
        assertThat(violations.count()).isZero();
        fault.accept(skb);
        assertThat(SkbCheck.check(skb, violations)).as(what).isFalse();
        assertThat(violations.kept()).hasSize(1);
        assertThat(violations.kept().getFirst()).startsWith("invariant " + invariant + ": skb:").contains(what);
        shop.pool.check(violations);
        assertThat(violations.kept()).hasSize(2);
        repair.accept(skb);
        skb.kfree();
    }

    @Test
    void lengthsThatDoNotAddUpAreFound() {
        assertFound(20, "bytes in fragments, data_len=4197", s -> s.addFragBytes(1, 0), s -> s.addFragBytes(-1, 0));
        assertFound(20, "66 linear bytes, headlen=67", s -> s.len++, s -> s.len--);
    }

    @Test
    void positionsOutOfOrderAreFound() {
        assertFound(20, "not laid out", s -> s.tail = s.shinfo.end + 1, s -> s.tail = 82);
        assertFound(20, "not laid out", s -> s.data = -1, s -> s.data = 16);
        assertFound(20, "not laid out", s -> s.tail = 15, s -> s.tail = 82);
    }

    @Test
    void fragmentsThatAreNoneAreFound() {
        assertFound(20, "fragments, MAX_SKB_FRAGS=17", s -> s.shinfo.nrFrags = 18, s -> s.shinfo.nrFrags = 2);
        assertFound(20, "no page in fragment 2", s -> s.shinfo.nrFrags = 3, s -> s.shinfo.nrFrags = 2);
        assertFound(20, "outside its page", s -> s.shinfo.frags[1].pageOffset = 1, s -> s.shinfo.frags[1].pageOffset = 0);
        assertFound(20, "outside its page", s -> s.shinfo.frags[0].size = 0, s -> s.shinfo.frags[0].size = 100);
        assertFound(20, "outside its page", s -> s.shinfo.frags[0].pageOffset = -1, s -> { });
    }

    @Test
    void aFlagThatLiesIsFound() {
        assertFound(18, "and no ubuf", s -> s.shinfo.destructorArg = null, s -> s.shinfo.destructorArg = owner);
        SkBuff[] morph = new SkBuff[1];
        Violations violations = new Violations();
        SkBuff skb = shop.zerocopy(random, owner, 16, 66, 100);
        morph[0] = shop.pool.alloc(1);
        SkbCopy.morph(morph[0], skb);
        assertThat(SkbCheck.check(skb, violations)).isFalse();
        assertThat(violations.kept().getFirst()).contains("invariant 18", "dataref=2");
        morph[0].kfree();
        skb.kfree();
    }

    @Test
    void aCopyThatChangesSomethingIsFound() {
        for (int what = 0; what < 7; what++) {
            SkBuff skb = shop.zerocopy(random, owner, 16, 66, 100, 200);
            var before = new SkbCheck.Before(skb);
            int err = what < 4 ? SkbCopy.copyUbufs(skb) : -12;
            Violations violations = new Violations();
            assertThat(before.check(skb, err, false, violations)).isTrue();
            switch (what) {
                case 0 -> shop.memory.u8(skb.dataHpa(), ~shop.memory.u8(skb.dataHpa()));
                case 1 -> skb.truesize++;
                case 2 -> skb.shinfo.txFlags |= SkbSharedInfo.SKBTX_DEV_ZEROCOPY;
                case 3 -> assertThat(before.check(skb, err, true, violations)).as("one of two fragments").isFalse();
                case 4 -> skb.shinfo.txFlags = 0;
                case 5 -> skb.shinfo.destructorArg = success -> { };
                default -> SkbCopy.copyUbufs(skb);
            }
            assertThat(before.check(skb, err, what == 3, violations)).as("case %d", what).isFalse();
            assertThat(violations.kept().getFirst()).contains("invariant 19", "skb_copy_ubufs=" + err);
            skb.shinfo.txFlags = 0;
            skb.kfree();
        }
    }

    @Test
    void aCopyThatLeavesAUserPageIsFound() {
        SkBuff skb = shop.zerocopy(random, owner, 16, 66, 100);
        var before = new SkbCheck.Before(skb);
        skb.shinfo.txFlags = 0;
        Violations violations = new Violations();
        assertThat(before.check(skb, 0, true, violations)).isFalse();
        assertThat(violations.kept().getFirst()).contains("user page in fragment 0");
        skb.kfree();
    }
}
