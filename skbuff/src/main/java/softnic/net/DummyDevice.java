package softnic.net;

import softnic.skb.SkBuff;
import softnic.trace.Trace;
import softnic.trace.Tracepoint;

/**
 * A device that frees what it is sent, inside xmit: drivers/net/dummy.c. Completion is synchronous, as in
 * half of the golden call graphs.
 */
public final class DummyDevice extends NetDevice {

    private final Trace trace;

    public DummyDevice(String name, long mac, Trace trace) {
        super(name, mac, NETIF_F_SG | NETIF_F_HW_CSUM | NETIF_F_HIGHDMA | NETIF_F_GSO | NETIF_F_ALL_TSO);
        this.trace = trace;
    }

    /** {@code dummy_xmit}. */
    @Override
    public int startXmit(SkBuff skb) {
        trace.enter(Tracepoint.DUMMY_XMIT);
        skb.consume();
        trace.exit(Tracepoint.DUMMY_XMIT);
        return NETDEV_TX_OK;
    }
}
