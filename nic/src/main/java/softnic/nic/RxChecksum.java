package softnic.nic;

import java.lang.foreign.MemorySegment;
import softnic.net.Checksum;
import softnic.net.EthHeader;
import softnic.net.Ipv4Header;
import softnic.net.TcpHeader;

/**
 * The receiver's checksum unit (82599 datasheet, 7.1.11): IPv4 header, and TCP or UDP over IPv4. What it cannot
 * parse, for example fragments, it leaves unmarked.
 */
final class RxChecksum {

    private static final int UDP_HEADER = 8;
    private static final int UDP_CHECK = 6;
    private static final int FRAGMENT_HI = 6;           // more fragments, and the offset's high bits
    private static final int FRAGMENT_LO = 7;
    private static final int MF_AND_OFFSET = 0x3F;

    private RxChecksum() {
    }

    /** @return what of IPCS, L4CS, IPE and TCPE the frame earns */
    static int verify(MemorySegment m, long at, int len) {
        long ip = at + EthHeader.ETH_HLEN;
        int room = len - EthHeader.ETH_HLEN;
        if (room < Ipv4Header.SIZE || EthHeader.type(m, at) != EthHeader.ETH_P_IP || Ipv4Header.version(m, ip) != 4) {
            return 0;
        }
        int ipLen = Ipv4Header.headerLen(m, ip);
        int totLen = Ipv4Header.totLen(m, ip);
        if (ipLen < Ipv4Header.SIZE || totLen < ipLen || totLen > room) {
            return 0;
        }
        if (!Ipv4Header.isCheckValid(m, ip, ipLen)) {
            return RxDesc.IXGBE_RXD_STAT_IPCS | RxDesc.IXGBE_RXDADV_ERR_IPE;
        }
        return RxDesc.IXGBE_RXD_STAT_IPCS | (isFragment(m, ip) ? 0 : verifyL4(m, ip, ipLen, totLen - ipLen));
    }

    private static int verifyL4(MemorySegment m, long ip, int ipLen, int l4Len) {
        int protocol = Ipv4Header.protocol(m, ip);
        long l4 = ip + ipLen;
        boolean isTcp = protocol == Ipv4Header.IPPROTO_TCP && l4Len >= TcpHeader.SIZE;
        boolean isUdp = protocol == Ipv4Header.IPPROTO_UDP && l4Len >= UDP_HEADER
                && Checksum.load(m, l4 + UDP_CHECK) != 0;
        if (!isTcp && !isUdp) {
            return 0;
        }
        long sum = Checksum.partial(m, l4, l4Len, Checksum.pseudoIpv4(m, ip, protocol, l4Len));
        return Checksum.fold(sum) == 0 ? RxDesc.IXGBE_RXD_STAT_L4CS
                : RxDesc.IXGBE_RXD_STAT_L4CS | RxDesc.IXGBE_RXDADV_ERR_TCPE;
    }

    private static boolean isFragment(MemorySegment m, long ip) {
        return (m.get(java.lang.foreign.ValueLayout.JAVA_BYTE, ip + FRAGMENT_HI) & MF_AND_OFFSET) != 0
                || m.get(java.lang.foreign.ValueLayout.JAVA_BYTE, ip + FRAGMENT_LO) != 0;
    }
}
