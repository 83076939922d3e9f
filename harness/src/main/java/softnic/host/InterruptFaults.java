package softnic.host;

import softnic.nic.InterruptVector;
import softnic.sched.Agent;
import softnic.sched.Cpu;
import softnic.sched.WaitQueue;

/**
 * Stands between the adapter's vector and its handler: interrupts that come late, that are lost, or that come for
 * nothing.
 *
 * <p>A lost one is made good by the driver's watchdog, which interrupts every vector each two seconds
 * ({@code ixgbe_check_hang_subtask}, drivers/net/ixgbe/ixgbe_main.c). One is under way at most: the vector is masked
 * until the handler's poll is done.
 */
public final class InterruptFaults implements Agent {

    private static final long WATCHDOG_NS = 2_000_000_000L;

    /**
     * Which interrupts; 0 in any place: none.
     *
     * @param lateEvery each so many-th comes {@code lateNs} later
     * @param lostEvery each so many-th is lost
     * @param spuriousEveryNs time between causes without a reason
     * @param spuriousCount how many of them
     */
    public record Plan(int lateEvery, long lateNs, int lostEvery, long spuriousEveryNs, int spuriousCount) {
        /** Nothing goes wrong. */
        public static final Plan NONE = new Plan(0, 0, 0, 0, 0);

        public Plan withLate(int every, long ns) {
            return new Plan(every, ns, lostEvery, spuriousEveryNs, spuriousCount);
        }

        public Plan withLost(int every) {
            return new Plan(lateEvery, lateNs, every, spuriousEveryNs, spuriousCount);
        }

        public Plan withSpurious(long everyNs, int count) {
            return new Plan(lateEvery, lateNs, lostEvery, everyNs, count);
        }
    }

    private final Cpu cpu;
    private final InterruptVector vector;
    private final Runnable handler;
    private final WaitQueue waitQueue;
    private final Plan plan;
    private int fired;
    private long late;
    private long lost;
    private int spurious;
    private long dueNs = NO_DEADLINE_NS;

    InterruptFaults(Cpu cpu, InterruptVector vector, WaitQueue waitQueue, Plan plan) {
        this.cpu = cpu;
        this.vector = vector;
        this.handler = vector.handler();
        this.waitQueue = waitQueue;
        this.plan = plan;
        vector.handler(this::fire);
    }

    private void fire() {
        fired++;
        if (plan.lostEvery() > 0 && fired % plan.lostEvery() == 0) {
            lost++;
            delay(WATCHDOG_NS);
        } else if (plan.lateEvery() > 0 && fired % plan.lateEvery() == 0) {
            late++;
            delay(plan.lateNs());
        } else {
            handler.run();
        }
    }

    /** How many came late. */
    long late() {
        return late;
    }

    /** How many were lost. */
    long lost() {
        return lost;
    }

    /** How many came for nothing. */
    long spurious() {
        return spurious;
    }

    private void delay(long ns) {
        assert dueNs == NO_DEADLINE_NS : "an interrupt of a masked vector";
        dueNs = cpu.nowNs() + ns;
        waitQueue.wakeUp();                 // so that the runner asks for the deadline
    }

    @Override
    public int doWork() {
        long nowNs = cpu.nowNs();
        if (nowNs >= dueNs) {
            dueNs = NO_DEADLINE_NS;
            handler.run();
        }
        if (nowNs >= nextSpuriousNs()) {
            spurious++;
            vector.raise();
        }
        return 0;
    }

    private long nextSpuriousNs() {
        return spurious < plan.spuriousCount() ? (spurious + 1) * plan.spuriousEveryNs() : NO_DEADLINE_NS;
    }

    @Override
    public long nextDeadlineNs() {
        return Math.min(dueNs, nextSpuriousNs());
    }

    @Override
    public String roleName() {
        return "interrupt-faults";
    }
}
