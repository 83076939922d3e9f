package softnic.net;

import softnic.sched.Agent;
import softnic.sched.Cpu;
import softnic.sched.WaitQueue;

/**
 * The timer that finds a transmit queue stuck: {@code dev_watchdog} (net/sched/sch_generic.c).
 *
 * <p>A queue that stays stopped for {@code watchdog_timeo} is stuck: {@link NetDevice#txTimeout}, and again after as long.
 *
 * <p>Deviation: the kernel's timer runs while the device is up, and compares {@code trans_start}, the time of the last
 * packet taken. Ours runs while the queue is stopped: it costs no clock a packet, and an idle world is quiet.
 */
public final class DevWatchdog implements Agent {

    /** Where a driver asks for nothing else: 5 * HZ. */
    public static final long WATCHDOG_TIMEO_NS = 5_000_000_000L;

    private final NetDevice dev;
    private final NetCore core;
    private final Cpu cpu;
    private final long timeoNs;
    private final WaitQueue waitQueue = new WaitQueue();
    private long nextNs = NO_DEADLINE_NS;
    private long stopsSeen;

    /** @param timeoNs {@code watchdog_timeo}, in nanoseconds */
    public DevWatchdog(NetDevice dev, NetCore core, Cpu cpu, long timeoNs) {
        this.dev = dev;
        this.core = core;
        this.cpu = cpu;
        this.timeoNs = timeoNs;
        dev.watchdog(this);
    }

    /** The queue was stopped or woken. Whoever holds the queue; softirq. */
    void changed() {
        waitQueue.wakeUp();
    }

    @Override
    public int doWork() {
        if (!dev.isQueueStopped()) {
            nextNs = NO_DEADLINE_NS;
            return 0;
        }
        long nowNs = cpu.nowNs();
        long stops = dev.queueStops();
        if (nextNs == NO_DEADLINE_NS || stops != stopsSeen) {
            stopsSeen = stops;
            nextNs = nowNs + timeoNs;
        } else if (nowNs >= nextNs) {
            core.txTimeout(dev);
            nextNs = nowNs + timeoNs;
        }
        return 0;
    }

    @Override
    public long nextDeadlineNs() {
        return nextNs;
    }

    public WaitQueue waitQueue() {
        return waitQueue;
    }

    @Override
    public String roleName() {
        return "dev-watchdog";
    }
}
