package softnic.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** {@code softnic run stress} and {@code softnic run tx-overrun} from the command line. */
class LetterRunsTest {

    /** A command that has run. */
    private record Said(int status, String out, String err) {

        static Said line(String line) {
            StringWriter out = new StringWriter();
            StringWriter err = new StringWriter();
            int status = Main.run(new PrintWriter(out), new PrintWriter(err, true), line.split(" "));
            return new Said(status, out.toString(), err.toString());
        }
    }

    /** Long enough for 65536 packets. */
    @ParameterizedTest
    @ValueSource(strings = {"v8", "3.8", "6.1"})
    void theStressShowsAllThatMustBeObserved(String edition) {
        Said said = Said.line("run stress --streams 12 --size 512 --duration 500ms --edition " + edition);

        assertThat(said.err()).isEmpty();
        assertThat(said.status()).as(said.out()).isEqualTo(Main.EX_OK);
        assertThat(said.out()).contains("12 streams, 512-byte messages").contains("As it must be")
                .contains("12 of 12 streams whole").doesNotContain("  NO ");
        assertThat(said.out().lines().filter(line -> line.startsWith("  yes"))).hasSize(8);
    }

    @Test
    void aRunTooShortForTheIndicesToWrapSaysSoAndFails() {
        Said said = Said.line("run stress --streams 2 --duration 20ms --edition 6.1");

        assertThat(said.status()).isEqualTo(Main.EX_FAULT);
        assertThat(said.out()).contains("  NO   the pending ring and the 16-bit indices have wrapped",
                "a longer run, or shorter messages", "NOT AS IT MUST BE.");
    }

    /** In 3.1 the callback wakes nobody: a ring full of finished buffers, a worker asleep, a guest that waits. */
    @Test
    void theStressFindsTheKnownProblemOf31() {
        Said said = Said.line("run stress --size 1K --duration 100ms --edition 3.1");

        assertThat(said.status()).isEqualTo(Main.EX_FAULT);
        assertThat(said.err()).contains("invariant 23");
        assertThat(said.out()).contains("  NO   the guest never stalls", "the known problem of this edition");
    }

    @Test
    void theSameStressSaysTheSameBytes() {
        String line = "run stress --streams 5 --size 1K --duration 20ms --edition 4.20";

        assertThat(Said.line(line).out()).isEqualTo(Said.line(line).out()).contains("5 streams");
    }

    @ParameterizedTest
    @ValueSource(strings = {"v8", "6.1"})
    void txOverrunSaysWhatMustBeObservedAndThatItWas(String edition) throws IOException {
        Said said = Said.line("run tx-overrun --duration 20ms --format json --edition " + edition);

        assertThat(said.err()).isEmpty();
        JsonNode root = new ObjectMapper().readTree(said.out());
        assertThat(said.status()).as(said.out()).isEqualTo(Main.EX_OK);
        assertThat(root.get("observed")).hasSize(edition.equals("v8") ? 5 : 6)
                .allSatisfy(o -> assertThat(o.get("seen").asBoolean()).as(o.get("what").asText()).isTrue());
        assertThat(root.get("table").get(0)).extracting(JsonNode::asText).contains("packets/s", "io_exits/s",
                "queue stops/s", "tx_fifo_errors/s");
        assertThat(root.get("table")).hasSize(1 + (edition.equals("v8") ? 20 : 56));
    }

    @ParameterizedTest
    @ValueSource(strings = {"0", "65", "-1"})
    void streamsHaveARange(String streams) {
        Said said = Said.line("run stress --streams " + streams);

        assertThat(said.status()).isEqualTo(Main.EX_USAGE);
        assertThat(said.err()).startsWith("softnic: invalid value for option '--streams': expected 1..64, got " + streams);
    }
}
