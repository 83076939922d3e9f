package softnic.net;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import softnic.Edition;
import softnic.sched.Agent;
import softnic.sched.Cost;
import softnic.sched.CostTable;
import softnic.sched.VirtualTimeRunner;
import softnic.skb.SkBuff;
import softnic.skb.Workshop;
import softnic.trace.Trace;

/** Who hears of a device, and what finds it stuck. */
class NetDeviceTest {

    private static final long SECOND = 1_000_000_000L;

    private final VirtualTimeRunner world = new VirtualTimeRunner(CostTable.free());
    private final Workshop shop = new Workshop(Edition.V6_1, world, Trace.off());
    private final NetCore core = new NetCore(Edition.V6_1, shop.pool, world, Trace.off());
    private final TestDevice dev = new TestDevice(NetDevice.NETIF_F_SG | NetDevice.NETIF_F_IP_CSUM);
    private final Random random = new Random(14);

    @AfterEach
    void allIsHome() {
        assertThat(shop.missing()).isEmpty();
        shop.close();
    }

    private long timeouts() {
        return core.counters().value(NetCore.Count.TX_TIMEOUT);
    }

    @Test
    void aQueueThatStaysStoppedTimesOutAtAWholeStepAndThenAgain() {
        DevWatchdog dog = new DevWatchdog(dev, core, world, DevWatchdog.WATCHDOG_TIMEO_NS);
        assertThat(dog.roleName()).isEqualTo("dev-watchdog");
        world.add(world.addProcessor("cpu", "cpu", Cost.NONE, Cost.NONE), dog, dog.waitQueue());
        world.runUntil(3 * SECOND / 10);
        dev.stopQueue();
        world.runUntil(6 * SECOND);                     // 5.3 s, rounded up
        assertThat(timeouts()).isZero();
        world.runUntil(6 * SECOND + 1);
        assertThat(timeouts()).isEqualTo(1);
        world.runUntil(11 * SECOND);
        assertThat(timeouts()).isEqualTo(1);
        world.runUntil(11 * SECOND + 1);
        assertThat(timeouts()).isEqualTo(2);
        world.runUntil(12 * SECOND);
        dev.wakeQueue();
        dev.stopQueue();                                // a new stop has its own five seconds
        world.runUntil(17 * SECOND);
        assertThat(timeouts()).isEqualTo(2);
        world.runUntil(17 * SECOND + 1);
        assertThat(timeouts()).isEqualTo(3);
        dev.wakeQueue();
        world.runUntil(18 * SECOND);
        assertThat(dog.nextDeadlineNs()).as("nothing is stopped").isEqualTo(Agent.NO_DEADLINE_NS);
        assertThat(world.runUntilQuiet(100 * SECOND)).isTrue();
        assertThat(timeouts()).isEqualTo(3);
    }

    @Test
    void whoAskedHearsOfNewFeaturesUntilItIsTakenOff() {
        List<String> heard = new ArrayList<>();
        NetDevice.FeatChange first = d -> heard.add("first " + d.features());
        NetDevice.FeatChange second = d -> heard.add("second " + d.features());
        dev.addNotifier(first);
        dev.addNotifier(second);
        dev.setFeatures(NetDevice.NETIF_F_IP_CSUM);
        dev.setFeatures(NetDevice.NETIF_F_IP_CSUM);
        assertThat(heard).containsExactly("first " + NetDevice.NETIF_F_IP_CSUM, "second " + NetDevice.NETIF_F_IP_CSUM);
        dev.removeNotifier(first);
        dev.setFeatures(0);
        assertThat(heard).hasSize(3).endsWith("second 0");
    }

    private SkBuff packet(int len) {
        SkBuff skb = shop.packet(random, 14, len);
        skb.resetMacHeader();
        return skb;
    }

    @Test
    void aListenerIsFullWhenItsBufferIsAndChargesNobodyElse() {
        int one = SkBuff.STRUCT_SIZE + 128;
        PacketSock exact = new PacketSock(2 * one);
        PacketSock more = new PacketSock(2 * one + 1);
        for (PacketSock sock : List.of(exact, more)) {
            List<SkBuff> uncharged = new ArrayList<>();
            for (int i = 0; i < 3; i++) {
                SkBuff skb = packet(100);
                skb.destructor(uncharged::add);
                sock.receive(skb);
            }
            assertThat(uncharged).as("its own, and those it dropped").hasSize(3);
            assertThat(sock.packets()).isEqualTo(3);
        }
        assertThat(exact.drops()).as("sk_rcvbuf reached is too much").isEqualTo(2);
        assertThat(exact.rmemAlloc()).isEqualTo(one);
        assertThat(more.drops()).isEqualTo(1);
        assertThat(more.rmemAlloc()).isEqualTo(2L * one);
        for (PacketSock sock : List.of(exact, more)) {
            for (SkBuff skb = sock.read(); skb != null; skb = sock.read()) {
                skb.kfree();
            }
            assertThat(sock.rmemAlloc()).isZero();
        }
    }

    @Test
    void guestPagesInAListenersQueueAreSeen() {
        PacketSock sock = new PacketSock(1 << 20);
        sock.receive(shop.packet(random, 0, 10, 100, 200, 300));
        sock.receive(shop.compoundPacket(random, 10, 2, 100));
        sock.receive(shop.packet(random, 0, 10, 100));
        assertThat(sock.guestFrags()).isEqualTo(4);
        for (SkBuff skb = sock.read(); skb != null; skb = sock.read()) {
            skb.kfree();
        }
        assertThat(sock.guestFrags()).isZero();
    }

    @Test
    void aListenerTakenOffHearsNoMore() {
        PacketSock first = new PacketSock(1 << 20);
        PacketSock second = new PacketSock(1 << 20);
        dev.addTap(first);
        dev.addTap(second);
        dev.removeTap(first);
        core.netifReceiveSkb(packet(60), dev);
        assertThat(first.packets()).isZero();
        assertThat(second.packets()).isEqualTo(1);
        SkBuff seen = second.read();
        assertThat(seen.len()).isEqualTo(60);
        seen.kfree();
        assertThat(core.pool()).isSameAs(shop.pool);
    }
}
