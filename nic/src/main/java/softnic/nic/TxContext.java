package softnic.nic;

import java.lang.foreign.MemorySegment;

/**
 * One of a queue's two on-chip context slots: what the last context descriptor with its index said (82599
 * datasheet, 7.2.3.2.3). Stays until overwritten. The engine's own.
 */
final class TxContext {

    boolean valid;
    int maclen;
    int iplen;
    int l4len;
    int mss;
    int l4t;
    boolean ipv4;

    void load(MemorySegment m, long at) {
        int lens = TxDesc.vlanMacipLens(m, at);
        int tucmd = TxDesc.cmdTypeLen(m, at);
        int mssL4lenIdx = TxDesc.mssL4lenIdx(m, at);
        valid = true;
        maclen = TxDesc.maclen(lens);
        iplen = TxDesc.iplen(lens);
        l4len = TxDesc.l4len(mssL4lenIdx);
        mss = TxDesc.mss(mssL4lenIdx);
        l4t = tucmd & TxDesc.L4T_MASK;
        ipv4 = (tucmd & TxDesc.IXGBE_ADVTXD_TUCMD_IPV4) != 0;
    }
}
