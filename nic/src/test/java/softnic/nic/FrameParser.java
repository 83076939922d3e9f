package softnic.nic;

import java.util.Arrays;

/**
 * An Ethernet, IPv4, TCP frame taken apart and verified, sharing no code with what made it.
 *
 * @param flags the twelve bits
 */
public record FrameParser(int ipLen, int totLen, int id, int seq, int flags, int tcpLen, byte[] payload,
        boolean ipCheckValid, boolean tcpCheckValid) {

    /** Takes a frame apart; padding behind the IP packet is left out. */
    public static FrameParser parse(byte[] f) {
        int ip = 14;
        int ipLen = (f[ip] & 0xF) * 4;
        int totLen = u16(f, ip + 2);
        int tcp = ip + ipLen;
        int tcpLen = (f[tcp + 12] >> 4 & 0xF) * 4;
        int end = ip + totLen;
        int l4 = totLen - ipLen;
        int pseudo = sum(f, ip + 12, ip + 20) + (f[ip + 9] & 0xFF) + l4;
        return new FrameParser(ipLen, totLen, u16(f, ip + 4), u16(f, tcp + 4) << 16 | u16(f, tcp + 6),
                u16(f, tcp + 12) & 0xFFF, tcpLen, Arrays.copyOfRange(f, tcp + tcpLen, end),
                fold(sum(f, ip, tcp)) == 0xFFFF, fold(sum(f, tcp, end) + pseudo) == 0xFFFF);
    }

    /** A 16-bit field in network order. */
    public static int u16(byte[] f, int at) {
        return (f[at] & 0xFF) << 8 | f[at + 1] & 0xFF;
    }

    /** Sum of 16-bit words as RFC 1071 writes it: an odd last byte counts as if a zero followed. */
    public static int sum(byte[] f, int from, int to) {
        int sum = 0;
        for (int i = from; i < to; i += 2) {
            sum += (f[i] & 0xFF) << 8 | (i + 1 < to ? f[i + 1] & 0xFF : 0);
        }
        return sum;
    }

    /** Folds the carries in. */
    public static int fold(int sum) {
        int s = sum;
        while (s >>> 16 != 0) {
            s = (s & 0xFFFF) + (s >>> 16);
        }
        return s;
    }
}
