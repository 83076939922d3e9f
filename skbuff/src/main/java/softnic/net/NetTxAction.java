package softnic.net;

import softnic.sched.Agent;
import softnic.sched.WaitQueue;
import softnic.trace.Trace;

/**
 * The transmit softirq of one device: {@code net_tx_action} (net/core/dev.c), which sends what a woken queue has
 * kept waiting. It belongs on a softirq's processor, before the receive side.
 *
 * <p>One slice is one packet.
 */
public final class NetTxAction implements Agent {

    private final Qdisc qdisc;
    private final Trace trace;
    private final WaitQueue waitQueue = new WaitQueue();
    private volatile boolean scheduled;     // __QDISC_STATE_SCHED; set by any agent, cleared by us

    /** From now on the qdisc leaves to this agent what it does not send at once. */
    public NetTxAction(Qdisc qdisc, Trace trace) {
        this.qdisc = qdisc;
        this.trace = trace;
        qdisc.netTx(this);
    }

    /** Any agent ({@code __netif_schedule}). */
    void schedule() {
        scheduled = true;
        waitQueue.wakeUp();
    }

    @Override
    public int doWork() {
        if (!scheduled) {
            return 0;
        }
        trace.context(Trace.Context.SOFTIRQ);
        scheduled = false;                  // before looking: who schedules meanwhile is seen next time
        if (qdisc.runOne()) {
            scheduled = true;
        }
        return 1;
    }

    public WaitQueue waitQueue() {
        return waitQueue;
    }

    @Override
    public String roleName() {
        return "net-tx-softirq";
    }
}
