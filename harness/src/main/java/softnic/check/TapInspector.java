package softnic.check;

import java.util.Arrays;
import softnic.Behaviour;
import softnic.Edition;
import softnic.net.NetCore;
import softnic.net.NetDevice;
import softnic.skb.SkBuff;
import softnic.trace.Trace;

/** Looks at each packet as the device gets it, and at its bytes again when the device is done. */
final class TapInspector implements TapWire.Observer {

    private static final int LINEAR_PAGE = 4096;

    private final Edition edition;
    private final NetCore core;
    private final TapJudge judge;
    private final TapBreaches breaches;
    private final Trace trace;
    private long linearized;
    private boolean relabelled;

    TapInspector(Edition edition, NetCore core, TapJudge judge, TapBreaches breaches, Trace trace) {
        this.edition = edition;
        this.core = core;
        this.judge = judge;
        this.breaches = breaches;
        this.trace = trace;
    }

    /** Features were changed; if packets waited meanwhile they may not fit. */
    void relabelled(boolean whileWaiting) {
        relabelled = whileWaiting;
    }

    @Override
    public void transmitted(NetDevice dev, SkBuff skb, byte[] bytes) {
        trace.mix(Arrays.hashCode(bytes));
        judge.onWire(skb, bytes);
        if (bytes.length >= TapPacket.ETH && skb.protocol() != TapPacket.be16(bytes, 12)) {
            breaches.add("stale header", "the stack takes a frame of type 0x" + Integer.toHexString(TapPacket.be16(bytes, 12))
                    + " for one of 0x" + Integer.toHexString(skb.protocol()));
        }
        if (!relabelled) {
            breaches.add("device features", beyondFeatures(skb, dev.features()));
        }
        long linearizedNow = core.counters().value(NetCore.Count.LINEARIZED);
        boolean pulled = edition.has(Behaviour.XMIT_THROUGH_MACVLAN_QUEUE) || linearizedNow != linearized;
        linearized = linearizedNow;
        if (!pulled && skb.headlen() > LINEAR_PAGE) {
            breaches.add("linear part", "a guest has had " + skb.headlen() + " bytes allocated in one piece");
        }
    }

    private static String beyondFeatures(SkBuff skb, int features) {
        boolean partial = skb.ipSummed() == SkBuff.CHECKSUM_PARTIAL;
        if (skb.dataLen() > 0 && (features & NetDevice.NETIF_F_SG) == 0) {
            return "a packet with fragments comes to a device without scatter/gather";
        }
        if (partial && (features & NetDevice.NETIF_F_ALL_CSUM) == 0) {
            return "a packet with half a checksum comes to a device that cannot finish it";
        }
        int type = skb.isGso() ? skb.shinfo().gsoType() << NetDevice.NETIF_F_GSO_SHIFT : 0;
        return (type & ~(features | NetDevice.NETIF_F_GSO_ROBUST)) == 0
                ? null : "a GSO packet of type " + skb.shinfo().gsoType() + " comes to a device that cannot cut it";
    }

    @Override
    public void completed(byte[] bytes, byte[] later) {
        int at = Arrays.mismatch(bytes, later);
        if (at >= 0) {
            breaches.add("invariant 6", "the device reads a page of packet " + TapPacket.tagOf(bytes)
                    + " that its owner has back: byte " + at);
        }
    }
}
