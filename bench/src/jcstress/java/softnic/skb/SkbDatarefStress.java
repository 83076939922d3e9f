package softnic.skb;

import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.ZZ_Result;
import softnic.stress.Pool;

/** An skb and its clone die at once: exactly one of them is the last, and frees what they shared. */
@JCStressTest
@Outcome(id = {"true, false", "false, true"}, expect = Expect.ACCEPTABLE, desc = "one of them")
@Outcome(expect = Expect.FORBIDDEN, desc = "freed twice, or never")
@State
public class SkbDatarefStress {

    private static final Pool<SkbSharedInfo> POOL = new Pool<>(() -> new SkbSharedInfo(0, 0, 0, 0));

    private final SkbSharedInfo shinfo = POOL.take();

    public SkbDatarefStress() {
        shinfo.reset(64);
        shinfo.refAdd(1);
    }

    @Actor
    public void nic(ZZ_Result r) {
        r.r1 = shinfo.refSub(1);
    }

    @Actor
    public void tap(ZZ_Result r) {
        r.r2 = shinfo.refSub(1);
    }
}
