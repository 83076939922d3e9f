package softnic.guest;

import java.lang.foreign.MemorySegment;
import softnic.net.Checksum;
import softnic.net.EthHeader;
import softnic.net.Ipv4Header;
import softnic.net.TcpHeader;
import softnic.virtio.VirtioNetHdr;
import softnic.wire.TcpFlow;

/**
 * Writes the headers of a packet into its slot: {@code tcp_transmit_skb} (net/ipv4/tcp_output.c),
 * {@code ip_queue_xmit} (net/ipv4/ip_output.c), and {@code xmit_skb}'s virtio_net_hdr.
 *
 * <p>The TCP checksum field holds the pseudo header's sum: the device finishes it (CHECKSUM_PARTIAL).
 */
final class GuestTcpHeaders {

    /** Headers of a data packet: Ethernet, IPv4, TCP with timestamps. */
    static final int DATA_HEADER = EthHeader.ETH_HLEN + Ipv4Header.SIZE + TcpHeader.SIZE_TIMESTAMPS;

    private static final int SYN_HEADER = TcpHeader.SIZE + 20;
    private static final int CSUM_START = EthHeader.ETH_HLEN + Ipv4Header.SIZE;
    private static final int WINDOW_SCALE = 7;
    private static final int INITIAL_WINDOW = 14600;
    private static final int MSS_OPTION = 1460;

    private final MemorySegment ram;
    private final GuestRam guest;
    private final TcpFlow flow;
    private final int vnetHdrLen;
    private final VirtioNetHdr hdr = new VirtioNetHdr();
    private int inetId;

    GuestTcpHeaders(GuestRam ram, GuestOptions options, TcpFlow flow) {
        this.ram = ram.segment();
        this.guest = ram;
        this.flow = flow;
        this.vnetHdrLen = options.vnetHdrLen();
    }

    /** A SYN with MSS, SACK permitted, timestamps and window scale ({@code tcp_syn_options}). */
    void writeSyn(GuestSkb skb, int seq, int timestamp) {
        long tcp = begin(skb, SYN_HEADER, 0, 0);
        TcpHeader.write(ram, tcp, flow.guestPort(), flow.farPort(), seq, 0, SYN_HEADER, TcpHeader.SYN,
                INITIAL_WINDOW);
        TcpHeader.option(ram, tcp, 0, 0x02040000 | MSS_OPTION);
        TcpHeader.option(ram, tcp, 1, 0x0402080A);
        TcpHeader.option(ram, tcp, 2, timestamp);
        TcpHeader.option(ram, tcp, 3, 0);
        TcpHeader.option(ram, tcp, 4, 0x01030300 | WINDOW_SCALE);
        finish(skb, tcp, SYN_HEADER);
    }

    /** A segment with {@code skb}'s payload, or an acknowledgement if it has none. */
    void writeSegment(GuestSkb skb, int seq, int ackSeq, int flags, int segments, int timestamp, int echo) {
        long tcp = begin(skb, TcpHeader.SIZE_TIMESTAMPS, skb.payloadLen, segments - 1);
        TcpHeader.write(ram, tcp, flow.guestPort(), flow.farPort(), seq, ackSeq, TcpHeader.SIZE_TIMESTAMPS,
                flags, INITIAL_WINDOW >>> WINDOW_SCALE);
        TcpHeader.writeTimestamps(ram, tcp, timestamp, echo);
        finish(skb, tcp, TcpHeader.SIZE_TIMESTAMPS);
    }

    /** Ethernet and IPv4; the id counts wire packets ({@code ip_select_ident_more}). */
    private long begin(GuestSkb skb, int tcpHeader, int payload, int moreIds) {
        long at = skb.linearGpa;
        skb.linearLen = CSUM_START + tcpHeader;
        EthHeader.write(ram, at, flow.farMac(), flow.guestMac(), EthHeader.ETH_P_IP);
        Ipv4Header.write(ram, at + EthHeader.ETH_HLEN, Ipv4Header.SIZE + tcpHeader + payload, inetId & 0xFFFF,
                Ipv4Header.IPPROTO_TCP, flow.guestIp(), flow.farIp());
        inetId += 1 + moreIds;
        return at + CSUM_START;
    }

    private void finish(GuestSkb skb, long tcp, int tcpHeader) {
        long sum = Checksum.pseudoIpv4(ram, skb.linearGpa + EthHeader.ETH_HLEN, Ipv4Header.IPPROTO_TCP,
                tcpHeader + skb.payloadLen);
        Checksum.store(ram, tcp + TcpHeader.CHECK, ~Checksum.fold(sum) & 0xFFFF);
        hdr.wrap(guest.memory(), guest.hpa(skb.vnetHdrGpa));
        hdr.set(VirtioNetHdr.VIRTIO_NET_HDR_F_NEEDS_CSUM,
                skb.isGso() ? VirtioNetHdr.VIRTIO_NET_HDR_GSO_TCPV4 : VirtioNetHdr.VIRTIO_NET_HDR_GSO_NONE,
                skb.isGso() ? skb.linearLen : 0, skb.gsoSize, CSUM_START, TcpHeader.CHECK);
        if (vnetHdrLen == VirtioNetHdr.SIZE_MRG_RXBUF) {
            hdr.numBuffers(0);
        }
    }
}
