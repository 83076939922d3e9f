package softnic.macvtap;

import softnic.Behaviour;
import softnic.Edition;
import softnic.mm.Errno;
import softnic.net.EthHeader;
import softnic.net.Ipv4Header;
import softnic.skb.SkBuff;
import softnic.skb.SkbCopy;
import softnic.skb.SkbSharedInfo;
import softnic.trace.Trace;
import softnic.trace.Tracepoint;
import softnic.virtio.VirtioNetHdr;

/**
 * Between the guest's offload header and the skb's fields: {@code macvtap_skb_from_vnet_hdr} and back
 * (drivers/net/macvtap.c), {@code virtio_net_hdr_to_skb} (include/linux/virtio_net.h).
 *
 * <p>Old kernels believe the header but for the place of the checksum; since 5.x the headers it names must be there
 * and are pulled into the linear part, since 6.x they must also make sense.
 */
final class VnetHdrToSkb {

    /** {@code GSO_BY_FRAGS}: a gso_size that means something else inside the kernel. */
    static final int GSO_BY_FRAGS = 0xFFFF;

    private static final int TCPHDR = 20;
    private static final int TCP_CHECK = 16;
    private static final int UDPHDR = 8;
    private static final int IPHDR = 20;
    private static final int IPV6HDR = 40;

    private final Edition edition;
    private final Trace trace;

    VnetHdrToSkb(Edition edition, Trace trace) {
        this.edition = edition;
        this.trace = trace;
    }

    /** @return 0, or -EINVAL for what no guest may ask */
    int toSkb(VirtioNetHdr hdr, SkBuff skb) {
        int gso = gsoType(hdr.gsoType(), hdr.gsoSize());
        if (gso < 0) {
            return gso;
        }
        if (edition.has(Behaviour.VNET_HDR_PULLS)) {
            return pullAndSet(hdr, skb, gso);
        }
        if (needsCsum(hdr) && !partialCsumSet(skb, hdr.csumStart(), hdr.csumOffset())) {
            return -Errno.EINVAL;
        }
        if (gso != 0) {
            skb.shinfo().gso(gso | SkbSharedInfo.SKB_GSO_DODGY, hdr.gsoSize());
        }
        return 0;
    }

    private static boolean needsCsum(VirtioNetHdr hdr) {
        return (hdr.flags() & VirtioNetHdr.VIRTIO_NET_HDR_F_NEEDS_CSUM) != 0;
    }

    /** {@code SKB_GSO_*} of a {@code VIRTIO_NET_HDR_GSO_*}, 0 for none, -EINVAL. */
    private static int gsoType(int virtioType, int gsoSize) {
        int ecn = virtioType & VirtioNetHdr.VIRTIO_NET_HDR_GSO_ECN;
        int type = switch (virtioType & ~VirtioNetHdr.VIRTIO_NET_HDR_GSO_ECN) {
            case VirtioNetHdr.VIRTIO_NET_HDR_GSO_NONE -> 0;
            case VirtioNetHdr.VIRTIO_NET_HDR_GSO_TCPV4 -> SkbSharedInfo.SKB_GSO_TCPV4;
            case VirtioNetHdr.VIRTIO_NET_HDR_GSO_TCPV6 -> SkbSharedInfo.SKB_GSO_TCPV6;
            case VirtioNetHdr.VIRTIO_NET_HDR_GSO_UDP -> SkbSharedInfo.SKB_GSO_UDP;
            default -> -Errno.EINVAL;
        };
        if (type <= 0) {
            return virtioType == VirtioNetHdr.VIRTIO_NET_HDR_GSO_NONE ? 0 : -Errno.EINVAL;
        }
        if (gsoSize == 0) {
            return -Errno.EINVAL;
        }
        return ecn != 0 ? type | SkbSharedInfo.SKB_GSO_TCP_ECN : type;
    }

    /** {@code virtio_net_hdr_to_skb} as 6.1 and 6.18 have it. */
    private int pullAndSet(VirtioNetHdr hdr, SkBuff skb, int gso) {
        boolean udp = (gso & SkbSharedInfo.SKB_GSO_UDP) != 0;
        int thlen = gso == 0 ? 0 : udp ? UDPHDR : TCPHDR;
        int headers = needsCsum(hdr) ? pullToChecksum(hdr, skb, gso, thlen) : pullToTransport(skb, gso, thlen);
        if (headers < 0 || gso == 0) {
            return Math.min(headers, 0);
        }
        if (edition.has(Behaviour.VNET_HDR_STRICT) && (hdr.gsoSize() == GSO_BY_FRAGS
                || !udp && skb.ipSummed() == SkBuff.CHECKSUM_PARTIAL && skb.csumOffset() != TCP_CHECK)) {
            return -Errno.EINVAL;
        }
        int notPayload = udp ? headers - thlen : headers;       // UFO: gso_size may count the UDP header
        if (skb.len() - notPayload > hdr.gsoSize()) {           // else too small to be cut: no GSO packet
            skb.shinfo().gso(gso | SkbSharedInfo.SKB_GSO_DODGY, hdr.gsoSize());
        }
        return 0;
    }

    /** @return bytes of all headers, in the linear part, or -EINVAL */
    private int pullToChecksum(VirtioNetHdr hdr, SkBuff skb, int gso, int thlen) {
        int start = hdr.csumStart();
        int offset = hdr.csumOffset();
        if (!SkbCopy.mayPull(skb, start + Math.max(thlen, offset + 2)) || !partialCsumSet(skb, start, offset)) {
            return -Errno.EINVAL;
        }
        int network = (gso & SkbSharedInfo.SKB_GSO_TCPV6) != 0 ? IPV6HDR : IPHDR;
        if (edition.has(Behaviour.VNET_HDR_STRICT) && skb.transportOffset() < network) {
            return -Errno.EINVAL;
        }
        int headers = skb.transportOffset() + thlen;
        return SkbCopy.mayPull(skb, headers) ? headers : -Errno.EINVAL;
    }

    /** A GSO packet without checksum must show by its own bytes where its transport header is. */
    private int pullToTransport(SkBuff skb, int gso, int thlen) {
        if (gso == 0) {
            return 0;
        }
        boolean udp = (gso & SkbSharedInfo.SKB_GSO_UDP) != 0;
        if (skb.protocol() == 0) {
            skb.protocol((gso & SkbSharedInfo.SKB_GSO_TCPV6) != 0 ? EthHeader.ETH_P_IPV6 : EthHeader.ETH_P_IP);
        }
        int keys = dissect(skb);
        if (keys == FlowKeys.UNKNOWN && udp && skb.protocol() == EthHeader.ETH_P_IP) {
            skb.protocol(EthHeader.ETH_P_IPV6);             // UFO does not say which IP
            keys = dissect(skb);
        }
        int protocol = udp ? Ipv4Header.IPPROTO_UDP : Ipv4Header.IPPROTO_TCP;
        if (keys == FlowKeys.UNKNOWN || FlowKeys.protocol(keys) != protocol
                || !SkbCopy.mayPull(skb, FlowKeys.transport(keys) + thlen)) {
            return -Errno.EINVAL;
        }
        skb.transportHeaderAt(FlowKeys.transport(keys));
        return FlowKeys.transport(keys) + thlen;
    }

    /** Looks at the network header, wherever it is: a packet that passes has it pulled anyway. */
    private static int dissect(SkBuff skb) {
        int network = skb.protocol() == EthHeader.ETH_P_IPV6 ? IPV6HDR : IPHDR;
        return SkbCopy.mayPull(skb, EthHeader.ETH_HLEN + network) ? FlowKeys.dissect(skb, skb.protocol())
                : FlowKeys.UNKNOWN;
    }

    /** {@code skb_partial_csum_set} (net/core/skbuff.c): start and field must lie in the linear part. */
    private boolean partialCsumSet(SkBuff skb, int start, int offset) {
        trace.enter(Tracepoint.PARTIAL_CSUM_SET);
        boolean inside = start <= skb.headlen() && start + offset <= skb.headlen() - 2;
        if (inside) {
            skb.checksumPartial(start, offset);
            skb.transportHeaderAt(start);
        }
        trace.exit(Tracepoint.PARTIAL_CSUM_SET);
        return inside;
    }

    /**
     * {@code macvtap_skb_to_vnet_hdr}: what the guest must know about a received packet.
     *
     * @return 0, or -EINVAL for a kind of segmentation that virtio has no name for (there the kernel stops: BUG)
     */
    int fromSkb(SkBuff skb, VirtioNetHdr hdr) {
        boolean gso = skb.isGso();
        int type = gso ? virtioType(skb.shinfo().gsoType()) : VirtioNetHdr.VIRTIO_NET_HDR_GSO_NONE;
        if (type < 0) {
            return type;
        }
        boolean partial = skb.ipSummed() == SkBuff.CHECKSUM_PARTIAL;
        int flags = partial ? VirtioNetHdr.VIRTIO_NET_HDR_F_NEEDS_CSUM
                : skb.ipSummed() == SkBuff.CHECKSUM_UNNECESSARY ? VirtioNetHdr.VIRTIO_NET_HDR_F_DATA_VALID : 0;
        hdr.set(flags, type, gso ? skb.headlen() : 0, gso ? skb.shinfo().gsoSize() : 0,
                partial ? skb.checksumStartOffset() : 0, partial ? skb.csumOffset() : 0);
        return 0;
    }

    private static int virtioType(int gsoType) {
        int ecn = (gsoType & SkbSharedInfo.SKB_GSO_TCP_ECN) != 0 ? VirtioNetHdr.VIRTIO_NET_HDR_GSO_ECN : 0;
        if ((gsoType & SkbSharedInfo.SKB_GSO_TCPV4) != 0) {
            return VirtioNetHdr.VIRTIO_NET_HDR_GSO_TCPV4 | ecn;
        }
        if ((gsoType & SkbSharedInfo.SKB_GSO_TCPV6) != 0) {
            return VirtioNetHdr.VIRTIO_NET_HDR_GSO_TCPV6 | ecn;
        }
        return (gsoType & SkbSharedInfo.SKB_GSO_UDP) != 0 ? VirtioNetHdr.VIRTIO_NET_HDR_GSO_UDP | ecn : -Errno.EINVAL;
    }
}
