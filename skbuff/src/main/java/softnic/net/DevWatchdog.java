package softnic.net;

import softnic.sched.Agent;
import softnic.sched.Cpu;
import softnic.sched.WaitQueue;

/**
 * The timer that finds a transmit queue stuck: {@code dev_watchdog} (net/sched/sch_generic.c).
 *
 * <p>Every {@code watchdog_timeo} it looks; a queue that is stopped, and has been since it last looked, is late by one
 * to two intervals and {@link NetDevice#txTimeout} is called. The kernel compares {@code trans_start}, the time of the
 * last packet taken; as only xmit stops a queue, counting stops tells the same and costs no clock a packet.
 *
 * <p>Deviation: the timer rests while the queue was not stopped for a whole interval, so that an idle world is quiet.
 */
public final class DevWatchdog implements Agent {

    /** Where a driver asks for nothing else: 5 * HZ. */
    public static final long WATCHDOG_TIMEO_NS = 5_000_000_000L;

    private final NetDevice dev;
    private final NetCore core;
    private final Cpu cpu;
    private final long timeoNs;
    private final WaitQueue waitQueue = new WaitQueue();
    private volatile boolean armed;
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

    /** The queue has been stopped. Whoever holds the queue. */
    void stopped() {
        if (!armed) {
            armed = true;
            waitQueue.wakeUp();
        }
    }

    @Override
    public int doWork() {
        if (!armed) {
            return 0;
        }
        long nowNs = cpu.nowNs();
        if (nextNs == NO_DEADLINE_NS) {
            nextNs = nowNs + timeoNs;
        } else if (nowNs >= nextNs) {
            tick(nowNs);
        }
        return 0;
    }

    private void tick(long nowNs) {
        long stops = dev.queueStops();
        boolean stopped = dev.isQueueStopped();
        if (stopped && stops == stopsSeen) {
            core.txTimeout(dev);
        }
        if (!stopped && stops == stopsSeen) {
            armed = false;
            nextNs = NO_DEADLINE_NS;
            if (dev.queueStops() != stops) {        // stopped just now, while armed still looked set
                armed = true;
                nextNs = nowNs + timeoNs;
            }
            return;
        }
        stopsSeen = stops;
        nextNs = nowNs + timeoNs;
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
