package softnic.nic;

import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import java.lang.foreign.MemorySegment;
import org.openjdk.jcstress.infra.results.II_Result;

/** A descriptor whose DD is seen has its length: {@code writeBackRelease} and {@code statusErrorAcquire}. */
@JCStressTest
@Outcome(id = "0, -1", expect = Expect.ACCEPTABLE, desc = "not done")
@Outcome(id = "3, 1514", expect = Expect.ACCEPTABLE, desc = "done, with its length")
@Outcome(expect = Expect.FORBIDDEN, desc = "DD without a length")
@State
public class RxDescStress {

    private final MemorySegment ring = MemorySegment.ofArray(new long[2]);

    @Actor
    public void device() {
        RxDesc.writeBackRelease(ring, 0, 1514, 3);
    }

    @Actor
    public void driver(II_Result r) {
        r.r1 = RxDesc.statusErrorAcquire(ring, 0);
        r.r2 = r.r1 == 0 ? -1 : RxDesc.length(ring, 0);
    }
}
