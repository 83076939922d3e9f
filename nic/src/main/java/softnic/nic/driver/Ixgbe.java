package softnic.nic.driver;

import java.lang.foreign.MemorySegment;
import softnic.Edition;
import softnic.mm.FaultPoint;
import softnic.mm.PhysMem;
import softnic.net.Checksum;
import softnic.net.EthHeader;
import softnic.net.Ipv4Header;
import softnic.net.NetDevice;
import softnic.net.TcpHeader;
import softnic.nic.TxDesc;
import softnic.sched.Cpu;
import softnic.sched.WaitQueue;
import softnic.skb.DropReason;
import softnic.skb.SkBuff;
import softnic.skb.SkbCopy;
import softnic.skb.SkbFrag;
import softnic.skb.SkbSharedInfo;
import softnic.trace.Counters;
import softnic.trace.Trace;
import softnic.trace.Tracepoint;
import softnic.trace.Violations;

/**
 * The driver's transmit side: {@code ixgbe_xmit_frame} and {@code ixgbe_xmit_frame_ring}
 * (drivers/net/ixgbe/ixgbe_main.c).
 *
 * <pre>
 *   skb --> [context] [linear part] [frag 0] ... [frag n: EOP, RS] --> doorbell (TDT)
 *           index 1 for TSO, 0 for a checksum
 * </pre>
 *
 * <p>Runs on whatever agent runs the qdisc, which serialises it: the vhost worker, or the softirq after a wake-up of
 * the queue.
 */
public final class Ixgbe extends NetDevice {

    /** What xmit counts, under the names of {@code ethtool -S} where there is one. */
    public enum Count {
        TX_PACKETS,
        /** {@link #startXmit} found the ring too full. */
        TX_BUSY,
        /** Times the queue was stopped. */
        TX_STOP_QUEUE,
        /** Times room had come back while xmit was stopping the queue ({@code tx_restart_queue}). */
        TX_RESTART_QUEUE,
        /** Headers that do not parse as what the packet claims to be: dropped. */
        TX_BAD_HEADERS,
        /** No memory for a private or padded header: dropped. */
        TX_NO_MEMORY,
        DOORBELLS
    }

    private static final int TSO_CONTEXT = 1 << TxDesc.IXGBE_ADVTXD_IDX_SHIFT;
    private static final int TXSM = TxDesc.IXGBE_TXD_POPTS_TXSM << TxDesc.IXGBE_ADVTXD_POPTS_SHIFT;
    private static final int IXSM = TxDesc.IXGBE_TXD_POPTS_IXSM << TxDesc.IXGBE_ADVTXD_POPTS_SHIFT;
    private static final int DATA = TxDesc.IXGBE_ADVTXD_DTYP_DATA | TxDesc.IXGBE_ADVTXD_DCMD_IFCS
            | TxDesc.IXGBE_ADVTXD_DCMD_DEXT;
    private static final int LAST = TxDesc.IXGBE_ADVTXD_DCMD_EOP | TxDesc.IXGBE_ADVTXD_DCMD_RS;
    private static final int UDP_CHECK = 6;
    /** Shortest packet the device takes. */
    private static final int MIN_LEN = 17;

    private final Cpu cpu;
    private final Trace trace;
    private final PhysMem memory;
    private final IxgbeTxRing ring;
    private final WaitQueue engine;
    private final int descNeeded;
    private final Counters<Count> counters = Counters.of("ixgbe-xmit", Count.class);
    private final Runnable doorbell = this::doorbell;
    private boolean doorbellPending;

    // of the packet in xmit: what its descriptors say beside addresses
    private int cmdType;
    private int olinfo;
    private int hdrLen;                     // bytes that every segment repeats, 0 without TSO
    private int gsoSegs;

    Ixgbe(String name, long mac, Edition edition, Cpu cpu, Trace trace, PhysMem memory, IxgbeTxRing ring,
            WaitQueue engine) {
        super(name, mac, NETIF_F_SG | NETIF_F_IP_CSUM | NETIF_F_TSO | NETIF_F_HIGHDMA | NETIF_F_GSO);
        this.cpu = cpu;
        this.trace = trace;
        this.memory = memory;
        this.ring = ring;
        this.engine = engine;
        this.descNeeded = edition.maxSkbFrags() + 4;    // DESC_NEEDED
    }

    @Override
    public int startXmit(SkBuff skb) {
        trace.enter(Tracepoint.IXGBE_XMIT_FRAME);
        int rc = xmitFrameRing(skb);
        trace.exit(Tracepoint.IXGBE_XMIT_FRAME);
        return rc;
    }

    private int xmitFrameRing(SkBuff skb) {
        if (maybeStopTx(descriptors(skb) + 3) || isBusy()) {        // a context, and the gap to the head
            counters.bump(Count.TX_BUSY);
            return NETDEV_TX_BUSY;
        }
        if (!pad(skb)) {
            return drop(skb, Count.TX_NO_MEMORY, DropReason.SKB_DROP_REASON_NOMEM);
        }
        long first = ring.nextToUse;
        cmdType = DATA;
        olinfo = 0;
        hdrLen = 0;
        gsoSegs = 1;
        if (skb.isGso()) {
            if (skb.isHeaderCloned() && SkbCopy.expandHead(skb, 0, 0) != 0) {
                return drop(skb, Count.TX_NO_MEMORY, DropReason.SKB_DROP_REASON_NOMEM);
            }
            if (!tso(skb)) {
                return drop(skb, Count.TX_BAD_HEADERS, DropReason.SKB_DROP_REASON_HDR_TRUNC);
            }
        } else if (skb.ipSummed() == SkBuff.CHECKSUM_PARTIAL && !txCsum(skb)) {
            return drop(skb, Count.TX_BAD_HEADERS, DropReason.SKB_DROP_REASON_HDR_TRUNC);
        }
        txMap(skb, first);
        counters.bump(Count.TX_PACKETS);
        ringDoorbell();
        maybeStopTx(descNeeded);
        return NETDEV_TX_OK;
    }

    /** Fault injection: as if the ring were full, while there is something in it whose clean wakes the queue. */
    private boolean isBusy() {
        if (!ring.isInUse() || !memory.fails(FaultPoint.TX_BUSY)) {
            return false;
        }
        counters.bump(Count.TX_STOP_QUEUE);
        stopQueue();
        return true;
    }

    /** Data descriptors the packet takes ({@code TXD_USE_COUNT}). */
    private static int descriptors(SkBuff skb) {
        int count = pieces(skb.headlen());
        SkbSharedInfo shinfo = skb.shinfo();
        for (int i = 0; i < shinfo.nrFrags(); i++) {
            count += pieces(shinfo.frag(i).size());
        }
        return count;
    }

    private static int pieces(int bytes) {
        return bytes + TxDesc.IXGBE_MAX_DATA_PER_TXD - 1 >>> 14;
    }

    /**
     * Stops the queue unless {@code size} descriptors are free ({@code ixgbe_maybe_stop_tx}).
     *
     * @return true if the queue is stopped
     */
    private boolean maybeStopTx(int size) {
        int gave = ring.maybeStop(this, size);
        if (gave == IxgbeTxRing.ROOM) {
            return false;
        }
        counters.bump(Count.TX_STOP_QUEUE);
        if (gave == IxgbeTxRing.RESTARTED) {
            counters.bump(Count.TX_RESTART_QUEUE);
            return false;
        }
        return true;
    }

    /**
     * Zeroes behind a packet that is too short for the device ({@code skb_padto}).
     *
     * @return false if memory is short
     */
    private boolean pad(SkBuff skb) {
        int missing = MIN_LEN - skb.len();
        if (missing <= 0) {
            return true;
        }
        if (SkbCopy.linearize(skb) != 0
                || (skb.isCloned() || skb.tailroom() < missing) && SkbCopy.expandHead(skb, 0, missing) != 0) {
            return false;
        }
        long at = skb.dataHpa() + skb.len();
        skb.put(missing);
        for (int i = 0; i < missing; i++) {
            memory.u8(at + i, 0);
        }
        return true;
    }

    /**
     * Prepares the header of a GSO packet and writes its context ({@code ixgbe_tso}).
     *
     * @return false if the linear part does not hold TCP over IPv4
     */
    private boolean tso(SkBuff skb) {
        MemorySegment m = memory.segment(skb.dataHpa());
        long data = PhysMem.offset(skb.dataHpa());
        int headlen = skb.headlen();
        long ip = data + EthHeader.ETH_HLEN;
        if (skb.protocol() != EthHeader.ETH_P_IP || headlen < EthHeader.ETH_HLEN + Ipv4Header.SIZE
                || Ipv4Header.version(m, ip) != 4 || Ipv4Header.protocol(m, ip) != Ipv4Header.IPPROTO_TCP) {
            return false;
        }
        int ipLen = Ipv4Header.headerLen(m, ip);
        int l4 = EthHeader.ETH_HLEN + ipLen;
        if (ipLen < Ipv4Header.SIZE || headlen < l4 + TcpHeader.SIZE) {
            return false;
        }
        int l4Len = TcpHeader.headerLen(m, data + l4);
        int payload = skb.len() - l4 - l4Len;
        int mss = skb.shinfo().gsoSize();
        if (l4Len < TcpHeader.SIZE || headlen < l4 + l4Len || payload <= 0 || payload > TxDesc.PAYLEN_MAX
                || mss > 0xFFFF) {
            return false;
        }
        Ipv4Header.totLen(m, ip, 0);
        Checksum.store(m, ip + Ipv4Header.CHECK, 0);
        long pseudo = Checksum.pseudoIpv4(m, ip, Ipv4Header.IPPROTO_TCP, 0);
        Checksum.store(m, data + l4 + TcpHeader.CHECK, ~Checksum.fold(pseudo) & 0xFFFF);
        writeContext(EthHeader.ETH_HLEN, ipLen,
                TxDesc.IXGBE_ADVTXD_TUCMD_IPV4 | TxDesc.IXGBE_ADVTXD_TUCMD_L4T_TCP,
                mss << TxDesc.IXGBE_ADVTXD_MSS_SHIFT | l4Len << TxDesc.IXGBE_ADVTXD_L4LEN_SHIFT | TSO_CONTEXT);
        cmdType |= TxDesc.IXGBE_ADVTXD_DCMD_TSE;
        olinfo = TXSM | IXSM | TSO_CONTEXT;
        hdrLen = l4 + l4Len;
        gsoSegs = (payload + mss - 1) / mss;
        return true;
    }

    /**
     * Writes the context of a packet whose checksum the device finishes ({@code ixgbe_tx_csum}).
     *
     * @return false if the checksum is neither TCP's nor UDP's, or lies outside the linear part
     */
    private boolean txCsum(SkBuff skb) {
        int start = skb.checksumStartOffset();
        int offset = skb.csumOffset();
        int ipLen = start - EthHeader.ETH_HLEN;
        if (ipLen < 0 || ipLen > TxDesc.IPLEN_MASK || offset < 0 || start + offset + 2 > skb.headlen()) {
            return false;
        }
        int tucmd = skb.protocol() == EthHeader.ETH_P_IP ? TxDesc.IXGBE_ADVTXD_TUCMD_IPV4 : 0;
        switch (offset) {
            case TcpHeader.CHECK -> tucmd |= TxDesc.IXGBE_ADVTXD_TUCMD_L4T_TCP;
            case UDP_CHECK -> tucmd |= TxDesc.IXGBE_ADVTXD_TUCMD_L4T_UDP;
            default -> {
                return false;
            }
        }
        writeContext(EthHeader.ETH_HLEN, ipLen, tucmd, 0);
        olinfo = TXSM;
        return true;
    }

    /** {@code ixgbe_tx_ctxtdesc}: takes one descriptor of the ring. */
    private void writeContext(int maclen, int iplen, int tucmd, int mssL4lenIdx) {
        TxDesc.context(ring.desc.memory(), ring.desc.at(ring.nextToUse),
                maclen << TxDesc.IXGBE_ADVTXD_MACLEN_SHIFT | iplen, tucmd, mssL4lenIdx);
        ring.nextToUse++;
    }

    /** {@code ixgbe_tx_map} and {@code ixgbe_tx_queue}: descriptors for all bytes of the packet. */
    private void txMap(SkBuff skb, long first) {
        olinfo |= skb.len() - hdrLen << TxDesc.IXGBE_ADVTXD_PAYLEN_SHIFT;
        mapPiece(skb.dataHpa(), skb.headlen());
        SkbSharedInfo shinfo = skb.shinfo();
        for (int i = 0; i < shinfo.nrFrags(); i++) {
            SkbFrag frag = shinfo.frag(i);
            mapPiece(frag.hpa(), frag.size());
        }
        long last = ring.nextToUse - 1;
        MemorySegment m = ring.desc.memory();
        long at = ring.desc.at(last);
        TxDesc.data(m, at, TxDesc.bufferAddr(m, at), TxDesc.cmdTypeLen(m, at) | LAST, olinfo);
        TxBuffer end = ring.buffer(last);
        end.skb = skb;
        end.bytecount = skb.len() + (gsoSegs - 1) * hdrLen;
        end.gsoSegs = gsoSegs;
        ring.buffer(first).nextToWatch = last;
    }

    private void mapPiece(long hpa, int bytes) {
        int done = 0;
        while (done < bytes) {
            int size = Math.min(bytes - done, TxDesc.IXGBE_MAX_DATA_PER_TXD);
            long seq = ring.nextToUse++;
            TxDesc.data(ring.desc.memory(), ring.desc.at(seq), hpa + done, cmdType | size, olinfo);
            TxBuffer buffer = ring.buffer(seq);
            buffer.dma = hpa + done;
            buffer.length = size;
            done += size;
        }
    }

    /** One doorbell is enough for all packets of a slice: it tells the tail of when it is paid for. */
    private void ringDoorbell() {
        if (!doorbellPending) {
            doorbellPending = true;
            cpu.settle(doorbell);
        }
    }

    /** The write to TDT: posted, so nobody waits for it; the engine pays for its way over PCIe. */
    private void doorbell() {
        doorbellPending = false;
        assert ring.unused() >= 0 : "nic: tail " + ring.nextToUse + " runs over slots that are not clean, from "
                + ring.nextToClean.get() + " on";
        counters.bump(Count.DOORBELLS);
        trace.mix(ring.nextToUse);
        ring.desc.tail().set(ring.nextToUse);           // release: descriptors and buffers first
        engine.wakeUp();
    }

    /** For checks: what the transmit ring must look like between two steps. */
    void check(Violations violations) {
        IxgbeTxRingCheck.check(ring, violations);
    }

    private int drop(SkBuff skb, Count counter, DropReason reason) {
        counters.bump(counter);
        skb.kfree(reason);
        return NETDEV_TX_OK;
    }

    /** Descriptors filled so far. For checks, when nobody sends. */
    public long descriptorsFilled() {
        return ring.nextToUse;
    }

    public Counters<Count> counters() {
        return counters;
    }
}
