package softnic.bench;

import java.lang.foreign.MemorySegment;
import softnic.host.PostedFrame;
import softnic.net.Checksum;
import softnic.net.EthHeader;
import softnic.net.Ipv4Header;
import softnic.net.TcpHeader;
import softnic.wire.FrameRing;
import softnic.wire.FrameSlot;
import softnic.wire.StreamPattern;

/** Looks at frames once, before anything is measured: a wrong frame may be fast, but it proves nothing. */
final class Frames {

    private Frames() {
    }

    /**
     * Takes all frames out of {@code ring}.
     *
     * @param payload TCP payload that they must carry together, in order, in bytes
     * @throws IllegalStateException if a checksum or a byte is wrong, or bytes are missing
     */
    static void check(FrameRing ring, int payload) {
        int position = 0;
        for (FrameSlot slot = ring.peek(); slot != null; slot = ring.peek()) {
            position += check(slot.memory(), slot.offset(), position);
            ring.release();
        }
        require(position == payload, payload - position + " bytes are missing", position);
    }

    private static int check(MemorySegment m, long at, int position) {
        long ip = at + EthHeader.ETH_HLEN;
        int ipLen = Ipv4Header.headerLen(m, ip);
        long tcp = ip + ipLen;
        int tcpLen = TcpHeader.headerLen(m, tcp);
        int l4Len = Ipv4Header.totLen(m, ip) - ipLen;
        int bytes = l4Len - tcpLen;
        long sum = Checksum.partial(m, tcp, l4Len, Checksum.pseudoIpv4(m, ip, Ipv4Header.IPPROTO_TCP, l4Len));
        require(Ipv4Header.isCheckValid(m, ip, ipLen), "IPv4 checksum", position);
        require(Checksum.fold(sum) == 0, "TCP checksum", position);
        require(TcpHeader.seq(m, tcp) == PostedFrame.SEQ + position, "sequence number", position);
        require(StreamPattern.mismatch(m, tcp + tcpLen, bytes, position) == StreamPattern.NO_MISMATCH,
                "payload", position);
        return bytes;
    }

    private static void require(boolean claim, String what, int position) {
        if (!claim) {
            throw new IllegalStateException("bench: the lesson's frames are wrong at stream position " + position
                    + ": " + what);
        }
    }
}
