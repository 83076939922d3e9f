package softnic.nic;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import softnic.mm.PhysMem;
import softnic.net.Checksum;
import softnic.net.Ipv4Header;
import softnic.net.TcpHeader;
import softnic.wire.FrameSlot;

/**
 * The packet in the engine's hands: its buffers, and how far its frames are cut (82599 datasheet, 7.2.4, 7.2.5).
 *
 * <pre>
 *   buffers   [ headers | payload ...... ][ payload ... ][ payload ]
 *               |                 ^ piece, pieceOffset: read so far
 *               v
 *   prototype --copy--> frame k: headers, then MSS bytes gathered from the cursor on
 *                       total length, id + k, seq + k * MSS, flags AND mask, checksums
 * </pre>
 *
 * <p>The engine's own, used for one packet after the other. Everything that descriptors say was checked before the
 * first frame is built; reading goes on by a cursor.
 */
final class TxPacket {

    static final int OK = 0;
    static final int DMA_FAULT = 1;
    static final int BAD_CONTEXT = 2;
    static final int BAD_DESCRIPTOR = 3;
    static final int BAD_LENGTH = 4;

    /** DTXTCPFLGL bits 0-11 at reset: the first frame loses FIN and PSH. */
    static final int FIRST_FLAGS = 0xFF6;
    /** DTXTCPFLGL bits 16-27 as a real 82599 has them at reset: CWR stays, against the datasheet. */
    static final int MIDDLE_FLAGS = 0xFF6;
    /** DTXTCPFLGH bits 0-11 at reset: the last frame loses CWR. */
    static final int LAST_FLAGS = 0xF7F;

    /** Shortest packet the device takes, in bytes. */
    static final int MIN_LEN = 17;
    /** Longest headers with TSO, in bytes. */
    static final int MAX_TSO_HEADER = 240;
    /** Buffers over which headers may spread with TSO. */
    static final int MAX_TSO_HEADER_PIECES = 4;

    private static final int IPV6_HEADER = 40;
    private static final int UDP_CHECK = 6;
    private static final int ALL_FLAGS = 0xFFF;

    private final PhysMem memory;
    private final MemorySegment prototype = Arena.ofAuto().allocate(MAX_TSO_HEADER, Long.BYTES);
    private final long[] pieceAddr;
    private final int[] pieceLen;

    private int pieces;
    private int total;                      // bytes of all buffers
    private int cmd;                        // cmd_type_len and olinfo_status of the first data descriptor:
    private int olinfo;                     // only these count for the packet
    private int verdict;

    private int piece;
    private int pieceOffset;

    private boolean tso;
    private int l3;                         // where the IP header begins, in the frame
    private int l4;                         // where the L4 header begins
    private int headers;                    // bytes of all headers, with TSO
    private int mss;
    private int payload;                    // bytes behind the headers, with TSO
    private int sent;                       // of them, in frames so far
    private int frames;                     // frames so far
    private boolean ipv4;
    private boolean insertIp;
    private boolean insertL4;
    private int checkAt;                    // where the L4 checksum lies in the frame
    private int protoId;
    private long ipSum;                     // IPv4 header without total length, id and checksum
    private int protoSeq;
    private int protoFlags;

    /** @param maxPieces descriptors that a packet can have: the ring's size */
    TxPacket(PhysMem memory, int maxPieces) {
        this.memory = memory;
        pieceAddr = new long[maxPieces];
        pieceLen = new int[maxPieces];
    }

    // ---- descriptors in

    void begin() {
        pieces = 0;
        total = 0;
        verdict = OK;
        piece = 0;
        pieceOffset = 0;
        sent = 0;
        frames = 0;
    }

    /**
     * Takes one data descriptor.
     *
     * @return true if it ends the packet
     */
    boolean add(MemorySegment m, long at) {
        int cmdTypeLen = TxDesc.cmdTypeLen(m, at);
        int len = cmdTypeLen & TxDesc.IXGBE_ADVTXD_DTALEN_MASK;
        long addr = TxDesc.bufferAddr(m, at);
        if (pieces == 0) {
            cmd = cmdTypeLen;
            olinfo = TxDesc.olinfoStatus(m, at);
        }
        if (!TxDesc.isData(cmdTypeLen) || len > TxDesc.IXGBE_MAX_DATA_PER_TXD) {
            verdict = BAD_DESCRIPTOR;
        } else if (verdict == OK && !memory.isMemory(addr, len)) {
            verdict = DMA_FAULT;
        }
        pieceAddr[pieces] = addr;
        pieceLen[pieces++] = len;
        total += len;
        return (cmdTypeLen & TxDesc.IXGBE_ADVTXD_DCMD_EOP) != 0;
    }

    /** All descriptors are in: decides what to do, or why not. */
    void prepare(TxContext[] contexts) {
        tso = (cmd & TxDesc.IXGBE_ADVTXD_DCMD_TSE) != 0;
        int popts = olinfo >>> TxDesc.IXGBE_ADVTXD_POPTS_SHIFT;
        insertIp = (popts & TxDesc.IXGBE_TXD_POPTS_IXSM) != 0;
        insertL4 = (popts & TxDesc.IXGBE_TXD_POPTS_TXSM) != 0;
        if (verdict != OK) {
            return;
        }
        if ((cmd & TxDesc.IXGBE_ADVTXD_DCMD_VLE) != 0) {
            verdict = BAD_DESCRIPTOR;       // no VLAN insertion: the driver does not offer it
        } else if (total < MIN_LEN) {
            verdict = BAD_LENGTH;
        } else if (tso) {
            verdict = prepareTso(contexts);
        } else {
            verdict = prepareSingle(contexts);
        }
    }

    private int prepareSingle(TxContext[] contexts) {
        if (TxDesc.paylen(olinfo) != total || total > FrameSlot.SIZE) {
            return BAD_LENGTH;
        }
        if (!insertIp && !insertL4) {
            return OK;
        }
        TxContext c = context(contexts);
        if (c == null) {
            return BAD_CONTEXT;
        }
        boolean ipOk = !insertIp || c.ipv4 && c.iplen >= Ipv4Header.SIZE && l4 <= total;
        checkAt = l4 + (c.l4t == TxDesc.IXGBE_ADVTXD_TUCMD_L4T_TCP ? TcpHeader.CHECK : UDP_CHECK);
        boolean l4Ok = !insertL4 || c.l4t <= TxDesc.IXGBE_ADVTXD_TUCMD_L4T_TCP && checkAt + 2 <= total;
        return ipOk && l4Ok ? OK : BAD_CONTEXT;
    }

    private int prepareTso(TxContext[] contexts) {
        TxContext c = context(contexts);
        if (c == null) {
            return BAD_CONTEXT;
        }
        mss = c.mss;
        headers = l4 + c.l4len;
        boolean ok = insertL4 && insertIp == c.ipv4 && c.l4t == TxDesc.IXGBE_ADVTXD_TUCMD_L4T_TCP
                && mss > 0 && c.l4len >= TcpHeader.SIZE
                && c.iplen >= (c.ipv4 ? Ipv4Header.SIZE : IPV6_HEADER)
                && headers <= MAX_TSO_HEADER && headers + mss <= FrameSlot.SIZE;
        if (!ok) {
            return BAD_CONTEXT;
        }
        payload = TxDesc.paylen(olinfo);
        if (payload == 0 || headers + payload != total) {
            return BAD_LENGTH;
        }
        gather(prototype, 0, headers);
        if (piece >= MAX_TSO_HEADER_PIECES) {
            return BAD_DESCRIPTOR;
        }
        checkAt = l4 + TcpHeader.CHECK;
        if (ipv4) {
            protoId = Ipv4Header.id(prototype, l3);
            Ipv4Header.totLen(prototype, l3, 0);
            Ipv4Header.id(prototype, l3, 0);
            Checksum.store(prototype, l3 + Ipv4Header.CHECK, 0);
            ipSum = Checksum.partial(prototype, l3, c.iplen, 0);
        }
        protoSeq = TcpHeader.seq(prototype, l4);
        protoFlags = TcpHeader.flags(prototype, l4);
        return OK;
    }

    /** The context that the packet names, with the header positions it gives; null if there is none. */
    private TxContext context(TxContext[] contexts) {
        int index = TxDesc.idx(olinfo);
        if (index >= contexts.length || !contexts[index].valid) {
            return null;
        }
        TxContext c = contexts[index];
        l3 = c.maclen;
        l4 = c.maclen + c.iplen;
        ipv4 = c.ipv4;
        return c;
    }

    // ---- frames out

    int verdict() {
        return verdict;
    }

    boolean isTso() {
        return tso;
    }

    /** True while frames are left to build. */
    boolean hasMore() {
        return tso ? sent < payload : frames == 0;
    }

    /**
     * Builds the next frame.
     *
     * @return its bytes, without FCS
     */
    int nextFrame(MemorySegment to, long at) {
        return tso ? segment(to, at) : single(to, at);
    }

    private int single(MemorySegment to, long at) {
        gather(to, at, total);
        if (insertIp) {
            Ipv4Header.updateCheck(to, at + l3, l4 - l3);
        }
        if (insertL4) {
            long sum = Checksum.partial(to, at + l4, total - l4, 0);
            storeCheck(to, at + checkAt, sum);
        }
        frames++;
        return total;
    }

    private int segment(MemorySegment to, long at) {
        int bytes = Math.min(mss, payload - sent);
        MemorySegment.copy(prototype, 0, to, at, headers);
        gather(to, at + headers, bytes);
        int l4Bytes = headers - l4 + bytes;
        if (ipv4) {
            ipv4Header(to, at + l3, l4 - l3 + l4Bytes);
        } else {
            Ipv4Header.id(to, at + l3, l4 - l3 - IPV6_HEADER + l4Bytes);    // payload_len lies where IPv4 has id
        }
        TcpHeader.seq(to, at + l4, protoSeq + sent);
        TcpHeader.flags(to, at + l4, protoFlags & flagMask(sent + bytes == payload));
        // The driver left the pseudo header's sum in the field, with length 0: add the length.
        long sum = Checksum.partial(to, at + l4, l4Bytes, bigEndian(l4Bytes));
        storeCheck(to, at + checkAt, sum);
        sent += bytes;
        frames++;
        return headers + bytes;
    }

    /** Total length, id and checksum: the rest of the header was summed once. */
    private void ipv4Header(MemorySegment to, long ip, int totLen) {
        int id = protoId + frames & 0xFFFF;
        Ipv4Header.totLen(to, ip, totLen);
        Ipv4Header.id(to, ip, id);
        Checksum.store(to, ip + Ipv4Header.CHECK, Checksum.fold(ipSum + bigEndian(totLen) + bigEndian(id)));
    }

    private int flagMask(boolean isLast) {
        if (isLast) {
            return frames == 0 ? ALL_FLAGS : LAST_FLAGS;
        }
        return frames == 0 ? FIRST_FLAGS : MIDDLE_FLAGS;
    }

    /** Stores a checksum; 0 would mean "none" to UDP, so the other zero is used, as the kernel does. */
    private static void storeCheck(MemorySegment to, long at, long sum) {
        int folded = Checksum.fold(sum);
        Checksum.store(to, at, folded == 0 ? 0xFFFF : folded);
    }

    /** A 16-bit field as {@link Checksum} sums it. */
    private static int bigEndian(int value) {
        return Short.toUnsignedInt(Short.reverseBytes((short) value));
    }

    /** DMA: copies the next bytes of the packet. */
    private void gather(MemorySegment to, long at, int bytes) {
        int done = 0;
        while (done < bytes) {
            int have = pieceLen[piece] - pieceOffset;
            if (have == 0) {
                piece++;
                pieceOffset = 0;
                continue;
            }
            int n = Math.min(bytes - done, have);
            long hpa = pieceAddr[piece] + pieceOffset;
            MemorySegment.copy(memory.segment(hpa), PhysMem.offset(hpa), to, at + done, n);
            pieceOffset += n;
            done += n;
        }
    }
}
