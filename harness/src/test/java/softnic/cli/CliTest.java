package softnic.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import softnic.host.RunResult;
import softnic.host.RunResult.Balance;
import softnic.host.Scenario;

/** What a user of the command line sees: answers on one stream, one line of fault on the other, and a status. */
class CliTest {

    private static final List<String> COLUMNS =
            List.of("Message", "BW(Mb/s)", "qemu-kvm(NumCPU)", "vhost-net(NumCPU)", "PerfTop irq/s");
    private static final List<String> JSON_COLUMNS =
            List.of("bw_mbps", "qemu_kvm_cpu_pct", "vhost_net_cpu_pct", "perftop_irq_per_s", "io_exits_per_s");
    private static final List<String> COMMANDS = List.of("table", "run", "trace", "check");
    private static final Pattern STACK_TRACE = Pattern.compile("\\tat |Exception|Caused by|java\\.");

    /** A command that has run. */
    private record Said(int status, String out, String err) {

        static Said of(String... args) {
            StringWriter out = new StringWriter();
            StringWriter err = new StringWriter();
            int status = Main.run(new PrintWriter(out), new PrintWriter(err, true), args);
            return new Said(status, out.toString(), err.toString());
        }

        /** As a user types it; no argument has a space. */
        static Said line(String line) {
            return of(line.isEmpty() ? new String[0] : line.split(" ", -1));
        }

        Said isAnswer() {
            assertThat(err).as("standard error").isEmpty();
            assertThat(status).as("status").isEqualTo(Main.EX_OK);
            assertThat(out).isNotBlank().endsWith("\n").doesNotContain("\r");
            return this;
        }

        JsonNode json() throws IOException {
            return new ObjectMapper().readTree(out);
        }
    }

    // --- table -------------------------------------------------------------------------------------

    @Test
    void tableInJsonHasTheAgreedShape() throws IOException {
        JsonNode root = Said.line("table --sizes 64K,1000 --duration 5ms --seed 7 --format json").isAnswer().json();

        assertThat(names(root)).containsExactly("world", "edition", "quirks", "seed", "fingerprint",
                "simulated_packets_per_cpu_s", "rows");
        assertThat(root.get("world").asText()).isEqualTo("virtual");
        assertThat(root.get("edition").asText()).isEqualTo("v8");
        assertThat(root.get("seed").isIntegralNumber()).isTrue();
        assertThat(root.get("seed").asLong()).isEqualTo(7);
        assertThat(root.get("fingerprint").asText()).matches("[0-9a-f]{16}");
        assertThat(root.get("simulated_packets_per_cpu_s").asLong()).isPositive();
        assertThat(root.get("rows")).hasSize(4);
        for (JsonNode row : root.get("rows")) {
            List<String> expected = new ArrayList<>(List.of("message_bytes", "zerocopy"));
            expected.addAll(JSON_COLUMNS);
            expected.add("published");
            assertThat(names(row)).isEqualTo(expected);
            assertThat(row.get("zerocopy").isBoolean()).isTrue();
            JSON_COLUMNS.forEach(column -> assertThat(row.get(column).isNumber()).as(column).isTrue());
        }
        assertPublished(root.get("rows"));
    }

    /** Rows come in the order asked for, zero-copy first; what the letter has not is null. */
    private static void assertPublished(JsonNode rows) {
        assertThat(List.of(rows.get(0), rows.get(1), rows.get(2), rows.get(3)))
                .extracting(row -> row.get("message_bytes").asInt() + " " + row.get("zerocopy").asBoolean())
                .containsExactly("65536 true", "65536 false", "1000 true", "1000 false");
        assertThat(names(rows.get(0).get("published"))).isEqualTo(JSON_COLUMNS);
        assertThat(rows.get(0).get("published").get("bw_mbps").asDouble()).isEqualTo(9171.43);
        assertThat(rows.get(0).get("published").get("io_exits_per_s").isNull()).as("nobody measured it").isTrue();
        assertThat(rows.get(2).get("published").isNull()).isTrue();
    }

    @Test
    void theLiveTableHasNoFingerprintAndNoSimulationSpeed() throws IOException {
        JsonNode root = Said.line("table --world live --sizes 64K --duration 50ms --format json").isAnswer().json();

        assertThat(root.get("world").asText()).isEqualTo("live");
        assertThat(root.get("fingerprint").isNull()).isTrue();
        assertThat(root.get("simulated_packets_per_cpu_s").isNull()).isTrue();
        assertThat(root.get("rows")).hasSize(2);
    }

    @Test
    void csvNamesTheColumnsInTheTablesOrder() {
        List<String> lines = Said.line("table --sizes 4K,1000 --duration 5ms --format csv").isAnswer().out().lines().toList();

        assertThat(lines).hasSize(5).allSatisfy(line ->
                assertThat(line.split(",", -1)).hasSameSizeAs(lines.getFirst().split(",", -1)));
        assertThat(Arrays.asList(lines.getFirst().split(","))).startsWith(COLUMNS.toArray(String[]::new))
                .contains("world", "edition", "seed", "fingerprint").doesNotHaveDuplicates();
        assertThat(lines).extracting(line -> line.substring(0, line.indexOf(',')))
                .containsExactly("Message", "4K", "4K(Orig)", "1000", "1000(Orig)");
    }

    @Test
    void markdownNamesTheColumnsInTheTablesOrder() {
        List<String> table = Said.line("table --sizes 4K --duration 5ms --format md").isAnswer().out().lines()
                .filter(line -> line.startsWith("|")).toList();

        assertThat(table).hasSize(4);
        assertThat(cells(table.get(0).split("\\|"))).isEqualTo(COLUMNS);
        assertThat(table).extracting(line -> line.chars().filter(c -> c == '|').count()).containsOnly(14L);
    }

    @Test
    void textNamesTheColumnsInTheTablesOrderAndSaysWhatWasRun() {
        String text = Said.line("table --sizes 4K --duration 5ms --seed 3 --edition 6.1").isAnswer().out();
        List<String> lines = text.lines().toList();

        assertThat(lines.getFirst()).startsWith("world virtual, edition 6.1, seed 3, 5ms a row").contains("fingerprint ");
        String header = lines.stream().filter(line -> line.contains("Message")).findFirst().orElseThrow();
        assertThat(cells(header.strip().split(" {2,}"))).isEqualTo(COLUMNS);
        assertThat(text).contains("4K(Orig)").contains("are Mb/s").contains("not device interrupts");
    }

    /** How fast this machine simulates is a measurement: it is in JSON only, all else is the same bytes again. */
    @ParameterizedTest
    @ValueSource(strings = {"table --sizes 4K,64K --duration 5ms", "table --sizes 4K --duration 5ms --format csv",
        "table --sizes 4K --duration 5ms --format md", "run --duration 5ms", "run --duration 5ms --format json", "run tcpdump-suspended --duration 20ms",
        "trace --frame 16000 --lower ixgbe", "trace --frame 1514 --format ftrace"})
    void theSameCommandSaysTheSameBytesInEveryCountry(String line) {
        String first = Said.line(line).isAnswer().out();
        Locale here = Locale.getDefault();
        Locale.setDefault(Locale.forLanguageTag("ar-EG"));          // own digits, own decimal sign
        try {
            assertThat(Said.line(line).isAnswer().out()).isEqualTo(first);
        } finally {
            Locale.setDefault(here);
        }
    }

    // --- run ---------------------------------------------------------------------------------------

    @Test
    void runInTextSaysWhatWasCounted() {
        String text = Said.line("run --size 64K --edition 6.1 --duration 5ms --monitors").isAnswer().out();

        assertThat(text).startsWith("world virtual, edition 6.1, seed 1, 65536-byte messages, zero-copy, fingerprint ")
                .contains("Mb/s", "CPU time", "Counters", "vhost.zerocopy", "Conservation: posted=used",
                        "Sound: every byte verified");
    }

    /** The cover letter's tests, in every kernel: what must be observed is, and each line says so with figures. */
    @ParameterizedTest
    @ValueSource(strings = {"v8", "3.1", "3.8", "3.14", "4.20", "6.1", "6.18"})
    void theLettersTestsShowWhatMustBeObserved(String edition) {
        for (String test : List.of("tcpdump-suspended", "dynamic-sg --size 64K")) {
            String text = Said.line("run " + test + " --duration 20ms --edition " + edition).isAnswer().out();

            List<String> lines = text.lines().filter(line -> line.startsWith("  yes  ")).toList();
            assertThat(lines).as(text).hasSize(test.startsWith("tcpdump") ? 6 : 7)
                    .allMatch(line -> line.matches("  yes  [^:]+: .*[0-9].*"));
            assertThat(text).contains("edition " + edition, "As it must be").doesNotContain("NO ");
        }
    }

    @Test
    void aLettersTestInJsonHasTheSameLines() throws IOException {
        JsonNode root = Said.line("run dynamic-sg --duration 20ms --format json").isAnswer().json();

        assertThat(names(root)).containsExactly("test", "world", "edition", "quirks", "seed", "message_bytes", "elapsed_ns",
                "fingerprint", "observed", "sound", "holds", "violations");
        assertThat(root.get("quirks").asBoolean()).isTrue();
        assertThat(Said.line("run dynamic-sg --duration 20ms --no-quirks").isAnswer().out())
                .contains("edition v8 without quirks, seed 1,");
        assertThat(root.get("observed")).hasSize(7).allSatisfy(o -> assertThat(o.get("seen").asBoolean()).isTrue());
    }

    @Test
    void runInJsonHasTheRowTheCountersAndTheVerdict() throws IOException {
        JsonNode root = Said.line("run --copy --duration 5ms --no-indirect --format json").isAnswer().json();

        assertThat(names(root)).containsExactly("world", "edition", "quirks", "seed", "message_bytes", "zerocopy", "fingerprint",
                "elapsed_ns", "bw_mbps", "qemu_kvm_cpu_pct", "vhost_net_cpu_pct", "perftop_irq_per_s", "io_exits_per_s",
                "sound", "cpu_ns", "counters", "conservation", "violations");
        assertThat(root.get("sound").asBoolean()).isTrue();
        assertThat(root.get("zerocopy").asBoolean()).isFalse();
        assertThat(root.get("elapsed_ns").asLong()).isEqualTo(5_000_000);
        assertThat(root.get("violations")).isEmpty();
        assertThat(root.get("conservation")).isNotEmpty().allSatisfy(balance ->
                assertThat(balance.get("actual")).isEqualTo(balance.get("expected")));
    }

    @Test
    void aRunThatFoundAFaultSaysSoAndFails() {
        RunResult broken = new RunResult(Scenario.DEFAULT, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, Map.of(), Map.of(),
                List.of(new Balance("pins", 0, 3), new Balance("skbs", 0, 0)), List.of("invariant 7: mm: 3 pins"));
        StringWriter err = new StringWriter();

        assertThat(Faults.report(List.of(broken), new PrintWriter(err, true))).isEqualTo(Main.EX_FAULT);
        assertThat(err.toString().lines()).containsExactly("softnic: 4096 B: invariant 7: mm: 3 pins",
                "softnic: 4096 B: pins: expected 0, got 3");
    }

    // --- trace -------------------------------------------------------------------------------------

    @Test
    void traceSaysTheCallGraph() {
        assertThat(Said.line("trace --frame 1514").isAnswer().out()).startsWith("[worker]\nhandle_tx")
                .contains("\n      tap_sendmsg\n");
        assertThat(Said.line("trace --frame 1514 --lower IXGBE").isAnswer().out()).contains("[softirq]\n");
        assertThat(Said.line("trace --frame 1514 --format ftrace").isAnswer().out())
                .startsWith("# tracer: function_graph\n").contains("handle_tx_kick() {", " us |");
    }

    // --- check -------------------------------------------------------------------------------------

    @Test
    void checkSaysALineForEachOfAFewSeedsAndASummary() {
        List<String> lines = Said.line("check --seeds 5 --seed 11 --no-quirks").isAnswer().out().lines().toList();

        assertThat(lines).hasSize(9);
        assertThat(lines.getFirst()).startsWith("seed 11, edition ").endsWith(", sound");
        assertThat(lines.get(5)).startsWith("5 seeds, all editions without quirks, faults all: ");
        assertThat(lines.get(6)).isEqualTo("  sound   5");
        assertThat(lines.get(7)).startsWith("  fired   ");
        assertThat(lines.get(8)).isEqualTo("  failed  0");
    }

    /** What a seed did can be had again by naming its edition and faults, to the last byte of its line. */
    @Test
    void theReplayOfASeedSaysTheSameLine() {
        for (String line : Said.line("check --seeds 8").isAnswer().out().lines().filter(l -> l.startsWith("seed ")).toList()) {
            String seed = line.substring(5, line.indexOf(','));
            String edition = line.replaceAll(".*edition (\\S+),.*", "$1");
            String faults = line.replaceAll(".* faults ([a-z,-]+):.*", "$1");
            assertThat(Said.line("check --seeds 1 --seed " + seed + " --edition " + edition + " --faults " + faults)
                    .isAnswer().out().lines().findFirst()).contains(line);
        }
    }

    @Test
    void checkInJsonCountsAndNamesQuirks() throws IOException {
        JsonNode root = Said.line("check --seeds 10 --edition 3.1 --faults none --fix room=house,zero-copy=on --format json")
                .isAnswer().json();

        assertThat(names(root)).containsExactly("world", "what", "seeds", "packets", "fingerprint", "sound", "failed",
                "quirks", "fired", "failures");
        assertThat(root.get("seeds").asInt()).isEqualTo(10);
        assertThat(root.get("failed").asInt()).isZero();
        assertThat(names(root.get("quirks"))).contains("PINNED_BY_BYTES");
        assertThat(root.get("failures")).isEmpty();
    }

    @Test
    void checkListSaysWhereEachInvariantIsChecked() throws IOException {
        String text = Said.line("check --list").isAnswer().out();

        assertThat(text).startsWith(" 1  a head that was taken").contains("\n50  ", "not yet");
        assertThat(Said.line("check --list --format json").isAnswer().json()).hasSize(50)
                .allSatisfy(one -> assertThat(names(one)).containsExactly("number", "text", "where", "worlds", "by",
                        "tripped_by"));
    }

    @Test
    void withoutQuirksIsSaidInTheHeading() throws IOException {
        assertThat(Said.line("run --edition 3.1 --no-quirks --duration 2ms").isAnswer().out())
                .startsWith("world virtual, edition 3.1 without quirks, seed 1,");
        assertThat(Said.line("table --sizes 64K --edition 3.8 --no-quirks --duration 2ms").isAnswer().out())
                .startsWith("world virtual, edition 3.8 without quirks, seed 1,");
        assertThat(Said.line("run --edition 3.1 --no-quirks --duration 2ms --format json").isAnswer().json().get("quirks")
                .asBoolean()).isFalse();
        Said.line("trace --frame 1514 --edition 3.1 --no-quirks").isAnswer();
    }

    // --- help --------------------------------------------------------------------------------------

    @ParameterizedTest
    @ValueSource(strings = {"table --help", "run --help", "trace --help"})
    void helpOfACommandTeachesAndHasAnExampleThatRuns(String line) {
        String help = Said.line(line).isAnswer().out();
        String command = line.substring(0, line.indexOf(' '));

        assertThat(help).startsWith("Usage: softnic " + command).contains("--edition", "v8 to 6.18", "--no-quirks", "--format", "default");
        List<String> examples = help.substring(help.indexOf("Example")).lines()
                .filter(l -> l.startsWith("  softnic ")).map(l -> l.strip().split(" {2,}")[0]).toList();
        assertThat(examples).isNotEmpty();
        for (String example : examples) {
            String brief = example.substring("softnic ".length()).replaceAll(" --duration \\S+", "");
            Said.line(command.equals("trace") ? brief : brief + " --duration 20ms").isAnswer();
        }
        assertThat(help.lines()).allSatisfy(l -> assertThat(l.length()).isLessThanOrEqualTo(100));
    }

    @Test
    void withoutACommandItSaysWhichThereAre() {
        assertThat(Said.of().isAnswer().out()).isEqualTo(Said.line("--help").isAnswer().out())
                .contains("Examples:", "Exit status:").contains(COMMANDS);
    }

    @ParameterizedTest
    @ValueSource(strings = {"--version", "table --version", "run -V"})
    void versionIsSaidEverywhere(String line) {
        assertThat(Said.line(line).isAnswer().out()).startsWith("softnic ").contains("Java ");
    }

    // --- bad usage ---------------------------------------------------------------------------------

    /** The line, and what the fault must name: the option, what was got, what was expected. */
    static Stream<Arguments> mistakes() {
        return Stream.of(
                mistake("table --sizes 0", "'--sizes'", "1..1048576 bytes", "got 0"),
                mistake("table --sizes 4Q", "'--sizes'", "a size such as 256, 4K or 1M", "got \"4Q\""),
                mistake("table --sizes -1", "'--sizes'", "a size such as", "got \"-1\""),
                mistake("table --sizes 2M", "'--sizes'", "1..1048576 bytes", "got 2097152"),
                mistake("table --sizes 99999999999999999999", "'--sizes'", "a size", "got \"99999999999999999999\""),
                mistake("table --sizes=", "'--sizes'", "a size such as", "got \"\""),
                mistake("table --sizes ,", "'--sizes'", "expected sizes such as 4K,64K", "got none"),
                mistake("table --sizes 4K,,8K", "'--sizes'", "a size such as", "got \"\""),
                mistake("table --sizes 4K,8K,4096", "'--sizes'", "each size once", "got 4K twice"),
                mistake("table --sizes", "'--sizes'", "missing"),
                mistake("run --size 1.5", "'--size'", "a whole number of bytes", "got \"1.5\""),
                mistake("run --size 4K --size 8K", "'--size'", "only once"),
                mistake("run --edition 3.0", "'--edition'", "v8, 3.1", "got \"3.0\""),
                mistake("run --edition", "'--edition'", "missing"),
                mistake("trace --frame 60 --edition V8", "'--edition'", "v8, 3.1", "got \"V8\""),
                mistake("table --duration 0s", "'--duration'", "from 1ns to 86400s", "got \"0s\""),
                mistake("table --duration abc", "'--duration'", "a time such as", "got \"abc\""),
                mistake("table --duration 10", "'--duration'", "a time such as", "got \"10\""),
                mistake("table --duration -1s", "'--duration'", "a time such as", "got \"-1s\""),
                mistake("run --duration 0.1ns", "'--duration'", "from 1ns", "got \"0.1ns\""),
                mistake("run --duration 9467280000s", "'--duration'", "86400s", "got \"9467280000s\""),     // 300 years
                mistake("table --format xml", "'--format'", "text, json, csv, md", "got \"xml\""),
                mistake("run --format csv", "'--format'", "text, json", "got \"csv\""),
                mistake("trace --frame 60 --format json", "'--format'", "graph, ftrace", "got \"json\""),
                mistake("run --world real", "'--world'", "virtual, live", "got \"real\""),
                mistake("run --seed abc", "'--seed'", "a whole number", "got \"abc\""),
                mistake("table --seed 9223372036854775808", "'--seed'", "63 bits", "got \"9223372036854775808\""),
                mistake("run --seed 1.5", "'--seed'", "a whole number", "got \"1.5\""),
                mistake("trace", "missing", "--frame"),
                mistake("trace --frame 13", "'--frame'", "14..65535 bytes", "got 13"),
                mistake("trace --frame 64K", "'--frame'", "14..65535 bytes", "got 65536"),
                mistake("trace --frame 60 --lower e1000", "'--lower'", "dummy, ixgbe", "got \"e1000\""),
                mistake("run extra", "one of tcpdump-suspended, dynamic-sg", "got \"extra\""),
                mistake("run dynamic-sg extra", "run takes options only", "got \"extra\""),
                mistake("run dynamic-sg --world live", "dynamic-sg runs with zero-copy in the virtual world", "got --world live"),
                mistake("run tcpdump-suspended --copy", "virtual world", "got --copy"),
                mistake("run tcpdump-suspended --duration 1ms", "20ms to 10s", "got 1000000ns"),
                mistake("check --seeds 0", "'--seeds'", "1..1000000000", "got 0"),
                mistake("check --seeds many", "'--seeds'", "a whole number", "got \"many\""),
                mistake("check --faults pin,wire", "'--faults'", "all, none or some of page-alloc", "got \"wire\""),
                mistake("check --faults=", "'--faults'", "got \"\""),
                mistake("check --edition 2.6", "'--edition'", "v8, 3.1", "got \"2.6\""),
                mistake("check --fix room=house,size=0", "--fix", "size must be 1..1048576", "got \"0\""),
                mistake("check --fix size=9", "--fix", "room=house|", "no room"),
                mistake("check --fix room=house,taste=sweet", "--fix", "unknown part \"taste\""),
                mistake("check --format csv", "'--format'", "text, json", "got \"csv\""),
                mistake("check 5", "check takes options only", "got \"5\""),
                mistake("tabel", "unknown command \"tabel\"", "table, run, trace, check"),
                mistake("run --sizes 4K", "unknown option \"--sizes\""),
                mistake("--bogus", "unknown option \"--bogus\""),
                mistake("@nosuchfile", "unknown command \"@nosuchfile\""),
                mistake("", "unknown command \"\""));
    }

    private static Arguments mistake(String line, String... named) {
        return Arguments.of(line, List.of(named));
    }

    @ParameterizedTest(name = "softnic {0}")
    @MethodSource("mistakes")
    void aMistakeIsOneLineThatNamesItAndStatusTwo(String line, List<String> named) {
        Said said = line.isEmpty() ? Said.of("") : Said.line(line);

        assertThat(said.status()).isEqualTo(Main.EX_USAGE);
        assertThat(said.out()).isEmpty();
        assertThat(said.err().lines()).hasSize(1);
        assertThat(said.err()).startsWith("softnic: ").contains(named).doesNotContainPattern(STACK_TRACE)
                .matches(Pattern.compile(".*; see softnic( table| run| trace| check)? --help\\R", Pattern.DOTALL));
    }

    @Test
    void aReaderThatWentAwayIsOneLineAndNoStackTrace() {
        OutputStream gone = new OutputStream() {
            @Override
            public void write(int b) throws IOException {
                throw new IOException("Broken pipe");
            }
        };
        StringWriter err = new StringWriter();

        int status = Main.run(new PrintWriter(gone), new PrintWriter(err, true), "trace", "--frame", "60");

        assertThat(status).isEqualTo(Main.EX_FAULT);
        assertThat(err.toString()).isEqualTo("softnic: cannot write to standard output" + System.lineSeparator());
    }

    private static List<String> names(JsonNode object) {
        List<String> names = new ArrayList<>();
        object.fieldNames().forEachRemaining(names::add);
        return names;
    }

    /** A header's cells without those that stand beside a column of ours. */
    private static List<String> cells(String[] header) {
        return Arrays.stream(header).map(String::strip)
                .filter(cell -> !cell.isEmpty() && !cell.equals("published") && !cell.equals("deviation")).toList();
    }
}
