package softnic.host;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import softnic.Edition;
import softnic.model.PriceFile;

/**
 * The virtual world is deterministic: same scenario and seed, same run, to the last event and count.
 *
 * <p>A few fingerprints are committed in {@code fingerprints.txt}. They change whenever an event, its order or a price
 * changes; if that was meant, bless them and commit the file with the change:
 *
 * <pre>
 *   mvn -q -pl harness -am verify -Dtest=DeterminismTest -Dsurefire.failIfNoSpecifiedTests=false -Dbless=true
 * </pre>
 */
class DeterminismTest {

    private static final PriceFile PRICES = PriceFile.preset(PriceFile.DEFAULT);
    private static final String RESOURCE = "fingerprints.txt";
    private static final long SHORT_NS = 10_000_000;

    /** v8 and 6.1, copy and zero-copy; a message that fits a frame, and one that the device segments. */
    static Stream<Scenario> committed() {
        return Edition.ALL.stream().flatMap(edition -> Stream.of(true, false).flatMap(zerocopy ->
                Stream.of(1000, 65536).map(size -> Scenario.DEFAULT.withEdition(edition).withZerocopy(zerocopy)
                        .withMessageBytes(size).withDurationNs(SHORT_NS))));
    }

    @Test
    void theFingerprintsAreTheCommittedOnes() throws IOException {
        Map<String, String> now = new LinkedHashMap<>();
        committed().forEach(s -> now.put(describe(s), fingerprint(Runs.run(s, PRICES))));

        if (Boolean.getBoolean("bless")) {
            bless(now);
        } else {
            assertThat(now).as("fingerprints, by run; if the change was meant, bless them (see the class's Javadoc)")
                    .isEqualTo(read());
        }
    }

    @ParameterizedTest
    @MethodSource("committed")
    void theSameRunTwiceIsTheSame(Scenario scenario) {
        RunResult first = Runs.run(scenario, PRICES);
        RunResult second = Runs.run(scenario, PRICES);

        assertThat(withoutMeasurements(second)).isEqualTo(withoutMeasurements(first));
        assertThat(first.fingerprint()).isNotZero();
    }

    /** Watching does not change what happens. */
    @ParameterizedTest
    @MethodSource("committed")
    void monitorsChangeNothingButWhatTheySee(Scenario scenario) {
        RunResult plain = Runs.run(scenario, PRICES);
        RunResult watched = Runs.run(scenario.withMonitored(true), PRICES);

        assertThat(watched.isSound()).isTrue();
        assertThat(watched.counters()).isEqualTo(plain.counters());
        assertThat(watched.fingerprint()).isEqualTo(plain.fingerprint());
    }

    /** Not {@code indirect}, as long as the ring has room: then every function runs as before, when it did before. */
    @Test
    void anotherSeedEditionSizeModeOrDurationHasAnotherFingerprint() {
        Scenario base = Scenario.DEFAULT.withDurationNs(SHORT_NS).withMessageBytes(1000);
        Stream<Scenario> others = Stream.of(base, base.withSeed(2), base.withSeed(3), base.withSeed(-1),
                base.withEdition(Edition.V6_1), base.withZerocopy(false), base.withMessageBytes(1001),
                base.withDurationNs(SHORT_NS + 100_000));

        assertThat(others.map(s -> fingerprint(Runs.run(s, PRICES)))).doesNotHaveDuplicates();
    }

    /** All but what was measured on this machine. */
    private static RunResult withoutMeasurements(RunResult r) {
        return new RunResult(r.scenario(), r.elapsedNs(), r.bytesVerified(), r.packets(), r.ioExits(), r.guestBusyNs(),
                r.vhostBusyNs(), r.softirqBusyNs(), 0, 0, r.fingerprint(), r.accounts(), r.counters(), r.conservation(),
                r.violations());
    }

    private static String describe(Scenario s) {
        return "edition " + s.edition().name() + ", " + (s.zerocopy() ? "zero-copy" : "copy") + ", "
                + s.messageBytes() + " bytes, " + s.durationNs() / 1_000_000 + " ms, seed " + s.seed();
    }

    private static String fingerprint(RunResult run) {
        return String.format("%016x", run.fingerprint());
    }

    private static Map<String, String> read() throws IOException {
        Map<String, String> committed = new LinkedHashMap<>();
        try (InputStream in = DeterminismTest.class.getResourceAsStream("/" + RESOURCE)) {
            assertThat(in).as(RESOURCE).isNotNull();
            for (String line : new String(in.readAllBytes(), StandardCharsets.US_ASCII).lines().toList()) {
                if (!line.isBlank() && !line.startsWith("#")) {
                    committed.put(line.substring(line.indexOf(' ') + 1).strip(), line.substring(0, line.indexOf(' ')));
                }
            }
        }
        return committed;
    }

    private static void bless(Map<String, String> now) throws IOException {
        Path file = Path.of(System.getProperty("basedir", "."), "src", "test", "resources", RESOURCE);
        StringBuilder text = new StringBuilder("# Written by DeterminismTest with -Dbless=true; its Javadoc has the command.\n");
        now.forEach((run, fingerprint) -> text.append(fingerprint).append("  ").append(run).append('\n'));
        Files.writeString(file, text, StandardCharsets.US_ASCII);
        System.out.println("blessed: " + file);
    }
}
