package softnic.nic.driver;

import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.Z_Result;
import softnic.mm.PhysMem;
import softnic.net.NetDevice;
import softnic.nic.DescRing;
import softnic.skb.SkBuff;
import softnic.stress.Pool;

/** Xmit stops a full queue while the clean makes room: one of the two sees the other, and the queue runs on. */
@JCStressTest
@Outcome(id = "false", expect = Expect.ACCEPTABLE, desc = "it runs")
@Outcome(id = "true", expect = Expect.FORBIDDEN, desc = "stopped for ever, with room")
@State
public class TxStopWakeStress {

    private static final int NEEDED = 22;
    private static final int FILLED = DescRing.MIN_COUNT - 2;
    private static final Pool<IxgbeTxRing> RINGS = new Pool<>(
            () -> new IxgbeTxRing(new DescRing(new PhysMem(), DescRing.MIN_COUNT)));

    private final IxgbeTxRing ring = RINGS.take();
    private final NetDevice dev = new Device();

    public TxStopWakeStress() {
        ring.nextToClean.set(0);
        ring.nextToUse = FILLED;
        ring.desc.tail().set(FILLED);
    }

    @Actor
    public void xmit() {
        ring.maybeStop(dev, NEEDED);
    }

    @Actor
    public void clean() {
        ring.nextToClean.set(FILLED);
        ring.wake(dev, 2 * NEEDED);
    }

    @Arbiter
    public void after(Z_Result r) {
        r.r1 = dev.isQueueStopped();
    }

    private static final class Device extends NetDevice {

        Device() {
            super("eth0", 0, 0);
        }

        @Override
        public int startXmit(SkBuff skb) {
            return NETDEV_TX_OK;
        }
    }
}
