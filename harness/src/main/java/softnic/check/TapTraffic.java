package softnic.check;

import java.util.Arrays;
import java.util.SplittableRandom;
import softnic.check.TapPacket.Kind;
import softnic.net.EthHeader;
import softnic.net.Ipv4Header;
import softnic.virtio.VirtioNetHdr;

/** Thinks of packets that a guest should not send, and of some that it may. */
final class TapTraffic {

    private static final int ETH = TapPacket.ETH;
    private static final int[] LENGTHS = {14, 15, 60, 127, 128, 129, 255, 256, 257, 1514, 4093, 4094, 4095, 4096, 4097};
    private static final int[] HDR_LENS = {0, 0, 1, 13, 14, 15, 34, 54, 127, 128, 129, 3711, 3712, 3713, 3774, 3776, 3777,
        4096, 8192, 32_768, 60_000, 0xFFFF};
    private static final int[] STARTS = {0, 14, 19, 20, 34, 54, 100, 3700, 20_000, 0xFFFF};
    private static final int[] OFFSETS = {16, 6, 0, 16, 6, 1, 100, 0xFFFF};
    private static final int[] WRONG_TYPES = {2, 5, 6, 0x7F, 0x80, 0x82, 0xFF};
    private static final int[] MSS = {8, 64, 256, 536, 1448, 1448, 4000};
    private static final int[] ETHERTYPES = {0x0800, 0x86DD, 0x0806, 0x88B5, 0x05DC};
    private static final int MOST = TapGuest.SLOT_BYTES;

    private final TapGuest guest;
    private final byte[] head = new byte[6000];     // virtio_net_hdr, and what stands at the front of the frame
    private int headLen;
    private int frameLen;
    private int hdrSz;

    TapTraffic(TapGuest guest) {
        this.guest = guest;
    }

    /** One packet, in the guest's memory and vector. */
    TapPacket next(SplittableRandom random, int id, int from, int hdrBytes, long dest, boolean lent, int slot,
            Runnable returned) {
        hdrSz = hdrBytes;
        Arrays.fill(head, (byte) 0);
        Kind kind = hdrBytes == 0 ? Kind.PLAIN : kind(random);
        ethernet(dest, id);
        switch (kind) {
            case PLAIN -> plain(random);
            case MISTYPED -> mistyped(random);
            case RIDDLE -> riddle(random);
            default -> sound(random, kind);
        }
        lay(random, slot, false);
        boolean hole = kind == Kind.PLAIN && random.nextInt(12) == 0;
        if (hole) {
            guest.addHole(random);
        }
        byte[] all = guest.gather(MOST);
        int written = Math.min(headLen, hdrSz + frameLen);
        if (Arrays.mismatch(all, 0, Math.min(all.length, written), head, 0, written) >= 0) {
            lay(random, slot, true);                // pieces over each other: once more
            all = guest.gather(MOST);
        }
        return new TapPacket(id, from, kind, lent, slot, all, hdrSz, guest.iov.length() - hdrSz, returned);
    }

    private void lay(SplittableRandom random, int slot, boolean plain) {
        guest.begin(random, slot);
        guest.cut(random, Math.min(hdrSz, hdrSz + frameLen), Math.max(0, frameLen), plain);
        guest.fill(random);
        guest.scatter(head, Math.min(headLen, hdrSz + frameLen));
    }

    private static Kind kind(SplittableRandom random) {
        int n = random.nextInt(100);
        return n < 62 ? Kind.PLAIN : n < 72 ? Kind.TCP4 : n < 78 ? Kind.TCP6 : n < 84 ? Kind.UDP4
                : n < 93 ? Kind.MISTYPED : Kind.RIDDLE;
    }

    private static int one(SplittableRandom random, int[] of) {
        return of[random.nextInt(of.length)];
    }

    // ---- bytes

    private void put16(int frameAt, int value) {
        head[hdrSz + frameAt] = (byte) (value >> 8);
        head[hdrSz + frameAt + 1] = (byte) value;
    }

    private void put32(int frameAt, int value) {
        put16(frameAt, value >>> 16);
        put16(frameAt + 2, value);
    }

    private void ethernet(long dest, int id) {
        put16(0, (int) (dest >>> 32));
        put32(2, (int) dest);
        put16(6, 0x0200);
        put32(TapPacket.TAG_AT, id);
    }

    private void vnetHdr(int flags, int gsoType, int hdrLen, int gsoSize, int csumStart, int csumOffset) {
        if (hdrSz == 0) {
            return;
        }
        head[0] = (byte) flags;
        head[1] = (byte) gsoType;
        int[] fields = {hdrLen, gsoSize, csumStart, csumOffset};
        for (int i = 0; i < fields.length; i++) {
            head[2 + 2 * i] = (byte) fields[i];
            head[3 + 2 * i] = (byte) (fields[i] >> 8);
        }
    }

    // ---- frames

    private void plain(SplittableRandom random) {
        frameLen = length(random);
        headLen = hdrSz + ETH;
        put16(12, one(random, ETHERTYPES));
        int hdrLen = random.nextInt(3) == 0 ? random.nextInt(300) : one(random, HDR_LENS);
        if (hdrLen > frameLen && random.nextInt(8) > 0) {
            hdrLen = random.nextInt(Math.max(1, frameLen + 1));
        }
        boolean csum = random.nextInt(3) == 0;
        int start = one(random, STARTS);
        int offset = one(random, OFFSETS);
        if (csum && start + offset + 2 > frameLen && random.nextInt(8) > 0) {
            start = random.nextInt(Math.max(1, frameLen - 1));
            offset = random.nextInt(Math.max(1, Math.min(100, frameLen - start - 1)));
        }
        csum &= start + offset >= ETH;          // else the sum is written over the packet's number
        int type = random.nextInt(10) > 0 ? 0 : random.nextBoolean() ? one(random, WRONG_TYPES) : 1;
        vnetHdr((csum ? 1 : 0) | (random.nextInt(6) == 0 ? 2 : 0), type, hdrLen,
                type == 1 ? 0 : random.nextInt(3) * 700, start, offset);
    }

    private int length(SplittableRandom random) {
        return switch (random.nextInt(24)) {
            case 0 -> random.nextInt(-hdrSz, ETH + 1);
            case 1, 2, 3 -> one(random, LENGTHS);
            case 4, 5, 6, 7 -> ETH + random.nextInt(130);
            case 8, 9, 10 -> random.nextInt(3500, 5000);
            case 11, 12 -> random.nextInt(5000, 30_000);
            case 13 -> random.nextInt(15 * TapGuest.PAGE, 19 * TapGuest.PAGE);
            case 14 -> random.nextInt(18 * TapGuest.PAGE, 20 * TapGuest.PAGE);
            default -> random.nextInt(ETH, 2500);
        };
    }

    /** A packet to be cut that says so rightly. */
    private void sound(SplittableRandom random, Kind kind) {
        boolean udp = kind == Kind.UDP4;
        int mss = one(random, MSS);
        int payload = mss + 1 + random.nextInt(random.nextInt(4) > 0 ? 3 * mss : 12 * mss);
        ip(random, kind == Kind.TCP6, udp ? Ipv4Header.IPPROTO_UDP : Ipv4Header.IPPROTO_TCP);
        int l4 = kind == Kind.TCP6 ? ETH + 40 : ETH + 20;
        int headers = udp ? l4 : l4 + 20;
        frameLen = headers + payload;
        headLen = hdrSz + (udp ? l4 + 8 : headers);
        lengths(kind == Kind.TCP6);
        int type = udp ? VirtioNetHdr.VIRTIO_NET_HDR_GSO_UDP : kind == Kind.TCP6
                ? VirtioNetHdr.VIRTIO_NET_HDR_GSO_TCPV6 : VirtioNetHdr.VIRTIO_NET_HDR_GSO_TCPV4;
        boolean ecn = !udp && random.nextInt(8) == 0;
        vnetHdr(random.nextInt(5) > 0 ? 1 : 0, ecn ? type | VirtioNetHdr.VIRTIO_NET_HDR_GSO_ECN : type,
                hdrLen(random, headLen - hdrSz), mss, l4, udp ? 6 : 16);
    }

    private int hdrLen(SplittableRandom random, int headers) {
        return switch (random.nextInt(6)) {
            case 0 -> 0;
            case 1 -> random.nextInt(headers);
            case 2 -> Math.min(frameLen, headers + random.nextInt(200));
            default -> headers;
        };
    }

    /** As {@link #sound}, but for one thing. */
    private void mistyped(SplittableRandom random) {
        boolean v6 = false;
        int protocol = Ipv4Header.IPPROTO_TCP;
        int type = VirtioNetHdr.VIRTIO_NET_HDR_GSO_TCPV4;
        int mss = one(random, MSS);
        int payload = mss + 1 + random.nextInt(3 * mss);
        switch (random.nextInt(6)) {
            case 0, 1 -> protocol = Ipv4Header.IPPROTO_UDP;
            case 2, 3 -> type = VirtioNetHdr.VIRTIO_NET_HDR_GSO_UDP;
            case 4 -> v6 = true;
            default -> payload = Math.max(1, mss - random.nextInt(mss));
        }
        ip(random, v6, protocol);
        int l4 = v6 ? ETH + 40 : ETH + 20;
        frameLen = l4 + 20 + payload;
        headLen = hdrSz + l4 + 20;
        lengths(v6);
        boolean udp = protocol == Ipv4Header.IPPROTO_UDP;
        vnetHdr(random.nextInt(4) > 0 ? 1 : 0, type, random.nextInt(2) * (l4 + 20), mss, l4, udp ? 6 : 16);
    }

    private void riddle(SplittableRandom random) {
        ip(random, random.nextInt(3) == 0, random.nextBoolean() ? Ipv4Header.IPPROTO_TCP : random.nextInt(256));
        frameLen = random.nextInt(4) == 0 ? random.nextInt(ETH, 80) : random.nextInt(80, 3000);
        headLen = hdrSz + ETH + 60;
        for (int n = random.nextInt(6); n > 0; n--) {
            head[hdrSz + 12 + random.nextInt(headLen - hdrSz - 12)] = (byte) random.nextInt(256);
        }
        headLen = Math.min(headLen, hdrSz + frameLen);
        int type = new int[] {1, 3, 4, 0x81, 0x84}[random.nextInt(5)];
        vnetHdr(random.nextInt(4) > 0 ? 1 : 0, type, random.nextInt(Math.min(frameLen, 200)),
                1 + random.nextInt(random.nextBoolean() ? 20 : 2000), random.nextInt(ETH, 80), random.nextBoolean() ? 16 : 6);
    }

    private void ip(SplittableRandom random, boolean v6, int protocol) {
        put16(12, v6 ? EthHeader.ETH_P_IPV6 : EthHeader.ETH_P_IP);
        int l4 = v6 ? ETH + 40 : ETH + 20;
        for (int i = ETH; i < l4 + 20; i++) {
            head[hdrSz + i] = (byte) random.nextInt(256);
        }
        if (v6) {
            head[hdrSz + ETH] = 0x60;
            head[hdrSz + ETH + 6] = (byte) protocol;
        } else {
            head[hdrSz + ETH] = 0x45;
            put16(ETH + 6, 0x4000);
            head[hdrSz + ETH + 9] = (byte) protocol;
        }
        head[hdrSz + l4 + 12] = 0x50;
    }

    private void lengths(boolean v6) {
        put16(v6 ? ETH + 4 : ETH + 2, v6 ? frameLen - ETH - 40 : frameLen - ETH);
    }
}
