package softnic.check;

import java.util.Arrays;
import java.util.function.LongSupplier;
import softnic.Behaviour;
import softnic.Edition;
import softnic.macvtap.Macvlan.Mode;
import softnic.skb.SkBuff;
import softnic.virtio.VirtioNetHdr;

/** Says who must get what, and looks at what they get: macvlan's four modes, and the frames of each packet. */
final class TapJudge {

    private static final int VNET_HDR = VirtioNetHdr.SIZE;

    private final Edition edition;
    private final TapPort[] ports;
    private final TapBreaches breaches;
    private final LongSupplier losses;
    private final TapStream wire = new TapStream();
    private long forgiven;

    /** @param losses how often something has failed that may have cost a packet: when it goes up, one may be missing */
    TapJudge(Edition edition, TapPort[] ports, TapBreaches breaches, LongSupplier losses) {
        this.edition = edition;
        this.ports = ports;
        this.breaches = breaches;
        this.losses = losses;
    }

    static boolean isGroup(long mac) {
        return (mac >> 40 & 1) != 0;
    }

    // ---- who

    /** What a guest is about to send: bridges talk to each other, all others by way of the wire. */
    void sending(TapPacket packet, TapPort from) {
        if (packet.frame.length < TapPacket.ETH || from.isGone()) {
            return;
        }
        long dest = TapPacket.mac(packet.frame, 0);
        boolean bridge = from.has(Mode.BRIDGE);
        boolean stays = false;
        for (TapPort port : ports) {
            boolean group = isGroup(dest) && port != from;
            if (bridge && port.has(Mode.BRIDGE) && !port.isGone() && (group || port.mac() == dest)) {
                stays |= !group;
                port.expect(packet);
            }
        }
        if (!stays) {
            wire.expect(packet);
        }
    }

    /** It was not sent after all. */
    void refused(TapPacket packet) {
        breaches.add("invariant 44", wire.withdraw(packet));
        for (TapPort port : ports) {
            breaches.add("invariant 44", port.stream.withdraw(packet));
        }
    }

    /** It has found a queue full, and that was counted. */
    void dropped(TapPacket packet) {
        wire.lastMayBeMissing(packet);
    }

    /** What comes in from the wire. */
    void arriving(TapPacket packet, long dest, long source) {
        TapPort src = byMac(source);
        for (TapPort port : ports) {
            if (!port.isGone() && isFor(port, dest, src)) {
                port.expect(packet);
            }
        }
    }

    private boolean isFor(TapPort port, long dest, TapPort src) {
        if (!isGroup(dest)) {
            return port.has(Mode.PASSTHRU) || port.mac() == dest;
        }
        if (src == null) {
            return true;
        }
        if (src.has(Mode.VEPA)) {
            return port != src && (port.has(Mode.VEPA) || port.has(Mode.BRIDGE));
        }
        return src.has(Mode.BRIDGE) ? port != src && port.has(Mode.VEPA)
                : port == src && edition.has(Behaviour.RETURNS_OWN_MULTICAST);
    }

    private TapPort byMac(long mac) {
        for (TapPort port : ports) {
            if (port.mac() == mac && !port.isGone()) {
                return port;
            }
        }
        return null;
    }

    // ---- what

    /** A frame that the device has taken. */
    void onWire(SkBuff skb, byte[] bytes) {
        boolean partial = skb.ipSummed() == SkBuff.CHECKSUM_PARTIAL;
        accept("wire", wire, new TapFrames.Seen(bytes, partial, partial ? skb.checksumStartOffset() : 0,
                partial ? skb.csumOffset() : 0, false, skb.shinfo().gsoSize(), true));
    }

    /** A frame that a guest has read, behind {@code hdrSz} bytes of virtio_net_hdr. */
    void read(TapPort port, byte[] all, int hdrSz) {
        byte[] frame = Arrays.copyOfRange(all, hdrSz, all.length);
        TapPacket hdr = new TapPacket(0, 0, TapPacket.Kind.PLAIN, false, 0, all, Math.min(hdrSz, VNET_HDR), 0, null);
        boolean verified = hdrSz > 0 && (all[0] & VirtioNetHdr.VIRTIO_NET_HDR_F_DATA_VALID) != 0;
        accept("reader", port.stream, new TapFrames.Seen(frame, hdr.needsCsum(), hdr.csumStart(), hdr.csumOffset(), verified,
                hdr.gsoType() == 0 ? 0 : hdr.gsoSize(), hdrSz > 0));
    }

    private void accept(String who, TapStream stream, TapFrames.Seen seen) {
        forgiveLosses();
        int tag = TapPacket.tagOf(seen.bytes());
        TapFrames.Progress progress = stream.take(tag);
        if (progress == null) {
            breaches.add("invariant 44", who + ": a frame of packet " + tag + ", of " + seen.bytes().length
                    + " bytes, that is not its turn; next " + stream.next());
            return;
        }
        String wrong = TapFrames.next(progress, seen);
        if (wrong != null) {
            breaches.add(TapHost.isPoison(seen.bytes(), progress.packet.frame) ? "stale memory"
                    : seen.verified() ? "checksum" : "invariant 40", who + ": " + progress.packet + ' ' + wrong);
        }
    }

    /** Where something has failed, one of those that are not there yet has paid for it. */
    void forgiveLosses() {
        long sum = losses.getAsLong();
        if (sum != forgiven) {
            forgiven = sum;
            wire.anyMayBeMissing();
            for (TapPort port : ports) {
                port.stream.anyMayBeMissing();
            }
        }
    }

    /** All is quiet: what has not come is lost. */
    void end() {
        breaches.add("invariant 23", wire.end());
        for (TapPort port : ports) {
            breaches.add("invariant 23", port.stream.end());
        }
    }
}
