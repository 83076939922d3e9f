package softnic.report;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.DynamicTest.dynamicTest;

import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;
import softnic.Edition;
import softnic.host.OneFrame;
import softnic.model.PriceFile;

/**
 * Our call graph of a frame, in edition 6.1, is the one that the function-graph tracer recorded on a real Linux 6.1.
 *
 * <p>The goldens are recordings: nothing here rewrites them ({@code goldens/README.md}).
 */
class GoldenGraphTest {

    private static final Pattern NAME = Pattern.compile("(dummy|async-sg)-plain-(\\d+)\\.graph");
    private static final int PYTHON_LIMIT_S = 30;

    /** One recording, and what it is a recording of. */
    private record Golden(Path file, OneFrame.Lower lower, int frameBytes) {

        String text() throws IOException {
            return Files.readString(file);
        }

        /** Our graph of the same frame. */
        String ours() {
            OneFrame.Options options =
                    new OneFrame.Options(frameBytes, Edition.V6_1, lower, false, true, true);
            return CallGraph.of(OneFrame.run(options, PriceFile.preset(PriceFile.DEFAULT))).toGraph();
        }
    }

    @TestFactory
    Stream<DynamicTest> ourGraphIsTheRecordedOne() throws IOException {
        return goldens().stream().map(golden -> dynamicTest(golden.file().getFileName().toString(), () ->
                assertThat(CanonicalGraph.lines(golden.ours()))
                        .isEqualTo(CanonicalGraph.lines(golden.text()))
                        .hasSizeGreaterThan(5)));
    }

    /** Every single change of a recorded graph shows, or the comparison above says little. */
    @TestFactory
    Stream<DynamicTest> aWrongGraphIsNotTheRecordedOne() throws IOException {
        return goldens().stream().map(golden -> dynamicTest(golden.file().getFileName().toString(), () -> {
            List<String> right = CanonicalGraph.lines(golden.text());
            for (int i = 0; i < right.size(); i++) {
                assertThat(CanonicalGraph.lines(withoutLine(right, i))).as("line %d removed", i).isNotEqualTo(right);
                assertThat(CanonicalGraph.lines(renamed(right, i))).as("line %d renamed", i).isNotEqualTo(right);
                if (right.get(i).startsWith(" ")) {     // a root twice is an idle pass before the real one: no change
                    assertThat(CanonicalGraph.lines(withLine(right, i))).as("line %d added", i).isNotEqualTo(right);
                }
                if (i > 0 && !right.get(i).equals(right.get(i - 1))) {
                    assertThat(CanonicalGraph.lines(swapped(right, i))).as("line %d swapped", i).isNotEqualTo(right);
                }
            }
        }));
    }

    /** Copied or not, 243 or 244 bytes: frames with different ways have different graphs. */
    @Test
    void theCopiedAndTheZeroCopyFrameDiffer() throws IOException {
        Golden copied = golden("dummy-plain-243.graph");
        Golden pinned = golden("dummy-plain-244.graph");

        assertThat(CanonicalGraph.lines(copied.ours())).isNotEqualTo(CanonicalGraph.lines(pinned.text()));
        assertThat(CanonicalGraph.lines(pinned.ours())).isNotEqualTo(CanonicalGraph.lines(copied.text()));
    }

    /** The two forms of the rules are one: whoever changes canonical.py changes CanonicalGraph. */
    @Test
    void theScriptAgreesWithTheJavaForm(@TempDir Path dir) throws IOException, InterruptedException {
        String python = onPath("python3").orElse(null);
        if (python == null) {
            System.out.println("skipped: canonical.py agrees with CanonicalGraph: no python3 on the PATH");
        }
        Assumptions.assumeTrue(python != null, "no python3 on the PATH");
        for (Golden golden : goldens()) {
            Path ours = Files.writeString(dir.resolve("ours.graph"), golden.ours());
            for (Path graph : List.of(ours, golden.file())) {
                assertThat(script(dir, python, graph)).as(golden.file() + " by the script")
                        .isEqualTo(CanonicalGraph.lines(Files.readString(graph)));
            }
        }
    }

    private static List<String> script(Path dir, String python, Path graph) throws IOException, InterruptedException {
        Path out = dir.resolve("canonical.out");
        Process process = new ProcessBuilder(python, "-B", goldenDir().resolve("canonical.py").toString(),
                graph.toString()).redirectErrorStream(true).redirectOutput(out.toFile()).start();
        assertThat(process.waitFor(PYTHON_LIMIT_S, TimeUnit.SECONDS)).isTrue();
        assertThat(process.exitValue()).as(Files.readString(out)).isZero();
        return Files.readAllLines(out);
    }

    private static Optional<String> onPath(String command) {
        return Stream.of(System.getenv().getOrDefault("PATH", "").split(":"))
                .map(folder -> Path.of(folder, command)).filter(Files::isExecutable).map(Path::toString).findFirst();
    }

    private static String withoutLine(List<String> lines, int index) {
        List<String> less = new ArrayList<>(lines);
        less.remove(index);
        return String.join("\n", less);
    }

    private static String withLine(List<String> lines, int index) {
        List<String> more = new ArrayList<>(lines);
        more.add(index, lines.get(index));
        return String.join("\n", more);
    }

    private static String renamed(List<String> lines, int index) {
        List<String> other = new ArrayList<>(lines);
        other.set(index, lines.get(index) + "_other");
        return String.join("\n", other);
    }

    private static String swapped(List<String> lines, int index) {
        List<String> other = new ArrayList<>(lines);
        other.set(index, other.set(index - 1, other.get(index)));
        return String.join("\n", other);
    }

    private static Golden golden(String name) throws IOException {
        return goldens().stream().filter(g -> g.file().endsWith(name)).findFirst().orElseThrow();
    }

    private static List<Golden> goldens() throws IOException {
        List<Golden> all = new ArrayList<>();
        try (Stream<Path> files = Files.list(goldenDir())) {
            for (Path file : files.filter(f -> f.toString().endsWith(".graph")).sorted().toList()) {
                Matcher m = NAME.matcher(file.getFileName().toString());
                assertThat(m.matches()).as("name of " + file).isTrue();
                all.add(new Golden(file, m.group(1).equals("dummy") ? OneFrame.Lower.DUMMY : OneFrame.Lower.IXGBE,
                        Integer.parseInt(m.group(2))));
            }
        }
        assertThat(all).as("goldens").isNotEmpty();
        return all;
    }

    private static Path goldenDir() {
        try {
            return Path.of(GoldenGraphTest.class.getResource("/goldens/canonical.py").toURI()).getParent();
        } catch (URISyntaxException e) {
            throw new IllegalStateException(e);
        }
    }
}
