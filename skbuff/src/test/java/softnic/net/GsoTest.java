package softnic.net;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import softnic.Edition;
import softnic.mm.Errno;
import softnic.net.TcpPackets.Frame;
import softnic.skb.SkBuff;
import softnic.skb.Workshop;
import softnic.trace.Trace;

/** One large packet becomes many small ones, and together they say what the large one said. */
class GsoTest {

    private static final long SEED = 1448L;
    private static final int SG = NetDevice.NETIF_F_SG | NetDevice.NETIF_F_HW_CSUM;
    private static final int TSO = SG | NetDevice.NETIF_F_ALL_TSO;

    private final Workshop shop = new Workshop(Edition.V6_1);
    private final Gso gso = new Gso(shop.pool, shop.cpu, Trace.off());
    private final Random random = new Random(SEED);
    private final Workshop.Owner owner = new Workshop.Owner();

    @AfterEach
    void allIsHome() {
        shop.release();
        assertThat(shop.missing()).isEmpty();
        shop.close();
    }

    /** Takes the segments off the packet, which dies, and returns what a device would send of them. */
    private List<Frame> segments(SkBuff skb, int mss, int headers) {
        List<Frame> frames = new ArrayList<>();
        SkBuff segment = skb.next();
        skb.next(null);
        skb.consume();
        while (segment != null) {
            SkBuff next = segment.next();
            segment.next(null);
            assertThat(segment.len()).isBetween(headers + 1, headers + mss);
            assertThat(segment.isGso()).isFalse();
            frames.add(Frame.parse(TcpPackets.sent(shop, segment)));
            segment.kfree();
            segment = next;
        }
        return frames;
    }

    /** Invariant 40, for SG or not, checksums in the device or not, and odd fragments. */
    @Test
    void segmentsAreWhatThePacketWas() {
        for (int round = 0; round < 300; round++) {
            int ipLen = 20 + 4 * random.nextInt(11);
            int tcpLen = 20 + 4 * random.nextInt(11);
            int headers = 14 + ipLen + tcpLen;
            int mss = 700 + random.nextInt(800);
            int[] frags = random.ints(1 + random.nextInt(5), 1, 4097).toArray();
            int linear = random.nextInt(3) == 0 ? 14 : headers + random.nextInt(2) * random.nextInt(900);
            int features = switch (random.nextInt(3)) {
                case 0 -> SG;
                case 1 -> NetDevice.NETIF_F_HW_CSUM;
                default -> 0;
            };
            int flags = random.nextInt(0x1000);
            SkBuff skb = TcpPackets.packet(shop, random, round % 2 == 0 ? owner : null, ipLen, tcpLen, mss, flags,
                    Math.max(linear, linear == 14 ? 14 : headers), padded(frags, headers, linear));
            byte[] original = shop.content(skb);
            Frame whole = Frame.parse(original);
            int payload = whole.payload().length;
            owner.callbacks = 0;

            int err = gso.segment(skb, features);

            String as = "seed=" + SEED + " round " + round;
            if (payload <= mss) {
                assertThat(err).as(as).isEqualTo(-Errno.EINVAL);
                skb.kfree();
                continue;
            }
            assertThat(err).as(as).isZero();
            List<Frame> frames = segments(skb, mss, headers);
            assertThat(frames).as(as).hasSize((payload + mss - 1) / mss);
            assertThat(TcpPackets.concat(frames)).as(as).isEqualTo(whole.payload());
            for (int i = 0; i < frames.size(); i++) {
                Frame f = frames.get(i);
                boolean last = i == frames.size() - 1;
                assertThat(f.ipOk()).as(as).isTrue();
                assertThat(f.tcpOk()).as(as + " segment " + i + " features " + features).isTrue();
                assertThat(f.totLen()).isEqualTo(ipLen + tcpLen + f.payload().length);
                assertThat(f.id()).isEqualTo(whole.id() + i & 0xFFFF);
                assertThat(f.seq()).isEqualTo(whole.seq() + (long) i * mss & 0xFFFF_FFFFL);
                int expected = flags & ~(last ? 0 : TcpHeader.FIN | TcpHeader.PSH) & ~(i == 0 ? 0 : TcpHeader.CWR);
                assertThat(f.flags()).as(as).isEqualTo(expected);
            }
            if (round % 2 == 0) {
                assertThat(owner.callbacks).as(as).isEqualTo(1);
            }
            assertThat(shop.missing()).as(as).isEmpty();
        }
    }

    /** Fragments that hold at least the headers when these are not in the head. */
    private static int[] padded(int[] frags, int headers, int linear) {
        if (linear == 14) {
            frags[0] = Math.max(frags[0], headers);
        }
        return frags;
    }

    @Test
    void aDeviceThatSegmentsGetsThePacketWholeWithItsCount() {
        SkBuff skb = TcpPackets.packet(shop, random, owner, 20, 32, 1448, TcpHeader.ACK, 66, 4096, 4096);
        assertThat(Gso.isNeeded(skb, TSO)).isTrue();                        // DODGY: must be looked at
        assertThat(gso.segment(skb, TSO)).isZero();
        assertThat(skb.next()).isNull();
        assertThat(skb.shinfo().gsoSegs()).isEqualTo(6);
        assertThat(Gso.isNeeded(skb, TSO | NetDevice.NETIF_F_GSO_ROBUST)).isFalse();
        assertThat(owner.callbacks).isZero();
        skb.kfree();
    }

    @Test
    void headersThatLieInFragmentsArePulled() {
        SkBuff skb = TcpPackets.packet(shop, random, owner, 20, 32, 1448, TcpHeader.ACK, 14, 4096, 4096);
        byte[] before = shop.content(skb);
        assertThat(gso.segment(skb, TSO)).isZero();
        assertThat(skb.headlen()).isGreaterThanOrEqualTo(66);
        assertThat(shop.content(skb)).isEqualTo(before);
        skb.kfree();
    }

    @Test
    void aPacketWithoutANeedsCsumGetsItsPseudoHeader() {
        for (int features : new int[] {TSO, SG, 0}) {
            SkBuff skb = TcpPackets.packet(shop, random, null, 20, 20, 1000, TcpHeader.ACK, 54, 2500);
            shop.memory.be16(skb.dataHpa() + 50, 0xDEAD);
            skb.ipSummed(SkBuff.CHECKSUM_NONE);
            SkBuff clone = features == TSO ? softnic.skb.SkbCopy.clone(skb) : null;
            byte[] seen = clone == null ? null : shop.content(clone);
            assertThat(Gso.isNeeded(skb, features)).isTrue();
            assertThat(gso.segment(skb, features)).isZero();
            if (features == TSO) {
                assertThat(skb.ipSummed()).isEqualTo(SkBuff.CHECKSUM_PARTIAL);
                assertThat(Frame.parse(TcpPackets.sent(shop, skb)).tcpOk()).isTrue();
                assertThat(shop.content(clone)).isEqualTo(seen);            // its header is its own
                clone.kfree();
                skb.kfree();
            } else {
                assertThat(segments(skb, 1000, 54)).hasSize(3).allMatch(Frame::tcpOk);
            }
        }
    }

    @Test
    void whatIsNotTcpOverIpv4IsRefused() {
        for (int what = 0; what < 7; what++) {
            SkBuff skb = TcpPackets.packet(shop, random, null, 20, 20, 1000, TcpHeader.ACK, 54, 2500);
            long at = skb.dataHpa();
            switch (what) {
                case 0 -> skb.protocol(EthHeader.ETH_P_IPV6);
                case 1 -> shop.memory.u8(at + 14, 0x44);                    // header of 16 bytes
                case 2 -> shop.memory.u8(at + 23, 17);
                case 3 -> shop.memory.u8(at + 46, 0x40);                    // TCP header of 16 bytes
                case 4 -> skb.shinfo().gso(1, 2500);                        // fits one segment
                case 5 -> skb.shinfo().gso(1, 0xFFFF);
                default -> skb.protocol(0);
            }
            assertThat(gso.segment(skb, SG)).as("case %d", what)
                    .isEqualTo(what == 6 ? -Errno.EPROTONOSUPPORT : -Errno.EINVAL);
            assertThat(skb.next()).isNull();
            skb.kfree();
        }
        SkBuff tiny = shop.packet(random, 0, 20);
        tiny.protocol(EthHeader.ETH_P_IP);
        tiny.shinfo().gso(1, 5);
        assertThat(gso.segment(tiny, SG)).isEqualTo(-Errno.EINVAL);
        tiny.kfree();
    }

    @Test
    void shortMemoryAtAnySegmentLeavesNothingBehind() {
        for (int features : new int[] {SG, 0}) {
            for (int left = 0; left < 6; left++) {
                SkBuff skb = TcpPackets.packet(shop, random, null, 20, 20, 1000, TcpHeader.ACK, 54, 4096, 1500);
                byte[] before = shop.content(skb);
                shop.leaveStructs(left);
                assertThat(gso.segment(skb, features)).as("%d left", left).isEqualTo(-Errno.ENOMEM);
                shop.release();
                assertThat(skb.next()).isNull();
                assertThat(shop.content(skb)).isEqualTo(before);
                skb.kfree();
                assertThat(shop.missing()).isEmpty();
            }
        }
        SkBuff skb = TcpPackets.packet(shop, random, owner, 20, 20, 1000, TcpHeader.ACK, 54, 4096, 1500);
        shop.leavePages(1);
        assertThat(gso.segment(skb, SG)).isEqualTo(-Errno.ENOMEM);
        assertThat(owner.callbacks).isZero();
        skb.kfree();
        assertThat(owner.callbacks).isEqualTo(1);
    }

    @Test
    void aChecksumIsFinishedInSoftwareWhereverTheBytesLie() {
        for (int round = 0; round < 300; round++) {
            int[] frags = random.ints(random.nextInt(4), 1, 300).toArray();
            SkBuff skb = TcpPackets.packet(shop, random, null, 20, 20, 0, TcpHeader.ACK,
                    54 + random.nextInt(100), frags);
            SkBuff clone = round % 3 == 0 ? softnic.skb.SkbCopy.clone(skb) : null;
            assertThat(gso.checksumHelp(skb)).isZero();
            assertThat(skb.ipSummed()).isEqualTo(SkBuff.CHECKSUM_NONE);
            assertThat(Frame.parse(shop.content(skb)).tcpOk()).as("seed=%d round %d", SEED, round).isTrue();
            if (clone != null) {
                assertThat(Frame.parse(shop.content(clone)).tcpOk()).isFalse();
                clone.kfree();
            }
            skb.kfree();
        }
        SkBuff skb = TcpPackets.packet(shop, random, null, 20, 20, 0, TcpHeader.ACK, 100);
        SkBuff clone = softnic.skb.SkbCopy.clone(skb);
        shop.leaveHeads(0);
        assertThat(gso.checksumHelp(skb)).isEqualTo(-Errno.ENOMEM);
        assertThat(skb.ipSummed()).isEqualTo(SkBuff.CHECKSUM_PARTIAL);
        skb.kfree();
        clone.kfree();
    }
}
