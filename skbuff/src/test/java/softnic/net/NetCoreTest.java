package softnic.net;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.MethodSource;
import softnic.Behaviour;
import softnic.Edition;
import softnic.net.TcpPackets.Frame;
import softnic.sched.Cost;
import softnic.sched.CostTable;
import softnic.sched.VirtualTimeRunner;
import softnic.skb.SkBuff;
import softnic.skb.SkbPool;
import softnic.skb.Workshop;
import softnic.trace.Trace;

/** Between a virtual device and a driver: who looks, who copies, and who still holds the user's pages. */
@ParameterizedClass
@MethodSource("editions")
class NetCoreTest {

    private static final int ALL = NetDevice.NETIF_F_SG | NetDevice.NETIF_F_HW_CSUM | NetDevice.NETIF_F_GSO
            | NetDevice.NETIF_F_ALL_TSO;

    private final Edition edition;
    private final Workshop shop;
    private final NetCore core;
    private final TestDevice dev = new TestDevice(ALL);
    private final Random random = new Random(42);
    private final Workshop.Owner owner = new Workshop.Owner();

    NetCoreTest(Edition edition) {
        this.edition = edition;
        shop = new Workshop(edition);
        core = new NetCore(edition, shop.pool, shop.cpu, Trace.off());
    }

    static Iterable<Edition> editions() {
        return Edition.ALL;
    }

    @AfterEach
    void allIsHome() {
        dev.clean(0);
        shop.release();
        assertThat(shop.missing()).isEmpty();
        shop.close();
    }

    private SkBuff small() {
        return TcpPackets.packet(shop, random, owner, 20, 20, 0, TcpHeader.ACK, 54, 300, 401);
    }

    @Test
    void withoutListenersThePagesStayTheUsersUntilTheDriverIsDone() {
        core.devQueueXmit(small(), dev);
        assertThat(dev.taken.get(0).shinfo().isZerocopy()).isTrue();
        assertThat(owner.callbacks).isZero();
        dev.clean(1);
        assertThat(owner.callbacks).isEqualTo(1);
        assertThat(owner.success).isTrue();
    }

    /** KERNEL-FACTS 7.2: a stopped tcpdump keeps a copy; the user's pages are free at once. */
    @Test
    void aListenerCostsACopyAndFreesTheUsersPagesAtOnce() {
        PacketSock tcpdump = new PacketSock(1 << 20);
        dev.addTap(tcpdump);
        SkBuff skb = small();
        byte[] bytes = shop.content(skb);
        int[] charged = {1};
        skb.destructor(s -> charged[0] = 0);
        core.devQueueXmit(skb, dev);
        assertThat(owner.callbacks).isEqualTo(1);
        assertThat(owner.success).isFalse();
        assertThat(shop.guest.pins()).isZero();
        assertThat(charged[0]).isEqualTo(edition.has(Behaviour.ORPHANS_IN_XMIT) ? 0 : 1);
        dev.clean(1);
        SkBuff captured = tcpdump.read();
        assertThat(shop.content(captured)).isEqualTo(bytes);
        captured.kfree();
        assertThat(core.counters().value(NetCore.Count.TAPPED)).isEqualTo(1);
    }

    @Test
    void aCopyThatFailsCostsTheListenerNotTheReceiver() {
        PacketSock tcpdump = new PacketSock(1 << 20);
        dev.addTap(tcpdump);
        shop.leavePages(0);
        core.devQueueXmit(small(), dev);
        assertThat(dev.taken).hasSize(1);
        assertThat(owner.callbacks).isZero();
        assertThat(tcpdump.read()).isNull();
    }

    @Test
    void everyListenerGetsTheWholePacket() {
        PacketSock[] taps = {new PacketSock(1 << 20), new PacketSock(1 << 20), new PacketSock(1 << 20)};
        for (PacketSock tap : taps) {
            dev.addTap(tap);
        }
        SkBuff skb = small();
        byte[] bytes = shop.content(skb);
        core.devQueueXmit(skb, dev);
        for (PacketSock tap : taps) {
            SkBuff captured = tap.read();
            assertThat(shop.content(captured)).isEqualTo(bytes);
            captured.kfree();
        }
        assertThat(owner.callbacks).isEqualTo(1);
    }

    /** The first listener costs a clone, the others are users of it until each takes its own. */
    @Test
    void theUsersPagesAreCopiedOnceForAllListeners() {
        for (int i = 0; i < 3; i++) {
            dev.addTap(new PacketSock(1 << 20));
        }
        core.devQueueXmit(small(), dev);
        assertThat(shop.pool.counters().value(SkbPool.Count.COPY_UBUFS)).isEqualTo(1);
        assertThat(shop.pool.counters().value(SkbPool.Count.CLONE)).isEqualTo(3);
        assertThat(core.counters().value(NetCore.Count.TAP_COPIED_BYTES)).isEqualTo(701);
        for (PacketSock tap : dev.taps()) {
            tap.read().consume();
        }
    }

    @Test
    void aFullListenerCostsTheOthersNothing() {
        PacketSock full = new PacketSock(1);
        PacketSock last = new PacketSock(1 << 20);
        dev.addTap(full);
        dev.addTap(last);
        SkBuff skb = small();
        byte[] bytes = shop.content(skb);
        core.devQueueXmit(skb, dev);
        assertThat(full.drops()).isEqualTo(1);
        SkBuff captured = last.read();
        assertThat(shop.content(captured)).isEqualTo(bytes);
        captured.consume();
        dev.removeTap(last);
        assertThat(dev.taps()).containsExactly(full);
    }

    @Test
    void aListenerSeesReceivedPacketsWithTheirEthernetHeader() {
        PacketSock tcpdump = new PacketSock(1 << 20);
        dev.addTap(tcpdump);
        SkBuff[] got = {null};
        dev.rxHandler(skb -> got[0] = skb);
        SkBuff skb = shop.packet(random, 2, 60);
        byte[] frame = shop.content(skb);
        skb.resetMacHeader();
        skb.pull(EthHeader.ETH_HLEN);
        core.netifReceiveSkb(skb, dev);
        assertThat(shop.content(got[0])).isEqualTo(java.util.Arrays.copyOfRange(frame, EthHeader.ETH_HLEN, 60));
        assertThat(got[0].isShared()).isFalse();
        SkBuff captured = tcpdump.read();
        assertThat(shop.content(captured)).isEqualTo(frame);
        captured.consume();
        got[0].consume();
    }

    /** Refused, it comes again from the beginning, and a listener sees it twice: so do kernels. */
    @Test
    void aRefusedPacketIsShownAgain() {
        dev.qdisc(new Qdisc(core, dev, 10));
        PacketSock tcpdump = new PacketSock(1 << 20);
        dev.addTap(tcpdump);
        dev.room = 0;
        core.devQueueXmit(small(), dev);
        dev.clean(5);
        assertThat(tcpdump.packets()).isEqualTo(2);
        assertThat(owner.callbacks).isEqualTo(1);
        tcpdump.read().consume();
        tcpdump.read().consume();
    }

    @Test
    void aFrozenReaderFillsItsSocketAndThenOnlyLoses() {
        SkBuff one = small();
        int truesize = one.truesize();
        one.kfree();
        PacketSock tcpdump = new PacketSock(3 * truesize + 1);
        dev.addTap(tcpdump);
        for (int i = 0; i < 10; i++) {
            core.devQueueXmit(small(), dev);
        }
        assertThat(tcpdump.packets()).isEqualTo(10);
        assertThat(tcpdump.drops()).isEqualTo(7);
        for (int i = 0; i < 3; i++) {
            tcpdump.read().kfree();
        }
        assertThat(tcpdump.read()).isNull();
        core.devQueueXmit(small(), dev);
        tcpdump.read().kfree();
    }

    @Test
    void withoutScatterGatherPacketsArriveLinear() {
        TestDevice plain = new TestDevice(NetDevice.NETIF_F_HW_CSUM);
        SkBuff skb = small();
        byte[] bytes = shop.content(skb);
        core.devQueueXmit(skb, plain);
        SkBuff sent = plain.taken.get(0);
        assertThat(sent.dataLen()).isZero();
        assertThat(shop.content(sent)).isEqualTo(bytes);
        assertThat(shop.guest.pins()).isZero();
        assertThat(owner.callbacks).isEqualTo(edition.has(Behaviour.COMPLETES_WHEN_LINEAR) ? 1 : 0);
        plain.clean(0);
        assertThat(owner.callbacks).isEqualTo(1);
        assertThat(core.counters().value(NetCore.Count.LINEARIZED)).isEqualTo(1);
    }

    @Test
    void whatCannotBeMadeLinearIsDroppedAndTheOwnerHears() {
        TestDevice plain = new TestDevice(NetDevice.NETIF_F_HW_CSUM);
        SkBuff skb = small();
        shop.leaveHeads(0);
        core.devQueueXmit(skb, plain);
        assertThat(plain.taken).isEmpty();
        assertThat(owner.callbacks).isEqualTo(1);
        assertThat(core.counters().value(NetCore.Count.TX_DROPPED)).isEqualTo(1);
    }

    @Test
    void withoutChecksumOffloadTheStackSums() {
        TestDevice plain = new TestDevice(0);
        core.devQueueXmit(small(), plain);
        SkBuff sent = plain.taken.get(0);
        assertThat(sent.ipSummed()).isEqualTo(SkBuff.CHECKSUM_NONE);
        assertThat(Frame.parse(shop.content(sent)).tcpOk()).isTrue();
        plain.clean(0);
        assertThat(core.counters().value(NetCore.Count.CHECKSUM_SOFTWARE)).isEqualTo(1);
    }

    /** Tap before segmentation in 3.1, after it since 3.18. */
    @Test
    void aListenerSeesThePacketBeforeOrAfterItIsCut() {
        TestDevice sg = new TestDevice(NetDevice.NETIF_F_SG | NetDevice.NETIF_F_HW_CSUM);
        PacketSock tcpdump = new PacketSock(1 << 20);
        sg.addTap(tcpdump);
        SkBuff skb = TcpPackets.packet(shop, random, owner, 20, 20, 1000, TcpHeader.ACK, 54, 4096, 404);
        byte[] payload = TcpPackets.payload(shop.content(skb), 54);
        core.devQueueXmit(skb, sg);
        assertThat(sg.taken).hasSize(5);
        assertThat(tcpdump.packets()).isEqualTo(edition.has(Behaviour.VALIDATES_XMIT_SKB) ? 5 : 1);
        assertThat(owner.callbacks).isEqualTo(1);
        assertThat(TcpPackets.concat(sg.taken.stream().map(s -> Frame.parse(TcpPackets.sent(shop, s))).toList()))
                .isEqualTo(payload);
        sg.clean(0);
        for (SkBuff captured = tcpdump.read(); captured != null; captured = tcpdump.read()) {
            captured.kfree();
        }
    }

    @Test
    void aSegmentedPacketOfABareDeviceCanBeDroppedInTheMiddle() {
        TestDevice sg = new TestDevice(NetDevice.NETIF_F_SG | NetDevice.NETIF_F_HW_CSUM);
        sg.room = 2;
        SkBuff skb = TcpPackets.packet(shop, random, owner, 20, 20, 1000, TcpHeader.ACK, 54, 4096, 404);
        assertThat(core.devQueueXmit(skb, sg)).isEqualTo(Qdisc.NET_XMIT_DROP);
        assertThat(sg.taken).hasSize(2);
        sg.clean(0);
        assertThat(owner.callbacks).isEqualTo(1);
    }

    @Test
    void aLyingGsoHeaderIsDropped() {
        SkBuff skb = TcpPackets.packet(shop, random, owner, 20, 20, 1000, TcpHeader.ACK, 54, 4096, 404);
        skb.protocol(EthHeader.ETH_P_IPV6);
        core.devQueueXmit(skb, dev);
        assertThat(dev.taken).isEmpty();
        assertThat(owner.callbacks).isEqualTo(1);
    }

    @Test
    void receivedPacketsGoToTheHandlerOrNowhere() {
        core.netifReceiveSkb(shop.packet(random, 0, 60), dev);
        assertThat(core.counters().value(NetCore.Count.RX_NO_HANDLER)).isEqualTo(1);
        SkBuff[] got = {null};
        dev.rxHandler(skb -> got[0] = skb);
        SkBuff skb = shop.packet(random, 0, 60);
        core.netifReceiveSkb(skb, dev);
        assertThat(got[0]).isSameAs(skb);
        assertThat(core.counters().value(NetCore.Count.RX_PACKETS)).isEqualTo(2);
        skb.kfree();
    }

    /** KERNEL-FACTS 7.3: {@code ethtool -K eth sg off} takes segmentation with it. */
    @Test
    void featuresThatNeedOthersGoWithThem() {
        dev.setFeatures(ALL & ~NetDevice.NETIF_F_SG);
        assertThat(dev.features()).isEqualTo(NetDevice.NETIF_F_HW_CSUM);
        dev.setFeatures(ALL & ~NetDevice.NETIF_F_HW_CSUM);
        assertThat(dev.features()).isZero();
        dev.setFeatures(-1);
        assertThat(dev.features()).isEqualTo(ALL);
        int ufo = NetDevice.NETIF_F_UFO | NetDevice.NETIF_F_SG;
        int v4 = NetDevice.NETIF_F_IP_CSUM;
        int v6 = NetDevice.NETIF_F_IPV6_CSUM;
        assertThat(NetDevice.fixFeatures(ufo | v4 | v6)).isEqualTo(ufo | v4 | v6);
        assertThat(NetDevice.fixFeatures(ufo | v4)).isEqualTo(NetDevice.NETIF_F_SG | v4);
        assertThat(NetDevice.fixFeatures(ufo & ~NetDevice.NETIF_F_SG | v4 | v6)).isEqualTo(v4 | v6);
        assertThat(NetDevice.fixFeatures(NetDevice.NETIF_F_SG | v4 | NetDevice.NETIF_F_TSO_ECN))
                .as("TSO_ECN needs TSO").isEqualTo(NetDevice.NETIF_F_SG | v4);
        assertThat(NetDevice.fixFeatures(v4 | v6 | NetDevice.NETIF_F_HW_CSUM)).as("mixed").isEqualTo(NetDevice.NETIF_F_HW_CSUM);
    }

    @Test
    void uppersHearOfAChangeOnce() {
        int[] heard = {0, 0};
        dev.addNotifier(d -> {
            heard[0]++;
            heard[1] = d.features();
        });
        dev.setFeatures(ALL);
        assertThat(heard[0]).as("nothing has changed").isZero();
        dev.setFeatures(ALL & ~NetDevice.NETIF_F_SG);
        assertThat(heard).containsExactly(1, NetDevice.NETIF_F_HW_CSUM);
    }

    /** A device that sums IPv4 only is no help for IPv6; old kernels take scatter/gather away with it. */
    @Test
    void aChecksumThatTheDeviceCannotDoIsDoneInSoftware() {
        TestDevice v4 = new TestDevice(NetDevice.NETIF_F_SG | NetDevice.NETIF_F_IP_CSUM);
        SkBuff skb = small();
        skb.protocol(EthHeader.ETH_P_IPV6);
        core.devQueueXmit(skb, v4);
        assertThat(core.counters().value(NetCore.Count.CHECKSUM_SOFTWARE)).isEqualTo(1);
        assertThat(core.counters().value(NetCore.Count.LINEARIZED)).isEqualTo(edition.has(Behaviour.SG_NEEDS_CSUM) ? 1 : 0);
        v4.clean(0);
    }

    @Test
    void aBareStoppedDeviceDropsAndTheOwnerHears() {
        dev.stopQueue();
        assertThat(core.devQueueXmit(small(), dev)).isEqualTo(Qdisc.NET_XMIT_DROP);
        assertThat(dev.taken).isEmpty();
        assertThat(owner.callbacks).isEqualTo(1);
    }

    /** KERNEL-FACTS 6.5 has the driver's own check; this is the stack's. */
    @Test
    void theWatchdogFindsAQueueThatNobodyWakes() {
        int[] timeouts = {0};
        NetDevice stuck = new NetDevice("stuck0", 1, ALL) {
            @Override
            public int startXmit(SkBuff skb) {
                return NETDEV_TX_BUSY;
            }

            @Override
            protected void txTimeout() {
                timeouts[0]++;
                wakeQueue();
            }
        };
        VirtualTimeRunner runner = new VirtualTimeRunner(CostTable.free());
        DevWatchdog watchdog = new DevWatchdog(stuck, core, runner, 1_000);
        runner.add(runner.addProcessor("softirq", "softirq", Cost.NONE, Cost.NONE), watchdog, watchdog.waitQueue());
        for (int i = 0; i < 20; i++) {          // busy, but alive
            stuck.stopQueue();
            runner.runUntil(runner.nowNs() + 300);
            stuck.wakeQueue();
        }
        assertThat(timeouts[0]).isZero();
        assertThat(runner.runUntilQuiet(runner.nowNs() + 10_000)).as("it rests").isTrue();
        long stoppedNs = runner.nowNs();
        stuck.stopQueue();
        runner.runUntil(stoppedNs + 1_000);
        assertThat(timeouts[0]).isZero();
        assertThat(runner.runUntilQuiet(stoppedNs + 10_000)).isTrue();
        assertThat(timeouts[0]).isEqualTo(1);
        assertThat(core.counters().value(NetCore.Count.TX_TIMEOUT)).isEqualTo(1);
    }

    @Test
    void theDummyDeviceCompletesInsideXmit() {
        DummyDevice dummy = new DummyDevice("dummy0", 1, Trace.off());
        core.devQueueXmit(small(), dummy);
        assertThat(owner.callbacks).isEqualTo(1);
        assertThat(owner.success).isTrue();
    }
}
