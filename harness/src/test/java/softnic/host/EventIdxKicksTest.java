package softnic.host;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import softnic.Behaviour;
import softnic.Edition;
import softnic.model.PriceFile;
import softnic.sched.VirtualTimeRunner;
import softnic.trace.Trace;

/**
 * Invariant 49: the same work with event index and without. Who asks for "after this one" is kicked no more often than who
 * asks for "always" and "never"; one stale kick in 65536 is allowed, since avail_event is not written while kicks are off.
 * A kick costs time, so the two schedules drift apart: hence {@link #DRIFT}.
 */
class EventIdxKicksTest {

    private static final PriceFile PRICES = PriceFile.preset(PriceFile.DEFAULT);
    private static final int STALE_EVERY = 65536;
    private static final double DRIFT = 1.01;

    static Stream<Scenario> scenarios() {
        return Edition.ALL.stream().filter(e -> e.has(Behaviour.EVENT_IDX)).flatMap(edition -> Stream.of(true, false)
                .flatMap(zerocopy -> Stream.of(64, 1448, 4096, 65536).map(size -> Scenario.DEFAULT.withEdition(edition)
                        .withZerocopy(zerocopy).withMessageBytes(size).withDurationNs(20_000_000))));
    }

    private static RunResult run(Scenario scenario, boolean eventIdx) {
        VirtualTimeRunner runner = new VirtualTimeRunner(PRICES.table());
        Trace trace = new Trace(Trace.Level.FINGERPRINT, runner, scenario.edition().names(), 0);
        return Runs.virtual(scenario.withVariant(scenario.variant().withEventIdx(eventIdx)), PRICES, runner, trace, null);
    }

    private static long kicks(RunResult run) {
        return run.counters().get("guest").get("tx_kicks");
    }

    @ParameterizedTest
    @MethodSource("scenarios")
    void withEventIndexThereAreNoMoreKicksAPacket(Scenario scenario) {
        RunResult with = run(scenario, true);
        RunResult without = run(scenario, false);

        assertThat(kicks(without)).as("kicks without").isPositive();
        assertThat((double) (kicks(with) - with.packets() / STALE_EVERY - 1) / with.packets()).as("kicks a packet with event "
                + "index: %d of %d, without: %d of %d", kicks(with), with.packets(), kicks(without), without.packets())
                .isLessThanOrEqualTo(DRIFT * kicks(without) / without.packets());
    }
}
