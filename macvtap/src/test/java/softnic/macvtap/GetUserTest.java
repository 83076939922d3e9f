package softnic.macvtap;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.MethodSource;
import softnic.Behaviour;
import softnic.Edition;
import softnic.Quirk;
import softnic.mm.Errno;
import softnic.net.NetDevice;
import softnic.skb.SkBuff;
import softnic.skb.SkbSharedInfo;

/**
 * {@code macvtap_get_user}, step by step. Whatever is wrong with a packet: an errno, no pin, no charge, and the
 * owner hears nothing; whatever is right arrives byte for byte. Kernels without their bugs: those are in {@link
 * TapQuirkTest}.
 */
@ParameterizedClass
@MethodSource("editions")
class GetUserTest {

    private static final long SEED = 2012_2119L;
    private static final long DATA = 4096;

    private final Edition edition;
    private final Random random = new Random(SEED);
    private final TapBench.Owner owner = new TapBench.Owner();
    private TapBench bench;

    GetUserTest(Edition edition) {
        this.edition = edition;
        bench = TapBench.of(edition);
    }

    static Iterable<Edition> editions() {
        return Edition.ALL.stream().map(Edition::withoutQuirks).toList();
    }

    @AfterEach
    void allIsHome() {
        bench.dev.clean();
        assertThat(bench.missing()).isEmpty();
        bench.close();
    }

    private void assertRefused(int errno, TapBench packet) {
        int callbacks = owner.callbacks;
        assertThat(packet.send(owner)).as("zero-copy").isEqualTo(-errno);
        assertThat(packet.send(null)).as("copy").isEqualTo(-errno);
        assertNothingHappened(callbacks);
    }

    private void assertNothingHappened(int callbacks) {
        assertThat(owner.callbacks).isEqualTo(callbacks);
        assertThat(bench.dev.taken).isEmpty();
        assertThat(bench.missing()).isEmpty();
    }

    private SkBuff sent(TapBench packet, TapBench.Owner ubuf) {
        int before = bench.dev.taken.size();
        assertThat(packet.send(ubuf)).isEqualTo((int) packet.iov.length());
        assertThat(bench.dev.taken).hasSize(before + 1);
        assertThat(bench.wrong()).isEmpty();
        SkBuff skb = bench.dev.taken.get(before);
        assertThat(bench.content(skb)).isEqualTo(packet.frame());
        return skb;
    }

    // ---- steps 1 to 4: lengths

    @Test
    void aPacketMustHoldItsHeader() {
        bench.iov.clear();
        bench.iov.add(bench.guest.hpa(0), TapBench.HDR - 1);
        assertRefused(Errno.EINVAL, bench);
        bench.iov.clear();
        assertRefused(Errno.EINVAL, bench);
    }

    @Test
    void aVectorShorterThanItSaysIsAFault() {
        bench.iov.clear();
        bench.iov.add(bench.guest.hpa(0), 5);
        assertThat(bench.tap.sendmsg(bench.iov, 100, null)).isEqualTo(-Errno.EFAULT);
        bench.plain(54).piece(random, DATA, 60);
        assertThat(bench.tap.sendmsg(bench.iov, 1000, null)).isEqualTo(-Errno.EFAULT);
        assertNothingHappened(0);
    }

    @Test
    void aFrameHasAtLeastAnEthernetHeader() {
        assertRefused(Errno.EINVAL, bench.plain(0));
        assertRefused(Errno.EINVAL, bench.plain(0).piece(random, DATA, 13));
        sent(bench.plain(0).piece(random, DATA, 14), null);
    }

    @Test
    void headersAreNotLongerThanTheFrame() {
        assertRefused(Errno.EINVAL, bench.plain(301).piece(random, DATA, 300));
        assertRefused(Errno.EINVAL, bench.plain(0xFFFF).piece(random, DATA, 300));
        sent(bench.plain(300).piece(random, DATA, 300), owner);
    }

    /** start + offset + 2 reaches beyond hdr_len: the headers grow to hold the checksum. */
    @Test
    void theChecksumFieldIsAlwaysInTheLinearPart() {
        SkBuff skb = sent(bench.header(1, 0, 20, 0, 34, 16).piece(random, DATA, 1000), owner);
        assertThat(skb.headlen()).isEqualTo(52);
        assertThat(skb.ipSummed()).isEqualTo(SkBuff.CHECKSUM_PARTIAL);
        assertThat(skb.checksumStartOffset()).isEqualTo(34);
        assertThat(skb.csumOffset()).isEqualTo(16);
        bench.dev.clean();
        assertRefused(Errno.EINVAL, bench.header(1, 0, 20, 0, 34, 965).piece(random, DATA, 1000));
    }

    /** The linear part has a limit, and a checksum field must lie in it; since 5.x it is pulled there. */
    @Test
    void aChecksumFieldBeyondOnePageIsRefusedWhereTheLinearPartEndsBefore() {
        int most = LinearPart.most(edition);
        TapBench packet = bench.header(1, 0, 20, 0, most - 14, 13).piece(random, DATA, 5000);
        if (edition.has(Behaviour.VNET_HDR_PULLS)) {
            assertThat(sent(packet, owner).headlen()).isEqualTo(most + 1);
            bench.dev.clean();
        } else {
            assertRefused(Errno.EINVAL, packet);
        }
        packet = bench.header(1, 0, 20, 0, most - 14, 12).piece(random, DATA, 5000);
        assertThat(sent(packet, owner).headlen()).isEqualTo(most);
    }

    /** The sum is stored in 16 bits: what wraps is found out later, when the field is not in the head. */
    @Test
    void aChecksumBeyond64KWrapsAndIsRefused() {
        int[][] wrapping = {{0xFFFF, 0xFFFF}, {0xFFFF, 0}, {65000, 600}, {40000, 40000}, {0, 0xFFFF}, {0xFFFE, 0}};
        for (int[] w : wrapping) {
            assertRefused(Errno.EINVAL, bench.header(1, 0, 20, 0, w[0], w[1]).piece(random, DATA, 1000));
        }
        sent(bench.header(0, 0, 20, 0, 0xFFFF, 0xFFFF).piece(random, DATA, 1000), owner);      // not NEEDS_CSUM
    }

    // ---- 2.5: offload fields

    @Test
    void onlyKnownKindsOfSegmentationAreAccepted() {
        for (int type = 0; type < 256; type++) {
            int kind = type & 0x7F;
            TapBench packet = bench.header(1, type, 80, 700, kind == 4 ? 54 : 34, 16).piece(random, DATA, 1000);
            boolean known = type == 0 || kind == 1 || kind == 3 || kind == 4;
            if (!known) {
                assertRefused(Errno.EINVAL, packet);
                continue;
            }
            if (kind == 3 && edition.has(Behaviour.MACVLAN_ALWAYS_ON_FEATURES)) {
                assertThat(packet.send(owner)).isPositive();        // macvlan cannot, and random bytes are no UDP: dropped
                assertThat(bench.missing()).isEmpty();
                continue;
            }
            SkBuff skb = sent(packet, owner);
            int expected = switch (kind) {
                case 1 -> SkbSharedInfo.SKB_GSO_TCPV4;
                case 3 -> SkbSharedInfo.SKB_GSO_UDP;
                case 4 -> SkbSharedInfo.SKB_GSO_TCPV6;
                default -> 0;
            };
            if (expected != 0) {
                expected |= SkbSharedInfo.SKB_GSO_DODGY | ((type & 0x80) != 0 ? SkbSharedInfo.SKB_GSO_TCP_ECN : 0);
                assertThat(skb.shinfo().gsoSize()).isEqualTo(700);
            }
            assertThat(skb.shinfo().gsoType()).as("type %x", type).isEqualTo(expected);
            assertThat(skb.shinfo().gsoSegs()).isZero();
            bench.dev.clean();
        }
    }

    @Test
    void segmentsHaveASize() {
        assertRefused(Errno.EINVAL, bench.header(0, 1, 60, 0, 0, 0).piece(random, DATA, 1000));
    }

    // ---- steps 5 to 8: what is copied and what is pinned

    @Test
    void theHeadersAreCopiedAndTheRestIsPinned() {
        int most = LinearPart.most(edition);
        assertThat(most).isEqualTo(edition.maxSkbFrags() == 18 ? 3712 : 3776 - edition.tapReserve());
        int[] hdrLens = {0, 5, 14, 54, most, most + 1, 5000};
        int[] expected = {128, 14, 14, 54, most, most, most};
        for (int i = 0; i < hdrLens.length; i++) {
            SkBuff skb = sent(bench.plain(hdrLens[i]).piece(random, DATA + 100, 9000), owner);
            assertThat(skb.headlen()).as("hdr_len %d", hdrLens[i]).isEqualTo(expected[i]);
            assertThat(skb.shinfo().isZerocopy()).isTrue();
            assertThat(bench.guest.pins()).isEqualTo(skb.shinfo().nrFrags()).isEqualTo(
                    (100 + 9000 + 4095) / 4096 - (100 + skb.headlen()) / 4096);
            assertThat(skb.headroom()).isEqualTo(edition.tapReserve());
            bench.dev.clean();
            assertThat(owner.callbacks).isEqualTo(i + 1);
        }
    }

    @Test
    void withoutAnOwnerSmallFramesAreLinearAndLargeOnesHavePages() {
        int[][] cases = {{54, 1000}, {0, 1000}, {54, 4093 - edition.tapReserve()}, {54, 4096}, {54, 20_000}};
        for (int[] c : cases) {
            SkBuff skb = sent(bench.plain(c[0]).piece(random, DATA + 7, c[1]), null);
            boolean small = edition.tapReserve() + c[1] < 4096;
            assertThat(skb.headlen()).as("%d of %d", c[0], c[1]).isEqualTo(small ? c[1] : c[0]);
            assertThat(skb.shinfo().isZerocopy()).isFalse();
            assertThat(bench.guest.pins()).isZero();
            bench.dev.clean();
        }
        SkBuff skb = sent(bench.plain(0).piece(random, DATA + 7, 20_000), null);
        assertThat(skb.headlen()).isEqualTo(14);
        assertThat(bench.tap.counters().value(MacvtapSock.Count.TX_COPIED)).isEqualTo(6);
        assertThat(bench.tap.counters().value(MacvtapSock.Count.TX_COPIED_BYTES))
                .isEqualTo(1000 + 1000 + 4093 - edition.tapReserve() + 4096 + 20_000 + 20_000);
    }

    @Test
    void pinnedMemoryIsChargedByPageOrByByte() {
        SkBuff skb = sent(bench.plain(54).piece(random, DATA, 54).piece(random, DATA + 8000, 400), owner);
        int head = (54 + edition.tapReserve() + 63) / 64 * 64 + SkBuff.STRUCT_SIZE;
        assertThat(skb.truesize() - head).isEqualTo(!edition.has(Quirk.PINNED_BY_BYTES) ? 2 * 4096 : 400);
        assertThat(bench.tap.wmemAlloc()).isEqualTo(skb.truesize());
    }

    /** However the guest cuts its frame: the bytes on the device are the frame's. */
    @Test
    void anyVectorArrivesByteForByte() {
        for (int round = 0; round < 400; round++) {
            bench.plain(random.nextInt(3) == 0 ? 0 : 14 + random.nextInt(80));
            int pieces = 1 + random.nextInt(6);
            int len = 0;
            for (int i = 0; i < pieces; i++) {
                int bytes = random.nextInt(4) == 0 ? random.nextInt(60) : random.nextInt(3500);
                bench.piece(random, DATA + i * 12_288L + random.nextInt(5000), bytes);
                len += bytes;
            }
            if (len < 256) {
                continue;
            }
            SkBuff skb = sent(bench, random.nextBoolean() ? owner : null);
            assertThat(skb.shinfo().nrFrags()).as("seed=%d round %d", SEED, round)
                    .isLessThanOrEqualTo(edition.maxSkbFrags());
            bench.dev.clean();
            assertThat(bench.missing()).as("seed=%d round %d", SEED, round).isEmpty();
        }
    }

    /** A vector of {@code pages} pinned pages behind 128 linear bytes. */
    private TapBench pages(int pages) {
        return bench.plain(0).piece(random, DATA, 128).piece(random, 2 * DATA, pages * 4096);
    }

    /** CVE-2012-2119: the pages are counted before they are pinned. 3.1 has 18, later kernels 17. */
    @Test
    void aPacketHasSoManyPagesAndNoMore() {
        int most = edition.maxSkbFrags();
        for (int n = 17; n <= 19; n++) {
            int callbacks = owner.callbacks;
            if (n <= most) {
                SkBuff skb = sent(pages(n), owner);
                assertThat(skb.shinfo().nrFrags()).isEqualTo(n);
                assertThat(skb.shinfo().isZerocopy()).isTrue();
                assertThat(owner.callbacks).isEqualTo(callbacks);
                bench.dev.clean();
                assertThat(owner.success).isTrue();
            } else {
                assertThat(pages(n).send(owner)).isEqualTo(-Errno.EMSGSIZE);     // nor would a copy of it fit
                assertNothingHappened(callbacks);
            }
        }
        assertThat(bench.tap.counters().value(MacvtapSock.Count.TX_TOO_MANY_PAGES)).isPositive();
    }

    /** Many small pieces on many pages: 3.1 refuses, 3.6 copies the first ones, 3.11 all, and says so before it sends. */
    @Test
    void aPacketOfTooManyPiecesIsRefusedOrCopiedInPartOrWhole() {
        bench.plain(54);
        for (int i = 0; i < 30; i++) {
            bench.piece(random, DATA * (1 + i) + 4000, 90);
        }
        List<String> story = new ArrayList<>();
        owner.then = () -> story.add("callback with " + bench.dev.taken.size() + " sent");
        if (edition.has(Behaviour.COPIES_TOO_MANY_PAGES)) {
            SkBuff skb = sent(bench, owner);
            assertThat(skb.shinfo().isZerocopy()).isFalse();
            assertThat(story).containsExactly("callback with 0 sent");
            assertThat(owner.success).isFalse();
            bench.dev.clean();
            assertThat(owner.callbacks).isEqualTo(1);
        } else if (edition.has(Behaviour.LINEAR_VECTORS)) {
            SkBuff skb = sent(bench, owner);
            assertThat(skb.shinfo().isZerocopy()).isTrue();
            assertThat(skb.headlen()).isEqualTo(13 * 90);
            assertThat(skb.shinfo().nrFrags()).isEqualTo(17);
            assertThat(story).isEmpty();
        } else {
            assertThat(bench.send(owner)).isEqualTo(-Errno.EMSGSIZE);
            assertNothingHappened(0);
        }
    }

    @Test
    void aThousandOneBytePiecesDoNotOverrunAnything() {
        bench.plain(14);
        for (int i = 0; i < 1023; i++) {
            bench.iov.add(bench.guest.hpa(DATA + i % 4096), 1);
        }
        int rc = bench.send(owner);
        if (edition.has(Behaviour.COPIES_TOO_MANY_PAGES) || edition.has(Behaviour.LINEAR_VECTORS)) {
            assertThat(rc).isEqualTo(1023 + TapBench.HDR);
            assertThat(bench.dev.taken.get(0).len()).isEqualTo(1023);
            bench.dev.clean();
            assertThat(owner.callbacks).isEqualTo(1);
        } else {
            assertThat(rc).isEqualTo(-Errno.EMSGSIZE);
            assertNothingHappened(0);
        }
    }

    /** 2 GiB in a vector of few pieces: lengths that do not fit an int anywhere. */
    @Test
    void aHugeVectorIsRefusedWithoutWork() {
        for (int hdrLen : new int[] {0, 54}) {
            bench.plain(hdrLen);
            for (int i = 0; i < 512; i++) {
                bench.iov.add(bench.guest.hpa(DATA), 64 * 4096);
            }
            bench.iov.add(bench.guest.hpa(DATA), 64 * 4096);
            for (int len : new int[] {Integer.MAX_VALUE, Integer.MAX_VALUE - 11, 1 << 30}) {
                assertThat(bench.tap.sendmsg(bench.iov, len, owner)).isNegative();
                assertThat(bench.tap.sendmsg(bench.iov, len, null)).isNegative();
                assertNothingHappened(0);
            }
        }
    }

    /** Memory that cannot be pinned, at every page: what was pinned before is given back. */
    @Test
    void aPinThatFailsAnywhereLeavesNoPinAndNoCharge() {
        long unpaged = bench.memory.addRegion(java.lang.foreign.Arena.ofAuto().allocate(8192, 4096));
        for (int good = 0; good < 6; good++) {
            bench.plain(54).piece(random, DATA, 54);
            for (int i = 0; i < good; i++) {
                bench.piece(random, DATA * (2 + i), 4096);
            }
            bench.iov.add(unpaged, 4096);
            assertThat(bench.send(owner)).as("after %d pages", good).isEqualTo(-Errno.EFAULT);
            assertNothingHappened(0);
        }
        // a piece that begins in memory and ends outside
        bench.plain(54).piece(random, DATA, 54);
        bench.iov.add(bench.guest.hpa(95 * DATA), 3 * 4096);
        assertThat(bench.send(owner)).isEqualTo(-Errno.EFAULT);
        assertNothingHappened(0);
        assertThat(bench.tap.counters().value(MacvtapSock.Count.TX_EFAULT)).isEqualTo(7);
    }

    @Test
    void aHeaderThatIsRefusedAfterPinningGivesThePagesBack() {
        assertRefused(Errno.EINVAL, bench.header(0, 2, 54, 1000, 0, 0).piece(random, DATA, 9000));
        assertThat(bench.tap.counters().value(MacvtapSock.Count.TX_EINVAL)).isEqualTo(2);
    }

    @Test
    void withoutSkbsOrPagesNothingIsSentAndNothingKept() {
        List<SkBuff> hoard = new ArrayList<>();
        for (SkBuff skb = bench.pool.alloc(1); skb != null; skb = bench.pool.alloc(1)) {
            hoard.add(skb);
        }
        assertThat(bench.plain(54).piece(random, DATA, 9000).send(owner)).isEqualTo(-Errno.ENOBUFS);
        hoard.forEach(SkBuff::kfree);
        assertNothingHappened(0);
        assertThat(bench.tap.counters().value(MacvtapSock.Count.TX_NOMEM)).isEqualTo(1);
    }

    // ---- the socket

    @Test
    void aFullSocketSaysEagainAndWakesItsWaiterWhenHalfIsFree() {
        bench.close();
        bench = new TapBench(edition, TapBench.ALL, 30_000);
        int[] woken = {0};
        int n = 0;
        while (bench.plain(54).piece(random, DATA, 8192).send(owner) > 0) {
            n++;
        }
        assertThat(bench.send(owner)).isEqualTo(-Errno.EAGAIN);
        assertThat(bench.tap.counters().value(MacvtapSock.Count.TX_EAGAIN)).isEqualTo(2);
        assertThat(bench.tap.pollOut(() -> woken[0]++)).isFalse();
        assertThat(bench.tap.wmemAlloc()).isGreaterThanOrEqualTo(30_000);
        while (bench.tap.wmemAlloc() >= 15_000) {
            assertThat(woken[0]).isZero();
            bench.dev.taken.remove(0).consume();
        }
        assertThat(woken[0]).isEqualTo(1);
        bench.dev.clean();
        assertThat(woken[0]).isEqualTo(1);
        assertThat(owner.callbacks).isEqualTo(n);
    }

    /** Asked once, at open: {@code ethtool -K} later changes nothing. */
    @Test
    void zerocopyIsDecidedWhenTheTapIsOpened() {
        assertThat(bench.tap.isZerocopy()).isTrue();
        bench.dev.setFeatures(0);
        assertThat(bench.tap.isZerocopy()).isTrue();
        int[][] devices = {{TapBench.ALL & ~NetDevice.NETIF_F_HIGHDMA, 0, 0},
            {TapBench.ALL & ~NetDevice.NETIF_F_SG, 0, 1}};
        for (int[] d : devices) {
            try (TapBench other = new TapBench(edition, d[0], 1000)) {
                assertThat(other.tap.isZerocopy()).isEqualTo(d[edition.has(Behaviour.MACVLAN_ALWAYS_ON_FEATURES) ? 2 : 1] == 1);
            }
        }
    }

    /** Up to 3.8 the owner of a copied packet is vhost itself, which knows. */
    @Test
    void aTapWithoutZerocopyCopiesAndSince314TellsTheOwnerAtOnce() {
        bench.close();
        bench = new TapBench(edition, TapBench.ALL & ~NetDevice.NETIF_F_HIGHDMA, Integer.MAX_VALUE);
        SkBuff skb = sent(bench.plain(54).piece(random, DATA, 9000), owner);
        assertThat(skb.shinfo().isZerocopy()).isFalse();
        assertThat(owner.callbacks).isEqualTo(edition.has(Behaviour.COPIES_TOO_MANY_PAGES) ? 1 : 0);
        assertThat(owner.success).isFalse();
    }

    /** A plain write() has no msghdr. */
    @Test
    void aWriteIsNeverZerocopy() {
        bench.plain(54).piece(random, DATA, 9000);
        assertThat(bench.tap.write(bench.iov, (int) bench.iov.length())).isEqualTo(9000 + TapBench.HDR);
        assertThat(bench.dev.taken.get(0).shinfo().isZerocopy()).isFalse();
        assertThat(bench.guest.pins()).isZero();
    }

    @Test
    void aTapIsOpenedWithSaneSizes() {
        for (int[] wrong : new int[][] {{9, 1000}, {13, 1000}, {10, 0}, {10, -1}}) {
            org.assertj.core.api.Assertions.assertThatThrownBy(() -> new MacvtapSock.Options(wrong[0], wrong[1]))
                    .isInstanceOf(IllegalArgumentException.class);
        }
        assertThat(bench.tap.vnetHdrSz()).isEqualTo(12);
        assertThat(bench.vlan.lowerdev()).isSameAs(bench.dev);
    }
}
