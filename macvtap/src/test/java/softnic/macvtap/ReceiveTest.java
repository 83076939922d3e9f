package softnic.macvtap;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import softnic.Edition;
import softnic.mm.Errno;
import softnic.mm.PhysMem;
import softnic.net.EthHeader;
import softnic.net.Qdisc;
import softnic.skb.SkBuff;
import softnic.skb.SkbSharedInfo;
import softnic.virtio.VirtioNetHdr;

/** A frame for the guest: macvlan knows its address, the tap keeps it until it is read. */
class ReceiveTest {

    private static final long HOST = 0x020000000007L;
    private static final long GROUP = 0x01005E000001L;

    private final TapBench bench = TapBench.of(Edition.V6_1);
    private final Random random = new Random(500);

    @AfterEach
    void allIsHome() {
        bench.close();
        assertThat(bench.pool.inUse()).isZero();
    }

    /** As a driver hands it up: data begins behind the Ethernet header. */
    private SkBuff frame(long dest, int len) {
        SkBuff skb = bench.pool.alloc(len);
        skb.put(len);
        for (int i = 0; i < len; i++) {
            bench.memory.u8(skb.dataHpa() + i, random.nextInt());
        }
        EthHeader.write(bench.memory.segment(skb.dataHpa()), PhysMem.offset(skb.dataHpa()), dest, HOST,
                EthHeader.ETH_P_IP);
        skb.resetMacHeader();
        skb.pull(EthHeader.ETH_HLEN);
        return skb;
    }

    private void arrive(SkBuff skb) {
        bench.core.netifReceiveSkb(skb, bench.dev);
    }

    private int read(int room) {
        bench.iov.clear();
        bench.iov.add(bench.guest.hpa(4096), room);
        return bench.tap.recvmsg(bench.iov, room);
    }

    private VirtioNetHdr header() {
        return new VirtioNetHdr().wrap(bench.memory, bench.guest.hpa(4096));
    }

    @Test
    void theGuestReadsTheWholeFrameBehindItsHeader() {
        SkBuff skb = frame(TapBench.MAC, 100);
        byte[] bytes = new byte[100];
        for (int i = 0; i < 100; i++) {
            bytes[i] = bench.memory.u8(skb.hpa(i));
        }
        int[] woken = {0};
        bench.tap.pollIn(() -> woken[0]++);
        arrive(skb);
        assertThat(woken[0]).isEqualTo(1);
        assertThat(bench.tap.peekHeadLen()).isEqualTo(100);
        int before = 0xABCD;
        bench.memory.le16(bench.guest.hpa(4096 + 10), before);
        assertThat(read(2000)).isEqualTo(112);
        for (int i = 0; i < 100; i++) {
            assertThat(bench.memory.u8(bench.guest.hpa(4096 + 12 + i))).isEqualTo(bytes[i]);
        }
        assertThat(bench.memory.le16(bench.guest.hpa(4096 + 10))).as("num_buffers, which is vhost's").isEqualTo(before);
        assertThat(bench.tap.peekHeadLen()).isZero();
        assertThat(read(2000)).isEqualTo(-Errno.EAGAIN);
        assertThat(bench.tap.counters().value(MacvtapSock.Count.RX_READ)).isEqualTo(1);
    }

    @Test
    void othersFramesAreNotTheGuestsButEverybodysAre() {
        arrive(frame(HOST, 60));
        assertThat(bench.tap.peekHeadLen()).isZero();
        arrive(frame(GROUP, 60));
        arrive(frame(0xFFFF_FFFF_FFFFL, 60));
        arrive(frame(TapBench.MAC, 60));
        assertThat(bench.vlan.counters().value(Macvlan.Count.RX_OTHER_HOST)).isEqualTo(1);
        assertThat(bench.vlan.counters().value(Macvlan.Count.RX_PACKETS)).isEqualTo(3);
        assertThat(bench.pool.inUse()).isEqualTo(3);
    }

    @Test
    void fiveHundredFramesWaitAndTheNextIsDropped() {
        for (int i = 0; i < 503; i++) {
            arrive(frame(TapBench.MAC, 60 + i));
        }
        assertThat(bench.tap.counters().value(MacvtapSock.Count.RX_QUEUED)).isEqualTo(500);
        assertThat(bench.tap.counters().value(MacvtapSock.Count.RX_DROPPED)).isEqualTo(3);
        assertThat(bench.pool.inUse()).isEqualTo(500);
        for (int i = 0; i < 500; i++) {
            assertThat(read(2000)).isEqualTo(60 + i + 12);
        }
    }

    @Test
    void aVerifiedChecksumIsSaidToBeSo() {
        SkBuff skb = frame(TapBench.MAC, 100);
        skb.ipSummed(SkBuff.CHECKSUM_UNNECESSARY);
        arrive(skb);
        read(2000);
        assertThat(header().flags()).isEqualTo(VirtioNetHdr.VIRTIO_NET_HDR_F_DATA_VALID);
        assertThat(header().gsoType()).isZero();
        arrive(frame(TapBench.MAC, 100));
        read(2000);
        assertThat(header().flags()).isZero();
    }

    @Test
    void anUnfinishedChecksumAndSegmentsAreTheGuestsToFinish() {
        for (int type : new int[] {SkbSharedInfo.SKB_GSO_TCPV4, SkbSharedInfo.SKB_GSO_TCPV6}) {
            SkBuff skb = frame(TapBench.MAC, 3000);
            skb.checksumPartial(20, 16);            // from the network header on
            skb.shinfo().gso(type, 1448);
            arrive(skb);
            read(4000);
            assertThat(header().flags()).isEqualTo(VirtioNetHdr.VIRTIO_NET_HDR_F_NEEDS_CSUM);
            assertThat(header().csumStart()).isEqualTo(34);
            assertThat(header().csumOffset()).isEqualTo(16);
            assertThat(header().gsoSize()).isEqualTo(1448);
            assertThat(header().gsoType()).isEqualTo(type == SkbSharedInfo.SKB_GSO_TCPV4
                    ? VirtioNetHdr.VIRTIO_NET_HDR_GSO_TCPV4 : VirtioNetHdr.VIRTIO_NET_HDR_GSO_TCPV6);
        }
    }

    @Test
    void aReaderWithLittleRoomGetsTheBeginningAndOneWithNoneAnError() {
        arrive(frame(TapBench.MAC, 100));
        assertThat(read(50)).isEqualTo(50);
        assertThat(bench.tap.counters().value(MacvtapSock.Count.RX_TRUNCATED)).isEqualTo(1);
        arrive(frame(TapBench.MAC, 100));
        assertThat(read(11)).isEqualTo(-Errno.EINVAL);
        arrive(frame(TapBench.MAC, 100));
        bench.iov.clear();
        bench.iov.add(bench.guest.hpa(4096), 40);
        assertThat(bench.tap.recvmsg(bench.iov, 112)).isEqualTo(-Errno.EFAULT);
        assertThat(bench.pool.inUse()).isZero();
    }

    @Test
    void whatNobodyReadIsFreedWhenTheTapIsClosed() {
        arrive(frame(TapBench.MAC, 100));
        arrive(frame(TapBench.MAC, 100));
        assertThat(bench.pool.inUse()).isEqualTo(2);
    }

    @Test
    void macvlanCountsWhatTheLowerDeviceTookAndDropped() {
        bench.vlan.startXmit(frame(HOST, 60));
        assertThat(bench.vlan.counters().value(Macvlan.Count.TX_PACKETS)).isEqualTo(1);
        bench.dev.qdisc(new Qdisc(bench.core, bench.dev, 1));
        bench.dev.stopQueue();
        bench.vlan.startXmit(frame(HOST, 60));
        bench.vlan.startXmit(frame(HOST, 60));
        assertThat(bench.vlan.counters().value(Macvlan.Count.TX_DROPPED)).isEqualTo(1);
        bench.dev.wakeQueue();
        bench.dev.clean();
    }
}
