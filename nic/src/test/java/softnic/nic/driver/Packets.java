package softnic.nic.driver;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Random;
import softnic.mm.PageAllocator;
import softnic.mm.PhysMem;
import softnic.net.Checksum;
import softnic.net.EthHeader;
import softnic.net.Ipv4Header;
import softnic.net.TcpHeader;
import softnic.skb.SkBuff;
import softnic.skb.SkbFrag;
import softnic.skb.SkbPool;
import softnic.skb.SkbSharedInfo;

/** Makes TCP packets as a guest's stack would hand them to the device. Allocates nothing itself. */
final class Packets {

    static final int HEADROOM = 64;
    static final int SADDR = 0x0A000001;
    static final int DADDR = 0x0A000002;

    private final PhysMem memory;
    private final SkbPool pool;
    private final PageAllocator pages;

    Packets(PhysMem memory, SkbPool pool, PageAllocator pages) {
        this.memory = memory;
        this.pool = pool;
        this.pages = pages;
    }

    /** Headers without payload: {@code ipLen} and {@code tcpLen} with options; room for {@code extra} linear bytes. */
    SkBuff headers(int ipLen, int tcpLen, int id, int seq, int flags, int extra) {
        int headers = EthHeader.ETH_HLEN + ipLen + tcpLen;
        SkBuff skb = pool.alloc(HEADROOM + headers + extra);
        skb.reserve(HEADROOM);
        skb.put(headers);
        MemorySegment m = memory.segment(skb.dataHpa());
        long at = PhysMem.offset(skb.dataHpa());
        long ip = at + EthHeader.ETH_HLEN;
        EthHeader.write(m, at, 0x020000000002L, 0x020000000001L, EthHeader.ETH_P_IP);
        Ipv4Header.write(m, ip, ipLen + tcpLen, id, Ipv4Header.IPPROTO_TCP, SADDR, DADDR);
        for (int i = Ipv4Header.SIZE; i < ipLen; i++) {
            m.set(ValueLayout.JAVA_BYTE, ip + i, (byte) 1);             // NOP options
        }
        m.set(ValueLayout.JAVA_BYTE, ip, (byte) (0x40 | ipLen / 4));
        TcpHeader.write(m, ip + ipLen, 40000, 12865, seq, 77, tcpLen, flags, 512);
        for (int i = TcpHeader.SIZE; i < tcpLen; i++) {
            m.set(ValueLayout.JAVA_BYTE, ip + ipLen + i, (byte) 1);
        }
        skb.resetMacHeader();
        skb.protocol(EthHeader.ETH_P_IP);
        return skb;
    }

    /** Appends a linear piece; only before fragments. */
    long putLinear(SkBuff skb, int bytes) {
        long at = skb.dataHpa() + skb.len();
        skb.put(bytes);
        return at;
    }

    /** Appends a fragment. */
    long putFrag(SkBuff skb, int pageOffset, int bytes) {
        SkbSharedInfo shinfo = skb.shinfo();
        SkbFrag frag = shinfo.frag(shinfo.nrFrags());
        frag.alloc(pages);
        shinfo.addFrag(pageOffset, bytes);
        skb.addFragBytes(bytes, bytes);
        return frag.hpa();
    }

    /** Lengths and checksums for what was appended: CHECKSUM_PARTIAL, and GSO when {@code mss} is not 0. */
    void finish(SkBuff skb, int mss) {
        MemorySegment m = memory.segment(skb.dataHpa());
        long at = PhysMem.offset(skb.dataHpa());
        long ip = at + EthHeader.ETH_HLEN;
        int ipLen = Ipv4Header.headerLen(m, ip);
        int l4Len = skb.len() - EthHeader.ETH_HLEN - ipLen;
        Ipv4Header.totLen(m, ip, ipLen + l4Len);
        Ipv4Header.updateCheck(m, ip, ipLen);
        long pseudo = Checksum.pseudoIpv4(m, ip, Ipv4Header.IPPROTO_TCP, l4Len);
        Checksum.store(m, ip + ipLen + TcpHeader.CHECK, ~Checksum.fold(pseudo) & 0xFFFF);
        skb.checksumPartial(EthHeader.ETH_HLEN + ipLen, TcpHeader.CHECK);
        if (mss > 0) {
            skb.shinfo().gso(SkbSharedInfo.SKB_GSO_TCPV4, mss);
        }
    }

    /** Fills with random bytes and returns them. */
    byte[] fill(long hpa, int bytes, Random random) {
        byte[] data = new byte[bytes];
        random.nextBytes(data);
        MemorySegment.copy(data, 0, memory.segment(hpa), ValueLayout.JAVA_BYTE, PhysMem.offset(hpa), bytes);
        return data;
    }
}
