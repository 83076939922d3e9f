package softnic.cli;

import java.io.PrintWriter;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;
import softnic.model.PriceFile;

/** The command {@code ./softnic}. */
@Command(name = "softnic", subcommands = {TableCommand.class, RunCommand.class, TraceCommand.class},
        mixinStandardHelpOptions = true, versionProvider = Main.Version.class,
        header = "A software NIC and the kernel's transmit path to it, in one JVM.",
        description = {
            "One frame's way, with real bytes: guest virtio-net -> vhost-net -> macvtap -> sk_buff -> an 82599-like NIC -> "
                + "the wire -> a far end that verifies every byte.", ""},
        footer = {"",
            "Also:  softnic bench [--quick] [JMH options]   microbenchmarks of the steps; builds them on first use",
            "",
            "Examples:",
            "  softnic table                     the published 4K/8K/16K/64K table, reproduced in virtual time",
            "  softnic run --size 64K            one scenario with the counters of every room",
            "  softnic trace --frame 1514        the call graph of one frame, in kernel 6.1's words",
            "",
            "Exit status: 0 done, 1 the run found a fault, 2 bad usage, 3 no JDK 25."})
public final class Main implements Runnable {

    /** Done. */
    static final int EX_OK = 0;
    /** The run found a fault, or was cut short. */
    static final int EX_FAULT = 1;
    /** The command line, or a file it names, cannot be used. */
    static final int EX_USAGE = 2;

    @Spec
    private CommandSpec spec;

    /** Parses, runs, exits. */
    public static void main(String[] args) {
        System.exit(run(new PrintWriter(System.out, false), new PrintWriter(System.err, true), args));
    }

    /** Everything but the exit, so that tests call it. @return the exit status */
    public static int run(PrintWriter out, PrintWriter err, String... args) {
        CommandLine line = new CommandLine(new Main())
                .setOut(out)
                .setErr(err)
                .setCaseInsensitiveEnumValuesAllowed(true)
                .setParameterExceptionHandler((e, rest) -> usage(e, err))
                .setExecutionExceptionHandler((e, where, parsed) -> fault(e, err));
        Units.register(line);
        int status = line.execute(args);
        out.flush();
        if (out.checkError()) {
            err.println("softnic: cannot write to standard output");
            return EX_FAULT;
        }
        return status;
    }

    @Override
    public void run() {
        spec.commandLine().usage(spec.commandLine().getOut());
    }

    private static int usage(CommandLine.ParameterException e, PrintWriter err) {
        String first = e.getMessage().lines().findFirst().orElse("bad usage");
        err.println("softnic: " + first + "; see " + e.getCommandLine().getCommandSpec().qualifiedName() + " --help");
        return EX_USAGE;
    }

    private static int fault(Exception e, PrintWriter err) {
        boolean user = e instanceof IllegalArgumentException || e instanceof PriceFile.Fault;
        err.println("softnic: " + e.getMessage());
        return user ? EX_USAGE : EX_FAULT;
    }

    /** Name and version, from the jar's manifest. */
    static final class Version implements CommandLine.IVersionProvider {
        @Override
        public String[] getVersion() {
            String version = Main.class.getPackage().getImplementationVersion();
            return new String[] {"softnic " + (version == null ? "(not packaged)" : version),
                "Java " + Runtime.version()};
        }
    }
}
