package softnic.macvtap;

import java.util.Arrays;
import softnic.Behaviour;
import softnic.Edition;
import softnic.mm.PhysMem;
import softnic.net.EthHeader;
import softnic.net.NetDevice;
import softnic.skb.DropReason;
import softnic.skb.SkBuff;
import softnic.skb.SkbCopy;

/**
 * All macvlans on one lower device: {@code struct macvlan_port} (drivers/net/macvlan.c).
 *
 * <pre>
 *   from the wire            to one of us -------> that macvlan         (passthru: all to the only one)
 *                            multicast, sender unknown ----> a clone to each
 *                                       sender in VEPA ----> to each VEPA and bridge but the sender
 *                                       sender in bridge --> to each VEPA: the bridges have seen it
 * </pre>
 *
 * <p>Macvlans come and go off the path; whoever looks one up sees the list before or after ({@code RCU}).
 */
final class MacvlanPort implements NetDevice.RxHandler {

    /** {@code MACVLAN_HASH_SIZE}: buckets by the last byte of the address. */
    private static final int MACVLAN_HASH_SIZE = 256;
    /** {@code ETH_P_PAUSE}: frames for the MAC itself. */
    private static final int ETH_P_PAUSE = 0x8808;
    /** Bit 40 of a MAC address: multicast and broadcast. */
    private static final long MULTICAST = 1L << 40;

    private static final int ALL_MODES = Macvlan.Mode.PRIVATE.bit | Macvlan.Mode.VEPA.bit
            | Macvlan.Mode.BRIDGE.bit | Macvlan.Mode.PASSTHRU.bit;

    private final Edition edition;
    private volatile Macvlan[] vlans = {};
    private volatile Macvlan[][] hash = new Macvlan[MACVLAN_HASH_SIZE][0];

    private MacvlanPort(Edition edition) {
        this.edition = edition;
    }

    /** The port of a lower device, made when its first macvlan comes ({@code macvlan_port_create}). */
    static MacvlanPort of(NetDevice lowerdev, Edition edition) {
        if (lowerdev.rxHandler() instanceof MacvlanPort port) {
            return port;
        }
        MacvlanPort port = new MacvlanPort(edition);
        lowerdev.rxHandler(port);
        return port;
    }

    static boolean isMulticast(long mac) {
        return (mac & MULTICAST) != 0;
    }

    /** In passthru there is only one macvlan: {@code -EINVAL} in {@code macvlan_common_newlink}. */
    boolean accepts(Macvlan.Mode mode) {
        return vlans.length == 0 || mode != Macvlan.Mode.PASSTHRU && !isPassthru();
    }

    private boolean isPassthru() {
        Macvlan[] all = vlans;
        return all.length > 0 && all[0].mode() == Macvlan.Mode.PASSTHRU;
    }

    /** {@code macvlan_hash_lookup}. */
    Macvlan lookup(long mac) {
        Macvlan[] bucket = hash[(int) mac & MACVLAN_HASH_SIZE - 1];
        for (Macvlan vlan : bucket) {
            if (vlan.mac() == mac) {
                return vlan;
            }
        }
        return null;
    }

    void add(Macvlan vlan) {
        Macvlan[] more = Arrays.copyOf(vlans, vlans.length + 1);
        more[vlans.length] = vlan;
        publish(more);
    }

    void remove(Macvlan vlan) {
        publish(Arrays.stream(vlans).filter(v -> v != vlan).toArray(Macvlan[]::new));
    }

    /** After an address changed ({@code macvlan_hash_change_addr}). */
    void rehash() {
        publish(vlans);
    }

    private void publish(Macvlan[] all) {
        Macvlan[][] buckets = new Macvlan[MACVLAN_HASH_SIZE][];
        for (int b = 0; b < MACVLAN_HASH_SIZE; b++) {
            int bucket = b;
            buckets[b] = Arrays.stream(all).filter(v -> ((int) v.mac() & MACVLAN_HASH_SIZE - 1) == bucket)
                    .toArray(Macvlan[]::new);
        }
        hash = buckets;
        vlans = all;
    }

    /** {@code macvlan_handle_frame}; what is for nobody here goes up the lower device's own stack, which we have not. */
    @Override
    public void handleFrame(SkBuff skb) {
        long eth = PhysMem.offset(skb.hpa(skb.macHeader()));
        long dest = EthHeader.dest(skb.memory().segment(skb.dataHpa()), eth);
        if (isMulticast(dest)) {
            handleMulticast(skb, EthHeader.source(skb.memory().segment(skb.dataHpa()), eth));
            return;
        }
        Macvlan[] all = vlans;
        Macvlan vlan = all.length == 1 && all[0].mode() == Macvlan.Mode.PASSTHRU ? all[0] : lookup(dest);
        if (vlan == null) {
            pass(skb);
        } else {
            vlan.receive(skb, false);
        }
    }

    private void handleMulticast(SkBuff skb, long source) {
        Macvlan src = lookup(source);
        if (src == null) {
            broadcast(skb, null, ALL_MODES, false);
        } else if (src.mode() == Macvlan.Mode.VEPA) {
            broadcast(skb, src, Macvlan.Mode.VEPA.bit | Macvlan.Mode.BRIDGE.bit, false);
        } else if (src.mode() == Macvlan.Mode.BRIDGE) {
            broadcast(skb, src, Macvlan.Mode.VEPA.bit, false);
        } else if (edition.has(Behaviour.RETURNS_OWN_MULTICAST)) {
            src.receive(skb, true);
            return;
        }
        skb.kfree();
    }

    private void pass(SkBuff skb) {
        for (Macvlan vlan : vlans) {
            vlan.counters().bump(Macvlan.Count.RX_OTHER_HOST);
        }
        skb.kfree(DropReason.SKB_DROP_REASON_UNHANDLED_PROTO);
    }

    /**
     * A clone to each macvlan of the wanted modes but the sender ({@code macvlan_broadcast}).
     *
     * @param modes bits of {@link Macvlan.Mode}
     * @param local the packet was not on the wire and begins with its Ethernet header
     */
    void broadcast(SkBuff skb, Macvlan src, int modes, boolean local) {
        if (skb.protocol() == ETH_P_PAUSE) {
            return;
        }
        for (Macvlan vlan : vlans) {
            if (vlan == src || (vlan.mode().bit & modes) == 0) {
                continue;
            }
            SkBuff clone = SkbCopy.clone(skb);
            if (clone == null) {
                vlan.counters().bump(Macvlan.Count.RX_ERRORS);
            } else if (local) {
                vlan.forward(clone, true);
            } else {
                vlan.receive(clone, true);
            }
        }
    }
}
