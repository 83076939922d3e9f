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
import softnic.skb.SkbFrag;
import softnic.skb.SkbSharedInfo;
import softnic.trace.Counters;
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
 * <p>Worker only. Faithful editions up to 3.8 have its bugs B1, B2, B3, B5 and B6 ({@link Quirk}); where the kernel
 * would leave its memory, a {@link TapRule} is counted and -EFAULT returned.
 */
final class ZerocopySg {

    private final Edition edition;
    private final Cpu cpu;
    private final Trace trace;
    private final PhysMem memory;
    private final GuestMemory guest;
    private final Counters<TapRule> rules;

    ZerocopySg(Edition edition, Cpu cpu, Trace trace, PhysMem memory, GuestMemory guest, Counters<TapRule> rules) {
        this.edition = edition;
        this.cpu = cpu;
        this.trace = trace;
        this.memory = memory;
        this.guest = guest;
        this.rules = rules;
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
        int err = copyLinear(skb, iov, offset);
        trace.exit(Tracepoint.COPY_DATAGRAM);
        if (err == 0) {
            trace.enter(Tracepoint.ZEROCOPY_SG_INNER);
            int linear = skb.headlen();
            err = edition.has(Quirk.OFFSET_IS_TOTAL) ? pinFromTotal(skb, sock, iov, offset, linear)
                    : pinPieces(skb, sock, iov, offset + linear);
            trace.exit(Tracepoint.ZEROCOPY_SG_INNER);
        }
        trace.exit(Tracepoint.ZEROCOPY_SG);
        return err;
    }

    private int copyLinear(SkBuff skb, IoVec iov, int offset) {
        int linear = skb.headlen();
        if (edition.has(Quirk.STALE_TAIL) && iov.length() - offset < linear) {
            rules.bump(TapRule.STALE_TAIL_SENT);
            linear = (int) (iov.length() - offset);
        }
        cpu.charge(Cost.VHOST_COPY, linear);
        return iov.copyTo(memory, offset, skb.dataHpa(), linear);
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

    /**
     * B3: where the copy ended, {@code offset1} says how many bytes were copied in all; it is right only if the linear
     * part began with a vector and lies in it whole.
     */
    private int pinFromTotal(SkBuff skb, Sock sock, IoVec iov, int offset, int linear) {
        if (iov.length() - offset <= linear) {
            return 0;
        }
        int offset1 = linear;
        for (int i = vectorOf(iov, offset, linear); i < iov.count(); i++) {
            int len = iov.len(i) - offset1;
            if (len < 0) {
                rules.bump(TapRule.OFFSET_BEYOND_VECTOR);
                return -Errno.EFAULT;
            }
            int err = len == 0 ? 0 : pinPiece(skb, sock, iov.base(i) + offset1, len);
            if (err != 0) {
                return err;
            }
            offset1 = 0;
        }
        return 0;
    }

    /** The vector in which the copy of {@code copy} bytes ends. */
    private static int vectorOf(IoVec iov, int offset, int copy) {
        int at = offset;
        int i = 0;
        while (i < iov.count() && at >= iov.len(i)) {
            at -= iov.len(i++);
        }
        int left = copy;
        while (i < iov.count() && left > iov.len(i) - at) {
            left -= iov.len(i++) - at;
            at = 0;
        }
        return i;
    }

    private int pinPiece(SkBuff skb, Sock sock, long base, int len) {
        SkbSharedInfo shinfo = skb.shinfo();
        int pages = pages(base, len);
        int room = shinfo.frags().length - shinfo.nrFrags();
        if (pages > room) {
            return edition.has(Quirk.PINS_UNCOUNTED) ? pinBeyond(shinfo, base, room) : -Errno.EMSGSIZE;
        }
        int pinned = guest.getUserPagesFast(base, pages, shinfo.frags(), shinfo.nrFrags());
        cpu.charge(Cost.PIN_PAGE, pages);
        if (pinned != pages) {
            return pinnedTooFew(shinfo, pinned);
        }
        int charged = !edition.has(Quirk.PINNED_BY_BYTES) ? pages << PhysMem.PAGE_SHIFT : len;
        skb.addFragBytes(len, charged);
        sock.charge(charged);
        addFrags(shinfo, base, len);
        return 0;
    }

    /** B1: all pages are pinned, into an array that ends before them; too many is then -EFAULT, and they are lost. */
    private int pinBeyond(SkbSharedInfo shinfo, long base, int room) {
        int pinned = guest.getUserPagesFast(base, room, shinfo.frags(), shinfo.nrFrags());
        cpu.charge(Cost.PIN_PAGE, pinned);
        if (pinned == room) {
            rules.bump(TapRule.PINS_BEYOND_ARRAY);
        }
        return pinnedTooFew(shinfo, pinned);
    }

    /** B2: who puts the pages of a pin that failed? 3.1 nobody; 3.6 those of the same number, counted from the first. */
    private int pinnedTooFew(SkbSharedInfo shinfo, int pinned) {
        int first = shinfo.nrFrags();
        for (int i = 0; i < pinned; i++) {
            SkbFrag slot = shinfo.frag(first + i);
            boolean put = edition.has(Quirk.SHORT_PIN_PUTS_OTHERS) ? first + i < pinned
                    : !edition.has(Quirk.SHORT_PIN_LEAKS);
            if (put) {
                slot.put();
            } else {
                rules.bump(TapRule.PIN_LOST);
                LostPin.lose(slot);
            }
        }
        if (edition.has(Quirk.SHORT_PIN_PUTS_OTHERS)) {
            rules.add(TapRule.PAGE_PUT_TWICE, Math.min(first, pinned));
        }
        return -Errno.EFAULT;
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
