package softnic.macvtap;

import softnic.Edition;
import softnic.Quirk;
import softnic.mm.Errno;
import softnic.mm.GuestMemory;
import softnic.mm.IoVec;
import softnic.mm.PhysMem;
import softnic.net.Sock;
import softnic.sched.Cost;
import softnic.sched.Cpu;
import softnic.skb.SkBuff;
import softnic.skb.SkbSharedInfo;
import softnic.trace.Trace;
import softnic.trace.Tracepoint;

/**
 * Guest pages become fragments: {@code zerocopy_sg_from_iovec} (drivers/net/macvtap.c, 3.1),
 * {@code zerocopy_sg_from_iter} (net/core/datagram.c).
 *
 * <pre>
 *   iov      | vnet hdr | headers, data ... | data ............ |
 *   skb       (skipped)   linear, copied      frag  frag  frag     one a page touched, each page pinned
 * </pre>
 *
 * <p>Deviation: 3.1 did not limit the pages before it pinned them, lost its place when the linear part
 * spanned several pieces, and leaked what it had pinned when a pin failed (fixed by 3.6). We do as 3.6.
 */
final class ZerocopySg {

    private final Edition edition;
    private final Cpu cpu;
    private final Trace trace;
    private final PhysMem memory;
    private final GuestMemory guest;

    ZerocopySg(Edition edition, Cpu cpu, Trace trace, PhysMem memory, GuestMemory guest) {
        this.edition = edition;
        this.cpu = cpu;
        this.trace = trace;
        this.memory = memory;
        this.guest = guest;
    }

    /**
     * Copies the linear part, pins the rest.
     *
     * @param skb has its linear room put already, and is charged to {@code sock}
     * @param offset bytes of {@code iov} to skip
     * @return 0; -EFAULT: not all pages could be pinned; -EMSGSIZE: too many pages. The skb holds what was
     *     pinned so far, and its free gives it back
     */
    int fromIovec(SkBuff skb, Sock sock, IoVec iov, int offset) {
        trace.enter(Tracepoint.ZEROCOPY_SG);
        trace.enter(Tracepoint.COPY_DATAGRAM);
        int linear = skb.headlen();
        int err = iov.copyTo(memory, offset, skb.dataHpa(), linear);
        cpu.charge(Cost.VHOST_COPY, linear);
        trace.exit(Tracepoint.COPY_DATAGRAM);
        if (err == 0) {
            trace.enter(Tracepoint.ZEROCOPY_SG_INNER);
            err = pinPieces(skb, sock, iov, offset + linear);
            trace.exit(Tracepoint.ZEROCOPY_SG_INNER);
        }
        trace.exit(Tracepoint.ZEROCOPY_SG);
        return err;
    }

    private int pinPieces(SkBuff skb, Sock sock, IoVec iov, int offset) {
        int skip = offset;
        for (int i = 0; i < iov.count(); i++) {
            if (skip >= iov.len(i)) {
                skip -= iov.len(i);
                continue;
            }
            int err = pinPiece(skb, sock, iov.base(i) + skip, iov.len(i) - skip);
            if (err != 0) {
                return err;
            }
            skip = 0;
        }
        return 0;
    }

    private int pinPiece(SkBuff skb, Sock sock, long base, int len) {
        SkbSharedInfo shinfo = skb.shinfo();
        int pages = pages(base, len);
        if (pages > shinfo.frags().length - shinfo.nrFrags()) {
            return -Errno.EMSGSIZE;
        }
        int pinned = guest.getUserPagesFast(base, pages, shinfo.frags(), shinfo.nrFrags());
        cpu.charge(Cost.PIN_PAGE, pages);
        if (pinned != pages) {
            for (int i = 0; i < pinned; i++) {
                shinfo.frag(shinfo.nrFrags() + i).put();
            }
            return -Errno.EFAULT;
        }
        int charged = !edition.has(Quirk.PINNED_BY_BYTES) ? pages << PhysMem.PAGE_SHIFT : len;
        skb.addFragBytes(len, charged);
        sock.charge(charged);
        addFrags(shinfo, base, len);
        return 0;
    }

    private static void addFrags(SkbSharedInfo shinfo, long base, int len) {
        int at = (int) base & PhysMem.PAGE_SIZE - 1;
        int left = len;
        while (left > 0) {
            int piece = Math.min(left, PhysMem.PAGE_SIZE - at);
            shinfo.addFrag(at, piece);
            left -= piece;
            at = 0;
        }
    }

    /** Pages that the packet touches behind its first {@code offset} bytes ({@code iov_pages}). */
    static int pages(IoVec iov, int offset) {
        int skip = offset;
        int sum = 0;
        for (int i = 0; i < iov.count(); i++) {
            if (skip >= iov.len(i)) {
                skip -= iov.len(i);
                continue;
            }
            sum += pages(iov.base(i) + skip, iov.len(i) - skip);
            skip = 0;
        }
        return sum;
    }

    private static int pages(long base, int len) {
        return (int) ((base & PhysMem.PAGE_SIZE - 1) + len + PhysMem.PAGE_SIZE - 1 >>> PhysMem.PAGE_SHIFT);
    }
}
