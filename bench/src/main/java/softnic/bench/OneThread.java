package softnic.bench;

import java.util.ArrayList;
import java.util.List;
import softnic.sched.Agent;
import softnic.sched.Cost;
import softnic.sched.Cpu;
import softnic.sched.Runner;
import softnic.sched.WaitQueue;

/**
 * The live world on the caller's own thread: charges cost nothing, what is settled happens at once, and agents take
 * turns. So what a lesson measures is the code of the rooms, and no hand-over between threads.
 *
 * <p>Nobody sleeps, so nobody need be woken: the wait queues stay empty. Time stands still; no lesson throttles.
 */
final class OneThread implements Runner, Cpu {

    private final List<Agent> registered = new ArrayList<>();
    private Agent[] agents = {};

    /** Lets every agent work until none finds anything to do. */
    void runUntilQuiet() {
        int workCount;
        do {
            workCount = 0;
            for (Agent agent : agents) {
                int done = agent.doWork();
                while (done > 0) {
                    workCount += done;
                    done = agent.doWork();
                }
            }
        } while (workCount > 0);
    }

    @Override
    public Cpu cpu() {
        return this;
    }

    @Override
    public int addProcessor(String name, String thread, Cost wake, Cost wakeLatency) {
        return 0;
    }

    @Override
    public void add(int processor, Agent agent, WaitQueue waitQueue) {
        registered.add(agent);
        agents = registered.toArray(new Agent[0]);
    }

    @Override
    public long nowNs() {
        return 0;
    }

    @Override
    public void charge(Cost cost, long units) {
        // real work has its own price
    }

    @Override
    public long delayNs(Cost latency) {
        return 0;
    }

    @Override
    public void settle(Runnable action) {
        action.run();
    }
}
