package softnic.net;

import java.lang.foreign.MemorySegment;
import java.util.concurrent.atomic.AtomicInteger;
import softnic.Edition;
import softnic.Quirk;
import softnic.mm.Errno;
import softnic.mm.PhysMem;
import softnic.sched.Cost;
import softnic.sched.Cpu;
import softnic.skb.SkBuff;
import softnic.skb.SkbCopy;
import softnic.skb.SkbFrag;
import softnic.skb.SkbPool;
import softnic.skb.SkbSegment;
import softnic.skb.SkbSharedInfo;
import softnic.trace.Trace;
import softnic.trace.Tracepoint;

/**
 * Segmentation in software: {@code skb_gso_segment} (net/core/dev.c) for TCP, and fragmentation for UDP, over IPv4 and
 * IPv6. {@link SkbSegment} cuts, this class writes the headers.
 *
 * <p>Any agent that sends: no state of its own but the next fragment id.
 */
public final class Gso {

    private static final int UDP_SIZE = 8;
    private static final int UDP_CHECK = 6;
    /** Where a fragment header stands, and UDP without one, in bytes from data. */
    private static final int FRAG_AT = EthHeader.ETH_HLEN + Ipv6Header.SIZE;

    private final Edition edition;
    private final Cpu cpu;
    private final Trace trace;
    private final PhysMem memory;
    private final AtomicInteger fragmentId = new AtomicInteger();

    public Gso(SkbPool pool, Cpu cpu, Trace trace) {
        this.edition = pool.edition();
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
     * @return 0; -EINVAL for headers that do not fit the packet or its type, -EPROTONOSUPPORT for other protocols,
     *     -ENOMEM; the packet stays the caller's, who can only drop it then
     */
    public int segment(SkBuff skb, int features) {
        trace.enter(Tracepoint.GSO_SEGMENT);
        int err = switch (skb.protocol()) {
            case EthHeader.ETH_P_IP -> ipv4(skb, features);
            case EthHeader.ETH_P_IPV6 -> ipv6(skb, features);
            default -> -Errno.EPROTONOSUPPORT;
        };
        trace.exit(Tracepoint.GSO_SEGMENT);
        return err;
    }

    /** {@code inet_gso_segment} (net/ipv4/af_inet.c). */
    private int ipv4(SkBuff skb, int features) {
        if (!isOneOf(skb, SkbSharedInfo.SKB_GSO_TCPV4 | SkbSharedInfo.SKB_GSO_UDP)
                || !SkbCopy.mayPull(skb, EthHeader.ETH_HLEN + Ipv4Header.SIZE)) {
            return -Errno.EINVAL;
        }
        int ipLen = Ipv4Header.headerLen(segmentOf(skb), at(skb, EthHeader.ETH_HLEN));
        int protocol = Ipv4Header.protocol(segmentOf(skb), at(skb, EthHeader.ETH_HLEN));
        int l4 = EthHeader.ETH_HLEN + ipLen;
        return ipLen < Ipv4Header.SIZE ? -Errno.EINVAL
                : transport(skb, features, protocol, l4, SkbSharedInfo.SKB_GSO_TCPV4);
    }

    /** {@code ipv6_gso_segment} (net/ipv6/af_inet6.c). */
    private int ipv6(SkBuff skb, int features) {
        int l4 = EthHeader.ETH_HLEN + Ipv6Header.SIZE;
        if (!isOneOf(skb, SkbSharedInfo.SKB_GSO_TCPV6 | SkbSharedInfo.SKB_GSO_UDP) || !SkbCopy.mayPull(skb, l4)) {
            return -Errno.EINVAL;
        }
        int protocol = Ipv6Header.nexthdr(segmentOf(skb), at(skb, EthHeader.ETH_HLEN));
        while (Ipv6Header.isExtension(protocol)) {
            if (!SkbCopy.mayPull(skb, l4 + 8)) {
                return -Errno.EINVAL;
            }
            protocol = NetworkOrder.u8(segmentOf(skb), at(skb, l4));
            l4 += Ipv6Header.extensionLen(segmentOf(skb), at(skb, l4));
        }
        return transport(skb, features, protocol, l4, SkbSharedInfo.SKB_GSO_TCPV6);
    }

    /** Neither a type of another layer nor none; how it came and ECN are no types. */
    private static boolean isOneOf(SkBuff skb, int types) {
        return (skb.shinfo().gsoType() & ~(types | SkbSharedInfo.SKB_GSO_DODGY | SkbSharedInfo.SKB_GSO_TCP_ECN)) == 0;
    }

    private int transport(SkBuff skb, int features, int protocol, int l4, int tcpType) {
        boolean tcp = protocol == Ipv4Header.IPPROTO_TCP;
        if (!tcp && protocol != Ipv4Header.IPPROTO_UDP) {
            return -Errno.EPROTONOSUPPORT;
        }
        boolean honest = (skb.shinfo().gsoType() & (tcp ? tcpType : SkbSharedInfo.SKB_GSO_UDP)) != 0;
        boolean whole = isOk(skb, features | NetDevice.NETIF_F_GSO_ROBUST);
        if (!honest && (whole || !edition.has(Quirk.SEGMENT_TRUSTS_TYPE))
                || !SkbCopy.mayPull(skb, l4 + (tcp ? TcpHeader.SIZE : UDP_SIZE))) {
            return -Errno.EINVAL;
        }
        int headers = tcp ? l4 + TcpHeader.headerLen(segmentOf(skb), at(skb, l4)) : l4;
        int mss = skb.shinfo().gsoSize();
        int payload = skb.len() - headers;
        if (tcp && headers < l4 + TcpHeader.SIZE || payload <= mss || !SkbCopy.mayPull(skb, headers)) {
            return -Errno.EINVAL;
        }
        skb.networkHeaderAt(EthHeader.ETH_HLEN);
        skb.transportHeaderAt(l4);
        if (skb.ipSummed() != SkBuff.CHECKSUM_PARTIAL && sendCheck(skb, tcp) != 0) {
            return -Errno.ENOMEM;
        }
        if (whole) {
            skb.shinfo().gsoSegs((payload + mss - 1) / mss);
            return 0;
        }
        return tcp ? tcpSegment(skb, features, headers, mss) : ufoFragment(skb, features, mss);
    }

    /** The sender left the checksum to nobody: we leave it to the device ({@code gso_send_check}). */
    private int sendCheck(SkBuff skb, boolean tcp) {
        if (skb.isHeaderCloned() && SkbCopy.expandHead(skb, 0, 0) != 0) {
            return -Errno.ENOMEM;
        }
        storePseudo(skb, tcp);
        return 0;
    }

    private void storePseudo(SkBuff skb, boolean tcp) {
        MemorySegment m = segmentOf(skb);
        long ip = at(skb, EthHeader.ETH_HLEN);
        int l4 = skb.transportOffset();
        int protocol = tcp ? Ipv4Header.IPPROTO_TCP : Ipv4Header.IPPROTO_UDP;
        int check = tcp ? TcpHeader.CHECK : UDP_CHECK;
        long pseudo = skb.protocol() == EthHeader.ETH_P_IPV6
                ? Checksum.pseudoIpv6(m, ip, protocol, skb.len() - l4)
                : Checksum.pseudoIpv4(m, ip, protocol, skb.len() - l4);
        Checksum.store(m, at(skb, l4) + check, ~Checksum.fold(pseudo) & 0xFFFF);
        skb.checksumPartial(l4, check);
    }

    private MemorySegment segmentOf(SkBuff skb) {
        return memory.segment(skb.dataHpa());
    }

    /** Where in {@link #segmentOf} the byte at {@code offset} of the linear part lies. */
    private static long at(SkBuff skb, int offset) {
        return PhysMem.offset(skb.dataHpa()) + offset;
    }

    private int cut(SkBuff skb, int features, int headers, int mss) {
        trace.enter(Tracepoint.SKB_SEGMENT);
        int err = SkbSegment.segment(skb, headers, mss, (features & NetDevice.NETIF_F_SG) != 0);
        trace.exit(Tracepoint.SKB_SEGMENT);
        return err;
    }

    // ---- TCP

    /** {@code tcp_tso_segment} (net/ipv4/tcp.c). */
    private int tcpSegment(SkBuff skb, int features, int headers, int mss) {
        int err = cut(skb, features, headers, mss);
        int index = 0;
        for (SkBuff segment = skb.next(); segment != null; segment = segment.next()) {
            finishTcp(segment, index, mss);
            if ((features & NetDevice.NETIF_F_ALL_CSUM) == 0) {
                checksumHelp(segment);
            }
            index++;
        }
        return err;
    }

    /** Lengths, id, sequence, flags and pseudo header of one segment. */
    private void finishTcp(SkBuff segment, int index, int mss) {
        MemorySegment m = segmentOf(segment);
        long ip = at(segment, EthHeader.ETH_HLEN);
        long tcp = at(segment, segment.transportOffset());
        if (segment.protocol() == EthHeader.ETH_P_IPV6) {
            finishIpv6(segment);
        } else {
            Ipv4Header.id(m, ip, Ipv4Header.id(m, ip) + index);
            finishIpv4(segment);
        }
        TcpHeader.seq(m, tcp, TcpHeader.seq(m, tcp) + index * mss);
        int flags = TcpHeader.flags(m, tcp);
        flags = segment.next() == null ? flags : flags & ~(TcpHeader.FIN | TcpHeader.PSH);
        TcpHeader.flags(m, tcp, index == 0 ? flags : flags & ~TcpHeader.CWR);
        storePseudo(segment, true);
    }

    private void finishIpv4(SkBuff segment) {
        MemorySegment m = segmentOf(segment);
        long ip = at(segment, EthHeader.ETH_HLEN);
        Ipv4Header.totLen(m, ip, segment.len() - EthHeader.ETH_HLEN);
        Ipv4Header.updateCheck(m, ip, Ipv4Header.headerLen(m, ip));
    }

    private void finishIpv6(SkBuff segment) {
        Ipv6Header.payloadLen(segmentOf(segment), at(segment, EthHeader.ETH_HLEN),
                segment.len() - EthHeader.ETH_HLEN - Ipv6Header.SIZE);
    }

    // ---- UDP: not segments but fragments of one datagram

    /**
     * {@code udp4_ufo_fragment} (net/ipv4/udp.c), {@code udp6_ufo_fragment} (net/ipv6/udp.c): the checksum of the whole
     * is finished here. A {@code mss} that is no multiple of 8 makes fragments that nobody can join, as in the kernel.
     */
    private int ufoFragment(SkBuff skb, int features, int mss) {
        int err = skb.isHeaderCloned() ? SkbCopy.expandHead(skb, 0, 0) : 0;
        if (err == 0) {
            err = checksumHelp(skb);
        }
        boolean v6 = skb.protocol() == EthHeader.ETH_P_IPV6;
        if (err == 0 && v6) {
            err = insertFragHeader(skb);
        }
        if (err == 0) {
            err = cut(skb, features, skb.transportOffset(), mss);
        }
        int offset = 0;
        for (SkBuff fragment = skb.next(); fragment != null; fragment = fragment.next()) {
            boolean more = fragment.next() != null;
            if (v6) {
                Ipv6Header.fragOff(segmentOf(fragment), at(fragment, FRAG_AT), offset, more);
                finishIpv6(fragment);
            } else {
                Ipv4Header.fragOff(segmentOf(fragment), at(fragment, EthHeader.ETH_HLEN), offset, more);
                finishIpv4(fragment);
            }
            offset += mss;
        }
        return err;
    }

    /** Moves what stands before UDP to the front by a fragment header. Deviation: no extension headers (-EINVAL). */
    private int insertFragHeader(SkBuff skb) {
        if (skb.transportOffset() != FRAG_AT) {
            return -Errno.EINVAL;
        }
        if (skb.headroom() < Ipv6Header.FRAG_SIZE && SkbCopy.expandHead(skb, Ipv6Header.FRAG_SIZE, 0) != 0) {
            return -Errno.ENOMEM;
        }
        skb.push(Ipv6Header.FRAG_SIZE);
        memory.copy(skb.dataHpa() + Ipv6Header.FRAG_SIZE, skb.dataHpa(), FRAG_AT);
        skb.resetMacHeader();
        skb.networkHeaderAt(EthHeader.ETH_HLEN);
        MemorySegment m = segmentOf(skb);
        long ip = at(skb, EthHeader.ETH_HLEN);
        Ipv6Header.writeFrag(m, at(skb, FRAG_AT), Ipv6Header.nexthdr(m, ip), fragmentId.incrementAndGet());
        Ipv6Header.nexthdr(m, ip, Ipv6Header.NEXTHDR_FRAGMENT);
        return 0;
    }

    // ---- checksum

    /**
     * Finishes a CHECKSUM_PARTIAL packet in software ({@code skb_checksum_help}). Where the device summed the packet
     * there is nothing to finish.
     *
     * @return 0, or -ENOMEM, or -EINVAL if the place of the checksum is not linear
     */
    public int checksumHelp(SkBuff skb) {
        if (skb.ipSummed() == SkBuff.CHECKSUM_COMPLETE) {
            skb.ipSummed(SkBuff.CHECKSUM_NONE);
            return 0;
        }
        int start = skb.checksumStartOffset();
        if (start < 0 || start + skb.csumOffset() + 2 > skb.headlen()) {
            return -Errno.EINVAL;
        }
        if (skb.isCloned()) {
            int err = SkbCopy.expandHead(skb, 0, 0);
            if (err != 0) {
                return err;
            }
        }
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
        for (SkBuff list = shinfo.fragList(); list != null && done < bytes; list = list.next()) {
            if (skip >= list.len()) {
                skip -= list.len();
                continue;
            }
            int piece = Math.min(list.len() - skip, bytes - done);
            long part = checksum(list, skip, piece);
            sum += (done & 1) == 0 ? part : Checksum.odd(part);
            done += piece;
            skip = 0;
        }
        return sum;
    }
}
