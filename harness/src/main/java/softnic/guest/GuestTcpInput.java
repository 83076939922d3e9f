package softnic.guest;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import softnic.net.Checksum;
import softnic.net.EthHeader;
import softnic.net.Ipv4Header;
import softnic.net.TcpHeader;
import softnic.wire.TcpFlow;

/**
 * What the guest reads out of one received frame: {@code ip_rcv}, {@code tcp_v4_rcv} up to the socket
 * (net/ipv4). Refilled for each frame; the backlog keeps copies of the fields.
 */
final class GuestTcpInput {

    private static final int MIN_FRAME = EthHeader.ETH_HLEN + Ipv4Header.SIZE + TcpHeader.SIZE;

    private final TcpFlow flow;
    private final int streams;

    int stream;                         // whose it is
    int ackSeq;
    int seq;
    int flags;
    int window;
    int timestamp;
    int windowScale;                    // of a SYN; -1: none

    /** @param flow the first of {@code streams} connections ({@link TcpFlow#stream}) */
    GuestTcpInput(TcpFlow flow, int streams) {
        this.flow = flow;
        this.streams = streams;
    }

    /**
     * Parses and checks a frame.
     *
     * @param isVerified the host vouches for the TCP checksum
     * @return false if it is damaged or for none of our connections
     */
    boolean parse(MemorySegment m, long at, int len, boolean isVerified) {
        long ip = at + EthHeader.ETH_HLEN;
        long tcp = ip + Ipv4Header.SIZE;
        if (len < MIN_FRAME || EthHeader.dest(m, at) != flow.guestMac()
                || EthHeader.type(m, at) != EthHeader.ETH_P_IP
                || Ipv4Header.headerLen(m, ip) != Ipv4Header.SIZE
                || !Ipv4Header.isCheckValid(m, ip, Ipv4Header.SIZE)) {
            return false;
        }
        int tcpLen = Ipv4Header.totLen(m, ip) - Ipv4Header.SIZE;
        int headerLen = TcpHeader.headerLen(m, tcp);
        if (tcpLen > len - EthHeader.ETH_HLEN - Ipv4Header.SIZE || headerLen < TcpHeader.SIZE
                || headerLen > tcpLen || !isOurs(m, ip, tcp)) {
            return false;
        }
        if (!isVerified) {
            long sum = Checksum.pseudoIpv4(m, ip, Ipv4Header.IPPROTO_TCP, tcpLen);
            if (Checksum.fold(Checksum.partial(m, tcp, tcpLen, sum)) != 0) {
                return false;
            }
        }
        read(m, tcp, headerLen);
        return true;
    }

    private boolean isOurs(MemorySegment m, long ip, long tcp) {
        stream = TcpHeader.dest(m, tcp) - flow.guestPort();
        return Ipv4Header.protocol(m, ip) == Ipv4Header.IPPROTO_TCP
                && Ipv4Header.saddr(m, ip) == flow.farIp() && Ipv4Header.daddr(m, ip) == flow.guestIp()
                && TcpHeader.source(m, tcp) == flow.farPort() + stream && stream >= 0 && stream < streams;
    }

    private void read(MemorySegment m, long tcp, int headerLen) {
        seq = TcpHeader.seq(m, tcp);
        ackSeq = TcpHeader.ackSeq(m, tcp);
        flags = TcpHeader.flags(m, tcp);
        window = TcpHeader.window(m, tcp);
        timestamp = TcpHeader.timestamp(m, tcp);
        windowScale = -1;
        if (isSyn()) {
            readSynOptions(m, tcp, headerLen);
        }
    }

    /** {@code tcp_parse_options}: kind, length, value, until the header ends. */
    private void readSynOptions(MemorySegment m, long tcp, int headerLen) {
        int i = TcpHeader.SIZE;
        while (i < headerLen) {
            int kind = u8(m, tcp + i);
            if (kind == 0) {
                return;
            }
            int size = kind == 1 ? 1 : i + 1 < headerLen ? u8(m, tcp + i + 1) : 0;
            if (size == 0 || i + size > headerLen) {
                return;
            }
            if (kind == 3) {
                windowScale = Math.min(14, u8(m, tcp + i + 2));
            } else if (kind == 8) {
                timestamp = u8(m, tcp + i + 2) << 24 | u8(m, tcp + i + 3) << 16
                        | u8(m, tcp + i + 4) << 8 | u8(m, tcp + i + 5);
            }
            i += size;
        }
    }

    private static int u8(MemorySegment m, long at) {
        return Byte.toUnsignedInt(m.get(ValueLayout.JAVA_BYTE, at));
    }

    boolean isSyn() {
        return (flags & TcpHeader.SYN) != 0;
    }

    boolean isAck() {
        return (flags & TcpHeader.ACK) != 0;
    }
}
