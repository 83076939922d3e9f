package softnic.wire;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import softnic.net.Checksum;
import softnic.net.EthHeader;
import softnic.net.Ipv4Header;
import softnic.net.TcpHeader;
import softnic.trace.Counters;
import softnic.trace.Violations;

/**
 * Looks at every byte of every frame that reaches the far end: {@code eth_type_trans}, {@code ip_rcv},
 * {@code tcp_v4_rcv} and {@code tcp_validate_incoming}, and netserver's reader that knows what must come.
 *
 * <p>{@link #parse} checks headers and lengths and leaves the fields here; {@link #checkPayload} checks
 * checksum, order and content. A fault is counted, reported, and then the stream goes on behind it: nobody
 * retransmits, and one fault shall be seen once. The far end's agent only.
 */
final class RemoteHostVerifier {

    /** {@link #parse}: not a frame to look at further. */
    static final int DROP = -1;

    private static final int INVARIANT_PAYLOAD = 6;
    private static final int INVARIANT_HEADERS = 40;
    private static final int PSEUDO_HEADER = 12;
    private static final int MIN_FRAME = EthHeader.ETH_HLEN + Ipv4Header.SIZE + TcpHeader.SIZE;

    private final String name;
    private final TcpFlow flow;
    private final long patternStart;
    private final Counters<RemoteHostCounter> counters;
    private final Violations violations;
    private final boolean lossy;
    private final MemorySegment pseudo = Arena.ofAuto().allocate(PSEUDO_HEADER, Long.BYTES);

    private MemorySegment memory;
    private long ip;
    private long tcp;
    private int tcpLen;
    private int headerLen;
    private int payloadLen;
    private int seq;
    private int flags;
    private int timestamp;
    private int id;
    private boolean idFollows;          // the frame's IP id is the one after the last frame's

    private boolean open;
    private long position;              // stream position of the next byte
    private long verified;
    private int expectedSeq;
    private int firstEcho;
    private int lastEcho;
    private boolean echoing;

    /**
     * @param name who reports
     * @param patternStart where in the pattern the stream begins ({@link StreamPattern#start})
     * @param lossy a gap is counted, but is no violation
     */
    RemoteHostVerifier(String name, TcpFlow flow, long patternStart, boolean lossy,
            Counters<RemoteHostCounter> counters, Violations violations) {
        this.name = name;
        this.flow = flow;
        this.patternStart = patternStart;
        this.counters = counters;
        this.violations = violations;
        this.lossy = lossy;
    }

    /**
     * Checks addresses, header checksum and lengths of one frame.
     *
     * @return payload bytes, or {@link #DROP}
     */
    int parse(MemorySegment m, long at, int len) {
        memory = m;
        ip = at + EthHeader.ETH_HLEN;
        if (EthHeader.dest(m, at) != flow.farMac() || EthHeader.source(m, at) != flow.guestMac()) {
            return bad(RemoteHostCounter.BAD_MAC, len);
        }
        if (len < MIN_FRAME || EthHeader.type(m, at) != EthHeader.ETH_P_IP
                || Ipv4Header.version(m, ip) != 4 || Ipv4Header.headerLen(m, ip) != Ipv4Header.SIZE) {
            return bad(RemoteHostCounter.BAD_PROTOCOL, len);
        }
        if (!isWhole(Checksum.partial(m, ip, Ipv4Header.SIZE, 0))) {
            return bad(RemoteHostCounter.BAD_IP_CHECKSUM, len);
        }
        if (Ipv4Header.protocol(m, ip) != Ipv4Header.IPPROTO_TCP
                || Ipv4Header.saddr(m, ip) != flow.guestIp() || Ipv4Header.daddr(m, ip) != flow.farIp()) {
            return bad(RemoteHostCounter.BAD_PROTOCOL, len);
        }
        return parseTcp(len);
    }

    private int parseTcp(int len) {
        int totLen = Ipv4Header.totLen(memory, ip);
        boolean isPadded = len == EthHeader.ETH_ZLEN && EthHeader.ETH_HLEN + totLen < len;
        tcp = ip + Ipv4Header.SIZE;
        tcpLen = totLen - Ipv4Header.SIZE;
        headerLen = TcpHeader.headerLen(memory, tcp);
        payloadLen = tcpLen - headerLen;
        if (EthHeader.ETH_HLEN + totLen != len && !isPadded
                || headerLen < TcpHeader.SIZE || payloadLen < 0) {
            return bad(RemoteHostCounter.BAD_LENGTH, len);
        }
        seq = TcpHeader.seq(memory, tcp);
        flags = TcpHeader.flags(memory, tcp);
        timestamp = TcpHeader.timestamp(memory, tcp);
        return payloadLen;
    }

    /** Checks the TCP checksum and the ports; a frame that fails still counts as come. */
    void checkSegment() {
        int before = id;
        id = Ipv4Header.id(memory, ip);
        idFollows = id == (before + 1 & 0xFFFF);
        if (!isWhole(Checksum.partial(memory, tcp, tcpLen, pseudoHeader()))) {
            bad(RemoteHostCounter.BAD_TCP_CHECKSUM, tcpLen);
        }
        if (TcpHeader.source(memory, tcp) != flow.guestPort()
                || TcpHeader.dest(memory, tcp) != flow.farPort()) {
            bad(RemoteHostCounter.BAD_PROTOCOL, tcpLen);
        }
        if (open && !isEchoPlausible()) {
            bad(RemoteHostCounter.BAD_TIMESTAMP, TcpHeader.option(memory, tcp, 2));
        }
    }

    /** Addresses, protocol and length, put together byte by byte: not with what the senders use. */
    private long pseudoHeader() {
        MemorySegment.copy(memory, ip + Ipv4Header.SADDR, pseudo, 0, 8);
        pseudo.set(ValueLayout.JAVA_BYTE, 9, (byte) Ipv4Header.IPPROTO_TCP);
        pseudo.set(ValueLayout.JAVA_BYTE, 10, (byte) (tcpLen >>> 8));
        pseudo.set(ValueLayout.JAVA_BYTE, 11, (byte) tcpLen);
        return Checksum.partial(pseudo, 0, PSEUDO_HEADER, 0);
    }

    /** True if a sum with its checksum in it is right: 0xFFFF in one's complement. Not with the senders' fold. */
    private static boolean isWhole(long sum) {
        return sum % 0xFFFF == 0;
    }

    /**
     * Checks place and content of the payload, and moves on behind it.
     *
     * @return true if the segment brought new bytes
     */
    boolean checkPayload() {
        if (!open) {
            bad(RemoteHostCounter.BAD_STATE, payloadLen);
            return false;
        }
        int ahead = seq - expectedSeq;
        if (ahead < 0) {
            bad(RemoteHostCounter.BAD_SEQUENCE_REPEATED, ahead);
            return false;
        }
        if (ahead > 0) {
            lost(ahead);
            position += ahead;
        } else if (!idFollows && !lossy) {
            bad(RemoteHostCounter.BAD_IP_ID, id);
        }
        long wrong = StreamPattern.mismatch(memory, tcp + headerLen, payloadLen, patternStart + position);
        if (wrong == StreamPattern.NO_MISMATCH) {
            counters.add(RemoteHostCounter.BYTES_VERIFIED, payloadLen);
            verified += payloadLen;
        } else {
            badPayload(wrong);
        }
        position += payloadLen;
        expectedSeq = seq + payloadLen;
        return true;
    }

    /** A SYN: the stream begins behind it. */
    void open() {
        open = true;
        position = 0;
        expectedSeq = seq + 1;
    }

    /** We sent this timestamp: from now on the guest may echo it. */
    void sentTimestamp(int value) {
        if (!echoing) {
            echoing = true;
            firstEcho = value;
        }
        lastEcho = value;
    }

    private boolean isEchoPlausible() {
        if (headerLen < TcpHeader.SIZE_TIMESTAMPS || (flags & TcpHeader.SYN) != 0) {
            return (flags & TcpHeader.SYN) != 0;
        }
        int echo = TcpHeader.option(memory, tcp, 2);
        return echo - firstEcho >= 0 && lastEcho - echo >= 0;
    }

    private int bad(RemoteHostCounter what, int value) {
        counters.bump(what);
        violations.report(INVARIANT_HEADERS, name + ": " + what + " " + value + " at stream position "
                + position + ", seq=" + seq + " expected=" + expectedSeq + " payload=" + payloadLen + " bytes");
        return DROP;
    }

    private void lost(int bytes) {
        if (lossy) {
            counters.bump(RemoteHostCounter.BAD_SEQUENCE_LOST);
        } else {
            bad(RemoteHostCounter.BAD_SEQUENCE_LOST, bytes);
        }
    }

    private void badPayload(long wrong) {
        counters.bump(RemoteHostCounter.BAD_PAYLOAD);
        violations.report(INVARIANT_PAYLOAD, name + ": byte at stream position " + (position + wrong)
                + " is wrong, the first of a segment of " + payloadLen + " bytes at " + position);
    }

    boolean isOpen() {
        return open;
    }

    boolean isSyn() {
        return (flags & TcpHeader.SYN) != 0;
    }

    boolean isPush() {
        return (flags & TcpHeader.PSH) != 0;
    }

    int payloadLen() {
        return payloadLen;
    }

    int timestamp() {
        return timestamp;
    }

    /** What an acknowledgement carries ({@code rcv_nxt}). */
    int expectedSeq() {
        return expectedSeq;
    }

    /** Stream bytes that were as they should be. */
    long verified() {
        return verified;
    }

    /** Stream bytes that have come. */
    long position() {
        return position;
    }
}
