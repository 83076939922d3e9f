package softnic.net;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import softnic.Edition;
import softnic.sched.Cost;
import softnic.sched.CostTable;
import softnic.sched.VirtualTimeRunner;
import softnic.skb.SkBuff;
import softnic.skb.Workshop;
import softnic.trace.Counters;
import softnic.trace.Story;

/**
 * What a packet enters and pays for on its way to a driver, and what the driver and the listeners get, in all editions
 * ({@code net-story.txt}). The text is read by people; a change of a line wants a reason.
 */
class NetStoryTest {

    private static final int TSO = NetDevice.NETIF_F_SG | NetDevice.NETIF_F_IP_CSUM | NetDevice.NETIF_F_GSO
            | NetDevice.NETIF_F_ALL_TSO | NetDevice.NETIF_F_GSO_ROBUST;
    private static final int[] FEATURES = {TSO, TSO & ~NetDevice.NETIF_F_GSO_ROBUST,
        NetDevice.NETIF_F_SG | NetDevice.NETIF_F_IP_CSUM, NetDevice.NETIF_F_SG | NetDevice.NETIF_F_IPV6_CSUM,
        NetDevice.NETIF_F_SG | NetDevice.NETIF_F_HW_CSUM, 0};

    private final Random random = new Random(13);
    private Workshop shop;
    private Story story;
    private NetCore core;
    private Workshop.Owner owner;

    @Test
    void aPacketEntersPaysAndLeavesAsItDid() throws IOException {
        List<String> told = new ArrayList<>();
        for (Edition edition : Edition.ALL) {
            story = new Story(edition);
            story.chapter(edition.name());
            try (Workshop room = new Workshop(edition, story, story.trace())) {
                shop = room;
                core = new NetCore(edition, shop.pool, story, story.trace());
                for (int features : FEATURES) {
                    tellDevice(features);
                }
                tellDummy();
                tellListeners();
                tellSoftirq();
                tellReset();
                assertThat(shop.missing()).isEmpty();
                story.tell("counted", nonZero(core.counters()) + " " + nonZero(shop.pool.counters()));
            }
            told.addAll(story.lines());
        }
        assertThat(told).isEqualTo(Story.committed("softnic/net/net-story.txt", told));
    }

    private static Map<String, Long> nonZero(Counters<?> counters) {
        Map<String, Long> map = new LinkedHashMap<>(counters.asMap());
        map.values().removeIf(n -> n == 0);
        return map;
    }

    private SkBuff packet(int mss) {
        owner = new Workshop.Owner();
        SkBuff skb = TcpPackets.packet(shop, random, owner, 20, 20, mss, TcpHeader.ACK, 54, 300, 1500);
        story.skip();
        return skb;
    }

    private static String state(SkBuff skb) {
        StringBuilder frags = new StringBuilder();
        for (int i = 0; i < skb.shinfo().nrFrags(); i++) {
            frags.append(' ').append(skb.shinfo().frag(i).size());
        }
        return "[" + skb.headlen() + "|" + skb.dataLen() + frags + "]" + (skb.shinfo().isZerocopy() ? "zc" : "")
                + (skb.isCloned() ? " cloned" : "") + " csum " + skb.ipSummed() + " gso " + skb.shinfo().gsoSize() + "/"
                + skb.shinfo().gsoSegs() + (skb.next() == null ? "" : " and more");
    }

    private String taken(TestDevice dev) {
        StringBuilder all = new StringBuilder();
        dev.taken.forEach(skb -> all.append(state(skb)).append(' '));
        return all + "heard " + owner.callbacks + (owner.success ? " ok" : "");
    }

    private void tellSent(String what, SkBuff skb, TestDevice dev) {
        int rc = core.devQueueXmit(skb, dev);
        story.tell(what, rc + " " + taken(dev));
        dev.clean(Integer.MAX_VALUE);
        story.skip();
    }

    private void tellDevice(int features) {
        TestDevice dev = new TestDevice(features);
        story.chapter("features 0x" + Integer.toHexString(features));
        tellSent("whole", packet(0), dev);
        tellSent("to be cut", packet(1000), dev);
        tellSent("cut into one", packet(4000), dev);
        SkBuff other = packet(0);
        other.protocol(0x86DD);
        tellSent("said to be IPv6", other, dev);
        SkBuff unknown = packet(0);
        unknown.protocol(0x88B5);
        tellSent("of no known kind", unknown, dev);
        SkBuff summed = packet(0);
        summed.ipSummed(SkBuff.CHECKSUM_NONE);
        tellSent("without a sum", summed, dev);
        SkBuff lying = packet(1000);
        lying.shinfo().gso(lying.shinfo().gsoType(), 0xFFFF);
        tellSent("cut larger than it is", lying, dev);
        SkBuff refused = packet(1000);
        shop.leaveStructs(0);
        shop.leaveHeads(0);
        story.skip();
        tellSent("to be cut, without memory", refused, dev);
        shop.release();
        story.skip();
    }

    private void tellDummy() {
        story.chapter("dummy");
        DummyDevice dummy = new DummyDevice("dummy0", 5, story.trace());
        assertThat(dummy.name()).isEqualTo("dummy0");
        assertThat(dummy.mac()).isEqualTo(5);
        SkBuff skb = packet(0);
        story.tell("sent", core.devQueueXmit(skb, dummy) + " heard " + owner.callbacks);
    }

    private void tellListeners() {
        story.chapter("with listeners");
        TestDevice dev = new TestDevice(TSO);
        PacketSock large = new PacketSock(1 << 20);
        PacketSock small = new PacketSock(1);
        dev.addTap(large);
        tellSent("one", packet(0), dev);
        dev.addTap(small);
        tellSent("two, one of them full", packet(1000), dev);
        story.tell("the first has", listener(large));
        story.tell("the second has", listener(small));
        SkBuff skb = packet(0);
        shop.leavePages(0);
        tellSent("without memory", skb, dev);
        shop.release();
        SkBuff in = packet(0);
        in.pull(14);
        core.netifReceiveSkb(in, dev);
        story.tell("received", listener(large));
        for (SkBuff s = large.read(); s != null; s = large.read()) {
            story.tell("read", state(s) + " at " + (s.headroom() - s.macHeader()) + " leaves " + large.rmemAlloc());
            s.kfree();
        }
        story.skip();
    }

    private static String listener(PacketSock sock) {
        return sock.packets() + " seen " + sock.drops() + " dropped " + sock.rmemAlloc() + " bytes "
                + sock.guestFrags() + " guest pages";
    }

    private void tellSoftirq() {
        story.chapter("with a softirq");
        TestDevice dev = new TestDevice(TSO);
        Qdisc qdisc = new Qdisc(core, dev, 10);
        NetTxAction softirq = new NetTxAction(qdisc, story.trace());
        assertThat(softirq.roleName()).isEqualTo("net-tx-softirq");
        VirtualTimeRunner world = new VirtualTimeRunner(CostTable.free());
        world.add(world.addProcessor("cpu", "cpu", Cost.NONE, Cost.NONE), softirq, softirq.waitQueue());
        world.runUntilQuiet(1000);
        dev.qdisc(qdisc);
        dev.room = 1;
        for (int i = 0; i < 3; i++) {
            SkBuff skb = packet(i == 2 ? 1000 : 0);
            int rc = core.devQueueXmit(skb, dev);
            world.runUntilQuiet(1000);
            story.tell("packet " + i, rc + " waits " + qdisc.backlog());
        }
        for (int i = 0; i < 3; i++) {
            dev.clean(1);
            story.skip();
            world.runUntilQuiet(1000);
            story.tell("softirq", "waits " + qdisc.backlog() + " " + taken(dev));
        }
        dev.clean(100);
        world.runUntilQuiet(1000);
        story.tell("softirq", "waits " + qdisc.backlog() + " " + taken(dev) + " events " + world.eventCount());
        dev.clean(100);
        story.skip();
    }

    private void tellReset() {
        story.chapter("a queue that is reset");
        TestDevice dev = new TestDevice(0);
        Qdisc qdisc = new Qdisc(core, dev, 10);
        dev.qdisc(qdisc);
        dev.room = 2;
        for (int i = 0; i < 3; i++) {
            SkBuff skb = packet(i == 0 ? 500 : 0);
            int rc = core.devQueueXmit(skb, dev);
            story.tell("packet " + i, rc + " waits " + qdisc.backlog() + " " + taken(dev));
        }
        qdisc.reset();
        story.tell("reset", "waits " + qdisc.backlog() + " dropped " + qdisc.drops() + " heard " + owner.callbacks);
        dev.clean(0);
        story.skip();
    }
}
