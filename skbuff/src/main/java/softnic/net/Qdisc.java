package softnic.net;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import softnic.skb.SkBuff;

/**
 * The queue in front of a driver: {@code pfifo_qdisc_ops} (net/sched/sch_fifo.c), run without a lock as
 * {@code qdisc_run} does it for {@code TCQ_F_NOLOCK} (net/sched/sch_generic.c).
 *
 * <p>One agent enqueues. Any agent may run the queue; whoever holds {@code RUNNING} sends, the others leave a
 * note ({@code MISSED}) that makes the holder look again.
 */
public final class Qdisc {

    /** {@code NET_XMIT_SUCCESS}. */
    public static final int NET_XMIT_SUCCESS = 0;
    /** {@code NET_XMIT_DROP}: the queue was full and the packet is gone. */
    public static final int NET_XMIT_DROP = 1;

    private static final VarHandle RUNNING;

    static {
        try {
            RUNNING = MethodHandles.lookup().findVarHandle(Qdisc.class, "running", boolean.class);
        } catch (ReflectiveOperationException e) {
            throw new ExceptionInInitializerError(e);
        }
    }

    private final NetCore core;
    private final NetDevice dev;
    private final SkbQueue queue;       // filled by who enqueues, emptied by who holds RUNNING
    private volatile boolean running;
    private volatile boolean missed;
    private SkBuff requeued;            // what the driver did not take; owned by who holds RUNNING
    private volatile boolean hasRequeued;
    private long drops;
    private long requeues;

    /** @param limit packets that may wait ({@code tx_queue_len}) */
    public Qdisc(NetCore core, NetDevice dev, int limit) {
        this.core = core;
        this.dev = dev;
        this.queue = new SkbQueue(limit);
    }

    /** Takes one packet and sends what can be sent ({@code __dev_xmit_skb}). */
    int xmit(SkBuff skb) {
        if (!queue.add(skb)) {
            drops++;
            skb.kfree();
            return NET_XMIT_DROP;
        }
        run();
        return NET_XMIT_SUCCESS;
    }

    /** Sends until the queue is empty or the driver stopped it ({@code qdisc_run}). Any agent. */
    public void run() {
        do {
            if (!begin()) {
                return;
            }
            if (missed) {
                missed = false;             // volatile: before the queue is looked at
            }
            while (restart()) {
                // one packet a turn
            }
            running = false;
        } while (missed);
    }

    private boolean begin() {
        if (RUNNING.compareAndSet(this, false, true)) {
            return true;
        }
        missed = true;
        return RUNNING.compareAndSet(this, false, true);
    }

    /** @return true if there may be more to send ({@code qdisc_restart}) */
    private boolean restart() {
        if (dev.isQueueStopped()) {
            return false;
        }
        SkBuff skb = takeRequeued();
        if (skb == null) {
            skb = queue.poll();
        }
        if (skb == null) {
            return false;
        }
        SkBuff rest = core.directXmit(skb, dev);
        if (rest != null) {
            requeues++;
            requeued = rest;
            hasRequeued = true;
            return false;
        }
        return true;
    }

    private SkBuff takeRequeued() {
        SkBuff skb = requeued;
        if (skb != null) {
            requeued = null;
            hasRequeued = false;
        }
        return skb;
    }

    /** Packets that wait. */
    public int backlog() {
        return queue.size() + (hasRequeued ? 1 : 0);
    }

    public long drops() {
        return drops;
    }

    /** Times the driver did not take a packet. */
    public long requeues() {
        return requeues;
    }
}
