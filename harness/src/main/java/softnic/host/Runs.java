package softnic.host;

import java.lang.management.ManagementFactory;
import java.util.LinkedHashMap;
import java.util.Map;
import softnic.model.PriceFile;
import softnic.sched.Cost;
import softnic.sched.CostTable;
import softnic.sched.LiveRunner;
import softnic.sched.Llc;
import softnic.sched.VirtualTimeRunner;
import softnic.trace.Trace;

/** Runs a scenario in its world: start, send, stop, drain, release, account. */
public final class Runs {

    private static final long CHECK_EVERY_NS = 1_000_000;
    private static final long DRAIN_LIMIT_NS = 10_000_000_000L;
    private static final long LIVE_POLL_MS = 2;

    private static final com.sun.management.ThreadMXBean THREADS =
            (com.sun.management.ThreadMXBean) ManagementFactory.getThreadMXBean();

    private Runs() {
    }

    /** Runs it, to the end. */
    public static RunResult run(Scenario scenario, PriceFile prices) {
        return run(scenario, prices, null);
    }

    /** As {@link #run(Scenario, PriceFile)}, with an observer of the wire to the far end, or null. */
    static RunResult run(Scenario scenario, PriceFile prices, FrameObserver observer) {
        return scenario.world() == Scenario.World.VIRTUAL ? virtual(scenario, prices, observer)
                : live(scenario, prices, observer);
    }

    /** As {@link #run} in the virtual world, while {@code script} does what it does. */
    static RunResult scripted(Scenario scenario, PriceFile prices, Script script) {
        VirtualTimeRunner runner = new VirtualTimeRunner(prices.table());
        Trace trace = new Trace(Trace.Level.FINGERPRINT, runner, scenario.edition().names(), 0);
        return virtual(scenario, prices, runner, trace, null, script);
    }

    private static RunResult virtual(Scenario scenario, PriceFile prices, FrameObserver observer) {
        VirtualTimeRunner runner = new VirtualTimeRunner(prices.table());
        Trace trace = new Trace(Trace.Level.FINGERPRINT, runner, scenario.edition().names(), 0);
        return virtual(scenario, prices, runner, trace, observer);
    }

    /** As {@link #run} in the virtual world, with a trace of the caller's. */
    static RunResult virtual(Scenario scenario, PriceFile prices, VirtualTimeRunner runner, Trace trace,
            FrameObserver observer) {
        return virtual(scenario, prices, runner, trace, observer, null);
    }

    private static RunResult virtual(Scenario scenario, PriceFile prices, VirtualTimeRunner runner, Trace trace,
            FrameObserver observer, Script script) {
        Llc llc = new Llc(prices.parameter("llc_share"));
        HouseOptions options = script == null ? HouseOptions.DEFAULT : script.options();
        try (House house = new House(scenario, options, runner, trace, llc, prices, observer)) {
            if (script != null) {
                script.begin(house, runner);
            }
            house.start();
            long cpuNs = THREADS.getCurrentThreadCpuTime();
            long allocated = THREADS.getCurrentThreadAllocatedBytes();
            send(scenario, runner, house, script);
            allocated = THREADS.getCurrentThreadAllocatedBytes() - allocated;
            cpuNs = THREADS.getCurrentThreadCpuTime() - cpuNs;
            Map<String, Long> busy = new LinkedHashMap<>();
            house.processors().forEach((name, processor) -> busy.put(name, runner.busyNs(processor)));
            Map<String, Map<String, Long>> accounts = accounts(runner, house);
            long bytes = house.bytesVerified();
            long packets = house.packets();
            long ioExits = house.ioExits();

            house.stopSending();
            drain(runner, house);
            if (script != null) {
                script.quiet();
            }
            if (!house.isDrained()) {
                house.violations().report(23, "house: nothing moves any more, but not all has arrived");
            }
            house.releaseBackend();
            drain(runner, house);
            return new RunResult(scenario, scenario.durationNs(), bytes, packets, ioExits,
                    busy.get("vcpu0") + busy.get("vcpu1"), busy.get("vhost"), busy.get("softirq"), cpuNs, allocated,
                    trace.fingerprint(), accounts, house.counters(), house.conservation(), house.violations().kept());
        }
    }

    private static void send(Scenario scenario, VirtualTimeRunner runner, House house, Script script) {
        long endNs = scenario.durationNs();
        long checkNs = scenario.monitored() ? CHECK_EVERY_NS : endNs;
        long stepNs = script != null ? script.stepNs() : endNs;
        long nextCheckNs = checkNs;
        long nextStepNs = stepNs;
        while (Math.min(nextCheckNs, nextStepNs) < endNs) {
            long nowNs = Math.min(nextCheckNs, nextStepNs);
            runner.runUntil(nowNs);
            if (nowNs == nextCheckNs) {
                house.check();
                nextCheckNs += checkNs;
            }
            if (nowNs == nextStepNs) {
                script.step(nowNs);
                nextStepNs += stepNs;
            }
        }
        runner.runUntil(endNs);
    }

    private static void drain(VirtualTimeRunner runner, House house) {
        if (!runner.runUntilQuiet(runner.nowNs() + DRAIN_LIMIT_NS)) {
            house.violations().report(23, "house: still busy " + DRAIN_LIMIT_NS / 1_000_000_000 + " s after netperf stopped");
        }
    }

    private static Map<String, Map<String, Long>> accounts(VirtualTimeRunner runner, House house) {
        Map<String, Map<String, Long>> all = new LinkedHashMap<>();
        house.processors().forEach((name, processor) -> {
            Map<String, Long> costs = new LinkedHashMap<>();
            for (Cost cost : Cost.values()) {
                long ns = runner.spentNs(processor, cost);
                if (ns > 0) {
                    costs.put(cost.name().toLowerCase(java.util.Locale.ROOT), ns);
                }
            }
            all.put(name, costs);
        });
        return all;
    }

    private static RunResult live(Scenario scenario, PriceFile prices, FrameObserver observer) {
        LiveRunner runner = new LiveRunner();
        try (House house = new House(scenario, runner, Trace.off(), Llc.none(), prices, observer)) {
            try {
                return live(scenario, runner, house);
            } finally {
                runner.stop();          // however it ended: no thread may touch the house's memory after close()
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException("interrupted", e);
        }
    }

    private static RunResult live(Scenario scenario, LiveRunner runner, House house) throws InterruptedException {
        long startNs = runner.nowNs();
        runner.start();
        house.start();
        sleepUntil(runner, startNs + scenario.durationNs());
        long bytes = house.bytesVerified();
        long packets = house.packets();
        long ioExits = house.ioExits();
        long elapsedNs = runner.nowNs() - startNs;
        house.stopSending();
        awaitDrained(runner, house);
        runner.stop();
        long ranNs = runner.nowNs() - startNs;
        house.releaseBackend();
        Map<String, Integer> processors = house.processors();
        double share = elapsedNs / (double) ranNs;
        return new RunResult(scenario, elapsedNs, bytes, packets, ioExits,
                (long) (runner.busyNs(processors.get("vcpu0")) * share),
                (long) (runner.busyNs(processors.get("vhost")) * share),
                (long) (runner.busyNs(processors.get("softirq")) * share), 0, 0, 0, Map.of(), house.counters(),
                house.conservation(), house.violations().kept());
    }

    private static void sleepUntil(LiveRunner runner, long untilNs) throws InterruptedException {
        while (runner.isRunning() && runner.nowNs() < untilNs) {
            Thread.sleep(Math.clamp((untilNs - runner.nowNs()) / 1_000_000, 1, 100));
        }
    }

    private static void awaitDrained(LiveRunner runner, House house) throws InterruptedException {
        long limitNs = runner.nowNs() + DRAIN_LIMIT_NS;
        while (runner.isRunning() && !house.isDrained()) {
            if (runner.nowNs() > limitNs) {
                house.violations().report(23, "house: not drained " + DRAIN_LIMIT_NS / 1_000_000_000
                        + " s after netperf stopped");
                return;
            }
            Thread.sleep(LIVE_POLL_MS);
        }
    }
}
