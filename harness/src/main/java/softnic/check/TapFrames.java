package softnic.check;

import static softnic.check.TapPacket.be16;
import static softnic.check.TapPacket.be32;

import java.util.Arrays;

/** What the frames of a packet must look like: whole, or in segments; written down from the protocols, byte by byte. */
final class TapFrames {

    private static final int ETH = TapPacket.ETH;
    private static final int FIN_PSH = 0x09;
    private static final int CWR = 0x80;
    private static final int MF = 0x2000;

    /**
     * A frame as somebody got it.
     *
     * @param partial its checksum is still to be finished, from {@code csumStart} on
     * @param verified somebody says that its checksum is right
     * @param gsoSize 0: not to be cut
     * @param described false if nothing is known but the bytes
     */
    record Seen(byte[] bytes, boolean partial, int csumStart, int csumOffset, boolean verified, int gsoSize,
            boolean described) {
    }

    /** How much of a packet has come. */
    static final class Progress {
        final TapPacket packet;
        private boolean optional;
        private boolean gaps;
        private boolean whole;
        private int segments;
        private int bytes;

        Progress(TapPacket packet) {
            this.packet = packet;
            this.optional = packet.kind.mayVanish();
        }

        /** What is not there yet may be lost, whole or in part. */
        void mayHaveGaps() {
            optional = true;
            gaps = true;
        }

        boolean mayBeMissing() {
            return optional || isComplete();
        }

        boolean isComplete() {
            return whole || segments > 0 && bytes == packet.frame.length - packet.headers();
        }

        boolean hasBegun() {
            return whole || segments > 0;
        }
    }

    private TapFrames() {
    }

    /** Takes one more frame of a packet. @return what is wrong with it, or null */
    static String next(Progress progress, Seen seen) {
        TapPacket packet = progress.packet;
        if (packet.kind == TapPacket.Kind.RIDDLE || progress.gaps && packet.isGso()) {
            return null;
        }
        if (progress.isComplete()) {
            return "came again";
        }
        if (seen.verified && !packet.verified) {
            return "is said to have a verified checksum, which nobody has looked at";
        }
        boolean sound = packet.kind != TapPacket.Kind.PLAIN && packet.kind != TapPacket.Kind.MISTYPED;
        if (progress.segments == 0 && seen.bytes.length == packet.frame.length) {
            progress.whole = true;
            return whole(packet, seen);
        }
        if (!sound) {
            return "has " + seen.bytes.length + " bytes";
        }
        int payload = packet.frame.length - packet.headers();
        int expected = Math.min(packet.gsoSize(), payload - progress.bytes);
        int got = seen.bytes.length - packet.headers();
        if (got != expected) {
            return "has a segment " + progress.segments + " of " + got + " bytes, not " + expected;
        }
        String wrong = segment(packet, seen, progress.segments, progress.bytes);
        progress.segments++;
        progress.bytes += got;
        return wrong == null ? null : "has in segment " + (progress.segments - 1) + " " + wrong;
    }

    // ---- whole

    private static String whole(TapPacket packet, Seen seen) {
        boolean sound = packet.kind != TapPacket.Kind.MISTYPED;
        if (seen.gsoSize != 0 && seen.gsoSize != packet.gsoSize()) {
            return "has gso_size " + seen.gsoSize;
        }
        if (!seen.described) {
            return same(packet.frame, seen.bytes, packet.needsCsum() ? packet.csumStart() + packet.csumOffset()
                    : packet.isGso() ? packet.checkAt() : -1);
        }
        if (packet.isGso() && sound && seen.gsoSize == 0 && packet.frame.length - packet.headers() > packet.gsoSize()) {
            return "is no GSO packet any more, and no device can send it";
        }
        if (seen.partial && packet.needsCsum()
                && (seen.csumStart != packet.csumStart() || seen.csumOffset != packet.csumOffset())) {
            return "has its checksum from " + seen.csumStart + " at +" + seen.csumOffset;
        }
        if (seen.partial && !packet.needsCsum() && !packet.isGso()) {
            return "has a checksum to be finished, for which nobody asked";
        }
        if (packet.needsCsum()) {
            byte[] expected = packet.frame;
            if (!seen.partial) {
                expected = packet.frame.clone();
                finish(expected, packet.csumStart(), packet.csumOffset());
            }
            return same(expected, seen.bytes, -1);
        }
        // a GSO packet without checksum: the stack may have left the pseudo header's sum
        return !packet.isGso() ? same(packet.frame, seen.bytes, -1)
                : sound ? same(packet.frame, seen.bytes, packet.checkAt()) : null;
    }

    /** @param except where two bytes may differ, or -1 */
    private static String same(byte[] expected, byte[] got, int except) {
        int at = Arrays.mismatch(expected, got);
        if (at >= 0 && (at == except || at == except + 1)) {
            int behind = Arrays.mismatch(expected, Math.min(except + 2, expected.length), expected.length, got,
                    Math.min(except + 2, got.length), got.length);
            at = behind < 0 ? -1 : except + 2 + behind;
        }
        return at < 0 ? null : "differs at byte " + at + ": 0x" + Integer.toHexString(got[at] & 0xFF) + ", not 0x"
                + Integer.toHexString(expected[at] & 0xFF);
    }

    // ---- segments

    private static String segment(TapPacket packet, Seen seen, int index, int done) {
        byte[] b = seen.bytes;
        byte[] f = packet.frame;
        if (!Arrays.equals(b, 0, ETH, f, 0, ETH)) {
            return "another Ethernet header";
        }
        boolean udp = packet.kind == TapPacket.Kind.UDP4;
        int headers = packet.headers();
        int got = b.length - headers;
        int total = f.length - headers;
        if (packet.kind == TapPacket.Kind.TCP6) {
            if (be16(b, ETH + 4) != b.length - ETH - 40 || !Arrays.equals(b, ETH + 6, ETH + 40, f, ETH + 6, ETH + 40)) {
                return "another IPv6 header";
            }
        } else {
            if (be16(b, ETH + 2) != b.length - ETH || sum(b, ETH, ETH + 20, 0) != 0xFFFF) {
                return "a wrong IPv4 length or header checksum";
            }
            if (be16(b, ETH + 4) != (be16(f, ETH + 4) + (udp ? 0 : index) & 0xFFFF)) {
                return "IPv4 id " + be16(b, ETH + 4);
            }
            int off = udp ? done / 8 | (done + got < total ? MF : 0) : be16(f, ETH + 6);
            if (be16(b, ETH + 6) != off) {
                return "fragment offset 0x" + Integer.toHexString(be16(b, ETH + 6));
            }
        }
        if (udp) {
            return fragment(packet, b, done);
        }
        int at = Arrays.mismatch(b, headers, b.length, f, headers + done, headers + done + got);
        return at >= 0 ? "other data at byte " + (done + at) : tcp(packet, seen, index, done, done + got == total);
    }

    /** UDP header and data are cut as one, and the checksum is finished before. */
    private static String fragment(TapPacket packet, byte[] b, int done) {
        byte[] f = packet.frame.clone();
        int l4 = packet.l4();
        if (packet.needsCsum()) {
            finish(f, packet.csumStart(), packet.csumOffset());
        } else if (done == 0) {
            f[l4 + 6] = b[l4 + 6];
            f[l4 + 7] = b[l4 + 7];
        }
        int at = Arrays.mismatch(b, l4, b.length, f, l4 + done, l4 + done + b.length - l4);
        return at < 0 ? null : "other data at byte " + (done + at);
    }

    private static String tcp(TapPacket packet, Seen seen, int index, int done, boolean last) {
        byte[] b = seen.bytes;
        byte[] f = packet.frame;
        int l4 = packet.l4();
        if (be32(b, l4 + 4) != be32(f, l4 + 4) + done) {
            return "sequence number " + be32(b, l4 + 4);
        }
        int flags = f[l4 + 13] & 0xFF & (last ? 0xFF : ~FIN_PSH) & (index == 0 ? 0xFF : ~CWR);
        if ((b[l4 + 13] & 0xFF) != flags) {
            return "TCP flags 0x" + Integer.toHexString(b[l4 + 13] & 0xFF);
        }
        if (!seen.described) {
            return null;
        }
        byte[] finished = b;
        if (seen.partial) {
            finished = b.clone();
            finish(finished, seen.csumStart, seen.csumOffset);
        }
        int pseudo = packet.kind == TapPacket.Kind.TCP6 ? sum(b, ETH + 8, ETH + 40, 6 + b.length - l4)
                : sum(b, ETH + 12, ETH + 20, 6 + b.length - l4);
        return sum(finished, l4, b.length, pseudo) == 0xFFFF ? null : "a wrong TCP checksum";
    }

    // ---- RFC 1071

    private static void finish(byte[] b, int start, int offset) {
        int check = ~sum(b, start, b.length, 0) & 0xFFFF;
        check = check == 0 ? 0xFFFF : check;
        b[start + offset] = (byte) (check >> 8);
        b[start + offset + 1] = (byte) check;
    }

    private static int sum(byte[] b, int from, int end, int begin) {
        long sum = begin;
        for (int i = from; i + 1 < end; i += 2) {
            sum += be16(b, i);
        }
        if ((end - from & 1) == 1) {
            sum += (b[end - 1] & 0xFF) << 8;
        }
        while (sum >> 16 != 0) {
            sum = (sum & 0xFFFF) + (sum >> 16);
        }
        return (int) sum;
    }
}
