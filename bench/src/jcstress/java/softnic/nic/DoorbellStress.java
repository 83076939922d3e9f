package softnic.nic;

import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.II_Result;
import softnic.mm.PhysMem;
import softnic.stress.Pool;

/** The tail covers the descriptors written before it. */
@JCStressTest
@Outcome(id = "0, -1", expect = Expect.ACCEPTABLE, desc = "nothing yet")
@Outcome(id = "1, 1514", expect = Expect.ACCEPTABLE, desc = "tail and descriptor")
@Outcome(expect = Expect.FORBIDDEN, desc = "a tail that covers an old descriptor")
@State
public class DoorbellStress {

    private static final Pool<DescRing> RINGS = new Pool<>(() -> new DescRing(new PhysMem(), DescRing.MIN_COUNT));

    private final DescRing ring = RINGS.take();

    public DoorbellStress() {
        RxDesc.writeBackRelease(ring.memory(), ring.at(0), 0, 0);
        ring.tail().set(0);
    }

    @Actor
    public void driver() {
        RxDesc.writeBackRelease(ring.memory(), ring.at(0), 1514, 0);
        ring.tail().set(1);
    }

    @Actor
    public void device(II_Result r) {
        r.r1 = (int) ring.tail().get();
        r.r2 = r.r1 == 0 ? -1 : RxDesc.length(ring.memory(), ring.at(0));
    }
}
