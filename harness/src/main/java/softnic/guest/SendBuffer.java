package softnic.guest;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import softnic.mm.PhysMem;

/**
 * The pages behind the socket's write queue: {@code alloc_page} in {@code tcp_sendmsg} (net/ipv4/tcp.c, 2.6.39) and
 * the {@code put_page} that ends it.
 *
 * <pre>
 *   stream    ... | page p-2 | page p-1 | page p ...
 *                   acked and returned?   ^ written
 *   frames    page p lies in any free page of guest RAM, the one freed last first
 * </pre>
 *
 * <p>A page of the kernel is free when the last reference goes: TCP's own, dropped by the ACK, and the
 * driver's, dropped when the host has returned the buffer. So a page is reused only when both are done.
 */
final class SendBuffer {

    /** What a returned buffer is overwritten with: a later read of it shows at the receiver. */
    static final byte POISON = (byte) 0xDB;

    private static final int TICKETS = 4096;
    private static final int PAGE_MASK = PhysMem.PAGE_SIZE - 1;

    private final MemorySegment ram;
    private final MemorySegment poison = Arena.ofAuto().allocate(PhysMem.PAGE_SIZE).fill(POISON);
    private final GuestPages free;
    private final int[] pages;          // of stream page p at p & pages.length - 1
    private final long[] ticketEnd = new long[TICKETS];
    private final boolean[] ticketReturned = new boolean[TICKETS];
    private long firstPage;             // oldest stream page in use
    private long nextPage;              // first without a frame
    private long firstTicket;           // oldest packet still out
    private long nextTicket;
    private long written;
    private long acked;
    private long returned;

    /** @param free shared with the other streams */
    SendBuffer(GuestRam ram, GuestPages free) {
        this.ram = ram.segment();
        this.free = free;
        pages = new int[Integer.highestOneBit(free.total()) << 1];
        assert ram.skbs() <= TICKETS : ram.skbs() + " packets";
    }

    /** Bytes that may be written now. */
    long room() {
        return ((long) free.count() << PhysMem.PAGE_SHIFT) + (nextPage << PhysMem.PAGE_SHIFT) - written;
    }

    /** Copies from user memory to the end of the stream ({@code skb_add_data_nocache}). */
    void write(long userGpa, int bytes) {
        assert bytes <= room() : bytes + " bytes, room for " + room();
        int done = 0;
        while (done < bytes) {
            if (written >>> PhysMem.PAGE_SHIFT == nextPage) {
                pages[(int) nextPage++ & pages.length - 1] = free.take();
            }
            int piece = piece(written, bytes - done);
            MemorySegment.copy(ram, userGpa + done, ram, gpa(written), piece);
            written += piece;
            done += piece;
        }
    }

    /** Where in guest RAM the byte at stream {@code position} lies. */
    private long gpa(long position) {
        long frame = pages[(int) (position >>> PhysMem.PAGE_SHIFT) & pages.length - 1];
        return frame << PhysMem.PAGE_SHIFT | position & PAGE_MASK;
    }

    /** Bytes from {@code position} on that lie in one page, at most {@code left}. */
    private static int piece(long position, int left) {
        return Math.min(left, PhysMem.PAGE_SIZE - (int) (position & PAGE_MASK));
    }

    /** The packet goes to the driver with its payload. */
    void sent(GuestSkb skb) {
        int slot = (int) nextTicket & TICKETS - 1;
        assert skb.buffer == this : "packet " + skb.index + " of another stream";
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
        freePages();
    }

    /** The receiver has everything below {@code position}. */
    void acked(long position) {
        acked = position;
        freePages();
    }

    private void freePages() {
        long end = Math.min(acked, returned) >>> PhysMem.PAGE_SHIFT;
        while (firstPage < end) {
            free.put(pages[(int) firstPage++ & pages.length - 1]);
        }
    }

    /** Overwrites a packet's payload, and its headers. */
    void poison(GuestSkb skb) {
        long at = skb.payloadAt;
        int left = skb.payloadLen;
        while (left > 0) {
            int piece = piece(at, left);
            MemorySegment.copy(poison, 0, ram, gpa(at), piece);
            at += piece;
            left -= piece;
        }
        MemorySegment.copy(poison, 0, ram, skb.linearGpa, skb.linearLen);
    }

    /** A hash of virtio_net_hdr and linear part, as they are in guest RAM. */
    int hashOfHeaders(GuestSkb skb) {
        int hash = 0;
        for (long at = skb.vnetHdrGpa; at < skb.linearGpa + skb.linearLen; at++) {
            hash = 31 * hash + ram.get(ValueLayout.JAVA_BYTE, at);
        }
        return hash;
    }

    /** Appends the packet's payload page by page ({@code skb_shinfo(skb)->frags}). */
    void addFrags(GuestSkb skb, GuestSg sg) {
        long at = skb.payloadAt;
        int left = skb.payloadLen;
        while (left > 0) {
            int piece = piece(at, left);
            sg.add(gpa(at), piece);
            at += piece;
            left -= piece;
        }
    }

    /** Packets with payload that the host has. */
    long outstanding() {
        return nextTicket - firstTicket;
    }
}
