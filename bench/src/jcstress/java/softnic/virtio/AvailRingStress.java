package softnic.virtio;

import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.III_Result;
import softnic.stress.LightRing;

/** The guest's index covers what was written before it: {@code availIdxRelease} and {@code availIdxAcquire}. */
@JCStressTest
@Outcome(id = "0, -1, -1", expect = Expect.ACCEPTABLE, desc = "nothing yet")
@Outcome(id = "1, 3, 1514", expect = Expect.ACCEPTABLE, desc = "index, entry and descriptor")
@Outcome(expect = Expect.FORBIDDEN, desc = "an index that covers nothing")
@State
public class AvailRingStress {

    private final Vring ring = LightRing.make();

    @Actor
    public void guest() {
        ring.desc(3, 0x1000, 1514, 0, 0);
        ring.availRing(0, 3);
        ring.availIdxRelease(1);
    }

    @Actor
    public void host(III_Result r) {
        r.r1 = ring.availIdxAcquire();
        r.r2 = r.r1 == 0 ? -1 : ring.availRing(0);
        r.r3 = r.r1 == 0 ? -1 : ring.descLen(r.r2);
    }
}
