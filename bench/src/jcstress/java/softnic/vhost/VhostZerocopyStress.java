package softnic.vhost;

import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.ZI_Result;
import softnic.Edition;
import softnic.skb.UbufInfo;
import softnic.stress.Pool;
import softnic.trace.Trace;

/** The callback marks a slot, the worker looks: what the NIC's agent did to the buffer before is done. */
@JCStressTest
@Outcome(id = "false, -1", expect = Expect.ACCEPTABLE, desc = "still in progress")
@Outcome(id = "true, 42", expect = Expect.ACCEPTABLE, desc = "done, and the last access before it")
@Outcome(expect = Expect.FORBIDDEN, desc = "reported before the last access")
@State
public class VhostZerocopyStress {

    private static final Pool<Slots> POOL = new Pool<>(Slots::new);

    private final Slots slots = POOL.take();
    private final UbufInfo ubuf;
    private int buffer;

    public VhostZerocopyStress() {
        slots.host.report(slots.ring);
        ubuf = slots.ring.begin(0, 1000);
    }

    @Actor
    public void softirq() {
        buffer = 42;
        ubuf.callback(true);
    }

    @Actor
    public void worker(ZI_Result r) {
        r.r1 = slots.ring.isOldestDone();
        r.r2 = r.r1 ? buffer : -1;
    }

    private record Slots(VhostZerocopy ring, HostSide host) {

        Slots() {
            this(new VhostZerocopy(Edition.V6_1, Trace.off(), null, () -> { }, 0), HostSide.alone());
        }
    }
}
