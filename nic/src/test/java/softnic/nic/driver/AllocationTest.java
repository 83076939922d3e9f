package softnic.nic.driver;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import java.lang.management.ManagementFactory;
import org.junit.jupiter.api.Test;
import softnic.Edition;
import softnic.net.TcpHeader;
import softnic.sched.VirtualTimeRunner;
import softnic.skb.SkBuff;

/** From the stack to the far end and back to the free list: not one byte of garbage a packet. */
class AllocationTest {

    private static final int PACKETS = 500;
    private static final int MAX_ROUNDS = 40;

    private final ThreadMXBean thread = (ThreadMXBean) ManagementFactory.getThreadMXBean();

    @Test
    void segmentedPacketsAllocateNothing() {
        assertThat(bytesOfTheCalmestRound(16, 1448)).isZero();
    }

    @Test
    void smallPacketsAllocateNothing() {
        assertThat(bytesOfTheCalmestRound(1, 0)).isZero();
    }

    /** The JIT allocates too, on this thread, while it still compiles: so the quietest round counts. */
    private long bytesOfTheCalmestRound(int pages, int mss) {
        VirtualTimeRunner runner = new VirtualTimeRunner(Rig.PRICES);
        try (Rig rig = new Rig(runner, Edition.V8, IxgbeAdapter.Options.DEFAULT)) {
            Feeder feeder = new Feeder(rig, number -> packet(rig, pages, mss));
            rig.sink = slot -> { };
            var queue = rig.addAll(feeder);
            long least = Long.MAX_VALUE;
            for (int round = 0; round < MAX_ROUNDS && least > 0; round++) {
                long before = thread.getCurrentThreadAllocatedBytes();
                feeder.wanted += PACKETS;
                queue.wakeUp();
                runner.runUntilQuiet(Long.MAX_VALUE / 2000);
                least = Math.min(least, thread.getCurrentThreadAllocatedBytes() - before);
            }
            assertThat(rig.skbsOut()).isZero();
            return least;
        }
    }

    private static SkBuff packet(Rig rig, int pages, int mss) {
        SkBuff skb = rig.packets.headers(20, 32, 1, 2, TcpHeader.ACK, 0);
        for (int i = 0; i < pages; i++) {
            rig.packets.putFrag(skb, 0, pages == 1 ? 100 : 4000);
        }
        rig.packets.finish(skb, mss);
        return skb;
    }
}
