package softnic.macvtap;

import softnic.mm.Errno;
import softnic.mm.IoVec;
import softnic.mm.PhysMem;
import softnic.skb.SkBuff;
import softnic.skb.SkbSharedInfo;
import softnic.virtio.VirtioNetHdr;

/** A received packet into the reader's buffers: {@code macvtap_put_user} (drivers/net/macvtap.c). Worker only. */
final class PutUser {

    private final PhysMem memory;
    private final VnetHdrToSkb vnetHdrToSkb;
    private final long hdrHpa;
    private final VirtioNetHdr hdr = new VirtioNetHdr();

    /** @param hdrHpa where the header is composed, 10 bytes */
    PutUser(PhysMem memory, VnetHdrToSkb vnetHdrToSkb, long hdrHpa) {
        this.memory = memory;
        this.vnetHdrToSkb = vnetHdrToSkb;
        this.hdrHpa = hdrHpa;
        hdr.wrap(memory, hdrHpa);
    }

    /** @return bytes of header and frame, also of those that found no room; -EINVAL, -EFAULT */
    int put(SkBuff skb, IoVec iov, int lenBytes, int vnetHdrLen) {
        int room = lenBytes - vnetHdrLen;
        if (room < 0) {
            return -Errno.EINVAL;
        }
        int err = vnetHdrLen == 0 ? 0 : writeHeader(skb, iov, vnetHdrLen);
        if (err == 0) {
            err = copyToIovec(skb, iov, vnetHdrLen, Math.min(skb.len(), room));
        }
        return err != 0 ? err : vnetHdrLen + skb.len();
    }

    /** What {@code vnet_hdr_sz} has more than the first ten bytes is left as it was: num_buffers is vhost's to write. */
    private int writeHeader(SkBuff skb, IoVec iov, int vnetHdrLen) {
        int err = vnetHdrToSkb.fromSkb(skb, hdr);
        if (err != 0) {
            return err;
        }
        return iov.copyFrom(memory, 0, hdrHpa, VirtioNetHdr.SIZE);
    }

    /** {@code skb_copy_datagram_const_iovec} (net/core/datagram.c). */
    private int copyToIovec(SkBuff skb, IoVec iov, int offset, int len) {
        int done = Math.min(skb.headlen(), len);
        int err = iov.copyFrom(memory, offset, skb.dataHpa(), done);
        SkbSharedInfo shinfo = skb.shinfo();
        for (int i = 0; i < shinfo.nrFrags() && done < len && err == 0; i++) {
            int piece = Math.min(shinfo.frag(i).size(), len - done);
            err = iov.copyFrom(memory, offset + done, shinfo.frag(i).hpa(), piece);
            done += piece;
        }
        return err;
    }
}
