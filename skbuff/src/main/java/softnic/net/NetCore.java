package softnic.net;

import softnic.Behaviour;
import softnic.Edition;
import softnic.mm.Errno;
import softnic.sched.Cpu;
import softnic.skb.DropReason;
import softnic.skb.SkBuff;
import softnic.skb.SkbCopy;
import softnic.skb.SkbPool;
import softnic.trace.Counters;
import softnic.trace.Trace;
import softnic.trace.Tracepoint;

/**
 * The stack between a virtual device and a driver: {@code dev_queue_xmit}, {@code dev_hard_start_xmit},
 * {@code netif_receive_skb} (net/core/dev.c).
 *
 * <pre>
 *   devQueueXmit --> qdisc, or none --> [validate: segment, linearize, checksum] --> taps --> ndo_start_xmit
 *                                        6.1: before the taps; 3.1: after them
 * </pre>
 *
 * <p>Runs on whatever agent sends: no state of its own but counters.
 */
public final class NetCore {

    /** What the core counts. */
    public enum Count {
        TX_PACKETS, TX_DROPPED, GSO_SOFTWARE, LINEARIZED, CHECKSUM_SOFTWARE, TAPPED,
        /** Bytes of user pages copied because somebody listens. */
        TAP_COPIED_BYTES,
        /** A listener got nothing: no memory for its copy. */
        TAP_FAILED,
        /** {@code dev_watchdog} found a queue stuck. */
        TX_TIMEOUT,
        RX_PACKETS, RX_NO_HANDLER
    }

    private final Edition edition;
    private final Gso gso;
    private final SkbPool pool;
    private final Trace trace;
    private final Counters<Count> counters = Counters.shared("dev", Count.class);

    public NetCore(Edition edition, SkbPool pool, Cpu cpu, Trace trace) {
        this.edition = edition;
        this.pool = pool;
        this.trace = trace;
        this.gso = new Gso(pool, cpu, trace);
    }

    /**
     * Sends a packet through a device ({@code dev_queue_xmit}); it is no longer the caller's.
     *
     * @return {@link Qdisc#NET_XMIT_SUCCESS} or {@link Qdisc#NET_XMIT_DROP}
     */
    public int devQueueXmit(SkBuff skb, NetDevice dev) {
        trace.enter(Tracepoint.DEV_QUEUE_XMIT);
        int rc;
        if (dev.qdisc() != null) {
            rc = dev.qdisc().xmit(skb);
        } else {
            rc = xmitWithoutQueue(skb, dev);
        }
        trace.exit(Tracepoint.DEV_QUEUE_XMIT);
        return rc;
    }

    private int xmitWithoutQueue(SkBuff skb, NetDevice dev) {
        SkBuff rest = dev.isQueueStopped() ? skb : directXmit(skb, dev, true);
        if (rest == null) {
            return Qdisc.NET_XMIT_SUCCESS;
        }
        dropList(rest);
        return Qdisc.NET_XMIT_DROP;
    }

    /**
     * Hands a packet to the driver ({@code sch_direct_xmit}).
     *
     * @param validate false for what the driver refused before: it is not looked at again since 3.18, though the
     *     features may have changed meanwhile
     * @return what the driver did not take, or null
     */
    SkBuff directXmit(SkBuff skb, NetDevice dev, boolean validate) {
        if (!edition.has(Behaviour.VALIDATES_XMIT_SKB)) {
            return hardStartXmit31(skb, dev);
        }
        SkBuff list = validate ? validate(skb, dev) : skb;
        return list == null ? null : hardStartXmit(list, dev);
    }

    // ---- since 3.18: prepare, then send a list

    private SkBuff validate(SkBuff skb, NetDevice dev) {
        trace.enter(Tracepoint.VALIDATE_XMIT_SKB);
        SkBuff list = validated(skb, features(skb, dev));
        trace.exit(Tracepoint.VALIDATE_XMIT_SKB);
        return list;
    }

    /** Segments, linearizes and checksums as the features demand; null: dropped. */
    private SkBuff validated(SkBuff skb, int features) {
        if (Gso.isNeeded(skb, features)) {
            int err = gso.segment(skb, features);
            if (err != 0) {
                return drop(skb, err, DropReason.SKB_DROP_REASON_SKB_GSO_SEG);
            }
            SkBuff segments = skb.next();
            if (segments == null) {
                return skb;
            }
            counters.bump(Count.GSO_SOFTWARE);
            skb.next(null);
            skb.consume();
            return segments;
        }
        int err = prepare(skb, features);
        return err == 0 ? skb : drop(skb, err, DropReason.SKB_DROP_REASON_SKB_CSUM);
    }

    private SkBuff hardStartXmit(SkBuff list, NetDevice dev) {
        trace.enter(Tracepoint.DEV_HARD_START_XMIT);
        SkBuff skb = list;
        while (skb != null) {
            SkBuff next = skb.next();
            skb.next(null);
            tap(skb, dev);
            if (dev.startXmit(skb) != NetDevice.NETDEV_TX_OK) {
                skb.next(next);
                break;
            }
            counters.bump(Count.TX_PACKETS);
            skb = next;
            if (skb != null && dev.isQueueStopped()) {
                break;
            }
        }
        trace.exit(Tracepoint.DEV_HARD_START_XMIT);
        return skb;
    }

    // ---- 3.1: one function does it all, taps first

    private SkBuff hardStartXmit31(SkBuff skb, NetDevice dev) {
        trace.enter(Tracepoint.DEV_HARD_START_XMIT);
        boolean taken = skb.next() == null ? prepareAndXmit31(skb, dev) : xmitSegments31(skb, dev);
        trace.exit(Tracepoint.DEV_HARD_START_XMIT);
        return taken ? null : skb;
    }

    /** @return false if the driver did not take it */
    private boolean prepareAndXmit31(SkBuff skb, NetDevice dev) {
        tap(skb, dev);
        if (edition.has(Behaviour.ORPHANS_IN_XMIT) && skb.shinfo().txFlags() == 0) {
            skb.orphan();
        }
        int features = features(skb, dev);
        if (Gso.isNeeded(skb, features)) {
            int err = gso.segment(skb, features);
            if (err != 0) {
                drop(skb, err, DropReason.SKB_DROP_REASON_SKB_GSO_SEG);
                return true;
            }
            if (skb.next() != null) {
                counters.bump(Count.GSO_SOFTWARE);
                return xmitSegments31(skb, dev);
            }
        } else {
            int err = prepare(skb, features);
            if (err != 0) {
                drop(skb, err, DropReason.SKB_DROP_REASON_SKB_CSUM);
                return true;
            }
        }
        if (dev.startXmit(skb) != NetDevice.NETDEV_TX_OK) {
            return false;
        }
        counters.bump(Count.TX_PACKETS);
        return true;
    }

    /** Sends the segments that hang on {@code skb}; the original lives until the last one is handed over. */
    private boolean xmitSegments31(SkBuff skb, NetDevice dev) {
        while (skb.next() != null) {
            SkBuff segment = skb.next();
            skb.next(segment.next());
            segment.next(null);
            if (dev.isQueueStopped() || dev.startXmit(segment) != NetDevice.NETDEV_TX_OK) {
                segment.next(skb.next());
                skb.next(segment);
                return false;
            }
            counters.bump(Count.TX_PACKETS);
        }
        skb.kfree();
        return true;
    }

    // ---- both

    /** What the device can do for this packet ({@code netif_skb_features}, {@code harmonize_features}). */
    private int features(SkBuff skb, NetDevice dev) {
        int features = dev.features();
        if (canChecksum(features, skb.protocol())) {
            return features;
        }
        if (edition.has(Behaviour.SG_NEEDS_CSUM)) {
            return features & ~(NetDevice.NETIF_F_ALL_CSUM | NetDevice.NETIF_F_SG);
        }
        return skb.ipSummed() == SkBuff.CHECKSUM_NONE ? features
                : features & ~(NetDevice.NETIF_F_ALL_CSUM | NetDevice.NETIF_F_GSO_MASK);
    }

    /** {@code can_checksum_protocol}. */
    private static boolean canChecksum(int features, int protocol) {
        int can = NetDevice.NETIF_F_HW_CSUM;
        if (protocol == EthHeader.ETH_P_IP) {
            can |= NetDevice.NETIF_F_IP_CSUM;
        } else if (protocol == EthHeader.ETH_P_IPV6) {
            can |= NetDevice.NETIF_F_IPV6_CSUM;
        }
        return (features & can) != 0;
    }

    /** @return 0 or a negated errno, after which the packet is to be dropped */
    private int prepare(SkBuff skb, int features) {
        if (needsLinearize(skb, features)) {
            counters.bump(Count.LINEARIZED);
            int err = SkbCopy.linearize(skb);
            if (err != 0) {
                return err;
            }
        }
        if (skb.ipSummed() == SkBuff.CHECKSUM_PARTIAL && (features & NetDevice.NETIF_F_ALL_CSUM) == 0) {
            counters.bump(Count.CHECKSUM_SOFTWARE);
            return gso.checksumHelp(skb);
        }
        return 0;
    }

    /** {@code skb_needs_linearize}; no device of ours has NETIF_F_FRAGLIST. */
    private static boolean needsLinearize(SkBuff skb, int features) {
        return skb.shinfo().fragList() != null || skb.dataLen() > 0 && (features & NetDevice.NETIF_F_SG) == 0;
    }

    /**
     * Shows a packet to the packet sockets ({@code dev_queue_xmit_nit}): the first costs a clone, and that the copy of
     * all user pages; the others become further users of the clone. No memory: they see nothing, and the packet goes on.
     */
    private void tap(SkBuff skb, NetDevice dev) {
        PacketSock[] taps = dev.taps();
        if (taps.length == 0) {
            return;
        }
        int userBytes = skb.shinfo().isZerocopy() ? skb.dataLen() : 0;
        SkBuff clone = SkbCopy.clone(skb);
        if (!skb.shinfo().isZerocopy()) {
            counters.add(Count.TAP_COPIED_BYTES, userBytes);
        }
        if (clone == null) {
            counters.bump(Count.TAP_FAILED);
            return;
        }
        counters.bump(Count.TAPPED);
        clone.resetMacHeader();
        for (int i = 1; i < taps.length; i++) {
            taps[i - 1].receive(clone.get());
        }
        taps[taps.length - 1].receive(clone);
    }

    /**
     * One more user, for a packet socket that is not the last to see the packet ({@code deliver_skb}). Since 3.6 nobody
     * on the host gets user pages: they are copied first, and without memory the socket sees nothing.
     */
    private void deliverSkb(SkBuff skb, PacketSock tap) {
        if (!orphansForHost(skb)) {
            counters.bump(Count.TAP_FAILED);
            return;
        }
        int header = skb.headroom() - skb.macHeader();
        skb.push(header);
        tap.receive(skb.get());
        skb.pull(header);
    }

    /** Who receives a packet may keep it for ever. @return false: no memory */
    private boolean orphansForHost(SkBuff skb) {
        return !edition.has(Behaviour.ORPHANS_ON_RECEIVE) || SkbCopy.orphanFragsRx(skb) == 0;
    }

    /** @param why unless memory is short */
    private SkBuff drop(SkBuff skb, int err, DropReason why) {
        counters.bump(Count.TX_DROPPED);
        skb.kfree(err == -Errno.ENOMEM ? DropReason.SKB_DROP_REASON_NOMEM : why);
        return null;
    }

    private void dropList(SkBuff list) {
        counters.bump(Count.TX_DROPPED);
        freeList(list);
    }

    /** Frees a packet with all that hangs on it: {@code dev_gso_skb_destructor} frees the segments before the original. */
    void freeList(SkBuff list) {
        SkBuff skb = list.next();
        list.next(null);
        while (skb != null) {
            SkBuff next = skb.next();
            skb.next(null);
            skb.kfree(DropReason.SKB_DROP_REASON_QDISC_DROP);
            skb = next;
        }
        list.kfree(DropReason.SKB_DROP_REASON_QDISC_DROP);
    }

    /** A queue is stuck ({@code dev_watchdog}). */
    void txTimeout(NetDevice dev) {
        counters.bump(Count.TX_TIMEOUT);
        dev.txTimeout();
    }

    /**
     * A packet has come in through a device ({@code netif_receive_skb}); its data begins behind the Ethernet
     * header. The host has no stack of its own: without a handler the last packet socket gets the packet itself, and
     * without that it is dropped and counted.
     */
    public void netifReceiveSkb(SkBuff skb, NetDevice dev) {
        counters.bump(Count.RX_PACKETS);
        PacketSock last = null;
        for (PacketSock tap : dev.taps()) {
            if (last != null) {
                deliverSkb(skb, last);
            }
            last = tap;
        }
        if (dev.rxHandler() != null) {
            if (last != null) {
                deliverSkb(skb, last);
            }
            dev.rxHandler().handleFrame(skb);
        } else if (last != null && orphansForHost(skb)) {
            skb.push(skb.headroom() - skb.macHeader());
            last.receive(skb);
        } else {
            counters.bump(last == null ? Count.RX_NO_HANDLER : Count.TAP_FAILED);
            skb.kfree(DropReason.SKB_DROP_REASON_UNHANDLED_PROTO);
        }
    }

    Edition edition() {
        return edition;
    }

    /** Where received packets are allocated. */
    public SkbPool pool() {
        return pool;
    }

    public Counters<Count> counters() {
        return counters;
    }
}
