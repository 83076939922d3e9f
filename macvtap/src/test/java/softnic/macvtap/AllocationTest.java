package softnic.macvtap;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import java.lang.management.ManagementFactory;
import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import softnic.Edition;
import softnic.net.DummyDevice;
import softnic.net.NetCore;
import softnic.sched.Llc;
import softnic.trace.Trace;

/** From the vector to the freed skb: not one byte of garbage a packet, pinned or copied, sent or refused. */
class AllocationTest {

    private static final int PACKETS = 300;
    private static final int MAX_ROUNDS = 60;

    static Iterable<Edition> editions() {
        return Edition.ALL;
    }

    @ParameterizedTest
    @MethodSource("editions")
    void packetsAllocateNothing(Edition edition) {
        ThreadMXBean thread = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        Random random = new Random(5);
        try (TapBench bench = TapBench.of(edition)) {
            NetCore core = new NetCore(edition, bench.pool, bench.cpu, Trace.off());
            DummyDevice dummy = new DummyDevice("dummy0", 1, Trace.off());
            Macvlan vlan = new Macvlan("macvtap1", 2, dummy, edition, core, Trace.off());
            MacvtapSock tap = new MacvtapSock(vlan, edition, core, bench.cpu, Llc.none(), Trace.off(), bench.memory,
                    bench.guest, bench.pages, new MacvtapSock.Options(TapBench.HDR, Integer.MAX_VALUE));
            TapBench.Owner owner = new TapBench.Owner();
            bench.plain(54).piece(random, 4096, 54).piece(random, 8192, 9000);
            int len = (int) bench.iov.length();
            long least = Long.MAX_VALUE;
            for (int round = 0; round < MAX_ROUNDS && least > 0; round++) {     // the JIT allocates too
                long before = thread.getCurrentThreadAllocatedBytes();
                for (int i = 0; i < PACKETS; i++) {
                    tap.sendmsg(bench.iov, len, owner);
                    tap.sendmsg(bench.iov, len, null);
                    tap.sendmsg(bench.iov, 5, owner);
                }
                least = Math.min(least, thread.getCurrentThreadAllocatedBytes() - before);
            }
            assertThat(least).isZero();
            assertThat(owner.callbacks).isPositive();
            tap.close();
            assertThat(bench.missing()).isEmpty();
        }
    }
}
