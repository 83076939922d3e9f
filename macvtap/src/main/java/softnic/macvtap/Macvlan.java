package softnic.macvtap;

import java.util.Arrays;
import softnic.Behaviour;
import softnic.Edition;
import softnic.Quirk;
import softnic.mm.Errno;
import softnic.mm.PhysMem;
import softnic.net.EthHeader;
import softnic.net.NetCore;
import softnic.net.NetDevice;
import softnic.net.Qdisc;
import softnic.skb.DropReason;
import softnic.skb.SkBuff;
import softnic.skb.SkbCopy;
import softnic.trace.Counters;
import softnic.trace.Trace;
import softnic.trace.Tracepoint;

/**
 * A virtual device on top of a real one: {@code struct macvlan_dev} (drivers/net/macvlan.c), with the queues of its
 * tap ({@code struct tap_dev}, drivers/net/macvtap.c).
 *
 * <pre>
 *   startXmit --> bridge, to a sibling --> dev_forward_skb(lowerdev) --> MacvlanPort --> the sibling's queue
 *             --> bridge, multicast -----> a clone to each bridge sibling, and the wire
 *             --> all else --------------> the wire
 * </pre>
 *
 * <p>The worker sends; softirq, and workers of siblings, deliver.
 */
public final class Macvlan extends NetDevice implements NetDevice.FeatChange {

    /** {@code MACVLAN_MODE_*} (include/linux/if_link.h): who of the macvlans on one device talks to whom. */
    public enum Mode {
        /** To none of them. */
        PRIVATE(1),
        /** By way of the switch outside. */
        VEPA(2),
        /** Directly. */
        BRIDGE(4),
        /** There are no others; every frame is for this one. */
        PASSTHRU(8);

        final int bit;

        Mode(int bit) {
            this.bit = bit;
        }
    }

    /** What macvlan counts. */
    public enum Count { TX_PACKETS, TX_DROPPED, TX_BRIDGED, RX_PACKETS, RX_MULTICAST, RX_ERRORS, RX_OTHER_HOST }

    /** {@code ALWAYS_ON_FEATURES}: software does what the lower device cannot. */
    private static final int ALWAYS_ON = NETIF_F_SG | NETIF_F_HW_CSUM | NETIF_F_GSO | NETIF_F_ALL_TSO | NETIF_F_GSO_ROBUST;

    private static final int MAX_MACVTAP_QUEUES = 16;
    private static final int MAX_TAP_QUEUES = 256;

    private final NetDevice lowerdev;
    private final Edition edition;
    private final NetCore core;
    private final Trace trace;
    private final Mode mode;
    private final MacvlanPort port;
    private final Counters<Count> counters = Counters.shared("macvlan", Count.class);
    private volatile long address;
    private volatile MacvtapSock[] taps = {};       // up to 3.8 with holes, where a queue was closed
    private MacvtapSock[] queues = {};              // taps and those taken off by TUNSETQUEUE

    /** In VEPA mode, the default of {@code ip link add type macvtap}. */
    public Macvlan(String name, long mac, NetDevice lowerdev, Edition edition, NetCore core, Trace trace) {
        this(name, mac, lowerdev, Mode.VEPA, edition, core, trace);
    }

    /** @throws IllegalArgumentException if the mode, or the address, cannot be beside those there are */
    public Macvlan(String name, long mac, NetDevice lowerdev, Mode mode, Edition edition, NetCore core, Trace trace) {
        super(name, mac, ownFeatures(lowerdev, edition));
        this.lowerdev = lowerdev;
        this.mode = mode;
        this.edition = edition;
        this.core = core;
        this.trace = trace;
        this.address = mac;
        this.port = MacvlanPort.of(lowerdev, edition);
        if (!port.accepts(mode)) {
            throw new IllegalArgumentException("macvlan: a passthru macvlan must be the only one on "
                    + lowerdev.name() + ", got " + mode + " [macvlan_common_newlink, drivers/net/macvlan.c]");
        }
        if (port.lookup(mac) != null) {
            throw new IllegalArgumentException("macvlan: address 0x" + Long.toHexString(mac) + " is taken on "
                    + lowerdev.name() + " [macvlan_open, drivers/net/macvlan.c]");
        }
        port.add(this);
        lowerdev.addNotifier(this);
    }

    private static int ownFeatures(NetDevice lowerdev, Edition edition) {
        return edition.has(Behaviour.MACVLAN_ALWAYS_ON_FEATURES) ? lowerdev.features() & NETIF_F_HIGHDMA | ALWAYS_ON
                : lowerdev.features();
    }

    /** NETDEV_FEAT_CHANGE of the lower device ({@code macvlan_device_event}). */
    @Override
    public void featChange(NetDevice lower) {
        features(ownFeatures(lower, edition));
    }

    public NetDevice lowerdev() {
        return lowerdev;
    }

    public Mode mode() {
        return mode;
    }

    @Override
    public long mac() {
        return address;
    }

    /** {@code macvlan_set_mac_address}: 0, -EADDRNOTAVAIL for what is no station's address, -EBUSY. Off the path. */
    int setMac(long mac) {
        if (mac == 0 || mac >>> 48 != 0 || MacvlanPort.isMulticast(mac)) {
            return -Errno.EADDRNOTAVAIL;
        }
        Macvlan other = port.lookup(mac);
        if (other != null && other != this) {
            return -Errno.EBUSY;
        }
        address = mac;
        port.rehash();
        return 0;
    }

    /** The device goes ({@code macvlan_dellink}, {@code macvtap_del_queues}); its queues stay open, and drop. Off the path. */
    public void dellink() {
        port.remove(this);
        lowerdev.removeNotifier(this);
        for (MacvtapSock tap : queues) {
            tap.detach();
        }
        taps = new MacvtapSock[0];
        queues = taps;
    }

    // ---- the tap's queues

    /** Queues one device can have: {@code MAX_MACVTAP_QUEUES}, {@code MAX_TAP_QUEUES}. */
    int maxQueues() {
        return edition.has(Behaviour.TAP_QUEUES_256) ? MAX_TAP_QUEUES : MAX_MACVTAP_QUEUES;
    }

    /** Else {@code macvtap_set_queue} is -EBUSY. */
    boolean hasRoom() {
        return queues.length < maxQueues();
    }

    /** {@code macvtap_set_queue}. Off the path, as the next three. */
    void open(MacvtapSock tap) {
        if (!hasRoom()) {
            throw new IllegalArgumentException("macvtap: " + name() + " has " + queues.length
                    + " queues already (EBUSY) [macvtap_set_queue, drivers/net/macvtap.c]");
        }
        queues = Arrays.copyOf(queues, queues.length + 1);
        queues[queues.length - 1] = tap;
        enable(tap);
    }

    /** {@code macvtap_put_queue}. */
    void close(MacvtapSock tap) {
        queues = Arrays.stream(queues).filter(q -> q != tap).toArray(MacvtapSock[]::new);
        disable(tap);
    }

    /** Into the first hole, or at the end. */
    void enable(MacvtapSock tap) {
        MacvtapSock[] now = taps;
        int slot = indexOf(now, null);
        MacvtapSock[] more = Arrays.copyOf(now, slot < 0 ? now.length + 1 : now.length);
        more[slot < 0 ? now.length : slot] = tap;
        taps = more;
    }

    /** Up to 3.8 a queue leaves a hole; since it can be put back (3.11), the last one takes its place. */
    void disable(MacvtapSock tap) {
        MacvtapSock[] now = taps.clone();
        int slot = indexOf(now, tap);
        if (slot < 0) {
            return;
        }
        int last = now.length - 1;
        now[slot] = edition.has(Behaviour.TAP_MULTI_QUEUE) ? now[last] : null;
        boolean shorter = edition.has(Behaviour.TAP_MULTI_QUEUE) || slot == last;
        while (shorter && last > 0 && now[last - 1] == null) {
            last--;
        }
        taps = shorter ? Arrays.copyOf(now, last) : now;
    }

    private static int indexOf(MacvtapSock[] all, MacvtapSock tap) {
        for (int i = 0; i < all.length; i++) {
            if (all[i] == tap) {
                return i;
            }
        }
        return -1;
    }

    /**
     * Which queue gets a packet ({@code macvtap_get_queue}): by the NIC's queue and by the flow's hash, in the
     * edition's order, else the first; null without queues.
     */
    MacvtapSock queueFor(SkBuff skb) {
        MacvtapSock[] all = taps;
        if (all.length < 2) {
            return all.length == 0 ? null : all[0];
        }
        int n = 0;
        for (MacvtapSock tap : all) {
            n += tap != null ? 1 : 0;
        }
        boolean hashFirst = edition.has(Behaviour.RXHASH_BEFORE_RXQ);
        MacvtapSock tap = hashFirst ? byHash(all, n, skb) : byRxQueue(all, n, skb);
        if (tap == null) {
            tap = hashFirst ? byRxQueue(all, n, skb) : byHash(all, n, skb);
        }
        for (int i = 0; tap == null; i++) {
            tap = all[i];
        }
        return tap;
    }

    private static MacvtapSock byRxQueue(MacvtapSock[] all, int n, SkBuff skb) {
        return skb.rxQueue() < 0 ? null : all[skb.rxQueue() % n];
    }

    private static MacvtapSock byHash(MacvtapSock[] all, int n, SkBuff skb) {
        int hash = FlowKeys.hash(skb);
        return hash == 0 ? null : all[Integer.remainderUnsigned(hash, n)];
    }

    // ---- transmit

    /** {@code macvlan_start_xmit}, {@code macvlan_queue_xmit}. */
    @Override
    public int startXmit(SkBuff skb) {
        trace.enter(Tracepoint.MACVLAN_START_XMIT);
        boolean done = mode == Mode.BRIDGE && bridge(skb);
        int rc = done ? Qdisc.NET_XMIT_SUCCESS : core.devQueueXmit(skb, lowerdev);
        counters.bump(rc == Qdisc.NET_XMIT_SUCCESS ? Count.TX_PACKETS : Count.TX_DROPPED);
        trace.exit(Tracepoint.MACVLAN_START_XMIT);
        return NETDEV_TX_OK;
    }

    /** @return true if the packet is a sibling's and goes to no wire */
    private boolean bridge(SkBuff skb) {
        int ipSummed = skb.ipSummed();
        if (edition.has(Quirk.BRIDGED_UNNECESSARY)) {
            skb.ipSummed(SkBuff.CHECKSUM_UNNECESSARY);
        }
        long dest = EthHeader.dest(skb.memory().segment(skb.dataHpa()), PhysMem.offset(skb.dataHpa()));
        if (MacvlanPort.isMulticast(dest)) {
            port.broadcast(skb, this, Mode.BRIDGE.bit, true);
        } else {
            Macvlan sibling = port.lookup(dest);
            if (sibling != null && sibling.mode == Mode.BRIDGE) {
                counters.bump(Count.TX_BRIDGED);
                devForwardSkb(skb);
                return true;
            }
        }
        skb.ipSummed(ipSummed);
        return false;
    }

    /**
     * {@code dev_forward_skb} to the lower device (net/core/dev.c): as if it came from the wire. The user's pages are
     * copied first, for the sibling may keep the packet for ever.
     */
    private void devForwardSkb(SkBuff skb) {
        boolean truncated = skb.headlen() < EthHeader.ETH_HLEN;
        if (truncated || SkbCopy.orphanFrags(skb) != 0) {
            counters.bump(Count.RX_ERRORS);
            skb.kfree(truncated ? DropReason.SKB_DROP_REASON_HDR_TRUNC : DropReason.SKB_DROP_REASON_NOMEM);
            return;
        }
        skb.orphan();
        skb.resetMacHeader();
        skb.pull(EthHeader.ETH_HLEN);
        core.netifReceiveSkb(skb, lowerdev);
    }

    /** An error of get_user ({@code macvlan_count_rx}'s sibling for transmit: {@code tx_dropped}). */
    void countTxDropped() {
        counters.bump(Count.TX_DROPPED);
    }

    // ---- receive

    /** {@code macvtap_receive}: a packet whose data begins behind its Ethernet header. Softirq, or a sibling's worker. */
    void receive(SkBuff skb, boolean multicast) {
        skb.push(EthHeader.ETH_HLEN);
        forward(skb, multicast);
    }

    /** {@code macvtap_forward}: to one of the queues, or dropped. */
    void forward(SkBuff skb, boolean multicast) {
        MacvtapSock tap = queueFor(skb);
        if (tap == null) {
            skb.kfree(DropReason.SKB_DROP_REASON_DEV_READY);
        }
        if (tap == null || !tap.enqueue(skb)) {
            counters.bump(Count.RX_ERRORS);
            return;
        }
        counters.bump(Count.RX_PACKETS);
        if (multicast) {
            counters.bump(Count.RX_MULTICAST);
        }
    }

    public Counters<Count> counters() {
        return counters;
    }
}
