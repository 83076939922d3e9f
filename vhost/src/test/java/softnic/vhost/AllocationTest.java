package softnic.vhost;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import java.lang.management.ManagementFactory;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import softnic.Edition;
import softnic.mm.IoVec;
import softnic.net.Sock;
import softnic.sched.CostTable;
import softnic.sched.EventFd;
import softnic.sched.VirtualTimeRunner;
import softnic.sched.Cost;
import softnic.sched.WaitQueue;
import softnic.skb.UbufInfo;
import softnic.trace.Trace;
import softnic.trace.Violations;

/** From the available ring to the used ring: not one byte of garbage a packet, nor for a broken chain. */
class AllocationTest {

    private static final int PACKETS = 300;
    private static final int MAX_ROUNDS = 60;

    static Iterable<Edition> editions() {
        return Edition.ALL;
    }

    /** Done with every packet at once. */
    private static final class Sink extends Sock {

        Sink() {
            super(null, null, Integer.MAX_VALUE);
            zerocopy(true);
        }

        @Override
        public int sendmsg(IoVec iov, int lenBytes, UbufInfo ubuf) {
            if (ubuf != null) {
                ubuf.callback(true);
            }
            return lenBytes;
        }

        @Override
        public int recvmsg(IoVec iov, int lenBytes) {
            return 0;
        }

        @Override
        public int peekHeadLen() {
            return 0;
        }

        @Override
        public int vnetHdrSz() {
            return 12;
        }
    }

    @ParameterizedTest
    @MethodSource("editions")
    void packetsAllocateNothing(Edition edition) {
        ThreadMXBean thread = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        VirtualTimeRunner world = new VirtualTimeRunner(CostTable.free().with(Cost.VHOST_TX, 1_000_000));
        EventFd kick = new EventFd();
        Violations violations = new Violations();
        WaitQueue wait = new WaitQueue();
        try (Ram ram = new Ram(256)) {
            VhostNet net = new VhostNet(edition, world, Trace.off(), ram.memory, ram.guest, wait, kick, new EventFd(),
                    new EventFd(), new EventFd(), violations, new VhostNet.Options(true, false, 1000, true));
            net.dev().setOwner();
            net.tx().setVring(256, 0, Ram.AVAIL, Ram.USED);
            world.add(world.addProcessor("vhost", "vhost", Cost.NONE, Cost.NONE), net.worker(), wait);
            net.setBackend(new Sink());
            long least = Long.MAX_VALUE;
            int head = 0;
            for (int round = 0; round < MAX_ROUNDS && least > 0; round++) {     // the JIT allocates too
                long before = thread.getCurrentThreadAllocatedBytes();
                for (int i = 0; i < PACKETS; i++) {
                    ram.post(head = head + 1 & 255, i % 3 == 0 ? 100 : 1000, 0);
                    kick.signal();
                    world.runUntilQuiet(Long.MAX_VALUE);
                }
                least = Math.min(least, thread.getCurrentThreadAllocatedBytes() - before);
            }
            assertThat(least).isZero();
            assertThat(violations.kept()).isEmpty();
            assertThat(net.callbacks()).isPositive().isEqualTo(net.zerocopySends());
            net.close();
        }
    }
}
