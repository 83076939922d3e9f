package softnic.nic.driver;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import softnic.Edition;
import softnic.mm.PageAllocator;
import softnic.mm.PhysMem;
import softnic.net.NetCore;
import softnic.net.TcpHeader;
import softnic.nic.RxDma;
import softnic.sched.Cost;
import softnic.sched.VirtualTimeRunner;
import softnic.sched.WaitQueue;
import softnic.skb.SkBuff;
import softnic.skb.SkbPool;
import softnic.trace.Trace;

/** Two ports on one cable: what one sends by TSO, the other's driver hands to its stack. */
class BackToBackTest {

    private final VirtualTimeRunner runner = new VirtualTimeRunner(Rig.PRICES);
    private final PhysMem memory = new PhysMem();
    private final PageAllocator pages = new PageAllocator(memory, 4096);
    private final SkbPool pool =
            new SkbPool(memory, pages, Edition.V6_1, runner, Trace.off(), 2048);
    private final NetCore core = new NetCore(Edition.V6_1, pool, runner, Trace.off());
    private final Packets packets = new Packets(memory, pool, pages);
    private final IxgbeAdapter a;
    private final IxgbeAdapter b;
    private final List<SkBuff> received = new ArrayList<>();

    BackToBackTest() {
        WaitQueue engineA = new WaitQueue();
        WaitQueue engineB = new WaitQueue();
        IxgbeAdapter.Options small = new IxgbeAdapter.Options(512, 64, 50_000, 64, 256, 1000);
        a = new IxgbeAdapter("a", 1, small, Edition.V6_1, runner, Trace.off(), core, engineA, engineB);
        b = new IxgbeAdapter("b", 2, small, Edition.V6_1, runner, Trace.off(), core, engineB, engineA);
        addTo(a);
        addTo(b);
        a.mac().connect(b.fromWire());
        b.mac().connect(a.fromWire());
        b.device().rxHandler(received::add);
    }

    private void addTo(IxgbeAdapter nic) {
        nic.addTo(runner, processor(), processor(), processor(), processor());
    }

    private int processor() {
        return runner.addProcessor("p", "p", Cost.NONE, Cost.NONE);
    }

    @AfterEach
    void everySkbCameHome() {
        received.forEach(SkBuff::consume);
        assertThat(pool.inUse()).isEqualTo(a.poll().rxPosted() + b.poll().rxPosted());
        a.close();
        b.close();
        assertThat(pool.inUse()).isZero();
        assertThat(pages.inUse()).isZero();
        pool.close();
        pages.close();
    }

    @Test
    void everySegmentArrivesVerifiedAndWithoutItsEthernetHeader() {
        Random random = new Random(8);
        int frames = 0;
        for (int i = 0; i < 40; i++) {
            SkBuff skb = packets.headers(20, 32, i, i, TcpHeader.ACK, 0);
            for (int k = 0; k < 8; k++) {
                packets.fill(packets.putFrag(skb, 0, 4096), 4096, random);
            }
            packets.finish(skb, 1448);
            core.devQueueXmit(skb, a.device());
            frames += (8 * 4096 + 1447) / 1448;
            assertThat(runner.runUntilQuiet(Long.MAX_VALUE / 2000)).isTrue();
            assertThat(received).hasSize(frames);
            received.forEach(BackToBackTest::check);
            received.forEach(SkBuff::consume);
            received.clear();
            frames = 0;
        }
        assertThat(b.rxDma().counters().value(RxDma.Count.RX_MISSED)).isZero();
        assertThat(b.poll().counters().value(IxgbePoll.Count.RX_PACKETS)).isEqualTo(40 * 23);
    }

    private static void check(SkBuff skb) {
        assertThat(skb.ipSummed()).isEqualTo(SkBuff.CHECKSUM_UNNECESSARY);
        assertThat(skb.protocol()).isEqualTo(0x0800);
        assertThat(skb.networkOffset()).isZero();
        assertThat(skb.macHeader()).isEqualTo(skb.headroom() - 14);
        assertThat(skb.memory().u8(skb.dataHpa())).isEqualTo((byte) 0x45);
    }

    @Test
    void framesAreMissedWhenNobodyGivesBuffersBackAndFlowAgainWhenSomebodyDoes() {
        // given 100 packets that stay alive after they were sent, and nothing left in the pool
        List<SkBuff> held = new ArrayList<>();
        for (int i = 0; i < 100; i++) {
            held.add(small(i).get());
        }
        List<SkBuff> hogs = new ArrayList<>();
        for (SkBuff skb = pool.alloc(64); skb != null; skb = pool.alloc(64)) {
            hogs.add(skb);
        }
        // when they arrive at a ring of 63 buffers
        held.forEach(skb -> core.devQueueXmit(skb, a.device()));
        runner.runUntilQuiet(Long.MAX_VALUE / 2000);
        // then
        assertThat(received).hasSize(63);
        assertThat(b.rxDma().counters().value(RxDma.Count.RX_MISSED)).isEqualTo(37);
        assertThat(b.poll().counters().value(IxgbePoll.Count.ALLOC_RX_BUFF_FAILED)).isPositive();
        // when memory is back
        hogs.forEach(SkBuff::consume);
        held.forEach(SkBuff::consume);
        received.forEach(SkBuff::consume);
        received.clear();
        core.devQueueXmit(small(1), a.device());            // missed, but its interrupt lets the driver refill
        runner.runUntilQuiet(Long.MAX_VALUE / 2000);
        // then
        core.devQueueXmit(small(2), a.device());
        runner.runUntilQuiet(Long.MAX_VALUE / 2000);
        assertThat(received).hasSize(1);
    }

    private SkBuff small(int number) {
        SkBuff skb = packets.headers(20, 20, number, number, TcpHeader.ACK, 64);
        packets.putLinear(skb, 64);
        packets.finish(skb, 0);
        return skb;
    }
}
