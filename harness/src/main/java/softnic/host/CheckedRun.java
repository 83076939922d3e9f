package softnic.host;

import java.util.ArrayList;
import java.util.List;
import softnic.host.RunResult.Balance;
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

    private static final long CHECK_EVERY_NS = 20_000;
    private static final long MAX_STEP_NS = 20_000_000;
    private static final long DRAIN_LIMIT_NS = 200_000_000;
    private static final long DRAIN_LIMIT_LOST_NS = 30_000_000_000L;

    /**
     * What came of it.
     *
     * @param fingerprint hash over all that happened
     * @param packets that the guest posted
     * @param violations what was broken, first first; empty for a sound run
     */
    public record Outcome(long fingerprint, long packets, List<String> violations) {
        public boolean isSound() {
            return violations.isEmpty();
        }
    }

    private final House house;
    private final VirtualTimeRunner runner;
    private final HouseOptions options;
    private final long drainLimitNs;
    private final List<String> unbalanced = new ArrayList<>();

    private CheckedRun(House house, VirtualTimeRunner runner, HouseOptions options) {
        this.house = house;
        this.runner = runner;
        this.options = options;
        boolean lost = options.interrupts() != null && options.interrupts().lostEvery() > 0;
        drainLimitNs = lost ? DRAIN_LIMIT_LOST_NS : DRAIN_LIMIT_NS;
    }

    /** Runs it, to the end; whatever is thrown on the way is a violation too. */
    public static Outcome of(Scenario scenario, HouseOptions options, PriceFile prices) {
        VirtualTimeRunner runner = new VirtualTimeRunner(prices.table());
        Trace trace = new Trace(Trace.Level.FINGERPRINT, runner, scenario.edition().names(), 0);
        House house = new House(scenario.withMonitored(true), options, runner, trace,
                new Llc(prices.parameter("llc_share")), prices, null);
        List<String> violations = new ArrayList<>();
        CheckedRun run = new CheckedRun(house, runner, options);
        try {
            run.run(scenario.durationNs());
        } catch (RuntimeException | AssertionError e) {
            violations.add("thrown " + e);      // the bug that the monitors were too late for
        }
        violations.addAll(house.violations().kept());
        violations.addAll(run.unbalanced);
        long packets = house.packets();
        try {
            house.close();
        } catch (RuntimeException | AssertionError e) {
            violations.add("thrown on close " + e);
        }
        return new Outcome(trace.fingerprint(), packets, List.copyOf(violations));
    }

    private void run(long durationNs) {
        if (options.faults() != null) {
            options.faults().arm();
        }
        house.start();
        for (long t = CHECK_EVERY_NS; t < durationNs; t += CHECK_EVERY_NS) {
            runner.runUntil(t);
            check();
        }
        runner.runUntil(durationNs);
        house.stopSending();
        drain();
        atRest();
        check();
        house.releaseBackend();
        if (!runner.runUntilQuiet(runner.nowNs() + drainLimitNs)) {
            violations().report(23, "house: still busy after its backend was released");
        }
        account();
    }

    private void check() {
        house.check();
        house.checkCharge();
    }

    /** Runs until nothing happens any more, and checks as long as something does. */
    private void drain() {
        long limitNs = runner.nowNs() + drainLimitNs;
        long stepNs = CHECK_EVERY_NS;
        long untilNs = runner.nowNs() + stepNs;
        long handled = runner.eventCount();
        while (!runner.runUntilQuiet(untilNs)) {
            if (untilNs > limitNs) {
                violations().report(23, "house: still busy " + drainLimitNs / 1_000_000 + " ms after netperf stopped");
                return;
            }
            stepNs = runner.eventCount() == handled ? Math.min(2 * stepNs, MAX_STEP_NS) : CHECK_EVERY_NS;
            if (runner.eventCount() != handled) {
                check();
            }
            handled = runner.eventCount();
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
        if (!house.isKickArmed()) {
            violations().report(24, "vhost: the worker sleeps with notifications off, and no kick will come");
        }
    }

    private boolean mayHaveLost() {
        return house.guestDrops() > 0 || options.faults() != null && options.faults().mayHaveLost();
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
