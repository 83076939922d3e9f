package softnic.guest;

import softnic.Behaviour;
import softnic.Edition;
import softnic.sched.Cost;
import softnic.sched.Cpu;
import softnic.trace.Counters;
import softnic.trace.Trace;
import softnic.trace.Violations;
import softnic.virtio.Vring;

/**
 * The transmit half of the guest's network driver: {@code start_xmit}, {@code free_old_xmit_skbs} and
 * {@code skb_xmit_done} (drivers/net/virtio_net.c, 2.6.39 and 3.0).
 *
 * <pre>
 *   startXmit: free_old_xmit_skbs, add_buf    | work, charged
 *   --- settle ---                            v
 *   publish the index, fence, is a kick wanted?
 *        |yes: charge VM_EXIT_KICK
 *   --- settle ---   signal the eventfd
 *        v
 *   room below 2 + MAX_SKB_FRAGS: stop the queue, ask for an interrupt, look again
 * </pre>
 *
 * <p>Buffers are reclaimed here only, never in the interrupt. From {@link #startXmit} to the last settled part
 * the transmit lock is held: {@link #canXmit} is false. Both guest agents.
 */
final class GuestVirtioNet {

    private static final int INVARIANT_HEAD_ONCE = 1;
    private static final int INVARIANT_HEADERS_KEPT = 43;

    private final Cpu cpu;
    private final GuestVirtqueue tx;
    private final GuestEventFds eventFds;
    private final GuestSkbPool pool;
    private final Trace trace;
    private final Violations violations;
    private final Counters<GuestCounter> counters;
    private final int vnetHdrLen;
    private final int stopBelow;
    private final boolean eventIdx;
    private final boolean poison;
    private final GuestSg sg = new GuestSg();
    private final Runnable publish = this::publish;
    private final Runnable kick = this::kick;
    private Runnable onIdle = () -> { };

    private boolean queueStopped;
    private boolean locked;
    private boolean detached;           // the device is being reset
    private long forgotten;             // packets that the host never gave back
    private boolean forceKick;
    private int posted;
    private int poisonedIdx;            // used entries below it have been looked at by the monitor

    GuestVirtioNet(Cpu cpu, GuestRam ram, Edition edition, GuestOptions options, GuestEventFds eventFds,
            GuestSkbPool pool, Trace trace, Violations violations, Counters<GuestCounter> counters) {
        this.cpu = cpu;
        this.tx = new GuestVirtqueue("guest tx", ram.segment(), ram.txVring(),
                options.indirect() ? ram.txIndirectGpa() : 0, options.eventIdx() && edition.has(Behaviour.EVENT_IDX), 0, violations);
        this.eventFds = eventFds;
        this.pool = pool;
        this.trace = trace;
        this.violations = violations;
        this.counters = counters;
        this.vnetHdrLen = options.vnetHdrLen();
        this.stopBelow = 2 + edition.maxSkbFrags();
        this.eventIdx = options.eventIdx() && edition.has(Behaviour.EVENT_IDX);
        this.poison = options.poison();
    }

    /** What happens when the driver can take the next packet after one was paid for. Set-up only. */
    void onIdle(Runnable action) {
        onIdle = action;
    }

    /** The queue runs and nobody holds the transmit lock. */
    boolean canXmit() {
        return !queueStopped && !locked && !detached;
    }

    /** Puts one packet into the ring ({@code start_xmit}); the caller has asked {@link #canXmit}. */
    void startXmit(GuestSkb skb) {
        assert canXmit() : "stopped=" + queueStopped + " locked=" + locked;
        locked = true;
        freeOldXmitSkbs();
        if (xmitSkb(skb) < 0) {
            counters.bump(GuestCounter.TX_FIFO_ERRORS);
            counters.bump(GuestCounter.TX_DROPPED);
            forceKick = true;               // virtqueue_add_buf kicks when an out buffer does not fit
            free(skb);
        } else {
            posted++;
            counters.bump(GuestCounter.PACKETS_POSTED);
            counters.add(GuestCounter.BYTES_POSTED, skb.payloadLen);
            counters.add(GuestCounter.GSO_PACKETS, skb.isGso() ? 1 : 0);
        }
        cpu.settle(publish);
    }

    /** {@code xmit_skb}: header alone, linear part, then fragments. */
    private int xmitSkb(GuestSkb skb) {
        sg.clear();
        sg.add(skb.vnetHdrGpa, vnetHdrLen);
        sg.add(skb.linearGpa, skb.linearLen);
        skb.buffer.addFrags(skb, sg);
        if (poison) {
            skb.headersHash = skb.buffer.hashOfHeaders(skb);
        }
        return tx.addBuf(sg, sg.count(), 0, skb.index);
    }

    /** The packet has been paid for: the host may see it ({@code virtqueue_kick}). */
    private void publish() {
        int chains = posted;
        boolean wanted = forceKick;
        posted = 0;
        forceKick = false;
        if (chains > 0) {
            tx.publish(chains);
            trace.mix((long) tx.availIdx() << 32 | cpu.nowNs());
            wanted |= tx.isKickWanted(chains);
        }
        if (wanted) {
            cpu.charge(Cost.VM_EXIT_KICK, 1);
            cpu.settle(kick);
        } else {
            finish();
        }
    }

    private void kick() {
        counters.bump(GuestCounter.TX_KICKS);
        eventFds.txKick().signal();
        finish();
    }

    private void finish() {
        if (tx.numFree() < stopBelow) {
            stopQueue();
        }
        locked = false;
        onIdle.run();
    }

    /** {@code netif_stop_queue}; buffers may have come back before the host knew that we wait. */
    private void stopQueue() {
        queueStopped = true;
        counters.bump(GuestCounter.TX_QUEUE_STOPS);
        boolean sleeps = eventIdx ? tx.enableCbDelayed() : tx.enableCb();
        if (!sleeps) {
            freeOldXmitSkbs();
            if (tx.numFree() >= stopBelow) {
                queueStopped = false;
                counters.bump(GuestCounter.TX_QUEUE_RESTARTS);
                tx.disableCb();
            }
        }
    }

    /** Takes back what the host has returned ({@code free_old_xmit_skbs}). */
    private void freeOldXmitSkbs() {
        int token = tx.getBuf();
        while (token != GuestVirtqueue.NONE) {
            GuestSkb skb = pool.skb(token);
            if (tx.usedLen() != 0) {
                violations.report(INVARIANT_HEAD_ONCE, "guest tx: used len=" + tx.usedLen()
                        + " of a buffer that the host only reads, must be 0");
            }
            counters.bump(GuestCounter.HEADS_USED);
            cpu.charge(Cost.GUEST_FREE, 1);
            if (poison && isPoisonDue()) {
                poison(skb);
            }
            free(skb);
            token = tx.getBuf();
        }
    }

    private void free(GuestSkb skb) {
        if (skb.payloadLen > 0) {
            skb.buffer.returned(skb);
        }
        pool.free(skb);
    }

    /**
     * The TX interrupt ({@code skb_xmit_done}): no more of them, and the queue runs again. The caller
     * restarts the qdisc.
     */
    void skbXmitDone() {
        tx.disableCb();
        if (queueStopped) {
            queueStopped = false;
            counters.bump(GuestCounter.TX_QUEUE_WAKES);
        }
    }

    /**
     * Monitor: overwrites every buffer that has come back since the last look, though the driver may take
     * it out of the ring much later. Whoever reads it now reads poison.
     */
    void poisonReturned() {
        if (!poison) {
            return;
        }
        int used = tx.usedIdx();
        while (poisonedIdx != used) {
            int token = tx.outstandingToken(poisonedIdx);
            if (token != GuestVirtqueue.NONE) {
                checkAndPoison(pool.skb(token));
            }
            poisonedIdx = poisonedIdx + 1 & Vring.IDX_MASK;
        }
    }

    /** The buffer just taken had not been poisoned yet: the monitor is behind the driver. */
    private boolean isPoisonDue() {
        return poisonedIdx == (tx.lastUsedIdx() - 1 & Vring.IDX_MASK);
    }

    private void poison(GuestSkb skb) {
        checkAndPoison(skb);
        poisonedIdx = tx.lastUsedIdx();
    }

    /** The host only reads (43): neither ixgbe_tso nor anybody else has written into the guest's headers. */
    private void checkAndPoison(GuestSkb skb) {
        if (skb.buffer.hashOfHeaders(skb) != skb.headersHash) {
            violations.report(INVARIANT_HEADERS_KEPT, "guest tx: the host has changed the headers at guest address 0x"
                    + Long.toHexString(skb.linearGpa));
        }
        skb.buffer.poison(skb);
        skb.headersHash = skb.buffer.hashOfHeaders(skb);        // a host that returns it twice is another story
    }

    /** No packet goes to the device any more ({@code netif_device_detach}). @return false amid one: ask again */
    boolean detach() {
        detached |= !locked;
        return !locked;
    }

    /** The device was reset: takes back all that it had ({@code free_unused_bufs}), and makes a new ring. */
    void reset() {
        assert detached && posted == 0 : "a packet is on its way to the device";
        freeOldXmitSkbs();
        for (int token = tx.detachUnusedBuf(); token != GuestVirtqueue.NONE; token = tx.detachUnusedBuf()) {
            GuestSkb skb = pool.skb(token);
            if (poison) {
                checkAndPoison(skb);
            }
            free(skb);
            forgotten++;
        }
        tx.reset();
        poisonedIdx = 0;
        queueStopped = false;
    }

    /** The device is there again ({@code netif_device_attach}). */
    void attach() {
        detached = false;
        onIdle.run();
    }

    /** Packets posted that the host never gave back, because the device was reset. */
    long forgotten() {
        return forgotten;
    }

    boolean isQueueStopped() {
        return queueStopped;
    }

    GuestVirtqueue queue() {
        return tx;
    }
}
