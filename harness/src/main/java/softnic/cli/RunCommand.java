package softnic.cli;

import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;
import softnic.Edition;
import softnic.host.LetterResult;
import softnic.host.LetterTest;
import softnic.host.RunResult;
import softnic.host.Runs;
import softnic.host.Scenario;
import softnic.model.PriceFile;
import softnic.report.LetterReport;
import softnic.report.RunReport;
import softnic.vhost.VhostNet;
import softnic.wire.RemoteHostOptions;

/** {@code softnic run}: one scenario, with everything that was counted. */
@Command(name = "run", mixinStandardHelpOptions = true, sortOptions = false,
        description = {"Runs one TCP_STREAM and prints its row, what each CPU spent its time on, the counters of every room, "
            + "and whether everything that went in came out.",
            "With the name of one of the cover letter's tests, runs that and prints what must be observed and whether it was.",
            ""},
        footer = {"", "Examples:", "  softnic run --size 64K --edition 6.1",
            "  softnic run --size 4K --copy --world live --duration 10s --monitors",
            "  softnic run tcpdump-suspended --edition 3.1",
            "  softnic run tx-overrun"})
final class RunCommand implements Callable<Integer> {

    enum Format { TEXT, JSON }

    @Spec
    private CommandSpec spec;

    @Parameters(arity = "0..1", paramLabel = "TEST", description = {
        "tcpdump-suspended: a packet socket on the lower device, its reader frozen, then thawed.",
        "dynamic-sg: scatter/gather and TSO of the lower device switched off and on while netperf sends.",
        "tx-overrun: 256 B to 2 KiB with TCP_NODELAY, copied and zero-copy under several thresholds.",
        "stress: --streams connections with messages of --size, a quarter, a sixteenth and a 64th of it.",
        "Virtual world, zero-copy, monitors on, 20ms to 10s."})
    private String test;

    @Option(names = "--size", paramLabel = "SIZE", defaultValue = "4K",
            description = "Bytes of each send() of netperf (default: ${DEFAULT-VALUE}).")
    private Units.Size size;

    @Option(names = "--copy", description = "Without zero-copy: the table's (Orig) rows.")
    private boolean copy;

    @Option(names = "--edition", paramLabel = "EDITION", defaultValue = "v8",
            description = "Which kernel, v8 to 6.18; docs/EDITIONS.md lists them (default: ${DEFAULT-VALUE}).")
    private Edition edition;

    @Mixin
    private QuirksOption quirks;

    @Option(names = "--world", paramLabel = "virtual|live", defaultValue = "virtual",
            description = "virtual (default) or live: four threads on this machine.")
    private Scenario.World world;

    @Option(names = "--duration", paramLabel = "TIME", defaultValue = "1s",
            description = "How long netperf sends, on the world's clock (default: ${DEFAULT-VALUE}).")
    private Units.Time duration;

    @Option(names = "--seed", paramLabel = "N", defaultValue = "1",
            description = "Of all that a real host would choose at random (default: ${DEFAULT-VALUE}).")
    private long seed;

    @Option(names = "--streams", paramLabel = "N", defaultValue = "16",
            description = "Connections of stress, 1 to 64 (default: ${DEFAULT-VALUE}).")
    private int streams;

    @Option(names = "--no-indirect", description = "The guest uses no indirect descriptors.")
    private boolean noIndirect;

    @Option(names = "--monitors", description = "Watch the invariants on line, and poison returned guest buffers.")
    private boolean monitors;

    @Option(names = "--format", paramLabel = "text|json", defaultValue = "text",
            description = "How to print (default: ${DEFAULT-VALUE}).")
    private Format format;

    @Override
    public Integer call() {
        Scenario scenario = Scenario.DEFAULT.withEdition(quirks.of(edition)).withWorld(world).withSeed(seed)
                .withMessageBytes(Units.messageBytes(spec, "--size", size)).withZerocopy(!copy).withIndirect(!noIndirect)
                .withMonitored(monitors).withDurationNs(duration.ns());
        if (test != null) {
            return letterTest(Units.letterTest(spec, test), scenario);
        }
        RunResult result;
        try (Progress progress = new Progress("run", 1)) {
            result = Runs.run(scenario, PriceFile.preset(PriceFile.DEFAULT));
            progress.step();
        }
        RunReport report = new RunReport(result);
        spec.commandLine().getOut().print(format == Format.TEXT ? report.toText() : report.toJson());
        return Faults.report(List.of(result), spec.commandLine().getErr());
    }

    private int letterTest(LetterTest test, Scenario scenario) {
        if (copy || world == Scenario.World.LIVE) {
            throw new ParameterException(spec.commandLine(), test + " runs with zero-copy in the virtual world, got "
                    + (copy ? "--copy" : "--world live"));
        }
        if (streams < 1 || streams > RemoteHostOptions.MAX_STREAMS) {
            throw new ParameterException(spec.commandLine(), "invalid value for option '--streams': expected 1.."
                    + RemoteHostOptions.MAX_STREAMS + ", got " + streams);
        }
        LetterResult result;
        try (Progress progress = new Progress(test.toString(), 1)) {
            result = test.run(test == LetterTest.STRESS ? scenario.withVariant(
                    new Scenario.Variant(streams, false, false, VhostNet.VHOST_GOODCOPY_LEN, true)) : scenario, PriceFile.preset(PriceFile.DEFAULT));
            progress.step();
        }
        LetterReport report = new LetterReport(test, result);
        spec.commandLine().getOut().print(format == Format.TEXT ? report.toText() : report.toJson());
        int sound = Faults.report(result.runs(), spec.commandLine().getErr());
        return result.holds() ? sound : Main.EX_FAULT;
    }
}
