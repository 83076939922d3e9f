package softnic.net;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import softnic.Behaviour;
import softnic.skb.DropReason;
import softnic.skb.SkBuff;

/**
 * The queue in front of a driver: {@code pfifo_qdisc_ops} (net/sched/sch_fifo.c), run without a lock as
 * {@code qdisc_run} does it for {@code TCQ_F_NOLOCK} (net/sched/sch_generic.c).
 *
 * <pre>
 *   xmit --&gt; queue --&gt; restart --&gt; NetCore.directXmit --&gt; driver
 *                         ^   NETDEV_TX_BUSY |
 *                         +---- requeued &lt;---+      goes first next time
 * </pre>
 *
 * <p>One agent enqueues. Any agent may run the queue; whoever holds {@code RUNNING} sends, the others leave a
 * note ({@code MISSED}) that makes the holder look again. Who has sent {@link #WEIGHT} packets leaves the rest to
 * {@link NetTxAction}; without one, as on a bare test bench, nobody else would come, and the sender goes on.
 */
public final class Qdisc {

    /** {@code NET_XMIT_SUCCESS}. */
    public static final int NET_XMIT_SUCCESS = 0;
    /** {@code NET_XMIT_DROP}: the queue was full and the packet is gone. */
    public static final int NET_XMIT_DROP = 1;
    /** {@code weight_p}: packets of one run. */
    static final int WEIGHT = 64;

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
    private final int limit;
    private final SkbQueue queue;       // filled by who enqueues, emptied by who holds RUNNING
    private NetTxAction netTx;
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
        this.limit = limit;
        this.queue = new SkbQueue(limit);
    }

    /** Takes one packet and sends what can be sent ({@code __dev_xmit_skb}). */
    int xmit(SkBuff skb) {
        if (backlog() >= limit || !queue.add(skb)) {     // a requeued packet is still part of the queue
            drops++;
            skb.kfree(DropReason.SKB_DROP_REASON_QDISC_DROP);
            return NET_XMIT_DROP;
        }
        run();
        return NET_XMIT_SUCCESS;
    }

    /**
     * Sends until the queue is empty, the driver stopped it, or the quota is used up ({@code qdisc_run},
     * {@code __qdisc_run}). Any agent.
     */
    public void run() {
        int quota = netTx == null ? Integer.MAX_VALUE : WEIGHT;
        do {
            if (!begin()) {
                return;
            }
            while (restart()) {
                if (--quota == 0) {
                    running = false;
                    netTx.schedule();
                    return;
                }
            }
            running = false;
        } while (missed);
    }

    /**
     * Sends one packet. {@link NetTxAction} only.
     *
     * @return true if it must come again
     */
    boolean runOne() {
        if (!begin()) {
            return false;                   // who runs it has our note
        }
        boolean more = restart();
        running = false;
        return more || missed;
    }

    /** What waits will be sent, in the softirq if there is one ({@code __netif_schedule}). Any agent. */
    void schedule() {
        if (netTx != null) {
            netTx.schedule();
        } else {
            run();
        }
    }

    /** Set-up only. */
    void netTx(NetTxAction netTx) {
        this.netTx = netTx;
    }

    private boolean begin() {
        if (!RUNNING.compareAndSet(this, false, true)) {
            missed = true;
            if (!RUNNING.compareAndSet(this, false, true)) {
                return false;
            }
        }
        if (missed) {
            missed = false;                 // volatile: before the queue is looked at
        }
        return true;
    }

    /** @return true if there may be more to send ({@code qdisc_restart}) */
    private boolean restart() {
        boolean isRequeued = requeued != null;
        if (dev.isQueueStopped() && (isRequeued || !core.edition().has(Behaviour.DEQUEUES_WHEN_STOPPED))) {
            return false;
        }
        SkBuff skb = isRequeued ? takeRequeued() : queue.poll();
        if (skb == null) {
            return false;
        }
        SkBuff rest = dev.isQueueStopped() ? skb : core.directXmit(skb, dev, !isRequeued);
        if (rest != null) {
            requeue(rest);
            return false;
        }
        return true;
    }

    /** {@code dev_requeue_skb}: kept aside, and tried again soon, though the driver may have stopped nothing. */
    private void requeue(SkBuff skb) {
        requeues++;
        requeued = skb;
        hasRequeued = true;
        if (netTx != null) {
            netTx.schedule();
        }
    }

    /**
     * Drops all that waits ({@code qdisc_reset}, when the device goes down): owners of user pages hear of it. Nobody
     * sends meanwhile.
     */
    public void reset() {
        for (SkBuff skb = queue.poll(); skb != null; skb = queue.poll()) {
            drops++;
            skb.kfree(DropReason.SKB_DROP_REASON_QDISC_DROP);
        }
        if (hasRequeued) {
            drops++;
            core.freeList(takeRequeued());
        }
    }

    private SkBuff takeRequeued() {
        SkBuff skb = requeued;
        requeued = null;
        hasRequeued = false;
        return skb;
    }

    /** Packets that wait. */
    public int backlog() {
        return queue.size() + (hasRequeued ? 1 : 0);
    }

    /** A packet that the driver refused waits to be tried again. */
    public boolean isRequeued() {
        return hasRequeued;
    }

    /** Packets that found the queue full, or were in it when it was reset. */
    public long drops() {
        return drops;
    }

    /** Times the driver did not take a packet. */
    public long requeues() {
        return requeues;
    }
}
