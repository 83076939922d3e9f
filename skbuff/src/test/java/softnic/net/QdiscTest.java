package softnic.net;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Random;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.MethodSource;
import softnic.Behaviour;
import softnic.Edition;
import softnic.skb.SkBuff;
import softnic.skb.SkbPool;
import softnic.skb.Workshop;
import softnic.trace.Trace;

/** A busy driver costs time, never a packet, and never their order. */
@ParameterizedClass
@MethodSource("editions")
class QdiscTest {

    private final Edition edition;
    private final Workshop shop;
    private final NetCore core;
    private final TestDevice dev = new TestDevice(NetDevice.NETIF_F_SG | NetDevice.NETIF_F_HW_CSUM);
    private final Random random = new Random(7);

    QdiscTest(Edition edition) {
        this.edition = edition;
        shop = new Workshop(edition);
        core = new NetCore(edition, shop.pool, shop.cpu, Trace.off());
        dev.qdisc(new Qdisc(core, dev, 10));
    }

    static Iterable<Edition> editions() {
        return Edition.ALL;
    }

    @AfterEach
    void allIsHome() {
        dev.clean(0);
        assertThat(dev.qdisc().backlog()).isZero();
        assertThat(shop.missing()).isEmpty();
        shop.close();
    }

    private SkBuff numbered(int number) {
        SkBuff skb = shop.pool.alloc(60);
        skb.put(60);
        skb.protocol(number);
        return skb;
    }

    private int send(int number) {
        return core.devQueueXmit(numbered(number), dev);
    }

    @Test
    void packetsGoStraightThroughWhileThereIsRoom() {
        for (int i = 0; i < 5; i++) {
            assertThat(send(i)).isEqualTo(Qdisc.NET_XMIT_SUCCESS);
        }
        assertThat(dev.taken).extracting(SkBuff::protocol).containsExactly(0, 1, 2, 3, 4);
        assertThat(core.counters().value(NetCore.Count.TX_PACKETS)).isEqualTo(5);
    }

    @Test
    void aStoppedDeviceLetsThemWaitAndAWokenOneTakesThemInOrder() {
        dev.room = 2;
        for (int i = 0; i < 12; i++) {
            assertThat(send(i)).isEqualTo(Qdisc.NET_XMIT_SUCCESS);
        }
        assertThat(dev.qdisc().backlog()).isEqualTo(10);
        assertThat(send(99)).isEqualTo(Qdisc.NET_XMIT_DROP);
        assertThat(dev.qdisc().drops()).isEqualTo(1);
        int expected = 2;
        while (dev.qdisc().backlog() > 0) {
            dev.clean(3);
            for (SkBuff skb : dev.taken) {
                assertThat(skb.protocol()).isEqualTo(expected++);
            }
        }
        assertThat(expected).isEqualTo(12);
        dev.clean(5);
    }

    @Test
    void aPacketTheDriverRefusedIsFirstNextTime() {
        dev.room = 0;
        send(1);
        dev.stopQueue();
        send(2);
        assertThat(dev.qdisc().requeues()).isEqualTo(1);
        assertThat(dev.qdisc().backlog()).isEqualTo(2);
        dev.clean(5);
        assertThat(dev.taken).extracting(SkBuff::protocol).containsExactly(1, 2);
    }

    /** The device wakes its queue just when the driver has said busy, while this very run still holds the queue. */
    @Test
    void aWakeUpWhileTheQueueRunsMakesItLookAgain() {
        dev.room = 0;
        dev.beforeBusy = () -> {
            dev.beforeBusy = () -> { };
            dev.room = 5;
            dev.wakeQueue();                    // finds RUNNING taken: leaves MISSED
        };
        send(1);
        assertThat(dev.taken).hasSize(1);
        assertThat(dev.qdisc().backlog()).isZero();
    }

    /** One sender does not send for ever: the rest is the softirq's, one packet a slice. */
    @Test
    void aSenderLeavesTheRestToTheSoftirqAfterItsQuota() {
        Qdisc deep = new Qdisc(core, dev, 100);
        dev.qdisc(deep);
        NetTxAction softirq = new NetTxAction(deep, Trace.off());
        dev.room = 0;
        for (int i = 0; i < 40; i++) {
            send(i);
        }
        dev.room = 1000;
        dev.wakeQueue();
        assertThat(dev.taken).as("waking sends nothing by itself").isEmpty();
        for (int sent = 1; sent <= 40; sent++) {
            assertThat(softirq.doWork()).isEqualTo(1);
            assertThat(dev.taken).hasSize(sent);
        }
        softirq.doWork();
        assertThat(softirq.doWork()).as("nothing left").isZero();
        assertThat(dev.taken).extracting(SkBuff::protocol).isEqualTo(java.util.stream.IntStream.range(0, 40).boxed().toList());
    }

    @Test
    void aRunEndsAfterItsWeight() {
        SkbPool many = new SkbPool(shop.memory, shop.pages, edition, shop.cpu, Trace.off(), 200);
        TestDevice fast = new TestDevice(NetDevice.NETIF_F_SG | NetDevice.NETIF_F_HW_CSUM);
        Qdisc deep = new Qdisc(core, fast, 150);
        fast.qdisc(deep);
        NetTxAction softirq = new NetTxAction(deep, Trace.off());
        fast.stopQueue();
        for (int i = 0; i < 100; i++) {
            core.devQueueXmit(many.alloc(1), fast);
        }
        fast.wakeQueue();
        core.devQueueXmit(many.alloc(1), fast);
        assertThat(fast.taken).hasSize(Qdisc.WEIGHT);
        assertThat(deep.backlog()).isEqualTo(101 - Qdisc.WEIGHT);
        while (softirq.doWork() > 0) {
            // the rest
        }
        assertThat(fast.taken).hasSize(101);
        fast.clean(0);
        many.close();
    }

    /** A driver that says busy and stops nothing is asked again: nobody else would wake the queue. */
    @Test
    void aBusyDriverThatDidNotStopIsTriedAgain() {
        NetTxAction softirq = new NetTxAction(dev.qdisc(), Trace.off());
        dev.room = 0;
        dev.stopsWhenFull = false;
        send(1);
        send(2);
        assertThat(softirq.doWork()).isEqualTo(1);
        assertThat(dev.taken).isEmpty();
        dev.room = 5;
        while (softirq.doWork() > 0) {
            // until nothing waits
        }
        assertThat(dev.taken).extracting(SkBuff::protocol).containsExactly(1, 2);
    }

    /** The device goes down: what waits is dropped, and who lent pages hears of it. */
    @Test
    void aResetDropsAllThatWaitsAndOwnersHear() {
        Workshop.Owner owner = new Workshop.Owner();
        TestDevice plain = new TestDevice(NetDevice.NETIF_F_HW_CSUM);
        Qdisc qdisc = new Qdisc(core, plain, 10);
        plain.qdisc(qdisc);
        plain.room = 2;
        core.devQueueXmit(TcpPackets.packet(shop, random, owner, 20, 20, 1000, TcpHeader.ACK, 54, 4096, 904), plain);
        core.devQueueXmit(numbered(2), plain);
        assertThat(qdisc.isRequeued()).isTrue();
        qdisc.reset();
        assertThat(owner.callbacks).isEqualTo(1);
        assertThat(qdisc.backlog()).isZero();
        assertThat(shop.guest.pins()).isZero();
        plain.clean(0);
    }

    /** Since 3.18 what was refused is not prepared again, though scatter/gather may have gone meanwhile. */
    @Test
    void scatterGatherGoesWhileARefusedPacketWaits() {
        dev.room = 0;
        SkBuff skb = TcpPackets.packet(shop, random, null, 20, 20, 0, TcpHeader.ACK, 54, 600);
        byte[] bytes = shop.content(skb);
        core.devQueueXmit(skb, dev);
        dev.setFeatures(NetDevice.NETIF_F_HW_CSUM);
        dev.clean(5);
        assertThat(shop.content(dev.taken.get(0))).isEqualTo(bytes);
        assertThat(dev.taken.get(0).dataLen()).isEqualTo(edition.has(Behaviour.VALIDATES_XMIT_SKB) ? 600 : 0);
    }

    @Test
    void aStoppedQueueKeepsItsPacketOutsideOrInside() {
        dev.stopQueue();
        send(1);
        assertThat(dev.qdisc().isRequeued()).isEqualTo(edition.has(Behaviour.DEQUEUES_WHEN_STOPPED));
        assertThat(dev.qdisc().backlog()).isEqualTo(1);
        dev.clean(5);
        assertThat(dev.taken).hasSize(1);
    }

    @Test
    void withoutAQueueABusyDeviceMeansADrop() {
        TestDevice bare = new TestDevice(NetDevice.NETIF_F_SG | NetDevice.NETIF_F_HW_CSUM);
        bare.room = 1;
        assertThat(core.devQueueXmit(numbered(1), bare)).isEqualTo(Qdisc.NET_XMIT_SUCCESS);
        bare.stopsWhenFull = false;
        assertThat(core.devQueueXmit(numbered(2), bare)).isEqualTo(Qdisc.NET_XMIT_DROP);
        assertThat(core.counters().value(NetCore.Count.TX_DROPPED)).isEqualTo(1);
        bare.clean(0);
    }

    /** Segments of one packet, refused in the middle: the rest keeps its order and comes first. */
    @Test
    void aListTheDriverTookHalfOfContinuesWhereItStopped() {
        TestDevice plain = new TestDevice(NetDevice.NETIF_F_HW_CSUM);
        plain.qdisc(new Qdisc(core, plain, 10));
        for (int room = 1; room < 6; room++) {
            plain.room = room;
            SkBuff skb = TcpPackets.packet(shop, random, null, 20, 20, 1000, TcpHeader.ACK, 54, 4096, 904);
            byte[] payload = TcpPackets.payload(shop.content(skb), 54);
            core.devQueueXmit(skb, plain);
            java.io.ByteArrayOutputStream sent = new java.io.ByteArrayOutputStream();
            for (int turn = 0; turn < 6; turn++) {
                plain.taken.forEach(s -> sent.writeBytes(TcpPackets.payload(shop.content(s), 54)));
                plain.clean(room);
            }
            assertThat(sent.toByteArray()).as("room %d", room).isEqualTo(payload);
            assertThat(plain.qdisc().backlog()).isZero();
        }
    }

    /** One agent sends, another wakes: every packet arrives once, in order, and nobody sleeps on a full queue. */
    @Test
    void twoAgentsRunOneQueueAndNothingIsLost() throws InterruptedException {
        int packets = 30_000;
        AtomicLong next = new AtomicLong();
        AtomicLong wrong = new AtomicLong();
        var device = new NetDevice("live0", 1, NetDevice.NETIF_F_SG | NetDevice.NETIF_F_HW_CSUM) {
            private final AtomicInteger room = new AtomicInteger();

            @Override
            public int startXmit(SkBuff skb) {
                if (room.get() == 0) {
                    stopQueue();
                    if (room.get() == 0) {          // the driver's own recheck
                        return NETDEV_TX_BUSY;
                    }
                    wakeQueue();
                }
                room.decrementAndGet();
                if (skb.protocol() != (int) next.getAndIncrement()) {
                    wrong.incrementAndGet();
                }
                skb.consume();
                return NETDEV_TX_OK;
            }

            void clean() {
                room.set(8);
                wakeQueue();
            }
        };
        Qdisc qdisc = new Qdisc(core, device, 16);
        device.qdisc(qdisc);
        Thread cleaner = new Thread(() -> {
            while (next.get() < packets && !Thread.currentThread().isInterrupted()) {
                device.clean();
                Thread.yield();
            }
        });
        cleaner.start();
        for (int i = 0; i < packets; i++) {
            while (qdisc.backlog() >= 15) {
                Thread.yield();
            }
            core.devQueueXmit(numbered(i), device);
        }
        cleaner.join(20_000);
        cleaner.interrupt();
        assertThat(next.get()).isEqualTo(packets);
        assertThat(wrong.get()).isZero();
        assertThat(qdisc.drops()).isZero();
    }
}
