package softnic.net;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.util.Random;
import softnic.skb.SkBuff;
import softnic.skb.SkbSharedInfo;
import softnic.skb.Workshop;

/** TCP packets for tests, and a parser of its own that shares no code with the stack's. */
final class TcpPackets {

    private TcpPackets() {
    }

    /** What a frame says when it is read byte by byte. */
    record Frame(int totLen, int id, long seq, int flags, byte[] payload, boolean ipOk, boolean tcpOk) {

        static Frame parse(byte[] bytes) {
            ByteBuffer b = ByteBuffer.wrap(bytes);
            int ihl = (b.get(14) & 0xF) * 4;
            int tcp = 14 + ihl;
            int doff = (b.get(tcp + 12) >>> 4 & 0xF) * 4;
            int totLen = b.getShort(16) & 0xFFFF;
            byte[] payload = new byte[bytes.length - tcp - doff];
            b.get(tcp + doff, payload);
            boolean ipOk = ChecksumTest.naive(bytes, 14, ihl, 0) == 0;
            byte[] pseudo = new byte[12];
            b.get(26, pseudo, 0, 8);
            pseudo[9] = 6;
            ByteBuffer.wrap(pseudo).putShort(10, (short) (bytes.length - tcp));
            int start = ~ChecksumTest.naive(pseudo, 0, 12, 0) & 0xFFFF;
            boolean tcpOk = ChecksumTest.naive(bytes, tcp, bytes.length - tcp, start) == 0;
            return new Frame(totLen, b.getShort(18) & 0xFFFF, b.getInt(tcp + 4) & 0xFFFF_FFFFL,
                    b.getShort(tcp + 12) & 0xFFF, payload, ipOk, tcpOk);
        }
    }

    /**
     * A TCP packet over user pages.
     *
     * @param linear bytes in the head; fewer than the headers if the sender did not say how long they are
     * @param frags sizes of the fragments
     */
    static SkBuff packet(Workshop shop, Random random, Workshop.Owner owner, int ipLen, int tcpLen, int mss, int flags,
            int linear, int... frags) {
        SkBuff skb = owner == null ? shop.packet(random, 2, linear, frags)
                : shop.zerocopy(random, owner, 2, linear, frags);
        byte[] headers = headers(random, ipLen, tcpLen, flags, skb.len());
        poke(shop, skb, headers);
        skb.protocol(EthHeader.ETH_P_IP);
        skb.resetMacHeader();
        skb.networkHeaderAt(14);
        skb.transportHeaderAt(14 + ipLen);
        skb.checksumPartial(14 + ipLen, TcpHeader.CHECK);
        if (mss > 0) {
            skb.shinfo().gso(SkbSharedInfo.SKB_GSO_TCPV4 | SkbSharedInfo.SKB_GSO_DODGY, mss);
        }
        return skb;
    }

    /** Makes a TCP packet over IPv4 of bytes that are there already: 54 of headers, the rest payload. */
    static void describe(Workshop shop, Random random, SkBuff skb, int mss) {
        poke(shop, skb, headers(random, 20, 20, TcpHeader.ACK, skb.len()));
        skb.protocol(EthHeader.ETH_P_IP);
        skb.resetMacHeader();
        skb.networkHeaderAt(14);
        skb.transportHeaderAt(34);
        skb.checksumPartial(34, TcpHeader.CHECK);
        if (mss > 0) {
            skb.shinfo().gso(SkbSharedInfo.SKB_GSO_TCPV4 | SkbSharedInfo.SKB_GSO_DODGY, mss);
        }
    }

    private static byte[] headers(Random random, int ipLen, int tcpLen, int flags, int len) {
        byte[] all = new byte[14 + ipLen + tcpLen];
        random.nextBytes(all);
        ByteBuffer b = ByteBuffer.wrap(all);
        b.putShort(12, (short) 0x0800);
        b.put(14, (byte) (0x40 | ipLen / 4));
        b.putShort(16, (short) (len - 14));
        b.put(23, (byte) 6);
        int tcp = 14 + ipLen;
        b.putShort(tcp + 12, (short) (tcpLen / 4 << 12 | flags));
        byte[] pseudo = new byte[12];
        b.get(26, pseudo, 0, 8);
        pseudo[9] = 6;
        ByteBuffer.wrap(pseudo).putShort(10, (short) (len - tcp));
        b.putShort(tcp + 16, (short) ~ChecksumTest.naive(pseudo, 0, 12, 0));
        return all;
    }

    private static void poke(Workshop shop, SkBuff skb, byte[] bytes) {
        for (int i = 0; i < bytes.length; i++) {
            shop.memory.u8(hpa(skb, i), bytes[i]);
        }
    }

    private static long hpa(SkBuff skb, int offset) {
        int left = offset - skb.headlen();
        if (left < 0) {
            return skb.dataHpa() + offset;
        }
        for (int i = 0;; i++) {
            if (left < skb.shinfo().frag(i).size()) {
                return skb.shinfo().frag(i).hpa() + left;
            }
            left -= skb.shinfo().frag(i).size();
        }
    }

    static byte[] payload(byte[] packet, int headers) {
        return java.util.Arrays.copyOfRange(packet, headers, packet.length);
    }

    static byte[] concat(Iterable<Frame> frames) {
        ByteArrayOutputStream all = new ByteArrayOutputStream();
        frames.forEach(f -> all.writeBytes(f.payload()));
        return all.toByteArray();
    }

    /** A frame as a device sends it: what CHECKSUM_PARTIAL left open is finished here. */
    static byte[] sent(Workshop shop, SkBuff skb) {
        byte[] bytes = shop.content(skb);
        if (skb.ipSummed() == SkBuff.CHECKSUM_PARTIAL) {
            int start = skb.checksumStartOffset();
            int sum = ChecksumTest.naive(bytes, start, bytes.length - start, 0);
            ByteBuffer.wrap(bytes).putShort(start + skb.csumOffset(), (short) sum);
        }
        return bytes;
    }

}
