package softnic.sched;

import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.locks.LockSupport;

/**
 * The live world: real threads, the monotonic clock, and work that costs what it costs.
 *
 * <p>Idle threads spin a little, yield a little, then park until somebody wakes them or a deadline
 * comes. Processors that name the same thread share it, in order of registration.
 */
public final class LiveRunner implements Runner, Cpu {

    private static final int SPINS = 64;
    private static final int YIELDS = 64;
    private static final long MAX_PARK_NS = 1_000_000;

    private final long startNs = System.nanoTime();
    private final Map<String, AgentThread> threads = new LinkedHashMap<>();
    private final List<AgentThread> processors = new ArrayList<>();
    private volatile boolean running = true;
    private volatile Throwable failure;

    @Override
    public Cpu cpu() {
        return this;
    }

    @Override
    public int addProcessor(String name, String thread, Cost wake, Cost wakeLatency) {
        processors.add(threads.computeIfAbsent(thread, AgentThread::new));
        return processors.size() - 1;
    }

    @Override
    public void add(int processor, Agent agent, WaitQueue waitQueue) {
        AgentThread thread = processors.get(processor);
        thread.agents.add(agent);
        waitQueue.bind(thread);
    }

    @Override
    public long nowNs() {
        return System.nanoTime() - startNs;
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

    /** Starts one thread for each thread name. */
    public void start() {
        threads.values().forEach(t -> t.thread.start());
    }

    /**
     * Stops and joins all threads; an interrupt does not cut it short, since whoever stops frees memory next.
     *
     * @throws IllegalStateException if an agent threw; the cause is what it threw
     */
    public void stop() {
        running = false;
        for (AgentThread t : threads.values()) {
            LockSupport.unpark(t.thread);
        }
        boolean interrupted = false;
        for (AgentThread t : threads.values()) {
            while (t.thread.isAlive()) {
                try {
                    t.thread.join();
                } catch (InterruptedException e) {
                    interrupted = true;
                }
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
        if (failure != null) {
            throw new IllegalStateException("sched: an agent failed: " + failure, failure);
        }
    }

    /** CPU time of the thread that a processor runs on, in nanoseconds; shared where threads are. */
    public long busyNs(int processor) {
        return processors.get(processor).cpuNs;
    }

    /** True while no agent has thrown and {@link #stop} was not called. */
    public boolean isRunning() {
        return running;
    }

    private final class AgentThread implements WaitQueue.Sleeper {

        final Thread thread;
        final List<Agent> agents = new ArrayList<>();
        private final Doze doze = new Doze();
        private volatile long cpuNs;

        AgentThread(String name) {
            thread = new Thread(this::run, "softnic-" + name);
            thread.setDaemon(true);
        }

        @Override
        public void wake() {
            if (doze.signal()) {
                LockSupport.unpark(thread);
            }
        }

        private void run() {
            Agent[] all = agents.toArray(new Agent[0]);
            int idleRounds = 0;
            try {
                while (running) {
                    int workCount = 0;
                    for (Agent agent : all) {
                        workCount += agent.doWork();
                    }
                    idleRounds = workCount > 0 ? 0 : idleRounds + 1;
                    if (idleRounds > 0) {
                        idle(all, idleRounds);
                    }
                }
            } catch (Throwable e) {
                failure = e;
                running = false;
            }
            cpuNs = ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime();
        }

        private void idle(Agent[] all, int rounds) {
            if (rounds < SPINS) {
                Thread.onSpinWait();
            } else if (rounds < SPINS + YIELDS) {
                Thread.yield();
            } else {
                park(all);
            }
        }

        private void park(Agent[] all) {
            long deadlineNs = Agent.NO_DEADLINE_NS;
            for (Agent agent : all) {
                deadlineNs = Math.min(deadlineNs, agent.nextDeadlineNs());
            }
            long parkNs = Math.min(MAX_PARK_NS, deadlineNs - nowNs());
            if (doze.begin() && parkNs > 0) {
                LockSupport.parkNanos(parkNs);
            }
            doze.end();
        }
    }
}
