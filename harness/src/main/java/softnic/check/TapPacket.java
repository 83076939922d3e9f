package softnic.check;

import java.util.Arrays;
import softnic.skb.UbufInfo;
import softnic.virtio.VirtioNetHdr;

/** What a guest gave to a tap, and the owner of its pages: bytes as they were when they were sent. */
final class TapPacket implements UbufInfo {

    /** What the frame is, and so what may become of it. */
    enum Kind {
        /** Not to be cut: comes out whole. */
        PLAIN,
        /** A sound packet to be cut: comes out whole, or in segments that add up to it. */
        TCP4, TCP6, UDP4,
        /** gso_type and headers do not belong together: whole or not at all. */
        MISTYPED,
        /** To be cut, but how is a riddle: anything may come out, nothing must. */
        RIDDLE;

        boolean mayVanish() {
            return this == MISTYPED || this == RIDDLE;
        }
    }

    static final int ETH = 14;
    /** Its number: the low half of the source address; behind the header if that is the address of a macvlan. */
    static final int TAG_AT = 8;

    final int id;
    final int from;
    final Kind kind;
    final boolean lent;
    final int slot;
    final long len;                         // of the frame; may be more than there is memory
    final byte[] frame;
    private final byte[] all;
    private final boolean hasHdr;
    private final Runnable returned;
    boolean verified;                       // its checksum, by the device that received it
    int callbacks;

    /**
     * @param from number of the tap that sends it
     * @param lent with a ubuf
     * @param all virtio_net_hdr and frame, as far as they can be read
     * @param hdrSz bytes of virtio_net_hdr, 0: none
     * @param len bytes of the frame; negative if not even the header is whole
     * @param returned runs when the pages are the guest's again
     */
    TapPacket(int id, int from, Kind kind, boolean lent, int slot, byte[] all, int hdrSz, long len, Runnable returned) {
        this.id = id;
        this.from = from;
        this.kind = kind;
        this.lent = lent;
        this.slot = slot;
        this.len = len;
        this.all = all;
        this.hasHdr = hdrSz > 0;
        this.frame = all.length <= hdrSz ? new byte[0] : Arrays.copyOfRange(all, hdrSz, all.length);
        this.returned = returned;
    }

    @Override
    public void callback(boolean zerocopySuccess) {
        if (callbacks++ == 0) {
            returned.run();
        }
    }

    /** Bytes of header and frame up to the first that is no memory. */
    int readable() {
        return all.length;
    }

    private int le16(int at) {
        return hasHdr && at + 2 <= all.length ? all[at] & 0xFF | (all[at + 1] & 0xFF) << 8 : 0;
    }

    boolean needsCsum() {
        return hasHdr && all.length > 0 && (all[0] & VirtioNetHdr.VIRTIO_NET_HDR_F_NEEDS_CSUM) != 0;
    }

    int gsoType() {
        return hasHdr && all.length > 1 ? all[1] & 0xFF : 0;
    }

    int hdrLen() {
        return le16(2);
    }

    int gsoSize() {
        return le16(4);
    }

    int csumStart() {
        return le16(6);
    }

    int csumOffset() {
        return le16(8);
    }

    /** Where the transport header of a sound packet begins. */
    int l4() {
        return kind == Kind.TCP6 ? ETH + 40 : ETH + 20;
    }

    /** Bytes that every segment repeats. */
    int headers() {
        return kind == Kind.UDP4 ? l4() : l4() + 20;
    }

    /** Where the transport checksum of a sound packet stands. */
    int checkAt() {
        return kind == Kind.UDP4 ? l4() + 6 : l4() + 16;
    }

    boolean isGso() {
        return gsoType() != 0;
    }

    /** Which packet a frame belongs to, or -1. */
    static int tagOf(byte[] frame) {
        int tag = frame.length < ETH ? -1 : be32(frame, TAG_AT);
        return tag < 0 && frame.length >= ETH + 4 ? be32(frame, ETH) : tag;
    }

    static int be16(byte[] b, int at) {
        return (b[at] & 0xFF) << 8 | b[at + 1] & 0xFF;
    }

    static int be32(byte[] b, int at) {
        return be16(b, at) << 16 | be16(b, at + 2);
    }

    static long mac(byte[] b, int at) {
        return (long) be16(b, at) << 32 | be32(b, at + 2) & 0xFFFF_FFFFL;
    }

    @Override
    public String toString() {
        return "packet " + id + " (" + kind + ", " + len + " B, " + (lent ? "lent" : "copied") + ", hdr_len " + hdrLen()
                + ", flags " + (needsCsum() ? 1 : 0) + ", csum " + csumStart() + '+' + csumOffset() + ", gso 0x"
                + Integer.toHexString(gsoType()) + '/' + gsoSize() + ")";
    }
}
