package softnic.cli;

import java.io.PrintWriter;
import java.util.stream.Collectors;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;
import picocli.CommandLine.UnmatchedArgumentException;
import softnic.model.PriceFile;

/** The command {@code ./softnic}. */
@Command(name = "softnic", subcommands = {TableCommand.class, RunCommand.class, TraceCommand.class,
            CheckCommand.class},
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
            "  softnic check --seeds 200         short runs in which things go wrong, everything watched",
            "",
            "Exit status: 0 done, 1 the run found a fault, 2 bad usage, 3 no JDK 25."})
public final class Main implements Runnable {

    /** Done. */
    static final int EX_OK = 0;
    /** The run found a fault, or was cut short. */
    static final int EX_FAULT = 1;
    /** The command line, or a file it names, cannot be used. */
    static final int EX_USAGE = 2;

    private static final int HELP_COLUMNS = 100;

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
                .setExpandAtFiles(false)
                .setUsageHelpWidth(HELP_COLUMNS)
                .setParameterExceptionHandler((e, rest) -> usage(e, err))
                .setExecutionExceptionHandler((e, where, parsed) -> fault(e, where, err));
        Units.register(line);
        line.getSubcommands().values().forEach(sub -> sub.getCommandSpec().versionProvider(new Version()));
        int status = execute(line, err, args);
        out.flush();
        if (out.checkError()) {
            err.println("softnic: cannot write to standard output");
            return EX_FAULT;
        }
        return status;
    }

    private static int execute(CommandLine line, PrintWriter err, String[] args) {
        try {
            return line.execute(args);
        } catch (OutOfMemoryError e) {
            err.println("softnic: out of memory (" + e.getMessage() + "); give Java more with SOFTNIC_JAVA_OPTS=-Xmx2g");
        } catch (Error e) {                 // an assertion, a class that is missing
            err.println(internal(e));
        }
        return EX_FAULT;
    }

    @Override
    public void run() {
        spec.commandLine().usage(spec.commandLine().getOut());
    }

    /** One line: what is wrong, what was expected and found, and where to read on. */
    private static int usage(ParameterException e, PrintWriter err) {
        CommandSpec command = e.getCommandLine().getCommandSpec();
        err.println("softnic: " + what(e, command) + "; see " + command.qualifiedName() + " --help");
        return EX_USAGE;
    }

    private static String what(ParameterException e, CommandSpec command) {
        if (e instanceof UnmatchedArgumentException unmatched && !unmatched.getUnmatched().isEmpty()) {
            String got = '"' + oneLine(unmatched.getUnmatched().getFirst()) + '"';
            if (unmatched.isUnknownOption()) {
                return "unknown option " + got;
            }
            return command.subcommands().isEmpty() ? command.name() + " takes options only, got " + got
                    : "unknown command " + got + ", expected one of " + String.join(", ", command.subcommands().keySet());
        }
        // picocli's first line is the fault, the others suggest options
        String message = e.getMessage() == null ? "" : e.getMessage().lines().findFirst().orElse("");
        return message.isBlank() ? "bad usage" : Character.toLowerCase(message.charAt(0)) + message.substring(1);
    }

    private static int fault(Exception e, CommandLine where, PrintWriter err) {
        switch (e) {
            case PriceFile.Fault fault -> err.println("softnic: " + oneLine(fault.getMessage()));
            case IllegalArgumentException wrong when wrong.getMessage() != null -> err.println("softnic: "
                    + oneLine(wrong.getMessage()) + "; see " + where.getCommandSpec().qualifiedName() + " --help");
            case IllegalStateException broken when broken.getMessage() != null -> {
                err.println("softnic: " + oneLine(broken.getMessage()));
                return EX_FAULT;
            }
            default -> {
                err.println(internal(e));
                return EX_FAULT;
            }
        }
        return EX_USAGE;
    }

    /** What cannot happen, in one line that says where it did. */
    private static String internal(Throwable e) {
        StackTraceElement[] frames = e.getStackTrace();
        return "softnic: internal fault: " + oneLine(e.toString()) + (frames.length == 0 ? "" : " at " + frames[0])
                + "; this is a bug, please report it with the command line";
    }

    private static String oneLine(String text) {
        return text.lines().collect(Collectors.joining(" "));
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
