package softnic.nic;

import java.lang.invoke.VarHandle;
import softnic.sched.Agent;
import softnic.sched.Cost;
import softnic.sched.Cpu;
import softnic.sched.WaitQueue;
import softnic.trace.Counters;

/**
 * One MSI-X vector with its moderation: a bit of EICR/EIMS, EITR and auto-mask by EIAM (82599 datasheet, 7.3).
 *
 * <pre>
 *   raise() --> cause ---------------+--> fires, not sooner than itrNs after the last time --> handler
 *   EIMS (unmask()) --> not masked --+         masks itself and clears the cause
 * </pre>
 *
 * <p>A cause that comes while the vector is masked stays and fires after {@link #unmask}: so the driver need not
 * look at its rings again. {@link #raise} is called by the device's agents, {@link #unmask} by the driver's poll.
 *
 * <p>Memory order: whoever raises writes {@code cause} and then reads {@code masked}; whoever unmasks writes
 * {@code masked} and then reads {@code cause}. Both are volatile, so at least one of the two sees the other and
 * wakes the vector.
 */
public final class InterruptVector implements Agent {

    /** What the vector counts. */
    public enum Count { INTERRUPTS }

    private final Cpu cpu;
    private final WaitQueue waitQueue;
    private final long itrNs;
    private final Counters<Count> counters = Counters.of("vector", Count.class);
    private final Runnable fire = this::fire;
    private Runnable handler = () -> { };
    private volatile boolean cause;
    private volatile boolean masked;
    private long dueNs;                     // when the throttling interval ends

    /**
     * @param waitQueue where this agent waits
     * @param itrNs throttling interval (EITR) in nanoseconds, 0: none
     */
    public InterruptVector(Cpu cpu, WaitQueue waitQueue, long itrNs) {
        this.cpu = cpu;
        this.waitQueue = waitQueue;
        this.itrNs = itrNs;
    }

    /** The hard interrupt handler ({@code ixgbe_msix_clean_many}). Set-up only ({@code request_irq}). */
    public void handler(Runnable handler) {
        this.handler = handler;
    }

    /** What {@link #handler(Runnable)} has set: for who puts something in front of it. */
    public Runnable handler() {
        return handler;
    }

    /**
     * Something happened: sets the cause. The caller has written back its descriptors. Any agent of the device.
     */
    public void raise() {
        VarHandle.fullFence();              // descriptors before looking at cause: pairs with doWork()
        if (cause) {
            return;                         // will fire, and whoever polls then sees the descriptors
        }
        cause = true;
        if (!masked) {
            waitQueue.wakeUp();
        }
    }

    /** The driver's poll is done ({@code ixgbe_irq_enable_queues}, a write to EIMS). */
    public void unmask() {
        masked = false;
        if (cause) {
            waitQueue.wakeUp();
        }
    }

    @Override
    public int doWork() {
        if (!cause || masked || cpu.nowNs() < dueNs) {
            return 0;
        }
        masked = true;                      // EIAM
        cause = false;                      // EIAC; before the handler, so that the poll sees all that came before
        dueNs = cpu.nowNs() + itrNs;
        counters.bump(Count.INTERRUPTS);
        cpu.charge(Cost.PCIE_WRITE, 1);
        cpu.settle(fire);
        return 1;
    }

    private void fire() {
        handler.run();
    }

    @Override
    public long nextDeadlineNs() {
        return cause && !masked ? dueNs : NO_DEADLINE_NS;
    }

    @Override
    public String roleName() {
        return "nic-vector";
    }

    public Counters<Count> counters() {
        return counters;
    }
}
