package softnic.cli;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;
import softnic.Edition;
import softnic.host.RunResult;
import softnic.host.Runs;
import softnic.host.Scenario;
import softnic.model.PriceFile;
import softnic.report.Row;
import softnic.report.TableReport;

/** {@code softnic table}: the published table, reproduced. */
@Command(name = "table", mixinStandardHelpOptions = true, sortOptions = false,
        description = {"Runs a TCP_STREAM for each message size, with and without zero-copy, and prints the published table "
            + "with our values, the published ones, and the deviation.", ""},
        footer = {"", "Examples:", "  softnic table", "  softnic table --sizes 4K,64K --duration 200ms --format json"})
final class TableCommand implements Callable<Integer> {

    enum Format { TEXT, JSON, CSV, MD }

    private static final long FINGERPRINT_PRIME = 0x9E37_79B9_7F4A_7C15L;

    @Spec
    private CommandSpec spec;

    @Option(names = "--sizes", split = ",", paramLabel = "SIZE", defaultValue = "4K,8K,16K,64K",
            description = "Message sizes (default: ${DEFAULT-VALUE}).")
    private List<Units.Size> sizes;

    @Option(names = "--edition", paramLabel = "EDITION", defaultValue = "v8",
            description = "Which kernel, v8 to 6.18; docs/EDITIONS.md lists them (default: ${DEFAULT-VALUE}).")
    private Edition edition;

    @Mixin
    private QuirksOption quirks;

    @Option(names = "--world", paramLabel = "virtual|live", defaultValue = "virtual",
            description = "virtual: prices make time pass, the same everywhere (default); live: threads on this machine.")
    private Scenario.World world;

    @Option(names = "--duration", paramLabel = "TIME", defaultValue = "1s",
            description = "How long each row sends, on the world's clock (default: ${DEFAULT-VALUE}).")
    private Units.Time duration;

    @Option(names = "--seed", paramLabel = "N", defaultValue = "1",
            description = "Of all that a real host would choose at random (default: ${DEFAULT-VALUE}).")
    private long seed;

    @Option(names = "--format", paramLabel = "text|json|csv|md", defaultValue = "text",
            description = "How to print (default: ${DEFAULT-VALUE}).")
    private Format format;

    @Override
    public Integer call() {
        checkSizes();
        PriceFile prices = PriceFile.preset(PriceFile.DEFAULT);
        List<RunResult> results = runAll(prices);
        TableReport report = report(prices, results);
        spec.commandLine().getOut().print(switch (format) {
            case TEXT -> report.toText();
            case JSON -> report.toJson();
            case CSV -> report.toCsv();
            case MD -> report.toMarkdown();
        });
        return Faults.report(results, spec.commandLine().getErr());
    }

    private void checkSizes() {
        if (sizes.isEmpty()) {
            throw new ParameterException(spec.commandLine(),
                    "invalid value for option '--sizes': expected sizes such as 4K,64K, got none");
        }
        Set<Integer> seen = new HashSet<>();
        for (Units.Size size : sizes) {
            if (!seen.add(Units.messageBytes(spec, "--sizes", size))) {
                throw new ParameterException(spec.commandLine(),
                        "invalid value for option '--sizes': expected each size once, got " + size + " twice");
            }
        }
    }

    /** Longest packets first: by the time the many small ones come, the code has been compiled. */
    private List<RunResult> runAll(PriceFile prices) {
        List<Scenario> scenarios = new ArrayList<>();
        for (Units.Size size : sizes) {
            Scenario scenario = Scenario.DEFAULT.withEdition(quirks.of(edition)).withWorld(world).withSeed(seed)
                    .withMessageBytes(size.bytes()).withDurationNs(duration.ns());
            scenarios.add(scenario.withZerocopy(true));
            scenarios.add(scenario.withZerocopy(false));
        }
        RunResult[] results = new RunResult[scenarios.size()];
        try (Progress progress = new Progress("table", scenarios.size())) {
            for (int i = scenarios.size() - 1; i >= 0; i--) {
                progress.now(label(scenarios.get(i)));
                results[i] = Runs.run(scenarios.get(i), prices);
                progress.step();
            }
        }
        return List.of(results);
    }

    private static String label(Scenario scenario) {
        return new Units.Size(scenario.messageBytes()) + (scenario.zerocopy() ? "" : "(Orig)");
    }

    private TableReport report(PriceFile prices, List<RunResult> results) {
        boolean virtual = world == Scenario.World.VIRTUAL;
        long fingerprint = FINGERPRINT_PRIME;
        for (RunResult result : results) {
            fingerprint = (fingerprint ^ result.fingerprint()) * FINGERPRINT_PRIME;
        }
        return new TableReport(world.name().toLowerCase(Locale.ROOT), quirks.of(edition), seed,
                spec.findOption("--duration").originalStringValues().stream().findFirst().orElse("1s"),
                virtual ? prices.name() : "", virtual ? String.format("%016x", fingerprint) : "",
                virtual ? packetsPerCpuS(results) : 0, results.stream().map(Row::of).toList());
    }

    /** Speed of the simulation itself, on the row whose packets are smallest and each about one message. */
    private static double packetsPerCpuS(List<RunResult> results) {
        RunResult smallest = results.get(1);
        for (RunResult result : results) {
            boolean smaller = result.scenario().messageBytes() < smallest.scenario().messageBytes();
            smallest = !result.scenario().zerocopy() && smaller ? result : smallest;
        }
        return smallest.packets() * 1e9 / smallest.simulationCpuNs();
    }
}
