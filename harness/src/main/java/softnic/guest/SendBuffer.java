package softnic.guest;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import softnic.mm.PhysMem;

/**
 * The pages behind the socket's write queue: a ring in guest RAM in which stream byte p lies at p mod size.
 *
 * <pre>
 *      returned (all packets below have come back)
 *         |        acked (the receiver has all below)      any order of the two
 *         v          v
 *   [free | still in use ........................ | free ... ]
 *                                                 ^ written
 * </pre>
 *
 * <p>A page of the kernel is free when the last reference goes: TCP's own, dropped by the ACK, and the
 * driver's, dropped when the host has returned the buffer. So a byte is reused only when both are done.
 */
final class SendBuffer {

    /** What a returned buffer is overwritten with: a later read of it shows at the receiver. */
    static final byte POISON = (byte) 0xDB;

    private static final int TICKETS = 2048;
    private static final int POISON_BLOCK = 1 << 16;

    private final MemorySegment ram;
    private final long base;
    private final long size;
    private final MemorySegment poison;
    private final long[] ticketEnd = new long[TICKETS];
    private final boolean[] ticketReturned = new boolean[TICKETS];
    private long firstTicket;           // oldest packet still out
    private long nextTicket;
    private long written;
    private long acked;
    private long returned;

    SendBuffer(GuestRam ram) {
        this.ram = ram.segment();
        this.base = ram.sendBufferGpa();
        this.size = ram.sendBufferBytes();
        this.poison = Arena.ofAuto().allocate(POISON_BLOCK);
        poison.fill(POISON);
        assert ram.skbs() <= TICKETS : ram.skbs() + " packets";
    }

    /** Bytes that may be written now. */
    long room() {
        return size - (written - Math.min(acked, returned));
    }

    /** Copies from user memory to the end of the stream ({@code skb_add_data_nocache}). */
    void write(long userGpa, int bytes) {
        assert bytes <= room() : bytes + " bytes, room for " + room();
        long at = written % size;
        int first = (int) Math.min(bytes, size - at);
        MemorySegment.copy(ram, userGpa, ram, base + at, first);
        if (first < bytes) {
            MemorySegment.copy(ram, userGpa + first, ram, base, bytes - first);
        }
        written += bytes;
    }

    /** The packet goes to the driver with its payload. */
    void sent(GuestSkb skb) {
        int slot = (int) nextTicket & TICKETS - 1;
        ticketEnd[slot] = skb.payloadAt + skb.payloadLen;
        ticketReturned[slot] = false;
        skb.sendTicket = nextTicket++;
    }

    /** The host has returned the packet; packets may come back in any order. */
    void returned(GuestSkb skb) {
        assert skb.sendTicket >= firstTicket : "packet " + skb.index + " returned twice";
        ticketReturned[(int) skb.sendTicket & TICKETS - 1] = true;
        while (firstTicket < nextTicket && ticketReturned[(int) firstTicket & TICKETS - 1]) {
            returned = ticketEnd[(int) firstTicket & TICKETS - 1];
            firstTicket++;
        }
    }

    /** The receiver has everything below {@code position}. */
    void acked(long position) {
        acked = position;
    }

    /** Overwrites a packet's payload, and its headers. */
    void poison(GuestSkb skb) {
        long at = skb.payloadAt % size;
        int first = (int) Math.min(skb.payloadLen, size - at);
        MemorySegment.copy(poison, 0, ram, base + at, first);
        MemorySegment.copy(poison, 0, ram, base, skb.payloadLen - first);
        MemorySegment.copy(poison, 0, ram, skb.linearGpa, skb.linearLen);
    }

    /** Appends the packet's payload page by page ({@code skb_shinfo(skb)->frags}). */
    void addFrags(GuestSkb skb, GuestSg sg) {
        long at = skb.payloadAt % size;
        int left = skb.payloadLen;
        while (left > 0) {
            int piece = Math.min(left, PhysMem.PAGE_SIZE - (int) (at & PhysMem.PAGE_SIZE - 1));
            sg.add(base + at, piece);
            left -= piece;
            at += piece;
            at = at == size ? 0 : at;
        }
    }

    /** Packets with payload that the host has. */
    long outstanding() {
        return nextTicket - firstTicket;
    }
}
