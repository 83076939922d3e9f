package softnic.check;

import softnic.Behaviour;
import softnic.Edition;
import softnic.mm.Errno;
import softnic.virtio.VirtioNetHdr;

/**
 * What {@code macvtap_get_user} must answer, written down from its description: a set, for where one of several things
 * is wrong the order in which they are found is nobody's business.
 */
final class TapModel {

    static final int OK = 1;
    private static final int AGAIN = 2;
    private static final int INVAL = 4;
    private static final int FAULT = 8;
    private static final int MSGSIZE = 16;
    static final int NOBUFS = 32;

    private static final int GOODCOPY_LEN = 128;
    private static final int PAGE = TapGuest.PAGE;
    /** Pulling more than so much may find no head large enough. */
    private static final int EASY_HEAD = 8000;

    private final Edition edition;
    private final int maxFrags;
    private final int maxLinear;

    TapModel(Edition edition) {
        this.edition = edition;
        boolean eighteen = !edition.has(Behaviour.FRAGS_17);
        this.maxFrags = eighteen ? 18 : 17;
        this.maxLinear = PAGE - (eighteen ? 384 : 320) - reserve();
    }

    private int reserve() {
        return edition.has(Behaviour.TAP_RESERVE) ? 2 : 0;
    }

    static int of(int result) {
        return switch (-result) {
            case Errno.EAGAIN -> AGAIN;
            case Errno.EINVAL -> INVAL;
            case Errno.EFAULT -> FAULT;
            case Errno.EMSGSIZE -> MSGSIZE;
            case Errno.ENOBUFS -> NOBUFS;
            default -> result > 0 ? OK : 0;
        };
    }

    static String text(int set) {
        String[] names = {"success", "EAGAIN", "EINVAL", "EFAULT", "EMSGSIZE", "ENOBUFS"};
        StringBuilder text = new StringBuilder();
        for (int i = 0; i < names.length; i++) {
            text.append((set >> i & 1) == 0 ? "" : (text.isEmpty() ? "" : " or ") + names[i]);
        }
        return text.toString();
    }

    /**
     * @param zerocopy the socket has SOCK_ZEROCOPY and a ubuf was passed
     * @param full sk_wmem_alloc has reached sk_sndbuf
     * @return set of {@link #OK} and errnos
     */
    int sendmsg(TapPacket packet, TapGuest guest, int hdrSz, boolean zerocopy, boolean full) {
        if (packet.len < 0) {
            return INVAL;
        }
        if (hdrSz > 0 && packet.readable() < VirtioNetHdr.SIZE) {
            return FAULT;
        }
        int field = packet.csumStart() + packet.csumOffset() + 2;
        int hdrLen = packet.needsCsum() && field > packet.hdrLen() ? field & 0xFFFF : packet.hdrLen();
        if (hdrLen > packet.len || packet.len < TapPacket.ETH) {
            return INVAL;
        }
        if (full) {
            return AGAIN;
        }
        if (packet.readable() < hdrSz + packet.len) {
            return FAULT | MSGSIZE | INVAL | NOBUFS;
        }
        int len = (int) packet.len;
        int linear = clamp(hdrLen);
        if (zerocopy) {
            linear = lentLinear(guest, hdrSz, hdrLen, len);
            if (guest.pagesBehind(hdrSz + linear) <= maxFrags) {
                return offload(packet, linear);
            }
            if (!edition.has(Behaviour.COPIES_TOO_MANY_PAGES)) {
                return MSGSIZE;
            }
            linear = clamp(hdrLen);
        }
        linear = len + reserve() < PAGE ? len : linear;
        return len - linear > maxFrags * PAGE ? MSGSIZE : offload(packet, linear);
    }

    private int clamp(int linear) {
        return Math.clamp(linear, TapPacket.ETH, maxLinear);
    }

    private int lentLinear(TapGuest guest, int hdrSz, int hdrLen, int len) {
        int linear = hdrLen;
        int over = guest.iov.count() - maxFrags;
        if (over > 0 && edition.has(Behaviour.LINEAR_VECTORS)) {
            linear = (int) Math.max(hdrLen, guest.iov.length(0, over) - hdrSz);
        }
        return Math.min(clamp(linear == 0 ? GOODCOPY_LEN : linear), len);
    }

    /** The header's offload fields; what is to be cut is believed until somebody cuts it, or since 5.x looked at. */
    private int offload(TapPacket packet, int linear) {
        if (!isKnown(packet)) {
            return INVAL;
        }
        int field = packet.csumStart() + packet.csumOffset() + 2;
        if (!edition.has(Behaviour.VNET_HDR_PULLS)) {
            return packet.needsCsum() && field > linear ? INVAL : OK;
        }
        if (packet.isGso()) {
            return packet.kind.mayVanish() ? OK | INVAL : OK;
        }
        if (!packet.needsCsum()) {
            return OK;
        }
        if (field > packet.len || packet.csumStart() < 20 && edition.has(Behaviour.VNET_HDR_STRICT)) {
            return INVAL;
        }
        return field > EASY_HEAD ? OK | INVAL : OK;
    }

    private static boolean isKnown(TapPacket packet) {
        return switch (packet.gsoType()) {
            case 0 -> true;
            case VirtioNetHdr.VIRTIO_NET_HDR_GSO_TCPV4, VirtioNetHdr.VIRTIO_NET_HDR_GSO_TCPV6,
                VirtioNetHdr.VIRTIO_NET_HDR_GSO_UDP,
                VirtioNetHdr.VIRTIO_NET_HDR_GSO_TCPV4 | VirtioNetHdr.VIRTIO_NET_HDR_GSO_ECN,
                VirtioNetHdr.VIRTIO_NET_HDR_GSO_TCPV6 | VirtioNetHdr.VIRTIO_NET_HDR_GSO_ECN,
                VirtioNetHdr.VIRTIO_NET_HDR_GSO_UDP | VirtioNetHdr.VIRTIO_NET_HDR_GSO_ECN -> packet.gsoSize() != 0;
            default -> false;
        };
    }
}
