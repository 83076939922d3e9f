package softnic.check;

import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import softnic.net.NetDevice;
import softnic.net.PacketSock;
import softnic.skb.SkBuff;

/** A tcpdump on the device that reads nothing for a while; what it has must still be what was sent. */
final class TapListener {

    private static final int RCVBUF = 100_000;

    private final NetDevice dev;
    private final TapBreaches breaches;
    private final Map<Integer, TapPacket> sent = new HashMap<>();
    private PacketSock sock;

    TapListener(NetDevice dev, TapBreaches breaches) {
        this.dev = dev;
        this.breaches = breaches;
    }

    /** A packet that it may hear. */
    void sending(TapPacket packet) {
        sent.put(packet.id, packet);
    }

    /** Comes, or reads all it has and goes. */
    void toggle() {
        if (sock == null) {
            sock = new PacketSock(RCVBUF);
            dev.addTap(sock);
        } else {
            stop();
        }
    }

    /** Reads all it has and goes. */
    void stop() {
        if (sock == null) {
            return;
        }
        dev.removeTap(sock);
        for (SkBuff skb = sock.read(); skb != null; skb = sock.read()) {
            look(TapWire.bytes(skb));
            skb.consume();
        }
        sock = null;
    }

    /** A listener must not keep a guest waiting. */
    void check() {
        int frags = sock == null ? 0 : sock.guestFrags();
        breaches.add("invariant 6", frags == 0 ? null : "a packet socket keeps " + frags + " guest pages");
    }

    /** Whole and not to be guessed at: as it was sent, but for the checksum, finished or not. */
    private void look(byte[] seen) {
        TapPacket packet = sent.get(TapPacket.tagOf(seen));
        if (packet == null || packet.kind.mayVanish() || packet.frame.length != seen.length) {
            return;
        }
        byte[] expected = packet.frame.clone();
        int check = packet.needsCsum() ? packet.csumStart() + packet.csumOffset() : packet.isGso() ? packet.checkAt() : -1;
        if (check >= 0) {
            expected[check] = seen[check];
            expected[check + 1] = seen[check + 1];
        }
        int at = Arrays.mismatch(expected, seen);
        breaches.add("invariant 6", at < 0 ? null : "a packet socket has " + packet + " with another byte " + at);
    }
}
