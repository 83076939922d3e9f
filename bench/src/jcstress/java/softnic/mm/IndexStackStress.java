package softnic.mm;

import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.infra.results.IZ_Result;

/** The lock-free free list: two agents take two and give two back, and nothing is lost or had twice. */
@JCStressTest
@Outcome(id = "3, true", expect = Expect.ACCEPTABLE, desc = "all are back, each was one agent's at a time")
@Outcome(expect = Expect.FORBIDDEN, desc = "lost, or had twice")
@State
public class IndexStackStress {

    private final IndexStack stack = new IndexStack(3);
    private final int[] owners = new int[3];
    private volatile boolean shared;

    @Actor
    public void one() {
        takeTwo();
    }

    @Actor
    public void other() {
        takeTwo();
    }

    private void takeTwo() {
        int first = take();
        int second = take();
        giveBack(first);
        giveBack(second);
    }

    private int take() {
        int index = stack.pop();
        if (index != IndexStack.EMPTY && ++owners[index] != 1) {
            shared = true;
        }
        return index;
    }

    private void giveBack(int index) {
        if (index != IndexStack.EMPTY) {
            owners[index]--;
            stack.push(index);
        }
    }

    @Arbiter
    public void after(IZ_Result r) {
        r.r1 = stack.count();
        r.r2 = !shared;
    }
}
