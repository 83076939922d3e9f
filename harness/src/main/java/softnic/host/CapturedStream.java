package softnic.host;

import java.lang.foreign.MemorySegment;
import softnic.mm.PhysMem;
import softnic.net.EthHeader;
import softnic.net.Ipv4Header;
import softnic.net.TcpHeader;
import softnic.skb.SkBuff;
import softnic.skb.SkbFrag;
import softnic.wire.StreamPattern;

/** What tcpdump makes of the packets it reads: are they what the guest sent, and in what order? */
final class CapturedStream {

    private static final int MAX_PACKET = 1 << 17;

    private final MemorySegment packet = MemorySegment.ofArray(new byte[MAX_PACKET]);
    private final long guestMac;
    private boolean isSynSeen;
    private int firstSeq;
    private long next;              // stream position behind the newest captured byte
    private long packets;
    private long payloadBytes;
    private String fault;

    CapturedStream(long guestMac) {
        this.guestMac = guestMac;
    }

    /** Looks at a packet; it stays the caller's. */
    void read(SkBuff skb) {
        int len = copy(skb);
        if (EthHeader.source(packet, 0) != guestMac) {
            return;                 // what the far end sent: tcpdump sees it too
        }
        packets++;
        int ip = EthHeader.ETH_HLEN;
        int tcp = ip + Ipv4Header.headerLen(packet, ip);
        int payload = tcp + TcpHeader.headerLen(packet, tcp);
        if (Ipv4Header.totLen(packet, ip) != len - ip || !Ipv4Header.isCheckValid(packet, ip, tcp - ip)) {
            fault("IP header of captured packet " + packets);
        }
        if ((TcpHeader.flags(packet, tcp) & TcpHeader.SYN) != 0) {
            isSynSeen = true;
            firstSeq = TcpHeader.seq(packet, tcp) + 1;
        } else if (len > payload) {
            payload(TcpHeader.seq(packet, tcp), payload, len - payload);
        }
    }

    /** Packets may be missing where the socket was full; none comes late, none twice. */
    private void payload(int seq, int at, int bytes) {
        long ahead = seq - (firstSeq + (int) next) & 0xFFFF_FFFFL;
        if (ahead >= 0xF000_0000L) {
            fault("captured packet " + packets + " lies " + ((1L << 32) - ahead) + " bytes back in the stream");
            return;
        }
        long position = next + ahead;
        for (int done = 0; done < bytes;) {
            int run = Math.min(bytes - done, StreamPattern.MAX_RUN);
            long wrong = StreamPattern.mismatch(packet, at + done, run, position + done);
            if (wrong != StreamPattern.NO_MISMATCH) {
                fault("stream byte " + (position + done + wrong) + " in captured packet " + packets);
                break;
            }
            done += run;
        }
        payloadBytes += bytes;
        next = position + bytes;
    }

    private int copy(SkBuff skb) {
        MemorySegment.copy(skb.memory().segment(skb.dataHpa()), PhysMem.offset(skb.dataHpa()), packet, 0, skb.headlen());
        int at = skb.headlen();
        for (int i = 0; i < skb.shinfo().nrFrags(); i++) {
            SkbFrag frag = skb.shinfo().frag(i);
            MemorySegment.copy(skb.memory().segment(frag.hpa()), PhysMem.offset(frag.hpa()), packet, at, frag.size());
            at += frag.size();
        }
        return at;
    }

    private void fault(String what) {
        if (fault == null) {
            fault = what;
        }
    }

    boolean isSynSeen() {
        return isSynSeen;
    }

    /** Packets of the guest. */
    long packets() {
        return packets;
    }

    /** Stream bytes compared. */
    long payloadBytes() {
        return payloadBytes;
    }

    /** The first thing that was wrong, or null. */
    String fault() {
        return fault;
    }
}
