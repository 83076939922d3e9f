package softnic.net;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import softnic.Edition;
import softnic.mm.Errno;
import softnic.skb.SkBuff;
import softnic.skb.SkbCopy;
import softnic.skb.Workshop;
import softnic.trace.Trace;

/** A sum over bytes that lie in the head, in fragments and in packets behind is that of one array. */
class ChecksumHelpTest {

    private static final long SEED = 1071L;

    private final Workshop shop = new Workshop(Edition.V6_1);
    private final Gso gso = new Gso(shop.pool, shop.cpu, Trace.off());
    private final Random random = new Random(SEED);

    @AfterEach
    void allIsHome() {
        shop.release();
        assertThat(shop.missing()).isEmpty();
        shop.close();
    }

    @Test
    void anySliceSumsUpWhereverItsBytesLie() {
        SkBuff skb = shop.packet(random, 3, 21, 7, 1, 40);
        skb.addFragList(shop.list(random, 5, 30, 12));
        byte[] all = shop.content(skb);
        for (int from = 0; from < all.length; from++) {
            for (int len = 0; from + len <= all.length; len++) {
                int sum = Checksum.fold(gso.checksum(skb, from, len));
                int naive = ChecksumTest.naive(all, from, len, 0);
                int stored = (naive & 0xFF) << 8 | naive >>> 8;
                if (sum != naive && sum != stored) {
                    throw new AssertionError("seed=" + SEED + " from " + from + " len " + len + ": " + sum + " " + naive);
                }
            }
        }
        skb.kfree();
    }

    @Test
    void theSumIsStoredWhereItWasAskedForAndThePacketSumsUp() {
        for (int start = 14; start < 20; start++) {
            SkBuff skb = shop.packet(random, 3, 54, 33, 8);
            shop.memory.be16(skb.dataHpa() + start + 16, 0);
            byte[] before = shop.content(skb);
            skb.checksumPartial(start, 16);
            SkBuff clone = SkbCopy.clone(skb);
            assertThat(gso.checksumHelp(skb)).isZero();
            assertThat(shop.content(clone)).as("the clone's bytes are its own").isEqualTo(before);
            byte[] after = shop.content(skb);
            assertThat(ChecksumTest.naive(after, start, after.length - start, 0)).as("seed=%d start %d", SEED, start)
                    .isZero();
            assertThat(skb.ipSummed()).isEqualTo(SkBuff.CHECKSUM_NONE);
            clone.kfree();
            skb.kfree();
        }
    }

    @Test
    void whereTheSumBelongsMustBeLinear() {
        SkBuff skb = shop.packet(random, 3, 54, 33);
        skb.checksumPartial(36, 16);                    // the last two linear bytes
        assertThat(gso.checksumHelp(skb)).isZero();
        skb.checksumPartial(37, 16);
        assertThat(gso.checksumHelp(skb)).isEqualTo(-Errno.EINVAL);
        skb.checksumPartial(-1, 16);
        assertThat(gso.checksumHelp(skb)).isEqualTo(-Errno.EINVAL);
        skb.checksumPartial(0, 16);
        SkBuff clone = SkbCopy.clone(skb);
        shop.leaveHeads(0);
        assertThat(gso.checksumHelp(skb)).isEqualTo(-Errno.ENOMEM);
        shop.release();
        clone.kfree();
        assertThat(gso.checksumHelp(skb)).isZero();
        skb.kfree();
    }

    @Test
    void whatADeviceSummedNeedsNoHelp() {
        SkBuff skb = shop.packet(random, 3, 54);
        byte[] before = shop.content(skb);
        skb.checksumComplete(0x1234);
        assertThat(gso.checksumHelp(skb)).isZero();
        assertThat(skb.ipSummed()).isEqualTo(SkBuff.CHECKSUM_NONE);
        assertThat(shop.content(skb)).isEqualTo(before);
        skb.kfree();
    }
}
