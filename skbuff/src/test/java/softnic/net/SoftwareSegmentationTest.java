package softnic.net;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
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
import softnic.skb.SkBuff;
import softnic.skb.SkbCheck;
import softnic.skb.SkbCopy;
import softnic.skb.SkbSharedInfo;
import softnic.skb.Workshop;
import softnic.trace.Trace;
import softnic.trace.Violations;

/**
 * What the stack cuts when the device cannot: TCP over IPv6, UDP into fragments, and whose the pages and the charge are
 * in between. In each kernel, with its bugs and without.
 */
@ParameterizedClass(name = "{0}")
@MethodSource("editions")
class SoftwareSegmentationTest {

    private static final long SEED = 131L;
    private static final int SG = NetDevice.NETIF_F_SG | NetDevice.NETIF_F_HW_CSUM;
    private static final int DODGY = SkbSharedInfo.SKB_GSO_DODGY;

    private final Edition edition;
    private final Random random = new Random(SEED);
    private final Workshop.Owner owner = new Workshop.Owner();
    private final Violations violations = new Violations();
    private Workshop shop;
    private Gso gso;

    SoftwareSegmentationTest(Edition edition) {
        this.edition = edition;
    }

    static List<Edition> editions() {
        List<Edition> all = new ArrayList<>(Edition.ALL);
        Edition.ALL.forEach(e -> all.add(e.withoutQuirks()));
        return all;
    }

    @BeforeEach
    void open() {
        shop = new Workshop(edition);
        gso = new Gso(shop.pool, shop.cpu, Trace.off());
    }

    @AfterEach
    void allIsHome() {
        assertThat(violations.kept()).isEmpty();
        shop.release();
        assertThat(shop.missing()).isEmpty();
        shop.close();
    }

    /**
     * A packet of random bytes behind these headers.
     *
     * @param extensions bytes of extension headers, a multiple of 8
     */
    private SkBuff packet(boolean v6, int protocol, int extensions, int gsoType, int mss, int linear, int... frags) {
        SkBuff skb = shop.zerocopy(random, owner, 2, linear, frags);
        int l4 = 14 + (v6 ? 40 + extensions : 20);
        byte[] h = new byte[l4 + 20];
        random.nextBytes(h);
        ByteBuffer b = ByteBuffer.wrap(h);
        b.putShort(12, (short) (v6 ? 0x86DD : 0x0800));
        if (v6) {
            b.put(14, (byte) 0x60);
            b.putShort(18, (short) (skb.len() - 54));
            b.put(20, (byte) (extensions > 0 ? 0 : protocol));
            for (int at = 54; at < l4; at += extensions / 2) {
                b.put(at, (byte) (at == 54 ? 60 : protocol));
                b.put(at + 1, (byte) (extensions / 2 / 8 - 1));
            }
        } else {
            b.put(14, (byte) 0x45);
            b.putShort(16, (short) (skb.len() - 14));
            b.putShort(20, (short) 0x4000);
            b.put(23, (byte) protocol);
        }
        if (protocol == 6) {
            b.putShort(l4 + 12, (short) 0x5FFF);
        } else {
            b.putShort(l4 + 4, (short) (skb.len() - l4));
        }
        int check = l4 + (protocol == 6 ? 16 : 6);
        b.putShort(check, (short) ~pseudo(h, v6, protocol, skb.len() - l4, 0));
        for (int i = 0; i < Math.min(h.length, linear); i++) {
            shop.memory.u8(skb.dataHpa() + i, h[i]);
        }
        skb.protocol(v6 ? 0x86DD : 0x0800);
        skb.resetMacHeader();
        skb.checksumPartial(l4, check - l4);
        skb.shinfo().gso(gsoType | DODGY, mss);
        owner.callbacks = 0;
        return skb;
    }

    private static int pseudo(byte[] frame, boolean v6, int protocol, int l4Len, int start) {
        byte[] p = new byte[40];
        System.arraycopy(frame, v6 ? 22 : 26, p, 0, v6 ? 32 : 8);
        ByteBuffer.wrap(p).putInt(32, l4Len);
        p[39] = (byte) protocol;
        return ChecksumTest.naive(p, 0, 40, start);
    }

    private static boolean isChecksumOk(byte[] frame, boolean v6, int protocol, int l4) {
        int start = ~pseudo(frame, v6, protocol, frame.length - l4, 0) & 0xFFFF;
        return ChecksumTest.naive(frame, l4, frame.length - l4, start) == 0;
    }

    private List<SkBuff> take(SkBuff skb) {
        List<SkBuff> all = new ArrayList<>();
        for (SkBuff s = skb.next(); s != null; s = s.next()) {
            all.add(s);
        }
        skb.next(null);
        for (SkBuff s : all) {
            s.next(null);
            SkbCheck.check(s, violations);
        }
        return all;
    }

    private List<byte[]> frames(List<SkBuff> segments) {
        List<byte[]> all = new ArrayList<>();
        for (SkBuff s : segments) {
            all.add(TcpPackets.sent(shop, s));
            s.kfree();
        }
        return all;
    }

    @Test
    void tcpOverIpv6IsCutWithAndWithoutExtensionHeaders() {
        for (int extensions : new int[] {0, 16, 48}) {
            for (int features : new int[] {SG, NetDevice.NETIF_F_HW_CSUM, 0}) {
                int headers = 74 + extensions;
                SkBuff skb = packet(true, 6, extensions, SkbSharedInfo.SKB_GSO_TCPV6, 1000, headers + 100, 4096, 333);
                byte[] whole = shop.content(skb);
                assertThat(gso.segment(skb, features)).isZero();
                List<SkBuff> segments = take(skb);
                skb.consume();
                List<byte[]> frames = frames(segments);
                assertThat(frames).hasSize(5);
                ByteArrayOutputStream payload = new ByteArrayOutputStream();
                for (int i = 0; i < 5; i++) {
                    ByteBuffer f = ByteBuffer.wrap(frames.get(i));
                    assertThat(f.getShort(18)).isEqualTo((short) (f.limit() - 54));
                    assertThat(f.getInt(headers - 16)).isEqualTo(ByteBuffer.wrap(whole).getInt(headers - 16) + i * 1000);
                    int flags = 0xFFF & ~(i < 4 ? 0x09 : 0) & ~(i > 0 ? 0x80 : 0);
                    assertThat(f.getShort(headers - 8) & 0xFFF).isEqualTo(flags);
                    assertThat(isChecksumOk(f.array(), true, 6, headers - 20)).as("segment %d", i).isTrue();
                    assertThat(Arrays.copyOf(f.array(), 18)).isEqualTo(Arrays.copyOf(whole, 18));
                    payload.write(f.array(), headers, f.limit() - headers);
                }
                assertThat(payload.toByteArray()).isEqualTo(Arrays.copyOfRange(whole, headers, whole.length));
                assertThat(owner.callbacks).isEqualTo(1);
            }
        }
    }

    @Test
    void aUdpDatagramOverIpv4BecomesFragmentsOfOneId() {
        for (int features : new int[] {SG, 0}) {
            SkBuff skb = packet(false, 17, 0, SkbSharedInfo.SKB_GSO_UDP, 1480, 42, 4096, 904);
            byte[] whole = TcpPackets.sent(shop, skb);
            assertThat(isChecksumOk(whole, false, 17, 34)).isTrue();
            assertThat(gso.segment(skb, features)).isZero();
            List<SkBuff> segments = take(skb);
            skb.consume();
            List<byte[]> frames = frames(segments);
            assertThat(frames).hasSize(4);                      // 5008 bytes of UDP
            ByteArrayOutputStream datagram = new ByteArrayOutputStream();
            for (int i = 0; i < 4; i++) {
                ByteBuffer f = ByteBuffer.wrap(frames.get(i));
                assertThat(f.getShort(16)).isEqualTo((short) (f.limit() - 14));
                assertThat(f.getShort(18)).isEqualTo(ByteBuffer.wrap(whole).getShort(18));
                assertThat(f.getShort(20) & 0xFFFF).isEqualTo(i * 185 | (i < 3 ? 0x2000 : 0));
                assertThat(ChecksumTest.naive(f.array(), 14, 20, 0)).isZero();
                datagram.write(f.array(), 34, f.limit() - 34);
            }
            assertThat(datagram.toByteArray()).isEqualTo(Arrays.copyOfRange(whole, 34, whole.length));
            assertThat(owner.callbacks).isEqualTo(1);
        }
    }

    @Test
    void aUdpDatagramOverIpv6GetsAFragmentHeader() {
        for (int round = 0; round < 2; round++) {
            SkBuff skb = packet(true, 17, 0, SkbSharedInfo.SKB_GSO_UDP, 1448, 62, 4096, 904);
            byte[] whole = TcpPackets.sent(shop, skb);
            SkBuff clone = round == 0 ? null : SkbCopy.clone(skb);
            byte[] seen = shop.content(skb);
            assertThat(gso.segment(skb, SG)).isZero();
            if (clone != null) {
                assertThat(shop.content(clone)).isEqualTo(seen);
                clone.kfree();
            }
            List<SkBuff> segments = take(skb);
            skb.consume();
            List<byte[]> frames = frames(segments);
            assertThat(frames).hasSize(4);
            ByteArrayOutputStream datagram = new ByteArrayOutputStream();
            for (int i = 0; i < 4; i++) {
                ByteBuffer f = ByteBuffer.wrap(frames.get(i));
                assertThat(f.getShort(12) & 0xFFFF).isEqualTo(0x86DD);
                assertThat(f.getShort(18)).isEqualTo((short) (f.limit() - 54));
                assertThat(f.get(20)).isEqualTo((byte) 44);
                assertThat(f.get(54)).isEqualTo((byte) 17);
                assertThat(f.getShort(56) & 0xFFFF).isEqualTo(i * 1448 | (i < 3 ? 1 : 0));
                assertThat(f.getInt(58)).isEqualTo(round + 1);
                assertThat(Arrays.copyOfRange(f.array(), 22, 54)).isEqualTo(Arrays.copyOfRange(whole, 22, 54));
                datagram.write(f.array(), 62, f.limit() - 62);
            }
            assertThat(datagram.toByteArray()).isEqualTo(Arrays.copyOfRange(whole, 54, whole.length));
        }
    }

    @Test
    void aFragmentHeaderBehindExtensionsIsRefused() {
        SkBuff skb = packet(true, 17, 16, SkbSharedInfo.SKB_GSO_UDP, 1448, 78, 4096);
        assertThat(gso.segment(skb, SG)).isEqualTo(-Errno.EINVAL);
        assertThat(skb.next()).isNull();
        skb.kfree();
    }

    @Test
    void extensionHeadersThatEndNowhereAreRefused() {
        for (int cut : new int[] {0, 1, 7, 8, 20}) {
            SkBuff skb = packet(true, 6, 48, SkbSharedInfo.SKB_GSO_TCPV6, 10, 54 + 48 + 20, 100);
            shop.memory.u8(skb.dataHpa() + 54 + 24, 0);                 // more and more of them
            shop.memory.u8(skb.dataHpa() + 54 + 25, 255 - cut);
            assertThat(gso.segment(skb, SG)).isEqualTo(-Errno.EINVAL);
            skb.kfree();
        }
        SkBuff shortOne = packet(true, 0, 0, SkbSharedInfo.SKB_GSO_TCPV6, 1, 58);
        assertThat(gso.segment(shortOne, SG)).isEqualTo(-Errno.EINVAL);
        shortOne.kfree();
    }

    @Test
    void aDeviceThatFragmentsGetsItsCount() {
        SkBuff skb = packet(false, 17, 0, SkbSharedInfo.SKB_GSO_UDP, 1480, 42, 4096, 904);
        skb.ipSummed(SkBuff.CHECKSUM_NONE);
        assertThat(gso.segment(skb, SG | SkbSharedInfo.SKB_GSO_UDP << NetDevice.NETIF_F_GSO_SHIFT)).isZero();
        assertThat(skb.next()).isNull();
        assertThat(skb.shinfo().gsoSegs()).isEqualTo(4);
        assertThat(skb.ipSummed()).isEqualTo(SkBuff.CHECKSUM_PARTIAL);
        assertThat(skb.checksumStartOffset()).isEqualTo(34);
        assertThat(isChecksumOk(TcpPackets.sent(shop, skb), false, 17, 34)).isTrue();
        skb.kfree();
    }

    /** 121d57af308d: who writes UDP into the type and TCP into the header gets TCP segments, until 4.16. */
    @Test
    void aTypeThatIsNotTheProtocolsIsCutAllTheSameUntil416() {
        int[][] lies = {{6, SkbSharedInfo.SKB_GSO_UDP}, {17, SkbSharedInfo.SKB_GSO_TCPV4}};
        for (int[] lie : lies) {
            SkBuff skb = packet(false, lie[0], 0, lie[1], 1000, 54, 4096);
            int err = gso.segment(skb, SG);
            assertThat(err).isEqualTo(edition.has(Quirk.SEGMENT_TRUSTS_TYPE) ? 0 : -Errno.EINVAL);
            take(skb).forEach(SkBuff::kfree);
            assertThat(gso.segment(skb, SG | lie[1] << NetDevice.NETIF_F_GSO_SHIFT)).as("device would get it whole")
                    .isEqualTo(-Errno.EINVAL);
            skb.kfree();
        }
        SkBuff other = packet(false, 1, 0, SkbSharedInfo.SKB_GSO_TCPV4, 1000, 54, 4096);
        assertThat(gso.segment(other, SG)).isEqualTo(-Errno.EPROTONOSUPPORT);
        other.shinfo().gso(SkbSharedInfo.SKB_GSO_TCPV6, 1000);
        assertThat(gso.segment(other, SG)).isEqualTo(-Errno.EINVAL);
        other.kfree();
        SkBuff six = packet(true, 6, 0, SkbSharedInfo.SKB_GSO_TCPV4, 1000, 74, 4096);
        assertThat(gso.segment(six, SG)).isEqualTo(-Errno.EINVAL);
        six.kfree();
    }

    /** A guest that gets its buffer back writes into it while the segments still wait for the device. */
    @Test
    void cve2014_0131_segmentsOfUserPagesAreNobodysAnyMoreUntil314() {
        SkBuff skb = packet(false, 6, 0, SkbSharedInfo.SKB_GSO_TCPV4, 1000, 54, 4096);
        byte[] whole = shop.content(skb);
        assertThat(gso.segment(skb, SG)).isZero();
        List<SkBuff> segments = take(skb);
        skb.consume();
        assertThat(owner.callbacks).as("the guest has its buffer").isEqualTo(1);
        shop.overwriteGuest(0x55);
        ByteArrayOutputStream sent = new ByteArrayOutputStream();
        frames(segments).forEach(f -> sent.write(f, 54, f.length - 54));
        byte[] payload = Arrays.copyOfRange(whole, 54, whole.length);
        if (edition.has(Quirk.SEGMENT_SHARES_PAGES)) {
            assertThat(sent.toByteArray()).hasSize(4096).containsOnly(0x55);
        } else {
            assertThat(sent.toByteArray()).isEqualTo(payload);
        }
    }

    /** Since 3.18 the socket is charged until the last segment dies. */
    @Test
    void theChargeGoesWithThePacketOrWithTheLastSegment() {
        SkBuff skb = packet(false, 6, 0, SkbSharedInfo.SKB_GSO_TCPV4, 1000, 54, 4096);
        List<Integer> uncharged = new ArrayList<>();
        SkBuff.Destructor socket = s -> uncharged.add(s.truesize());
        skb.destructor(socket);
        int charge = skb.truesize();
        assertThat(gso.segment(skb, SG)).isZero();
        assertThat(shop.pool.chargedTo(socket)).isEqualTo(charge);
        List<SkBuff> segments = take(skb);
        skb.consume();
        boolean keeps = edition.has(Behaviour.SEGMENTS_KEEP_CHARGE);
        assertThat(uncharged).hasSize(keeps ? 0 : 1);
        for (SkBuff segment : segments) {
            assertThat(uncharged).hasSize(keeps ? 0 : 1);
            segment.kfree();
        }
        assertThat(uncharged).containsExactly(charge);
    }

    /** Memory runs out at every struct, head and page: an error, and nothing left behind. */
    @Test
    void shortMemoryAnywhereIsAnErrorAndLeavesNothing() {
        int[] types = {SkbSharedInfo.SKB_GSO_TCPV4, SkbSharedInfo.SKB_GSO_TCPV6, SkbSharedInfo.SKB_GSO_UDP};
        for (int type : types) {
            for (int what = 0; what < 3; what++) {
                boolean succeeded = false;
                for (int left = 0; !succeeded; left++) {
                    boolean v6 = type == SkbSharedInfo.SKB_GSO_TCPV6;
                    SkBuff skb = packet(v6, type == SkbSharedInfo.SKB_GSO_UDP ? 17 : 6, 0, type, 1000,
                            v6 ? 74 : 54, 2048, 1000);
                    switch (what) {
                        case 0 -> shop.leaveStructs(left);
                        case 1 -> shop.leaveHeads(left);
                        default -> shop.leavePages(left);
                    }
                    int err = gso.segment(skb, SG);
                    shop.release();
                    succeeded = err == 0;
                    if (!succeeded) {
                        assertThat(err).isEqualTo(-Errno.ENOMEM);
                        assertThat(skb.next()).isNull();
                    }
                    take(skb).forEach(SkBuff::kfree);
                    skb.kfree();
                    assertThat(owner.callbacks).isEqualTo(1);
                    assertThat(shop.missing()).as("type %d what %d left %d", type, what, left).isEmpty();
                    assertThat(left).isLessThan(20);
                }
            }
        }
    }

    @Test
    void aSumByTheDeviceLeavesNothingToFinish() {
        SkBuff skb = packet(false, 6, 0, SkbSharedInfo.SKB_GSO_TCPV4, 1000, 54, 100);
        byte[] before = shop.content(skb);
        skb.checksumComplete(0x1234);
        assertThat(skb.csum()).isEqualTo(0x1234);
        assertThat(gso.checksumHelp(skb)).isZero();
        assertThat(skb.ipSummed()).isEqualTo(SkBuff.CHECKSUM_NONE);
        assertThat(shop.content(skb)).isEqualTo(before);
        skb.checksumComplete(7);
        assertThat(SkbCopy.trimRcsum(skb, skb.len())).isZero();
        assertThat(skb.ipSummed()).isEqualTo(SkBuff.CHECKSUM_COMPLETE);
        assertThat(SkbCopy.trimRcsum(skb, 60)).isZero();
        assertThat(skb.ipSummed()).isEqualTo(SkBuff.CHECKSUM_NONE);
        skb.checksumPartial(54, 0);
        assertThat(gso.checksumHelp(skb)).as("behind the linear part").isEqualTo(-Errno.EINVAL);
        skb.kfree();
    }
}
