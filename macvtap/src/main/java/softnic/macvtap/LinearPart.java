package softnic.macvtap;

import softnic.Behaviour;
import softnic.Edition;
import softnic.Quirk;
import softnic.mm.IoVec;
import softnic.mm.PhysMem;
import softnic.net.EthHeader;
import softnic.skb.SkbPool;
import softnic.virtio.VirtioNetHdr;

/** How many bytes of a guest's packet are copied into the head: a part of {@code macvtap_get_user}. */
final class LinearPart {

    /** {@code GOODCOPY_LEN}: bytes copied of a zero-copy packet whose header length is unknown. */
    static final int GOODCOPY_LEN = 128;

    /** {@code sizeof(struct skb_shared_info)} without its fragments, and {@code sizeof(skb_frag_t)}, x86-64. */
    private static final int SHARED_INFO_SIZE = 48;
    private static final int SKB_FRAG_SIZE = 16;

    private final Edition edition;

    LinearPart(Edition edition) {
        this.edition = edition;
    }

    /** hdr_len, made large enough for the checksum field; the store truncates to 16 bits as the kernel's does. */
    static int hdrLen(VirtioNetHdr hdr) {
        int hdrLen = hdr.hdrLen();
        int needed = hdr.csumStart() + hdr.csumOffset() + 2;
        boolean needsCsum = (hdr.flags() & VirtioNetHdr.VIRTIO_NET_HDR_F_NEEDS_CSUM) != 0;
        return needsCsum && needed > hdrLen ? needed & 0xFFFF : hdrLen;
    }

    /** Of a zero-copy packet: the headers, and in 3.6 vectors for which no fragment is left. */
    int ofZerocopy(IoVec iov, int vnetHdrLen, int hdrLen, int len) {
        int copy = hdrLen;
        int over = iov.count() - edition.maxSkbFrags();
        if (over > 0 && edition.has(Behaviour.LINEAR_VECTORS)) {
            copy = (int) Math.clamp(iov.length(0, over) - vnetHdrLen, (long) hdrLen, Integer.MAX_VALUE);
        }
        int linear = clamp(copy == 0 ? GOODCOPY_LEN : copy);
        return edition.has(Quirk.STALE_TAIL) ? linear : Math.min(linear, len);
    }

    /** Between the Ethernet header and one page, where the kernel looks. */
    int clamp(int linear) {
        int least = edition.has(Quirk.SHORT_LINEAR) ? 0 : EthHeader.ETH_HLEN;
        int most = edition.has(Quirk.HUGE_LINEAR) ? Integer.MAX_VALUE : most(edition);
        return Math.clamp(linear, least, most);
    }

    /** Largest linear part of an skb whose head is one page ({@code SKB_MAX_HEAD}). */
    static int most(Edition edition) {
        int sharedInfo = SHARED_INFO_SIZE + edition.maxSkbFrags() * SKB_FRAG_SIZE;
        return PhysMem.PAGE_SIZE - edition.tapReserve() - (sharedInfo + SkbPool.CACHE_LINE - 1 & -SkbPool.CACHE_LINE);
    }
}
