package softnic.host;

import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;
import softnic.host.RunResult.Balance;
import softnic.mm.FaultPoint;
import softnic.model.PriceFile;
import softnic.sched.Llc;
import softnic.sched.VirtualTimeRunner;
import softnic.trace.Trace;
import softnic.trace.Violations;

/**
 * A short run in the virtual world in which everything is watched: monitors, the checks between steps each few
 * microseconds, and the account at the end. Things may go wrong in it ({@link HouseOptions}); nothing may break.
 *
 * <pre>
 *   send --> stop --> drain --> at rest: is all reported, would a kick be heard? --> release --> drain --> account
 * </pre>
 *
 * <p>A step that failed may have cost a packet, and nobody retransmits. So once one has, bytes need not arrive; that
 * buffers, pages, charges and callbacks come back is asked for all the same.
 */
public final class CheckedRun {

    private static final long CHECK_EVERY_NS = 40_000;
    private static final long CHECK_SELDOM_NS = 500_000;        // where there is much to look at
    private static final int LONG_RING = 1024;
    private static final long MAX_STEP_NS = 20_000_000;
    private static final long DRAIN_LIMIT_NS = 200_000_000;
    private static final long DRAIN_LIMIT_LOST_NS = 30_000_000_000L;
    private static final long BUSY_EVENTS = 200_000;        // 3.8 and older poll while more than 128 are pending

    /**
     * What came of it.
     *
     * @param fingerprint hash over all that happened
     * @param packets that the guest posted
     * @param violations what was broken, some of each kind; empty for a sound run
     * @param fired how often each fault happened: by name of a {@link FaultPoint}, or as {@link House#fired} names it
     */
    public record Outcome(long fingerprint, long packets, List<String> violations, Map<String, Long> fired) {
        private static final String THROWN = "thrown";

        public boolean isSound() {
            return violations.isEmpty();
        }

        /** What was broken: {@code invariant 23}, {@code balance pins}, {@code thrown java.lang.X at softnic.Y.z}. */
        public Set<String> kinds() {
            return violations.stream().map(v -> v.split(":", 2)[0]).collect(Collectors.toCollection(LinkedHashSet::new));
        }

        /** True for the kind that no kernel's bug explains. */
        public static boolean isThrown(String kind) {
            return kind.startsWith(THROWN);
        }

        /** How a run says that something was thrown in it. */
        public static String thrown(Throwable e) {
            String at = "";
            for (StackTraceElement frame : e.getStackTrace()) {
                if (frame.getClassName().startsWith("softnic.")) {
                    at = " at " + frame.getClassName() + '.' + frame.getMethodName();
                    break;
                }
            }
            return THROWN + ' ' + e.getClass().getName() + at + ": " + e.getMessage();
        }
    }

    private final House house;
    private final VirtualTimeRunner runner;
    private final HouseOptions options;
    private final long drainLimitNs;
    private final long checkEveryNs;
    private final List<String> unbalanced = new ArrayList<>();

    private CheckedRun(House house, VirtualTimeRunner runner, HouseOptions options) {
        this.house = house;
        this.runner = runner;
        this.options = options;
        boolean lost = options.interrupts() != null && options.interrupts().lostEvery() > 0;
        drainLimitNs = lost ? DRAIN_LIMIT_LOST_NS : DRAIN_LIMIT_NS;
        checkEveryNs = options.ringSize() > LONG_RING ? CHECK_SELDOM_NS : CHECK_EVERY_NS;
    }

    /** Runs it, to the end; whatever is thrown on the way, also while the house is built, is a violation too. */
    public static Outcome of(Scenario scenario, HouseOptions options, PriceFile prices) {
        VirtualTimeRunner runner = new VirtualTimeRunner(prices.table());
        Trace trace = new Trace(Trace.Level.FINGERPRINT, runner, scenario.edition().names(), 0);
        List<String> violations = new ArrayList<>();
        Map<String, Long> fired = new TreeMap<>();
        long[] packets = new long[1];
        catching(violations, () -> {
            House house = new House(scenario.withMonitored(true), options, runner, trace,
                    new Llc(prices.parameter("llc_share")), prices, null);
            CheckedRun run = new CheckedRun(house, runner, options);
            catching(violations, () -> run.run(scenario.durationNs()));
            run.addViolations(violations);
            run.addFired(fired);
            packets[0] = house.packets();
            house.close();
        });
        return new Outcome(trace.fingerprint(), packets[0], List.copyOf(violations), Map.copyOf(fired));
    }

    /** Runs a step of a check; whatever it throws is a violation. */
    public static void catching(List<String> violations, Runnable step) {
        try {
            step.run();
        } catch (VirtualMachineError e) {
            throw e;                                    // says nothing about the scenario
        } catch (Throwable e) {                         // the bug that the monitors were too late for
            violations.add(Outcome.thrown(e));
        }
    }

    private void addViolations(List<String> all) {
        List<String> kept = violations().kept();
        all.addAll(kept);
        violations().counts().forEach((number, count) -> {
            String kind = "invariant " + number + ':';
            long more = count - kept.stream().filter(v -> v.startsWith(kind)).count();
            if (more > 0) {
                all.add(kind + " and " + more + " more");
            }
        });
        all.addAll(unbalanced);
    }

    private void addFired(Map<String, Long> fired) {
        if (options.faults() != null) {
            for (FaultPoint point : FaultPoint.values()) {
                fired.put(point.name(), options.faults().failed(point));
            }
        }
        fired.putAll(house.fired());
    }

    private void run(long durationNs) {
        if (options.faults() != null) {
            options.faults().arm();
        }
        house.start();
        for (long t = checkEveryNs; t < durationNs; t += checkEveryNs) {
            runner.runUntil(t);
            check();
        }
        runner.runUntil(durationNs);
        house.stopSending();
        drain();
        atRest();
        check();
        house.releaseBackend();
        if (!isQuietAfterRelease()) {
            violations().report(23, "house: still busy after its backend was released");
        }
        account();
    }

    /** In steps: what is retried for ever is given up long before the limit. */
    private boolean isQuietAfterRelease() {
        long limitNs = runner.nowNs() + drainLimitNs;
        long limitEvents = runner.eventCount() + BUSY_EVENTS;
        for (long ns = runner.nowNs() + MAX_STEP_NS; ns < limitNs; ns += MAX_STEP_NS) {
            if (runner.runUntilQuiet(ns) || runner.eventCount() > limitEvents) {
                return runner.runUntilQuiet(ns);
            }
        }
        return runner.runUntilQuiet(limitNs);
    }

    private void check() {
        house.check();
        house.checkCharge();
    }

    /**
     * Runs until nothing happens any more, and checks as long as something does: ever more seldom while no buffer comes
     * back and no byte arrives, since what is retried for ever is an event too.
     */
    private void drain() {
        long limitNs = runner.nowNs() + drainLimitNs;
        long stepNs = checkEveryNs;
        long untilNs = runner.nowNs() + stepNs;
        long handled = runner.eventCount();
        long handledForNothing = 0;
        long moved = house.moved();
        while (!runner.runUntilQuiet(untilNs)) {
            boolean still = house.moved() == moved;
            handledForNothing = still ? handledForNothing + runner.eventCount() - handled : 0;
            if (untilNs > limitNs || handledForNothing > BUSY_EVENTS) {
                violations().report(23, "house: still busy " + (untilNs - limitNs + drainLimitNs) / 1_000_000
                        + " ms after netperf stopped");
                return;
            }
            if (runner.eventCount() != handled) {
                check();
            }
            stepNs = still ? Math.min(2 * stepNs, MAX_STEP_NS) : checkEveryNs;
            handled = runner.eventCount();
            moved = house.moved();
            untilNs += stepNs;
        }
    }

    private void atRest() {
        boolean lossless = !mayHaveLost();
        if (lossless ? !house.isDrained() : !house.isNetworkQuiet()) {
            violations().report(23, "house: nothing moves any more, but not all has arrived");
        }
        if (lossless && house.gaps() > 0) {
            violations().report(40, "far end: " + house.gaps() + " gaps in the stream, though nothing has failed");
        }
        if (house.unreported() > 0) {
            violations().report(23, "house: " + house.unreported()
                    + " buffers are finished, but the guest will not hear of them before it posts more");
        }
        if (house.isGuestAsleepOnNews()) {
            violations().report(27, "guest: the TX queue is stopped, buffers are back, and no interrupt will come");
        }
        if (!house.isKickArmed()) {
            violations().report(24, "vhost: the worker sleeps with notifications off, and no kick will come");
        }
    }

    private boolean mayHaveLost() {
        return house.guestDrops() + house.qdiscDrops() > 0 || house.wasReset() || options.faults() != null && options.faults().mayHaveLost();
    }

    private void account() {
        for (Balance balance : house.conservation()) {
            boolean ofStream = balance.what().startsWith("bytes");
            if (!balance.holds() && !(ofStream && mayHaveLost())) {
                unbalanced.add("balance " + balance.what() + ": expected " + balance.expected() + ", got "
                        + balance.actual());
            }
        }
    }

    private Violations violations() {
        return house.violations();
    }
}
