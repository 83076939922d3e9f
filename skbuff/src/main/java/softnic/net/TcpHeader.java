package softnic.net;

import java.lang.foreign.MemorySegment;

/**
 * The TCP header: {@code struct tcphdr} (include/linux/tcp.h), RFC 9293 section 3.1.
 *
 * <pre>
 *   0        2      4     8         12            14       16      18
 *   +--------+------+-----+---------+-------------+--------+-------+---------+
 *   | source | dest | seq | ack_seq | doff, flags | window | check | urg_ptr | options
 *   +--------+------+-----+---------+-------------+--------+-------+---------+
 * </pre>
 */
public final class TcpHeader {

    /** Bytes without options. */
    public static final int SIZE = 20;
    /** Bytes with the timestamp option, padded ({@code TCPOLEN_TSTAMP_ALIGNED} + 20). */
    public static final int SIZE_TIMESTAMPS = 32;

    public static final int FIN = 0x01;
    public static final int SYN = 0x02;
    public static final int RST = 0x04;
    public static final int PSH = 0x08;
    public static final int ACK = 0x10;
    public static final int CWR = 0x80;

    public static final int SEQ = 4;
    public static final int ACK_SEQ = 8;
    public static final int FLAGS = 12;
    public static final int CHECK = 16;

    private static final int FLAGS_MASK = 0xFFF;

    private TcpHeader() {
    }

    public static int source(MemorySegment m, long at) {
        return NetworkOrder.u16(m, at);
    }

    public static int dest(MemorySegment m, long at) {
        return NetworkOrder.u16(m, at + 2);
    }

    public static int seq(MemorySegment m, long at) {
        return NetworkOrder.u32(m, at + SEQ);
    }

    public static void seq(MemorySegment m, long at, int seq) {
        NetworkOrder.u32(m, at + SEQ, seq);
    }

    public static int ackSeq(MemorySegment m, long at) {
        return NetworkOrder.u32(m, at + ACK_SEQ);
    }

    /** Header length with options, in bytes. */
    public static int headerLen(MemorySegment m, long at) {
        return (NetworkOrder.u8(m, at + FLAGS) >>> 4) * 4;
    }

    /** The twelve flag bits, reserved ones included. */
    public static int flags(MemorySegment m, long at) {
        return NetworkOrder.u16(m, at + FLAGS) & FLAGS_MASK;
    }

    public static void flags(MemorySegment m, long at, int flags) {
        int word = NetworkOrder.u16(m, at + FLAGS);
        NetworkOrder.u16(m, at + FLAGS, word & ~FLAGS_MASK | flags & FLAGS_MASK);
    }

    /** As sent, before window scaling. */
    public static int window(MemorySegment m, long at) {
        return NetworkOrder.u16(m, at + 14);
    }

    /** Writes the fixed part; the checksum is 0. {@code headerLen} in bytes, a multiple of 4. */
    public static void write(MemorySegment m, long at, int source, int dest, int seq, int ackSeq,
            int headerLen, int flags, int window) {
        NetworkOrder.u16(m, at, source);
        NetworkOrder.u16(m, at + 2, dest);
        NetworkOrder.u32(m, at + SEQ, seq);
        NetworkOrder.u32(m, at + ACK_SEQ, ackSeq);
        NetworkOrder.u16(m, at + FLAGS, headerLen / 4 << 12 | flags);
        NetworkOrder.u16(m, at + 14, window);
        NetworkOrder.u16(m, at + CHECK, 0);
        NetworkOrder.u16(m, at + 18, 0);
    }

    /** The padded timestamp option behind the fixed part: NOP, NOP, 8, 10, value, echo. */
    public static void writeTimestamps(MemorySegment m, long at, int value, int echo) {
        NetworkOrder.u32(m, at + SIZE, 0x0101080A);
        NetworkOrder.u32(m, at + SIZE + 4, value);
        NetworkOrder.u32(m, at + SIZE + 8, echo);
    }

    /** The timestamp value of a padded option, or 0 where there is none. */
    public static int timestamp(MemorySegment m, long at) {
        return headerLen(m, at) >= SIZE_TIMESTAMPS && NetworkOrder.u32(m, at + SIZE) == 0x0101080A
                ? NetworkOrder.u32(m, at + SIZE + 4) : 0;
    }

    /** One option word (4 bytes in network order) of a SYN, {@code word} counted behind the fixed part. */
    public static void option(MemorySegment m, long at, int word, int value) {
        NetworkOrder.u32(m, at + SIZE + 4L * word, value);
    }

    public static int option(MemorySegment m, long at, int word) {
        return NetworkOrder.u32(m, at + SIZE + 4L * word);
    }
}
