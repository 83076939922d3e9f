package softnic.wire;

/**
 * The addresses of a connection: from the guest's netperf to the netserver at the far end.
 *
 * @param guestMac 48 bits, first byte highest
 * @param farMac 48 bits, first byte highest
 * @param guestIp IPv4 address, first byte highest
 * @param farIp IPv4 address, first byte highest
 * @param guestPort TCP port
 * @param farPort TCP port
 */
public record TcpFlow(long guestMac, long farMac, int guestIp, int farIp, int guestPort, int farPort) {

    /** 192.168.100.1:40000 (52:54:00:12:34:56) to 192.168.100.2:12866 (90:e2:ba:00:00:02). */
    public static final TcpFlow DEFAULT =
            new TcpFlow(0x525400123456L, 0x90E2BA000002L, 0xC0A86401, 0xC0A86402, 40000, 12866);

    public TcpFlow {
        if (guestMac == farMac || guestMac >>> 48 != 0 || farMac >>> 48 != 0) {
            throw new IllegalArgumentException(String.format(
                    "flow: MAC addresses must be two of 48 bits, got 0x%x and 0x%x", guestMac, farMac));
        }
        if (guestPort >>> 16 != 0 || farPort >>> 16 != 0) {
            throw new IllegalArgumentException(
                    "flow: ports must be 0..65535, got " + guestPort + " and " + farPort);
        }
    }

    /** The {@code i}-th connection between the same hosts, from 0: the next port on both sides. */
    public TcpFlow stream(int i) {
        return i == 0 ? this : new TcpFlow(guestMac, farMac, guestIp, farIp, guestPort + i, farPort + i);
    }
}
