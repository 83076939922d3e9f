package softnic.macvtap;

import softnic.mm.Errno;
import softnic.mm.PhysMem;
import softnic.skb.SkBuff;
import softnic.skb.SkbSharedInfo;
import softnic.trace.Trace;
import softnic.trace.Tracepoint;
import softnic.virtio.VirtioNetHdr;

/**
 * Between the guest's offload header and the skb's fields: {@code macvtap_skb_from_vnet_hdr} and back
 * (drivers/net/macvtap.c), {@code virtio_net_hdr_to_skb} (include/linux/virtio_net.h).
 */
final class VnetHdrToSkb {

    private final Trace trace;

    VnetHdrToSkb(Trace trace) {
        this.trace = trace;
    }

    /** @return 0, or -EINVAL for what no guest may ask */
    int toSkb(VirtioNetHdr hdr, SkBuff skb) {
        int gso = gsoType(hdr.gsoType(), hdr.gsoSize());
        if (gso < 0) {
            return gso;
        }
        if ((hdr.flags() & VirtioNetHdr.VIRTIO_NET_HDR_F_NEEDS_CSUM) != 0
                && !partialCsumSet(skb, hdr.csumStart(), hdr.csumOffset())) {
            return -Errno.EINVAL;
        }
        if (gso != 0) {
            skb.shinfo().gso(gso | SkbSharedInfo.SKB_GSO_DODGY, hdr.gsoSize());
        }
        return 0;
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

    /** {@code macvtap_skb_to_vnet_hdr}: what the guest must know about a received packet. */
    void fromSkb(SkBuff skb, VirtioNetHdr hdr) {
        boolean gso = skb.isGso();
        int type = (skb.shinfo().gsoType() & SkbSharedInfo.SKB_GSO_TCPV6) != 0
                ? VirtioNetHdr.VIRTIO_NET_HDR_GSO_TCPV6 : VirtioNetHdr.VIRTIO_NET_HDR_GSO_TCPV4;
        boolean partial = skb.ipSummed() == SkBuff.CHECKSUM_PARTIAL;
        int flags = partial ? VirtioNetHdr.VIRTIO_NET_HDR_F_NEEDS_CSUM
                : skb.ipSummed() == SkBuff.CHECKSUM_UNNECESSARY ? VirtioNetHdr.VIRTIO_NET_HDR_F_DATA_VALID : 0;
        hdr.set(flags, gso ? type : VirtioNetHdr.VIRTIO_NET_HDR_GSO_NONE, gso ? skb.headlen() : 0,
                gso ? skb.shinfo().gsoSize() : 0, partial ? skb.checksumStartOffset() : 0,
                partial ? skb.csumOffset() : 0);
    }

    /** Largest linear part of an skb whose head is one page ({@code SKB_MAX_HEAD}). */
    static int maxLinear(int reserve) {
        return PhysMem.PAGE_SIZE - reserve - SHARED_INFO_SIZE;
    }

    /** {@code SKB_DATA_ALIGN(sizeof(struct skb_shared_info))} with 17 fragments. */
    private static final int SHARED_INFO_SIZE = 320;
}
