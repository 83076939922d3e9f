package softnic.net;

import java.lang.foreign.MemorySegment;
import softnic.mm.Errno;
import softnic.mm.PhysMem;
import softnic.sched.Cost;
import softnic.sched.Cpu;
import softnic.skb.SkBuff;
import softnic.skb.SkbCopy;
import softnic.skb.SkbFrag;
import softnic.skb.SkbPool;
import softnic.skb.SkbSharedInfo;
import softnic.trace.Trace;
import softnic.trace.Tracepoint;

/**
 * Segmentation in software: {@code __skb_gso_segment} (net/core/dev.c), {@code tcp_gso_segment}
 * (net/ipv4/tcp_offload.c) and {@code skb_segment} (net/core/skbuff.c), for TCP over IPv4.
 */
public final class Gso {

    private final SkbPool pool;
    private final Cpu cpu;
    private final Trace trace;
    private final PhysMem memory;

    public Gso(SkbPool pool, Cpu cpu, Trace trace) {
        this.pool = pool;
        this.cpu = cpu;
        this.trace = trace;
        this.memory = pool.memory();
    }

    /** True if a device with these features takes the packet as it is ({@code skb_gso_ok}). */
    public static boolean isOk(SkBuff skb, int features) {
        int needed = skb.shinfo().gsoType() << NetDevice.NETIF_F_GSO_SHIFT;
        return (features & needed) == needed;
    }

    /** True if the stack must look at the packet before the device does ({@code netif_needs_gso}). */
    public static boolean isNeeded(SkBuff skb, int features) {
        return skb.isGso() && (!isOk(skb, features) || skb.ipSummed() != SkBuff.CHECKSUM_PARTIAL);
    }

    /**
     * Verifies the headers and cuts the packet into segments, which then hang on {@code skb.next()}. Where
     * only the sender's honesty was in doubt, it computes {@code gso_segs} and cuts nothing.
     *
     * <p>Deviation: 3.1 let the segments share user pages that it then gave back (CVE-2014-0131); we copy them
     * first, as 3.14 does.
     *
     * @return 0, -EINVAL for headers that are not TCP over IPv4, -ENOMEM; the packet stays the caller's
     */
    public int segment(SkBuff skb, int features) {
        trace.enter(Tracepoint.GSO_SEGMENT);
        int err = tcp4Segment(skb, features);
        trace.exit(Tracepoint.GSO_SEGMENT);
        return err;
    }

    private int tcp4Segment(SkBuff skb, int features) {
        if (skb.protocol() != EthHeader.ETH_P_IP || !SkbCopy.mayPull(skb, EthHeader.ETH_HLEN + Ipv4Header.SIZE)) {
            return -Errno.EINVAL;
        }
        int ipLen = Ipv4Header.headerLen(segmentOf(skb), at(skb, EthHeader.ETH_HLEN));
        int l4 = EthHeader.ETH_HLEN + ipLen;
        if (ipLen < Ipv4Header.SIZE
                || Ipv4Header.protocol(segmentOf(skb), at(skb, EthHeader.ETH_HLEN)) != Ipv4Header.IPPROTO_TCP
                || !SkbCopy.mayPull(skb, l4 + TcpHeader.SIZE)) {
            return -Errno.EINVAL;
        }
        int headers = l4 + TcpHeader.headerLen(segmentOf(skb), at(skb, l4));
        int mss = skb.shinfo().gsoSize();
        int payload = skb.len() - headers;
        if (headers < l4 + TcpHeader.SIZE || payload <= mss || !SkbCopy.mayPull(skb, headers)) {
            return -Errno.EINVAL;
        }
        skb.networkHeaderAt(EthHeader.ETH_HLEN);
        skb.transportHeaderAt(l4);
        if (skb.ipSummed() != SkBuff.CHECKSUM_PARTIAL && sendCheck(skb, l4) != 0) {
            return -Errno.ENOMEM;
        }
        if (isOk(skb, features | NetDevice.NETIF_F_GSO_ROBUST)) {
            skb.shinfo().gsoSegs((payload + mss - 1) / mss);
            return 0;
        }
        return cut(skb, features, headers, l4, payload, mss);
    }

    /** The sender left the checksum to nobody: we leave it to the device ({@code tcp_v4_gso_send_check}). */
    private int sendCheck(SkBuff skb, int l4) {
        if (skb.isHeaderCloned() && SkbCopy.expandHead(skb, 0, 0) != 0) {
            return -Errno.ENOMEM;
        }
        storePseudo(skb, l4, skb.len() - l4);
        return 0;
    }

    private void storePseudo(SkBuff skb, int l4, int l4Len) {
        MemorySegment m = segmentOf(skb);
        long pseudo = Checksum.pseudoIpv4(m, at(skb, EthHeader.ETH_HLEN), Ipv4Header.IPPROTO_TCP, l4Len);
        Checksum.store(m, at(skb, l4) + TcpHeader.CHECK, ~Checksum.fold(pseudo) & 0xFFFF);
        skb.checksumPartial(l4, TcpHeader.CHECK);
    }

    private MemorySegment segmentOf(SkBuff skb) {
        return memory.segment(skb.dataHpa());
    }

    /** Where in {@link #segmentOf} the byte at {@code offset} of the linear part lies. */
    private static long at(SkBuff skb, int offset) {
        return PhysMem.offset(skb.dataHpa()) + offset;
    }

    private int cut(SkBuff skb, int features, int headers, int l4, int payload, int mss) {
        trace.enter(Tracepoint.SKB_SEGMENT);
        boolean sg = (features & NetDevice.NETIF_F_SG) != 0;
        boolean csum = (features & NetDevice.NETIF_F_ALL_CSUM) != 0;
        int err = sg ? SkbCopy.orphanFrags(skb) : 0;
        SkBuff last = skb;
        for (int done = 0; done < payload && err == 0; done += mss) {
            int bytes = Math.min(mss, payload - done);
            SkBuff segment = sg ? shareSegment(skb, headers, done, bytes) : copySegment(skb, headers, done, bytes);
            if (segment == null) {
                err = -Errno.ENOMEM;
                break;
            }
            last.next(segment);
            last = segment;
            finishHeaders(segment, l4, done, bytes, mss, done + bytes == payload, csum);
        }
        if (err != 0) {
            freeList(skb.next());
            skb.next(null);
        }
        trace.exit(Tracepoint.SKB_SEGMENT);
        return err;
    }

    /** A segment that is one linear copy. */
    private SkBuff copySegment(SkBuff skb, int headers, int done, int bytes) {
        SkBuff segment = newSegment(skb, headers + bytes);
        if (segment != null) {
            segment.put(headers + bytes);
            memory.copy(skb.dataHpa(), segment.dataHpa(), headers);
            SkbCopy.copyBits(skb, headers + done, segment.dataHpa() + headers, bytes);
            cpu.charge(Cost.SOFT_COPY, bytes);
        }
        return segment;
    }

    /** A segment with copied headers that shares the original's pages; what lies in the head is copied. */
    private SkBuff shareSegment(SkBuff skb, int headers, int done, int bytes) {
        int from = headers + done;
        int linear = Math.clamp(skb.headlen() - from, 0, bytes);
        SkBuff segment = newSegment(skb, headers + linear);
        if (segment == null) {
            return null;
        }
        segment.put(headers + linear);
        memory.copy(skb.dataHpa(), segment.dataHpa(), headers);
        if (linear > 0) {
            SkbCopy.copyBits(skb, from, segment.dataHpa() + headers, linear);
        }
        shareFrags(skb.shinfo(), segment, from + linear - skb.headlen(), bytes - linear);
        return segment;
    }

    private static void shareFrags(SkbSharedInfo from, SkBuff segment, int offset, int bytes) {
        int skip = offset;
        int left = bytes;
        SkbSharedInfo to = segment.shinfo();
        for (int i = 0; i < from.nrFrags() && left > 0; i++) {
            SkbFrag frag = from.frag(i);
            if (skip >= frag.size()) {
                skip -= frag.size();
                continue;
            }
            int piece = Math.min(frag.size() - skip, left);
            to.frag(to.nrFrags()).hold(frag.page());
            to.addFrag(frag.pageOffset() + skip, piece);
            left -= piece;
            skip = 0;
        }
        segment.addFragBytes(bytes, bytes);
    }

    private SkBuff newSegment(SkBuff skb, int linear) {
        SkBuff segment = pool.alloc(skb.headroom() + linear);
        if (segment != null) {
            segment.reserve(skb.headroom());
            segment.resetMacHeader();
            segment.protocol(skb.protocol());
            segment.networkHeaderAt(EthHeader.ETH_HLEN);
            segment.transportHeaderAt(skb.transportOffset());
        }
        return segment;
    }

    /** Lengths, id, sequence, flags and checksums of one segment. */
    private void finishHeaders(SkBuff segment, int l4, int done, int bytes, int mss, boolean isLast, boolean csum) {
        MemorySegment m = memory.segment(segment.dataHpa());
        long data = PhysMem.offset(segment.dataHpa());
        long ip = data + EthHeader.ETH_HLEN;
        long tcp = data + l4;
        int tcpLen = TcpHeader.headerLen(m, tcp);
        Ipv4Header.totLen(m, ip, l4 - EthHeader.ETH_HLEN + tcpLen + bytes);
        Ipv4Header.id(m, ip, Ipv4Header.id(m, ip) + done / mss);
        Ipv4Header.updateCheck(m, ip, l4 - EthHeader.ETH_HLEN);
        TcpHeader.seq(m, tcp, TcpHeader.seq(m, tcp) + done);
        int flags = TcpHeader.flags(m, tcp);
        flags = isLast ? flags : flags & ~(TcpHeader.FIN | TcpHeader.PSH);
        TcpHeader.flags(m, tcp, done == 0 ? flags : flags & ~TcpHeader.CWR);
        storePseudo(segment, l4, tcpLen + bytes);
        if (!csum) {
            checksumHelp(segment);
        }
    }

    /**
     * Finishes a CHECKSUM_PARTIAL packet in software ({@code skb_checksum_help}).
     *
     * @return 0 or -ENOMEM
     */
    public int checksumHelp(SkBuff skb) {
        if (skb.isCloned()) {
            int err = SkbCopy.expandHead(skb, 0, 0);
            if (err != 0) {
                return err;
            }
        }
        int start = skb.checksumStartOffset();
        long sum = checksum(skb, start, skb.len() - start);
        cpu.charge(Cost.SOFT_COPY, skb.len() - start);
        int folded = Checksum.fold(sum);
        long at = skb.dataHpa() + start + skb.csumOffset();
        Checksum.store(memory.segment(at), PhysMem.offset(at), folded == 0 ? 0xFFFF : folded);
        skb.ipSummed(SkBuff.CHECKSUM_NONE);
        return 0;
    }

    /** Partial sum over {@code bytes} of a packet from {@code offset} on ({@code skb_checksum}). */
    public long checksum(SkBuff skb, int offset, int bytes) {
        int done = Math.clamp(skb.headlen() - offset, 0, bytes);
        long at = skb.dataHpa() + offset;
        long sum = done == 0 ? 0 : Checksum.partial(memory.segment(at), PhysMem.offset(at), done, 0);
        int skip = Math.max(0, offset - skb.headlen());
        SkbSharedInfo shinfo = skb.shinfo();
        for (int i = 0; i < shinfo.nrFrags() && done < bytes; i++) {
            SkbFrag frag = shinfo.frag(i);
            if (skip >= frag.size()) {
                skip -= frag.size();
                continue;
            }
            int piece = Math.min(frag.size() - skip, bytes - done);
            long hpa = frag.hpa() + skip;
            long part = Checksum.partial(memory.segment(hpa), PhysMem.offset(hpa), piece, 0);
            sum += (done & 1) == 0 ? part : Checksum.odd(part);
            done += piece;
            skip = 0;
        }
        return sum;
    }

    private static void freeList(SkBuff first) {
        for (SkBuff skb = first; skb != null;) {
            SkBuff next = skb.next();
            skb.next(null);
            skb.kfree();
            skb = next;
        }
    }
}
