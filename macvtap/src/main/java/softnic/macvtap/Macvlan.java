package softnic.macvtap;

import softnic.Behaviour;
import softnic.Edition;
import softnic.net.NetCore;
import softnic.net.NetDevice;
import softnic.net.Qdisc;
import softnic.skb.SkBuff;
import softnic.trace.Counters;
import softnic.trace.Trace;
import softnic.trace.Tracepoint;

/**
 * A virtual device on top of a real one: {@code struct macvlan_dev} (drivers/net/macvlan.c), in VEPA mode:
 * whatever the guest sends goes to the wire.
 */
public final class Macvlan extends NetDevice implements NetDevice.RxHandler, NetDevice.FeatChange {

    /** What macvlan counts. */
    public enum Count { TX_PACKETS, TX_DROPPED, RX_PACKETS, RX_OTHER_HOST }

    /** Bit 40 of a MAC address: multicast and broadcast. */
    private static final long MULTICAST = 1L << 40;

    /** {@code ALWAYS_ON_FEATURES}: software does what the lower device cannot. */
    private static final int ALWAYS_ON = NETIF_F_SG | NETIF_F_HW_CSUM | NETIF_F_GSO | NETIF_F_ALL_TSO | NETIF_F_GSO_ROBUST;

    private final NetDevice lowerdev;
    private final Edition edition;
    private final NetCore core;
    private final Trace trace;
    private final Counters<Count> counters = Counters.of("macvlan", Count.class);
    private MacvtapSock tap;

    public Macvlan(String name, long mac, NetDevice lowerdev, Edition edition, NetCore core, Trace trace) {
        super(name, mac, ownFeatures(lowerdev, edition));
        this.lowerdev = lowerdev;
        this.edition = edition;
        this.core = core;
        this.trace = trace;
        lowerdev.rxHandler(this);
        lowerdev.addNotifier(this);
    }

    private static int ownFeatures(NetDevice lowerdev, Edition edition) {
        return edition.has(Behaviour.ZEROCOPY_OF_LOWER_DEVICE) ? lowerdev.features()
                : lowerdev.features() & NETIF_F_HIGHDMA | ALWAYS_ON;
    }

    /** NETDEV_FEAT_CHANGE of the lower device ({@code macvlan_device_event}). */
    @Override
    public void featChange(NetDevice lower) {
        features(ownFeatures(lower, edition));
    }

    /** Set-up only ({@code macvtap_set_queue}). */
    void tap(MacvtapSock tap) {
        this.tap = tap;
    }

    public NetDevice lowerdev() {
        return lowerdev;
    }

    /** {@code macvlan_start_xmit}, {@code macvlan_queue_xmit}. */
    @Override
    public int startXmit(SkBuff skb) {
        trace.enter(Tracepoint.MACVLAN_START_XMIT);
        int rc = core.devQueueXmit(skb, lowerdev);
        counters.bump(rc == Qdisc.NET_XMIT_SUCCESS ? Count.TX_PACKETS : Count.TX_DROPPED);
        trace.exit(Tracepoint.MACVLAN_START_XMIT);
        return NETDEV_TX_OK;
    }

    /** {@code macvlan_handle_frame}: a frame for our address, or for all, goes to the tap. */
    @Override
    public void handleFrame(SkBuff skb) {
        long dest = softnic.net.EthHeader.dest(skb.memory().segment(skb.dataHpa()),
                softnic.mm.PhysMem.offset(skb.hpa(skb.macHeader())));
        if (tap == null || dest != mac() && (dest & MULTICAST) == 0) {
            counters.bump(Count.RX_OTHER_HOST);
            skb.kfree();
            return;
        }
        counters.bump(Count.RX_PACKETS);
        tap.receive(skb);
    }

    public Counters<Count> counters() {
        return counters;
    }
}
