package softnic.nic.driver;

import java.lang.foreign.MemorySegment;
import softnic.Edition;
import softnic.mm.PhysMem;
import softnic.net.EthHeader;
import softnic.net.NetCore;
import softnic.nic.InterruptVector;
import softnic.nic.RxDesc;
import softnic.nic.TxDesc;
import softnic.sched.Agent;
import softnic.sched.Cost;
import softnic.sched.Cpu;
import softnic.sched.WaitQueue;
import softnic.skb.DropReason;
import softnic.skb.SkBuff;
import softnic.skb.SkbPool;
import softnic.trace.Counters;
import softnic.trace.Trace;
import softnic.trace.Tracepoint;

/**
 * The host softirq of one vector: {@code ixgbe_poll} with {@code ixgbe_clean_tx_irq} and {@code ixgbe_clean_rx_irq}
 * (drivers/net/ixgbe/ixgbe_main.c), called by {@code net_rx_action} (net/core/dev.c).
 *
 * <pre>
 *   interrupt --> schedule() --> [ clean TX ... ] [ clean RX, up to 64 ] --> complete: unmask
 *                                       ^                   |
 *                                       +--- limit reached -+
 * </pre>
 *
 * <p>One slice is one packet: one transmitted packet cleaned or one frame received. What others can see of it (the
 * freed skb with its zero-copy callback, free ring slots, a woken queue, a received packet) happens in a settled
 * action.
 */
public final class IxgbePoll implements Agent {

    /** What the poll counts, under the names of {@code ethtool -S} where there is one. */
    public enum Count {
        /** Rounds: {@code ixgbe_poll} calls. */
        POLLS,
        TX_PACKETS, TX_BYTES,
        /** Frames that the cleaned packets became, as the driver reckons. */
        TX_GSO_SEGS,
        /** The queue was woken. */
        TX_RESTART_QUEUE,
        RX_PACKETS, RX_BYTES,
        RX_CSUM_OFFLOAD_ERRORS,
        /** Frames without an Ethernet header, or that the device could not write. */
        RX_LENGTH_ERRORS,
        ALLOC_RX_BUFF_FAILED
    }

    /** {@code napi->weight}: frames received in one round. */
    static final int NAPI_WEIGHT = 64;

    private final Cpu cpu;
    private final Trace trace;
    private final PhysMem memory;
    private final SkbPool pool;
    private final NetCore core;
    private final Ixgbe dev;
    private final IxgbeTxRing tx;
    private final IxgbeRxRing rx;
    private final InterruptVector vector;
    private final WaitQueue waitQueue;
    private final int wakeThreshold;
    private final Counters<Count> counters = Counters.of("ixgbe-poll", Count.class);
    private final Runnable freeTx = this::freeTx;
    private final Runnable deliverRx = this::deliverRx;
    private final Runnable complete = this::complete;

    private volatile boolean scheduled;     // NAPI_STATE_SCHED; written by the vector and, while it is set, by us
    private boolean interrupted;            // ordered by scheduled
    private boolean txCleaned;              // this round has found no more to clean
    private int roundDescs;
    private int roundFrames;
    private long cleanEop;                  // what freeTx finishes
    private SkBuff received;                // what deliverRx hands over

    IxgbePoll(Edition edition, Cpu cpu, Trace trace, NetCore core, Ixgbe dev, IxgbeTxRing tx, IxgbeRxRing rx,
            InterruptVector vector, WaitQueue waitQueue) {
        this.cpu = cpu;
        this.trace = trace;
        this.core = core;
        this.pool = core.pool();
        this.memory = pool.memory();
        this.dev = dev;
        this.tx = tx;
        this.rx = rx;
        this.vector = vector;
        this.waitQueue = waitQueue;
        this.wakeThreshold = 2 * (edition.maxSkbFrags() + 4);       // TX_WAKE_THRESHOLD = 2 * DESC_NEEDED
    }

    /** The hard interrupt handler's last act ({@code napi_schedule}). The vector's agent. */
    void schedule() {
        interrupted = true;
        scheduled = true;
        waitQueue.wakeUp();
    }

    @Override
    public int doWork() {
        if (!scheduled) {
            return 0;
        }
        trace.context(Trace.Context.SOFTIRQ);
        if (interrupted) {
            interrupted = false;
            cpu.charge(Cost.NIC_IRQ, 1);
            beginRound();
        }
        if (!txCleaned && roundDescs < tx.desc.count() && cleanTxIrq()) {
            return 1;
        }
        txCleaned = true;
        if (roundFrames < NAPI_WEIGHT && cleanRxIrq()) {
            return 1;
        }
        if (roundDescs >= tx.desc.count() || roundFrames >= NAPI_WEIGHT) {
            beginRound();                   // not complete: net_rx_action calls again
            return 1;
        }
        cpu.settle(complete);
        return 0;
    }

    private void beginRound() {
        counters.bump(Count.POLLS);
        txCleaned = false;
        roundDescs = 0;
        roundFrames = 0;
    }

    /**
     * The last buffers of the round, {@code napi_complete}, then EIMS. What came meanwhile has left its cause in the
     * vector, which fires again.
     */
    private void complete() {
        if (rx.unused() > 0) {
            refill();
        }
        scheduled = false;                  // before the unmask: the next interrupt sets it
        vector.unmask();
    }

    // ---- transmit

    /**
     * Looks for one packet the device is done with ({@code ixgbe_clean_tx_irq}).
     *
     * @return true if there was one
     */
    private boolean cleanTxIrq() {
        long first = tx.nextToClean.get();
        if (first == tx.desc.tail().get()) {            // acquire: what xmit wrote for slots below is there
            return false;
        }
        long eop = tx.buffer(first).nextToWatch;
        assert eop >= first : "slot " + first + " begins no packet";
        if (!TxDesc.isDoneAcquire(tx.desc.memory(), tx.desc.at(eop))) {
            return false;
        }
        roundDescs += (int) (eop - first + 1);
        cpu.charge(Cost.NIC_TX_CLEAN, 1);
        cpu.charge(Cost.NIC_TX_CLEAN_PAGE, tx.buffer(eop).skb.shinfo().nrFrags());
        cleanEop = eop;
        cpu.settle(freeTx);
        return true;
    }

    /** Unmaps all slots of the packet, frees the skb, gives the slots back and wakes the queue. */
    private void freeTx() {
        trace.context(Trace.Context.SOFTIRQ);
        trace.enter(Tracepoint.IXGBE_POLL);
        trace.enter(Tracepoint.IXGBE_CLEAN_TX_IRQ);
        MemorySegment m = tx.desc.memory();
        TxBuffer end = tx.buffer(cleanEop);
        SkBuff skb = end.skb;
        counters.bump(Count.TX_PACKETS);
        counters.add(Count.TX_BYTES, end.bytecount);
        counters.add(Count.TX_GSO_SEGS, end.gsoSegs);
        for (long seq = tx.nextToClean.get(); seq <= cleanEop; seq++) {
            TxDesc.clearStatus(m, tx.desc.at(seq));
            tx.buffer(seq).reset();
        }
        pool.napiConsume(skb);
        tx.nextToClean.set(cleanEop + 1);   // release: slots are reset before xmit may use them
        if (tx.wake(dev, wakeThreshold)) {
            counters.bump(Count.TX_RESTART_QUEUE);
        }
        trace.exit(Tracepoint.IXGBE_CLEAN_TX_IRQ);
        trace.exit(Tracepoint.IXGBE_POLL);
    }

    // ---- receive

    /**
     * Takes one frame ({@code ixgbe_clean_rx_irq}).
     *
     * @return true if there was one
     */
    private boolean cleanRxIrq() {
        int status = rx.nextStatus();
        if ((status & RxDesc.IXGBE_RXD_STAT_DD) == 0) {
            return false;
        }
        int len = rx.nextLength();
        roundFrames++;
        cpu.charge(Cost.NIC_RX, 1);
        SkBuff skb = rx.take();
        skb.put(len);
        received = skb;
        if (len >= EthHeader.ETH_HLEN) {
            counters.bump(Count.RX_PACKETS);
            counters.add(Count.RX_BYTES, len);
            ethTypeTrans(skb);
            rxChecksum(skb, status);
        }
        cpu.settle(deliverRx);
        return true;
    }

    /** {@code eth_type_trans}. */
    private void ethTypeTrans(SkBuff skb) {
        long hpa = skb.dataHpa();
        skb.resetMacHeader();
        skb.protocol(EthHeader.type(memory.segment(hpa), PhysMem.offset(hpa)));
        skb.pull(EthHeader.ETH_HLEN);
        skb.networkHeaderAt(0);
    }

    /** {@code ixgbe_rx_checksum}. */
    private void rxChecksum(SkBuff skb, int status) {
        if ((status & (RxDesc.IXGBE_RXDADV_ERR_IPE | RxDesc.IXGBE_RXDADV_ERR_TCPE)) != 0) {
            counters.bump(Count.RX_CSUM_OFFLOAD_ERRORS);
        } else if ((status & RxDesc.IXGBE_RXD_STAT_L4CS) != 0) {
            skb.ipSummed(SkBuff.CHECKSUM_UNNECESSARY);
        }
    }

    private void deliverRx() {
        trace.context(Trace.Context.SOFTIRQ);
        SkBuff skb = received;
        received = null;
        if (skb.len() < EthHeader.ETH_HLEN && skb.headroom() == 0) {
            counters.bump(Count.RX_LENGTH_ERRORS);
            skb.kfree(DropReason.SKB_DROP_REASON_HDR_TRUNC);
        } else {
            core.netifReceiveSkb(skb, dev);
        }
        if (rx.unused() >= IxgbeRxRing.IXGBE_RX_BUFFER_WRITE) {
            refill();
        }
    }

    private void refill() {
        if (!rx.allocRxBuffers(rx.unused())) {
            counters.bump(Count.ALLOC_RX_BUFF_FAILED);
        }
    }

    // ---- for whoever wires and checks

    /** Packets handed to xmit and not yet cleaned: descriptors in use. Exact when nobody sends. */
    public int txInFlight() {
        return tx.desc.count() - 1 - tx.unused();
    }

    /** Skbs that lie in the receive ring. */
    public int rxPosted() {
        return rx.posted();
    }

    @Override
    public String roleName() {
        return "host-softirq";
    }

    public Counters<Count> counters() {
        return counters;
    }
}
