package softnic.host;

import java.util.ArrayDeque;
import java.util.Deque;
import softnic.sched.Agent;
import softnic.sched.Cpu;
import softnic.sched.WaitQueue;
import softnic.vhost.VhostNet;

/**
 * Interrupts that come amid a zero-copy callback, on the processor that frees the packet: its second half happens later.
 * Virtual world only.
 */
final class CallbackInterrupts implements Agent {

    private record Late(long atNs, Runnable rest) {
    }

    private final Cpu cpu;
    private final WaitQueue waitQueue;
    private final HouseOptions.CallbackIrq plan;
    private final Deque<Late> late = new ArrayDeque<>();
    private long callbacks;
    private long interrupted;

    CallbackInterrupts(Cpu cpu, VhostNet vhost, WaitQueue waitQueue, HouseOptions.CallbackIrq plan) {
        this.cpu = cpu;
        this.waitQueue = waitQueue;
        this.plan = plan;
        vhost.interruptCallbacks(this::interrupt);
    }

    private void interrupt(Runnable rest) {
        if (++callbacks % plan.every() != 0) {
            rest.run();
            return;
        }
        interrupted++;
        late.add(new Late(cpu.nowNs() + plan.ns(), rest));      // the same time for each: in order
        waitQueue.wakeUp();
    }

    /** How many callbacks were interrupted. */
    long interrupted() {
        return interrupted;
    }

    @Override
    public int doWork() {
        if (late.isEmpty() || cpu.nowNs() < late.peek().atNs()) {
            return 0;
        }
        late.remove().rest().run();
        return late.isEmpty() ? 0 : 1;
    }

    @Override
    public long nextDeadlineNs() {
        return late.isEmpty() ? NO_DEADLINE_NS : late.peek().atNs();
    }

    @Override
    public String roleName() {
        return "callback-interrupts";
    }
}
