package softnic.vhost;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.EnumMap;
import java.util.Map;
import softnic.sched.Cost;
import softnic.sched.Cpu;

/** A CPU for tests: time stands still, and settled actions wait until {@link #settleAll}. */
final class StepCpu implements Cpu {

    final Map<Cost, Long> charged = new EnumMap<>(Cost.class);
    final Deque<Runnable> settled = new ArrayDeque<>();

    @Override
    public long nowNs() {
        return 0;
    }

    @Override
    public void charge(Cost cost, long units) {
        charged.merge(cost, units, Long::sum);
    }

    @Override
    public long delayNs(Cost latency) {
        return 0;
    }

    @Override
    public void settle(Runnable action) {
        settled.add(action);
    }

    void settleAll() {
        while (!settled.isEmpty()) {
            settled.remove().run();
        }
    }
}
