package softnic.cli;

import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;
import softnic.Edition;
import softnic.host.OneFrame;
import softnic.model.PriceFile;
import softnic.report.CallGraph;
import softnic.trace.Trace;

/** {@code softnic trace}: one frame, as a call graph. */
@Command(name = "trace", mixinStandardHelpOptions = true, sortOptions = false,
        description = {"One frame from the TX ring to the device, as the call graph of the kernel functions it ran "
            + "through. In edition 6.1 it is what the function-graph tracer records on a real Linux 6.1.", ""},
        footer = {"", "Example:",
            "  softnic trace --frame 16000 --lower ixgbe      a TCPv4 GSO packet: TSO, DMA, completion in softirq",
            "  softnic trace --frame 1514 --sniffer           what tcpdump does to a zero-copy packet"})
final class TraceCommand implements Callable<Integer> {

    enum Format { GRAPH, FTRACE }

    @Spec
    private CommandSpec spec;

    @Option(names = "--frame", required = true, paramLabel = "BYTES",
            description = "Bytes of the frame, without FCS: 14..65535; above 1514 it is a TCPv4 GSO packet.")
    private Units.Size frame;

    @Option(names = "--edition", paramLabel = "EDITION", defaultValue = "6.1",
            description = "Which kernel, v8 to 6.18; docs/EDITIONS.md lists them (default: ${DEFAULT-VALUE}).")
    private Edition edition;

    @Mixin
    private QuirksOption quirks;

    @Option(names = "--lower", paramLabel = "dummy|ixgbe", defaultValue = "dummy",
            description = "The device under macvtap: dummy frees the packet inside xmit (default), ixgbe sends it.")
    private OneFrame.Lower lower;

    @Option(names = "--sniffer", description = "A packet socket listens on the lower device.")
    private boolean sniffer;

    @Option(names = "--no-sg", description = "The lower device has scatter/gather off, hence TSO too.")
    private boolean noSg;

    @Option(names = "--copy", description = "vhost-net without zero-copy (experimental_zcopytx=0).")
    private boolean copy;

    @Option(names = "--format", paramLabel = "graph|ftrace", defaultValue = "graph",
            description = "graph: indented names (default); ftrace: as function_graph prints, with virtual durations.")
    private Format format;

    @Override
    public Integer call() {
        int bytes = Units.within(spec, "--frame", frame, OneFrame.MIN_FRAME, OneFrame.MAX_FRAME);
        OneFrame.Options options = new OneFrame.Options(bytes, quirks.of(edition), lower, sniffer, !noSg, !copy);
        Trace trace = OneFrame.run(options, PriceFile.preset(PriceFile.DEFAULT));
        CallGraph graph = CallGraph.of(trace);
        spec.commandLine().getOut().print(format == Format.GRAPH ? graph.toGraph() : graph.toFtrace());
        return Main.EX_OK;
    }
}
