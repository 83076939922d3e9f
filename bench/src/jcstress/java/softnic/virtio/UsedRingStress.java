package softnic.virtio;

import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.II_Result;
import softnic.stress.LightRing;

/** The host's index covers what was written before it: {@code usedIdxRelease} and {@code usedIdxAcquire}. */
@JCStressTest
@Outcome(id = "0, -1", expect = Expect.ACCEPTABLE, desc = "nothing yet")
@Outcome(id = "1, 3", expect = Expect.ACCEPTABLE, desc = "index and element")
@Outcome(expect = Expect.FORBIDDEN, desc = "an index that covers nothing")
@State
public class UsedRingStress {

    private final Vring ring = LightRing.make();

    @Actor
    public void host() {
        ring.usedElem(0, 3, 0);
        ring.usedIdxRelease(1);
    }

    @Actor
    public void guest(II_Result r) {
        r.r1 = ring.usedIdxAcquire();
        r.r2 = r.r1 == 0 ? -1 : ring.usedId(0);
    }
}
