package softnic.guest;

import softnic.trace.Counters;

/**
 * What lies between TCP and the driver: {@code dev_queue_xmit} (net/core/dev.c) and {@code qdisc_restart}
 * (net/sched/sch_generic.c), one packet at a time.
 *
 * <p>The driver takes one packet and is locked until its kick has been paid for ({@code HARD_TX_LOCK});
 * packets that come meanwhile, or that meet a stopped queue, wait in the qdisc.
 */
final class GuestDev {

    private final GuestQdisc qdisc = new GuestQdisc();
    private final GuestVirtioNet driver;
    private final Counters<GuestCounter> counters;

    GuestDev(GuestVirtioNet driver, Counters<GuestCounter> counters) {
        this.driver = driver;
        this.counters = counters;
    }

    /** Takes the packet, and gives the driver the oldest one if it can take one. */
    void queueXmit(GuestSkb skb) {
        boolean canXmit = driver.canXmit();
        if (canXmit && qdisc.isEmpty()) {
            driver.startXmit(skb);
            return;
        }
        counters.bump(GuestCounter.QDISC_QUEUED);
        qdisc.enqueue(skb);
        if (canXmit) {
            driver.startXmit(qdisc.dequeue());
        }
    }

    /**
     * Sends the oldest packet that waits ({@code qdisc_restart}).
     *
     * @return true if one went to the driver
     */
    boolean restart() {
        if (qdisc.isEmpty() || !driver.canXmit()) {
            return false;
        }
        driver.startXmit(qdisc.dequeue());
        return true;
    }

    boolean isQdiscFull() {
        return qdisc.isFull();
    }

    /** Packets that wait. */
    int backlog() {
        return qdisc.length();
    }
}
