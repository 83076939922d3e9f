package softnic.nic.driver;

import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.ZI_Result;
import softnic.mm.PhysMem;
import softnic.nic.DescRing;
import softnic.stress.Pool;

/** The clean gives a slot back: xmit, when it may use it, finds it reset. */
@JCStressTest
@Outcome(id = "false, -1", expect = Expect.ACCEPTABLE, desc = "not free yet")
@Outcome(id = "true, 0", expect = Expect.ACCEPTABLE, desc = "free and reset")
@Outcome(expect = Expect.FORBIDDEN, desc = "free, and still the old packet's")
@State
public class TxSlotStress {

    private static final int FULL = DescRing.MIN_COUNT - 1;
    private static final Pool<IxgbeTxRing> RINGS = new Pool<>(
            () -> new IxgbeTxRing(new DescRing(new PhysMem(), DescRing.MIN_COUNT)));

    private final IxgbeTxRing ring = RINGS.take();

    public TxSlotStress() {
        ring.nextToClean.set(0);
        ring.nextToUse = FULL;
        ring.buffer(0).length = 1514;
    }

    @Actor
    public void clean() {
        ring.buffer(0).reset();
        ring.nextToClean.set(1);
    }

    @Actor
    public void xmit(ZI_Result r) {
        r.r1 = ring.unused() > 0;
        r.r2 = r.r1 ? ring.buffer(0).length : -1;
    }
}
