package softnic.vhost;

import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReferenceArray;
import softnic.sched.Agent;
import softnic.sched.Cost;
import softnic.sched.Cpu;
import softnic.sched.WaitQueue;
import softnic.trace.Trace;

/**
 * The kernel thread of one device: {@code vhost_worker} (drivers/vhost/vhost.c). It runs what is on its list,
 * first come first served, and sleeps.
 *
 * <p>Any agent queues; the worker's own agent runs. A work function runs in steps of at most one packet.
 */
public final class VhostWorker implements Agent {

    private static final int SLOTS = 16;        // more than there are works, each on the list at most once

    private final Cpu cpu;
    private final Trace trace;
    private final WaitQueue waitQueue;
    private final AtomicReferenceArray<VhostWork> list = new AtomicReferenceArray<>(SLOTS);
    private final AtomicLong tail = new AtomicLong();
    private long head;
    private VhostWork running;
    private boolean stepping;
    private volatile boolean asleep;

    public VhostWorker(Cpu cpu, Trace trace, WaitQueue waitQueue) {
        this.cpu = cpu;
        this.trace = trace;
        this.waitQueue = waitQueue;
    }

    /** Puts a work on the list and wakes the worker ({@code vhost_work_queue}). Any agent. */
    public void queue(VhostWork work) {
        if (work.markQueued()) {
            int slot = (int) tail.getAndIncrement() & SLOTS - 1;
            list.setRelease(slot, work);
            if (asleep) {
                asleep = false;         // the first to wake it pays
                cpu.charge(Cost.KICK_WAKE, 1);
            }
            waitQueue.wakeUp();
        }
    }

    @Override
    public int doWork() {
        trace.context(Trace.Context.WORKER);
        if (running == null) {
            running = take();
            if (running == null) {
                asleep = true;
                return 0;
            }
        }
        asleep = false;
        stepping = true;
        boolean more = running.step();
        stepping = false;
        if (!more) {
            running = null;
        }
        return 1;
    }

    private VhostWork take() {
        int slot = (int) head & SLOTS - 1;
        VhostWork work = list.getAcquire(slot);
        if (work != null) {
            list.setRelease(slot, null);
            head++;
            work.unmarkQueued();
        }
        return work;
    }

    /** True while a step runs: whoever asks is called by it. The worker's agent, or the virtual world. */
    boolean isStepping() {
        return stepping;
    }

    /** True if no work is under way but {@code itself}: when the mutexes of the device are free. */
    boolean isBetweenWorks(VhostWork itself) {
        return running == null || running == itself;
    }

    /**
     * Runs the work that was begun to its end; what it queues stays on the list, for it may queue itself for ever. For
     * who has stopped the worker's agent.
     */
    public void finish() {
        while (running != null) {
            doWork();
        }
    }

    /** True if nothing runs and nothing is on the list. For checks, when nobody queues. */
    public boolean isIdle() {
        return running == null && list.getAcquire((int) head & SLOTS - 1) == null;
    }

    @Override
    public String roleName() {
        return "vhost-worker";
    }
}
