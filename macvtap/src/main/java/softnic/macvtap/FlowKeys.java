package softnic.macvtap;

import softnic.mm.PhysMem;
import softnic.net.EthHeader;
import softnic.net.Ipv4Header;
import softnic.skb.SkBuff;

/**
 * Where a packet's transport header is and to which flow it belongs: {@code __skb_flow_dissect} and
 * {@code skb_get_hash} (net/core/flow_dissector.c).
 *
 * <p>Reads the linear part of a packet that begins with its Ethernet header. Any agent; no state. Deviation: no VLAN
 * tags, extension headers or tunnels; the hash is our own, as the kernel's has a random key.
 */
final class FlowKeys {

    /** {@link #dissect}: no IPv4 or IPv6 header. */
    static final int UNKNOWN = -1;

    private static final int ETH_TYPE = 12;
    private static final int IPV4_FRAG_OFF = 6;
    private static final int IPV4_FRAGMENT = 0x3FFF;        // MF and offset
    private static final int IPV6HDR = 40;
    private static final int IPV6_NEXTHDR = 6;
    private static final int IPV6_SADDR = 8;

    private FlowKeys() {
    }

    /** @return IP protocol in bits 16-23, offset of the transport header below; or {@link #UNKNOWN} */
    static int dissect(SkBuff skb, int ethertype) {
        PhysMem memory = skb.memory();
        long network = skb.dataHpa() + EthHeader.ETH_HLEN;
        int room = skb.headlen() - EthHeader.ETH_HLEN;
        if (ethertype == EthHeader.ETH_P_IP && room >= Ipv4Header.SIZE) {
            int len = (memory.u8(network) & 0xF) << 2;
            return len < Ipv4Header.SIZE ? UNKNOWN
                    : (memory.u8(network + Ipv4Header.PROTOCOL) & 0xFF) << 16 | EthHeader.ETH_HLEN + len;
        }
        if (ethertype == EthHeader.ETH_P_IPV6 && room >= IPV6HDR) {
            return (memory.u8(network + IPV6_NEXTHDR) & 0xFF) << 16 | EthHeader.ETH_HLEN + IPV6HDR;
        }
        return UNKNOWN;
    }

    static int transport(int keys) {
        return keys & 0xFFFF;
    }

    static int protocol(int keys) {
        return keys >>> 16;
    }

    /** The same for both directions of a flow; 0 if the packet belongs to none. */
    static int hash(SkBuff skb) {
        PhysMem memory = skb.memory();
        int ethertype = skb.headlen() < EthHeader.ETH_HLEN ? 0 : memory.be16(skb.dataHpa() + ETH_TYPE);
        int keys = dissect(skb, ethertype);
        if (keys == UNKNOWN) {
            return 0;
        }
        long network = skb.dataHpa() + EthHeader.ETH_HLEN;
        boolean ipv4 = ethertype == EthHeader.ETH_P_IP;
        int hash = ipv4 ? xor(memory, network + Ipv4Header.SADDR, network + Ipv4Header.SIZE)
                : xor(memory, network + IPV6_SADDR, network + IPV6HDR);
        boolean fragment = ipv4 && (memory.be16(network + IPV4_FRAG_OFF) & IPV4_FRAGMENT) != 0;
        boolean ports = protocol(keys) == Ipv4Header.IPPROTO_TCP || protocol(keys) == Ipv4Header.IPPROTO_UDP;
        if (ports && !fragment && transport(keys) + Integer.BYTES <= skb.headlen()) {
            long transport = skb.dataHpa() + transport(keys);
            hash ^= memory.be16(transport) ^ memory.be16(transport + 2);
        }
        hash = (hash ^ protocol(keys)) * 0x9E37_79B1;
        return hash ^ hash >>> 15;
    }

    private static int xor(PhysMem memory, long from, long end) {
        int sum = 0;
        for (long at = from; at < end; at += Integer.BYTES) {
            sum ^= memory.be32(at);
        }
        return sum;
    }
}
