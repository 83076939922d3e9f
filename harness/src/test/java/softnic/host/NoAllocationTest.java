package softnic.host;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import softnic.Edition;
import softnic.model.PriceFile;
import softnic.sched.VirtualTimeRunner;
import softnic.trace.Trace;

/**
 * A packet through the whole house allocates nothing, traced or not.
 *
 * <p>Counted by the JVM for the one thread of the virtual world, from the moment netperf begins until it stops:
 * {@link RunResult#simulationBytes}. What is left is not per packet: a class that is initialised, a lambda's first
 * link, an event heap that grows, some hundred bytes a run. Hence a bound of less than one byte a packet over tens of
 * thousands of packets, where the smallest object has 8: not one packet in eight may make one. The interpreter, C1
 * and C2 all ran parts of the run, so nothing here lives by escape analysis; and what happens once does not
 * happen again, so a run that stays above the bound is run again before it is believed.
 */
class NoAllocationTest {

    private static final PriceFile PRICES = PriceFile.preset(PriceFile.DEFAULT);
    private static final long WARM_NS = 5_000_000;
    private static final long RUN_NS = 120_000_000;
    private static final int ATTEMPTS = 3;
    private static final int EVENTS = 1 << 22;

    /** Messages of one MSS make the most packets; those of 64 KiB are segmented by the device. */
    private static final int MSS = 1448;
    private static final int LONGEST = 65536;

    static Stream<Arguments> ways() {
        return Edition.ALL.stream().flatMap(edition -> Stream.of(true, false).flatMap(zerocopy -> Stream.concat(
                Stream.of(Trace.Level.values()).map(level -> Arguments.of(edition.name(), zerocopy, MSS, level)),
                Stream.of(Arguments.of(edition.name(), zerocopy, LONGEST, Trace.Level.FINGERPRINT)))));
    }

    @ParameterizedTest(name = "edition {0}, zero-copy {1}, messages of {2} bytes, trace {3}")
    @MethodSource("ways")
    void aPacketAllocatesNothing(String name, boolean zerocopy, int messageBytes, Trace.Level level) {
        Edition edition = Edition.ALL.stream().filter(e -> e.name().equals(name)).findFirst().orElseThrow();
        Scenario scenario = Scenario.DEFAULT.withEdition(edition).withZerocopy(zerocopy)
                .withMessageBytes(messageBytes).withDurationNs(RUN_NS);
        run(scenario.withDurationNs(WARM_NS), level);

        RunResult run = run(scenario, level);
        for (int i = 1; i < ATTEMPTS && run.simulationBytes() >= run.packets(); i++) {
            System.out.printf("%d bytes for %d packets: once more%n", run.simulationBytes(), run.packets());
            run = run(scenario, level);
        }

        assertThat(run.packets()).isGreaterThan(messageBytes == MSS ? 12_000 : 1_500);
        assertThat(run.simulationBytes()).as("bytes allocated for %d packets", run.packets())
                .isLessThan(run.packets());
        assertThat(run.isSound()).isTrue();
    }

    private static RunResult run(Scenario scenario, Trace.Level level) {
        VirtualTimeRunner runner = new VirtualTimeRunner(PRICES.table());
        Trace trace = new Trace(level, runner, scenario.edition().names(), EVENTS);
        RunResult result = Runs.virtual(scenario, PRICES, runner, trace, null);
        assertThat(trace.lost()).as("events that were not recorded: raise EVENTS").isZero();
        return result;
    }
}
