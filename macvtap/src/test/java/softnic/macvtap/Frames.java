package softnic.macvtap;

import softnic.mm.PhysMem;
import softnic.net.EthHeader;
import softnic.skb.SkBuff;

/** Frames as a driver hands them up, and as a guest sends them. */
final class Frames {

    /** A station behind the wire. */
    static final long FAR = 0x020000000007L;

    private Frames() {
    }

    /** Its data begins behind the Ethernet header. */
    static SkBuff arriving(TapBench bench, long dest, long source, int len) {
        SkBuff skb = bench.pool.alloc(len);
        skb.put(len);
        for (int i = 0; i < len; i++) {
            bench.memory.u8(skb.dataHpa() + i, i * 7);
        }
        EthHeader.write(bench.memory.segment(skb.dataHpa()), PhysMem.offset(skb.dataHpa()), dest, source,
                EthHeader.ETH_P_IP);
        skb.resetMacHeader();
        skb.protocol(EthHeader.ETH_P_IP);
        skb.pull(EthHeader.ETH_HLEN);
        return skb;
    }
}
