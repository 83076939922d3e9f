package softnic.net;

import java.util.Arrays;
import softnic.skb.SkBuff;

/**
 * A network device: {@code struct net_device} with its {@code net_device_ops} (include/linux/netdevice.h),
 * and its one transmit queue.
 *
 * <p>{@link #startXmit} is one of the three seams at which rooms meet.
 */
public abstract class NetDevice {

    /** Scatter/gather: fragments are allowed. */
    public static final int NETIF_F_SG = 1;
    /** Can finish TCP and UDP checksums over IPv4. */
    public static final int NETIF_F_IP_CSUM = 1 << 1;
    /** Can finish any checksum. */
    public static final int NETIF_F_HW_CSUM = 1 << 3;
    /** Can finish TCP and UDP checksums over IPv6. */
    public static final int NETIF_F_IPV6_CSUM = 1 << 4;
    /** Reaches all memory by DMA. */
    public static final int NETIF_F_HIGHDMA = 1 << 5;
    /** Software segmentation may be used. */
    public static final int NETIF_F_GSO = 1 << 11;
    /** A GSO type's feature is the type shifted by this. */
    public static final int NETIF_F_GSO_SHIFT = 16;
    public static final int NETIF_F_TSO = 1 << 16;
    /** Cuts UDP datagrams into IP fragments. */
    public static final int NETIF_F_UFO = 1 << 17;
    /** Trusts nobody: verifies GSO headers itself. */
    public static final int NETIF_F_GSO_ROBUST = 1 << 18;
    public static final int NETIF_F_TSO_ECN = 1 << 19;
    public static final int NETIF_F_TSO6 = 1 << 20;
    public static final int NETIF_F_ALL_TSO = NETIF_F_TSO | NETIF_F_TSO_ECN | NETIF_F_TSO6;
    /** All bits that a GSO type can ask for ({@code NETIF_F_GSO_MASK}). */
    public static final int NETIF_F_GSO_MASK = -1 << NETIF_F_GSO_SHIFT;
    public static final int NETIF_F_ALL_CSUM = NETIF_F_IP_CSUM | NETIF_F_IPV6_CSUM | NETIF_F_HW_CSUM;

    /** {@link #startXmit} has taken the packet. */
    public static final int NETDEV_TX_OK = 0;
    /** {@link #startXmit} has not taken it; the queue is stopped. */
    public static final int NETDEV_TX_BUSY = 0x10;

    /** Where a lower device's received packets go ({@code rx_handler_func_t}). */
    public interface RxHandler {
        /** Takes the packet, whose data begins behind the Ethernet header. */
        void handleFrame(SkBuff skb);
    }

    /** Who hears that a device's features have changed: NETDEV_FEAT_CHANGE of a {@code notifier_block}. */
    public interface FeatChange {
        /** Runs on whoever changed them, after the change. */
        void featChange(NetDevice dev);
    }

    private final String name;
    private final long mac;
    private final int hwFeatures;
    private volatile int features;
    private volatile boolean queueStopped;
    private Qdisc qdisc;
    private RxHandler rxHandler;
    private volatile PacketSock[] taps = {};
    private volatile FeatChange[] notifiers = {};
    private DevWatchdog watchdog;
    private volatile long queueStops;       // written by who holds the queue

    protected NetDevice(String name, long mac, int features) {
        this.name = name;
        this.mac = mac;
        this.hwFeatures = features;
        this.features = features;
    }

    /**
     * Sends one packet ({@code ndo_start_xmit}).
     *
     * @return {@link #NETDEV_TX_OK}, the packet is the driver's now; or {@link #NETDEV_TX_BUSY}, it is still
     *     the caller's
     */
    public abstract int startXmit(SkBuff skb);

    public String name() {
        return name;
    }

    /** 48 bits, first byte highest. */
    public long mac() {
        return mac;
    }

    public int features() {
        return features;
    }

    /**
     * Turns features off or on again, as {@code ethtool -K} does, as far as the device has them and they go together
     * ({@code __netdev_update_features}); uppers hear of a change. Not while another agent changes them.
     */
    public void setFeatures(int wanted) {
        int fixed = fixFeatures(wanted & hwFeatures);
        if (fixed != features) {
            features(fixed);
        }
    }

    /** Features of a device that only passes on what its lower device can: as they are, and told on. */
    protected void features(int now) {
        features = now;
        for (FeatChange notifier : notifiers) {
            notifier.featChange(this);
        }
    }

    /**
     * What does not go alone goes too ({@code netdev_fix_features}): scatter/gather without checksums, and without
     * scatter/gather every segmentation.
     */
    static int fixFeatures(int wanted) {
        int fixed = wanted;
        if ((fixed & NETIF_F_HW_CSUM) != 0) {
            fixed &= ~(NETIF_F_IP_CSUM | NETIF_F_IPV6_CSUM);        // mixed checksum settings
        }
        if ((fixed & NETIF_F_ALL_CSUM) == 0) {
            fixed &= ~NETIF_F_SG;
        }
        if ((fixed & NETIF_F_SG) == 0) {
            fixed &= ~(NETIF_F_ALL_TSO | NETIF_F_GSO | NETIF_F_UFO);
        }
        if ((fixed & NETIF_F_ALL_TSO) == NETIF_F_TSO_ECN) {
            fixed &= ~NETIF_F_TSO_ECN;
        }
        int both = NETIF_F_IP_CSUM | NETIF_F_IPV6_CSUM;
        if ((fixed & NETIF_F_HW_CSUM) == 0 && (fixed & both) != both) {
            fixed &= ~NETIF_F_UFO;
        }
        return fixed;
    }

    /** Set-up only ({@code register_netdevice_notifier}). */
    public void addNotifier(FeatChange notifier) {
        FeatChange[] more = Arrays.copyOf(notifiers, notifiers.length + 1);
        more[notifiers.length] = notifier;
        notifiers = more;
    }

    /** The driver cannot take more ({@code netif_stop_queue}). */
    public void stopQueue() {
        queueStopped = true;
        queueStops++;
        if (watchdog != null) {
            watchdog.changed();
        }
    }

    /** How often the queue was stopped. */
    long queueStops() {
        return queueStops;
    }

    /** Set-up only ({@code __netdev_watchdog_up}). */
    void watchdog(DevWatchdog watchdog) {
        this.watchdog = watchdog;
    }

    /**
     * The queue is stuck: it was stopped and nothing woke it ({@code ndo_tx_timeout}). A driver resets its device; one
     * that has no such operation does nothing. The watchdog's agent.
     */
    protected void txTimeout() {
        // as a driver without ndo_tx_timeout
    }

    public boolean isQueueStopped() {
        return queueStopped;
    }

    /** The driver can take packets again; what waits in the qdisc will go out ({@code netif_wake_queue}). */
    public void wakeQueue() {
        if (queueStopped) {
            queueStopped = false;
        if (watchdog != null) {
            watchdog.changed();
        }
            if (qdisc != null) {
                qdisc.schedule();
            }
        }
    }

    /** The queue in front of the driver, or null ({@code noqueue}). */
    public Qdisc qdisc() {
        return qdisc;
    }

    /** Set-up only. */
    public void qdisc(Qdisc qdisc) {
        this.qdisc = qdisc;
    }

    /** Set-up only ({@code netdev_rx_handler_register}). */
    public void rxHandler(RxHandler handler) {
        rxHandler = handler;
    }

    public RxHandler rxHandler() {
        return rxHandler;
    }

    /** Packet sockets that see what this device sends and receives ({@code ptype_all}). */
    public PacketSock[] taps() {
        return taps;
    }

    /** Adds a packet socket ({@code dev_add_pack}). */
    public void addTap(PacketSock tap) {
        PacketSock[] more = Arrays.copyOf(taps, taps.length + 1);
        more[taps.length] = tap;
        taps = more;
    }

    /** Takes a packet socket off ({@code dev_remove_pack}). What it has received stays with it. */
    public void removeTap(PacketSock tap) {
        taps = Arrays.stream(taps).filter(t -> t != tap).toArray(PacketSock[]::new);
    }
}
