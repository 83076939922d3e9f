package softnic.host;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import softnic.Edition;
import softnic.model.PriceFile;

/**
 * However a packet goes, copied or pinned, in virtual time or on real threads: the same stream is on the wire, and
 * everything comes home.
 *
 * <p>Two judges look: the far end, which checks each byte where it arrives, and a listener on the wire that knows
 * nothing of the far end. Monitors are on: buffers are poisoned when they are returned, and every invariant that can
 * be watched is watched.
 */
class WorldParityTest {

    private static final PriceFile PRICES = PriceFile.preset(PriceFile.DEFAULT);
    private static final long VIRTUAL_NS = 10_000_000;
    private static final long LIVE_NS = 1_000_000_000;

    /** One byte; shorter than a header; an MSS less one, one, and one more; pages; odd; 64K and above; the longest. */
    private static final List<Integer> SIZES =
            List.of(1, 63, 1447, 1448, 1449, 4096, 5001, 65536, 65537, 262_143, Scenario.MAX_MESSAGE_BYTES);
    /** Without indirect descriptors only the number of pieces matters: few, two, and as many as there can be. */
    private static final List<Integer> SIZES_DIRECT = List.of(63, 1449, 65536);

    private record Observed(RunResult run, WireStream wire) {

        static Observed of(Scenario scenario) {
            WireStream wire = new WireStream();
            return new Observed(Runs.run(scenario, PRICES, wire), wire);
        }

        WireStream.Flow flow() {
            return wire.flows().values().iterator().next();
        }

        long count(String room, String counter) {
            return run.counters().get(room).get(counter);
        }
    }

    static Stream<Scenario> allWays() {
        return Edition.ALL.stream().flatMap(edition -> Stream.of(true, false).flatMap(indirect ->
                (indirect ? SIZES : SIZES_DIRECT).stream().map(size -> Scenario.DEFAULT.withEdition(edition)
                        .withIndirect(indirect).withMessageBytes(size).withDurationNs(VIRTUAL_NS).withMonitored(true))));
    }

    @ParameterizedTest
    @MethodSource("allWays")
    void copyAndZeroCopyPutTheSameStreamOnTheWire(Scenario scenario) {
        Observed zerocopy = Observed.of(scenario.withZerocopy(true));
        Observed copy = Observed.of(scenario.withZerocopy(false));

        assertSoundAndWhole(zerocopy);
        assertSoundAndWhole(copy);
        assertSameFlows(zerocopy, copy);
        assertThat(zerocopy.count("macvtap", "tx_zerocopy")).isPositive();
        assertThat(copy.count("macvtap", "tx_zerocopy")).isZero();
        assertThat(copy.count("macvtap", "tx_copied")).isPositive();
    }

    static Stream<Scenario> liveWays() {
        return Edition.ALL.stream().flatMap(edition -> Stream.of(true, false).map(zerocopy ->
                Scenario.DEFAULT.withEdition(edition).withZerocopy(zerocopy).withMonitored(true)));
    }

    /** Real threads race; what they put on the wire is what the one thread of the virtual world puts there. */
    @ParameterizedTest
    @MethodSource("liveWays")
    void theLiveWorldPutsTheStreamOfTheVirtualWorldOnTheWire(Scenario scenario) {
        Observed virtual = Observed.of(scenario.withDurationNs(VIRTUAL_NS));
        Observed live = Observed.of(scenario.withWorld(Scenario.World.LIVE).withDurationNs(LIVE_NS));

        assertSoundAndWhole(live);
        assertSoundAndWhole(virtual);
        assertSameFlows(virtual, live);
        assertThat(live.count("macvtap", scenario.zerocopy() ? "tx_zerocopy" : "tx_copied")).isPositive();
    }

    /** However short a live run is, it waits for what it has begun: a handshake that is under way, too. */
    @Test
    void theShortestLiveRunsAreSoundToo() {
        for (int i = 0; i < 40; i++) {
            Scenario scenario = Scenario.DEFAULT.withWorld(Scenario.World.LIVE).withMonitored(true)
                    .withEdition(i % 2 == 0 ? Edition.V8 : Edition.V6_1).withZerocopy(i % 4 < 2)
                    .withDurationNs(1 + i * 100_000L);
            RunResult run = Runs.run(scenario, PRICES);
            assertThat(run.isSound()).as("%s: %s %s", scenario, run.violations(), run.conservation()).isTrue();
        }
    }

    /** An interrupted run leaves no thread behind that could touch memory which is gone. */
    @Test
    void anInterruptedLiveRunStopsItsThreads() {
        Thread.currentThread().interrupt();

        assertThatThrownBy(() -> Runs.run(Scenario.DEFAULT.withWorld(Scenario.World.LIVE), PRICES))
                .isInstanceOf(IllegalStateException.class).hasMessage("interrupted");
        assertThat(Thread.interrupted()).isTrue();
        assertThat(Thread.getAllStackTraces().keySet()).extracting(Thread::getName)
                .noneMatch(name -> name.startsWith("softnic-"));
    }

    /** The tap is passive: with and without a listener the same happens at the same time. */
    @Test
    void aListenerOnTheWireChangesNothing() {
        Scenario scenario = Scenario.DEFAULT.withDurationNs(VIRTUAL_NS);

        assertThat(Observed.of(scenario).run().fingerprint()).isEqualTo(Runs.run(scenario, PRICES).fingerprint());
    }

    /** The listener itself: one wrong, missing or repeated byte shows. */
    @Test
    void theListenerSeesOneWrongByte() {
        Observed right = Observed.of(Scenario.DEFAULT.withDurationNs(VIRTUAL_NS));
        WireStream.Flow flow = right.flow();

        assertThat(flow.hash()).isNotEqualTo(WireStream.expectedHash(flow.bytes() - 1));
        assertThat(flow.checkpoints().subList(1, 9)).doesNotHaveDuplicates();
        WireStream spoilt = new WireStream();
        Runs.run(Scenario.DEFAULT.withDurationNs(VIRTUAL_NS), PRICES, (memory, offset, len, arrivalNs) -> {
            if (spoilt.frames() != 5) {                     // the fifth frame is lost on the way to the listener
                spoilt.frame(memory, offset, len, arrivalNs);
            } else {
                spoilt.missed();
            }
        });
        WireStream.Flow gap = spoilt.flows().values().iterator().next();
        assertThat(gap.faults()).hasSize(1);
        assertThat(gap.hash()).isNotEqualTo(WireStream.expectedHash(gap.bytes()));
    }

    private static void assertSoundAndWhole(Observed observed) {
        RunResult run = observed.run();
        assertThat(run.violations()).as("violations of %s", run.scenario()).isEmpty();
        assertThat(run.conservation()).as("conservation of %s", run.scenario())
                .allMatch(RunResult.Balance::holds);
        assertThat(run.isSound()).isTrue();

        assertThat(observed.wire().flows()).hasSize(1);
        WireStream.Flow flow = observed.flow();
        assertThat(flow.faults()).isEmpty();
        assertThat(flow.bytes()).as("bytes on the wire").isPositive()
                .isEqualTo(observed.count("guest", "bytes_written"))
                .isEqualTo(observed.count("far_end", "bytes_verified"));
        assertThat(flow.bytes() % run.scenario().messageBytes()).as("whole messages only").isZero();
        assertThat(flow.hash()).as("hash of the stream").isEqualTo(WireStream.expectedHash(flow.bytes()));
    }

    /** Same addresses and ports, and the shorter stream is the beginning of the longer. */
    private static void assertSameFlows(Observed one, Observed other) {
        assertThat(one.wire().flows().keySet()).isEqualTo(other.wire().flows().keySet());
        for (Map.Entry<String, WireStream.Flow> flow : one.wire().flows().entrySet()) {
            List<Long> a = flow.getValue().checkpoints();
            List<Long> b = other.wire().flows().get(flow.getKey()).checkpoints();
            int common = Math.min(a.size(), b.size());
            assertThat(common).isGreaterThan(2);
            assertThat(a.subList(0, common)).as(flow.getKey()).isEqualTo(b.subList(0, common));
        }
    }
}
