package softnic.net;

import softnic.Edition;
import softnic.mm.PageAllocator;
import softnic.mm.PhysMem;
import softnic.sched.AtOnce;
import softnic.skb.SkBuff;
import softnic.skb.SkbPool;
import softnic.trace.Trace;

/** A device with a qdisc that takes everything and counts it; only who holds the queue sends. */
final class CountingDevice extends NetDevice {

    private static final NetCore CORE;

    static {
        PhysMem memory = new PhysMem();
        CORE = new NetCore(Edition.V6_18,
                new SkbPool(memory, new PageAllocator(memory, 1), Edition.V6_18, new AtOnce(), Trace.off(), 1),
                new AtOnce(), Trace.off());
    }

    private int sent;

    CountingDevice() {
        super("eth0", 0, NETIF_F_SG | NETIF_F_IP_CSUM);
        qdisc(new Qdisc(CORE, this, 2));
    }

    @Override
    public int startXmit(SkBuff skb) {
        sent++;
        return NETDEV_TX_OK;
    }

    int sent() {
        return sent;
    }
}
