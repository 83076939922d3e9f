package softnic.nic.driver;

import softnic.trace.Violations;

/**
 * What a transmit ring must look like between two steps of the virtual world.
 *
 * <pre>
 *       nextToClean <= TDH <= TDT <= nextToUse < nextToClean + count                        35
 *   [ clear | mapped, one skb a packet, in its EOP slot                | clear ... ]      37, 38
 * </pre>
 */
final class IxgbeTxRingCheck {

    private static final int TAIL = 35;
    private static final int UNMAPPED_ONCE = 37;
    private static final int FREED_IN_ORDER = 38;

    private IxgbeTxRingCheck() {
    }

    static void check(IxgbeTxRing ring, Violations violations) {
        long clean = ring.nextToClean.get();
        long head = ring.desc.head().get();
        long tail = ring.desc.tail().get();
        if (clean > head || head > tail || tail > ring.nextToUse || ring.nextToUse - clean >= ring.desc.count()) {
            violations.report(TAIL, "nic: clean=" + clean + " head=" + head + " tail=" + tail + " use=" + ring.nextToUse
                    + " with " + ring.desc.count() + " descriptors");
            return;
        }
        checkPackets(ring, clean, violations);
        for (long seq = ring.nextToUse; seq < clean + ring.desc.count(); seq++) {
            TxBuffer buffer = ring.buffer(seq);
            if (buffer.length != 0) {
                violations.report(UNMAPPED_ONCE, "nic: slot " + seq + " is free, but " + buffer.length
                        + " bytes of it are still mapped");
            }
            if (buffer.skb != null || buffer.nextToWatch != TxBuffer.NONE) {
                violations.report(FREED_IN_ORDER, "nic: slot " + seq + " is free, but holds a packet");
            }
        }
    }

    /** Whole packets, one behind the other: each is freed at its EOP slot, in ring order. */
    private static void checkPackets(IxgbeTxRing ring, long clean, Violations violations) {
        long seq = clean;
        while (seq < ring.nextToUse) {
            long eop = ring.buffer(seq).nextToWatch;
            if (eop < seq || eop >= ring.nextToUse) {
                violations.report(FREED_IN_ORDER, "nic: the packet at slot " + seq + " ends at " + eop);
                return;
            }
            for (; seq <= eop; seq++) {
                if ((ring.buffer(seq).skb != null) != (seq == eop)) {
                    violations.report(FREED_IN_ORDER, "nic: slot " + seq + " of the packet that ends at " + eop
                            + (seq == eop ? " has no skb" : " has an skb"));
                }
            }
        }
    }
}
