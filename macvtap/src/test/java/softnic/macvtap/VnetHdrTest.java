package softnic.macvtap;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import softnic.Behaviour;
import softnic.Edition;
import softnic.Kernel;
import softnic.mm.Errno;
import softnic.net.EthHeader;
import softnic.skb.SkBuff;
import softnic.skb.SkbSharedInfo;
import softnic.virtio.VirtioNetHdr;

/** What the offload header may say about the packet: nearly anything in old kernels, the truth in new ones. */
class VnetHdrTest {

    private static final long DATA = 4096;
    private static final int TCPV4 = VirtioNetHdr.VIRTIO_NET_HDR_GSO_TCPV4;
    private static final int TCPV6 = VirtioNetHdr.VIRTIO_NET_HDR_GSO_TCPV6;
    private static final int UDP = VirtioNetHdr.VIRTIO_NET_HDR_GSO_UDP;

    private final Random random = new Random(618);
    private final TapBench.Owner owner = new TapBench.Owner();
    private Edition edition;
    private TapBench bench;

    private void open(Kernel kernel) {
        edition = new Edition(kernel, false);
        bench = TapBench.of(edition);
    }

    @AfterEach
    void allIsHome() {
        bench.dev.clean();
        assertThat(bench.missing()).isEmpty();
        bench.close();
    }

    private boolean pulls() {
        return edition.has(Behaviour.VNET_HDR_PULLS);
    }

    private boolean strict() {
        return edition.has(Behaviour.VNET_HDR_STRICT);
    }

    /** A frame of {@code len} bytes with an IP header, in one piece. */
    private TapBench frame(int ethertype, int protocol, int ihl, int len) {
        bench.piece(random, DATA, len);
        long at = bench.guest.hpa(DATA);
        bench.memory.be16(at + 12, ethertype);
        if (ethertype == EthHeader.ETH_P_IPV6) {
            bench.memory.u8(at + 14 + 6, protocol);
        } else {
            bench.memory.u8(at + 14, 0x40 | ihl);
            bench.memory.u8(at + 14 + 9, protocol);
        }
        return bench;
    }

    private void refused() {
        assertThat(bench.send(owner)).isEqualTo(-Errno.EINVAL);
        assertThat(bench.send(null)).isEqualTo(-Errno.EINVAL);
        assertThat(bench.missing()).isEmpty();
        assertThat(bench.dev.taken).isEmpty();
    }

    private SkBuff accepted() {
        byte[] frame = bench.frame();
        bench.dev.clean();
        assertThat(bench.send(owner)).isPositive();
        assertThat(bench.dev.taken).hasSize(1);
        assertThat(bench.content(bench.dev.taken.get(0))).isEqualTo(frame);
        return bench.dev.taken.get(0);
    }

    private void accepted(boolean good) {
        if (good) {
            accepted();
            bench.dev.clean();
        } else {
            refused();
        }
    }

    /** hdr_len and the checksum field end at 52, the TCP header at 54: two bytes are pulled out of the page. */
    @ParameterizedTest
    @EnumSource
    void theTransportHeaderIsPulledIntoTheLinearPart(Kernel kernel) {
        open(kernel);
        bench.header(1, TCPV4, 20, 700, 34, 16);
        frame(EthHeader.ETH_P_IP, 6, 5, 2000);
        SkBuff skb = accepted();
        assertThat(skb.headlen()).isEqualTo(pulls() ? 54 : 52);
        assertThat(skb.transportOffset()).isEqualTo(34);
        assertThat(bench.guest.pins()).isEqualTo(skb.shinfo().nrFrags()).isEqualTo(1);
    }

    /** The header says there are 20 bytes of TCP where the frame ends. */
    @ParameterizedTest
    @EnumSource
    void aTransportHeaderBeyondTheFrameIsRefusedSince5(Kernel kernel) {
        open(kernel);
        for (int len = 52; len < 58; len++) {
            bench.header(1, TCPV4, 52, 1, 34, 16);
            frame(EthHeader.ETH_P_IP, 6, 5, len);
            accepted(!pulls() || len >= 54);
        }
    }

    @ParameterizedTest
    @EnumSource
    void aTransportHeaderInsideTheNetworkHeaderIsRefusedIn618(Kernel kernel) {
        open(kernel);
        for (int start = 10; start < 60; start++) {
            bench.header(1, TCPV4, 100, 700, start, 16);
            frame(EthHeader.ETH_P_IP, 6, 5, 2000);
            accepted(!strict() || start >= 20);
            bench.header(1, TCPV6, 100, 700, start, 16);
            frame(EthHeader.ETH_P_IPV6, 6, 5, 2000);
            accepted(!strict() || start >= 40);
        }
    }

    @ParameterizedTest
    @EnumSource
    void theChecksumOfTcpIsWhereTcpHasItIn618(Kernel kernel) {
        open(kernel);
        for (int offset = 0; offset < 30; offset++) {
            bench.header(1, TCPV4, 100, 700, 34, offset);
            frame(EthHeader.ETH_P_IP, 6, 5, 2000);
            accepted(!strict() || offset == 16);
            bench.header(1, 0, 100, 0, 34, offset);
            frame(EthHeader.ETH_P_IP, 6, 5, 2000);
            accepted(true);
        }
    }

    @ParameterizedTest
    @EnumSource
    void aSizeThatMeansByFragmentsIsRefusedIn618(Kernel kernel) {
        open(kernel);
        for (int size : new int[] {0xFFFE, 0xFFFF}) {
            bench.header(1, TCPV4, 54, size, 34, 16);
            frame(EthHeader.ETH_P_IP, 6, 5, 2000);
            accepted(!strict() || size != 0xFFFF);
        }
    }

    /** Payload of gso_size and one byte more. UFO may count the UDP header. */
    @ParameterizedTest
    @EnumSource
    void aPacketOfOneSegmentIsNoGsoPacketSince5(Kernel kernel) {
        open(kernel);
        for (int payload = 698; payload <= 702; payload++) {
            bench.header(1, TCPV4, 54, 700, 34, 16);
            frame(EthHeader.ETH_P_IP, 6, 5, 54 + payload);
            SkBuff skb = accepted();
            boolean gso = !pulls() || payload > 700;
            assertThat(skb.isGso()).as("%d bytes", payload).isEqualTo(gso);
            assertThat(skb.shinfo().gsoType()).isEqualTo(
                    gso ? SkbSharedInfo.SKB_GSO_TCPV4 | SkbSharedInfo.SKB_GSO_DODGY : 0);
            assertThat(skb.ipSummed()).isEqualTo(SkBuff.CHECKSUM_PARTIAL);
            bench.dev.clean();
            if (!edition.has(Behaviour.XMIT_THROUGH_MACVLAN_QUEUE)) {
                continue;
            }
            bench.header(1, UDP, 54, 700, 34, 6);
            frame(EthHeader.ETH_P_IP, 17, 5, 34 + payload);
            int sent = bench.send(owner);
            assertThat(sent).isPositive();
            boolean cut = edition.has(Behaviour.MACVLAN_ALWAYS_ON_FEATURES);      // else the device does UFO
            int frames = !cut ? 1 : payload > 700 ? 2 : pulls() ? 1 : 0;        // one segment cannot be cut
            assertThat(bench.dev.taken).as("UFO of %d bytes", payload).hasSize(frames);
            bench.dev.clean();
        }
    }

    /** Without NEEDS_CSUM the packet's own bytes must say what the header says. */
    @ParameterizedTest
    @EnumSource
    void aGsoPacketWithoutChecksumIsDissectedSince5(Kernel kernel) {
        open(kernel);
        int[][] cases = {      // gso, ethertype, protocol, ihl, good
            {TCPV4, EthHeader.ETH_P_IP, 6, 5, 1}, {TCPV4, EthHeader.ETH_P_IP, 6, 15, 1}, {TCPV4, EthHeader.ETH_P_IP, 6, 4, 0},
            {TCPV4, EthHeader.ETH_P_IP, 17, 5, 0}, {TCPV4, EthHeader.ETH_P_IPV6, 17, 5, 0}, {TCPV4, 0x1234, 6, 5, 0},
            {TCPV6, EthHeader.ETH_P_IPV6, 6, 5, 1}, {TCPV6, EthHeader.ETH_P_IPV6, 17, 5, 0}, {TCPV4, 0, 6, 5, 1}};
        for (int[] c : cases) {
            bench.header(0, c[0], 100, 500, 0, 0);
            frame(c[1], c[2], c[3], 2000);
            if (!pulls()) {
                assertThat(bench.send(null)).isPositive();
                bench.dev.clean();
                continue;
            }
            int rc = bench.send(owner);
            assertThat(rc > 0).as("gso %d type %x protocol %d ihl %d", c[0], c[1], c[2], c[3]).isEqualTo(c[4] == 1);
            bench.dev.clean();
        }
    }

    /** The network header lies in the pages: it is pulled, then looked at. */
    @ParameterizedTest
    @EnumSource
    void headersInPagesArePulledBeforeTheyAreDissected(Kernel kernel) {
        open(kernel);
        bench.header(0, VirtioNetHdr.VIRTIO_NET_HDR_GSO_TCPV4, 14, 5000, 0, 0);
        frame(EthHeader.ETH_P_IP, 6, 6, 2000);
        if (pulls()) {
            assertThat(accepted().headlen()).isEqualTo(14 + 24 + 20);
        } else {
            assertThat(bench.send(owner)).isPositive();
        }
        bench.dev.clean();
        bench.header(0, VirtioNetHdr.VIRTIO_NET_HDR_GSO_TCPV4, 14, 500, 0, 0);
        frame(EthHeader.ETH_P_IP, 6, 15, 90);
        if (pulls()) {
            refused();              // the TCP header would end at 94
        }
    }
}
