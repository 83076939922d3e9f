package softnic.sched;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.function.IntSupplier;

/** An agent that does what a test told it to, one slice after the other, and writes down when. */
final class Script implements Agent {

    final List<Long> ranAtNs = new ArrayList<>();
    final WaitQueue waitQueue = new WaitQueue();
    private final String name;
    private final Cpu cpu;
    private final Deque<IntSupplier> slices = new ArrayDeque<>();
    long deadlineNs = NO_DEADLINE_NS;

    Script(String name, Cpu cpu) {
        this.name = name;
        this.cpu = cpu;
    }

    Script then(IntSupplier slice) {
        slices.add(slice);
        return this;
    }

    @Override
    public int doWork() {
        ranAtNs.add(cpu.nowNs());
        return slices.isEmpty() ? 0 : slices.remove().getAsInt();
    }

    @Override
    public long nextDeadlineNs() {
        return deadlineNs;
    }

    @Override
    public String roleName() {
        return name;
    }
}
