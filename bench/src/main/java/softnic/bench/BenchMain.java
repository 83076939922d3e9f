package softnic.bench;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.openjdk.jmh.profile.GCProfiler;
import org.openjdk.jmh.runner.NoBenchmarksException;
import org.openjdk.jmh.runner.ProfilersFailedException;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.options.ChainedOptionsBuilder;
import org.openjdk.jmh.runner.options.CommandLineOptionException;
import org.openjdk.jmh.runner.options.CommandLineOptions;
import org.openjdk.jmh.runner.options.OptionsBuilder;
import org.openjdk.jmh.runner.options.TimeValue;

/** The command {@code ./softnic bench}: JMH with our lessons, our flags and a table that fits them. */
public final class BenchMain {

    private static final int EX_OK = 0;
    private static final int EX_FAULT = 1;
    private static final int EX_USAGE = 2;

    private static final String HELP = """
            Usage: softnic bench [--quick] [REGEXP...] [JMH options]

            Microbenchmarks of the steps of a packet's way, one lesson a file (bench/src/main/java/softnic/bench).
            The figures are of this machine, now: wall and CPU time an operation, and garbage an operation.

              -l                list the lessons, and stop (-lp: with their parameters)
              --quick           every lesson once, briefly: one to two minutes; good for a look, not for a verdict
              -p NAME=A,B       only these values of a parameter
              -f N, -wi N, -i N forks, warm-up iterations, measured iterations; -r TIME, -w TIME: how long each
              -prof NAME        one of JMH's profilers (-lprof lists them); gc and the CPU clock are always on
              -h                all options of JMH
              --help            this text

            Examples:
              softnic bench --quick
              softnic bench B03 -p frameBytes=65226
              softnic bench B01 -f 1 -prof stack

            Exit status: 0 done, 1 a lesson failed, 2 bad usage, 3 no JDK 25.
            """;

    /** What forks need when this JVM was not started by ./softnic; see softnic.jvm in pom.xml. Twice does no harm. */
    private static final String[] JVM_FLAGS = {
        "--sun-misc-unsafe-memory-access=allow",
        "--add-opens=java.base/java.lang.reflect=ALL-UNNAMED",
        "--add-exports=java.base/sun.nio.ch=ALL-UNNAMED",
        "--add-exports=java.base/jdk.internal.ref=ALL-UNNAMED",
        "--enable-native-access=ALL-UNNAMED",
        "-Dchronicle.analytics.disable=true",
        "-Dchronicle.announcer.disable=true"};

    /** With --quick, code waits until it is compiled: on a busy machine nothing would be warm in time without. */
    private static final String FOREGROUND = "-XX:-BackgroundCompilation";

    private BenchMain() {
    }

    /** Parses, runs, exits. */
    public static void main(String[] args) throws IOException {
        // JMH's lock is one file for the whole machine: another user's run must not stop ours, noise is declared.
        if (System.getProperty("jmh.ignoreLock") == null) {
            System.setProperty("jmh.ignoreLock", "true");
        }
        System.exit(run(args));
    }

    private static int run(String[] args) throws IOException {
        List<String> rest = new ArrayList<>(List.of(args));
        if (rest.contains("--help")) {
            System.out.print(HELP);
            return EX_OK;
        }
        boolean quick = rest.removeIf("--quick"::equals);
        Rows rows = new Rows(System.out);
        try {
            CommandLineOptions line = new CommandLineOptions(rest.toArray(new String[0]));
            return isAnswered(line) ? EX_OK : measure(line, quick, rows);
        } catch (CommandLineOptionException | IllegalArgumentException | ProfilersFailedException e) {
            return usage(e.getMessage());
        } catch (NoBenchmarksException e) {
            return usage("no lesson matches");
        } catch (RunnerException e) {
            System.err.print(rows.said());
            System.err.println("softnic: bench: a lesson failed: " + e.getMessage());
            return EX_FAULT;
        }
    }

    private static int usage(String what) {
        String first = what == null ? "bad usage" : what.lines().findFirst().orElse("bad usage");
        System.err.println("softnic: bench: " + first + "; see softnic bench --help");
        return EX_USAGE;
    }

    /** What needs no measuring. */
    private static boolean isAnswered(CommandLineOptions line) throws IOException {
        if (line.shouldHelp()) {
            line.showHelp();
        } else if (line.shouldList()) {
            new Runner(line).list();
        } else if (line.shouldListWithParams()) {
            new Runner(line).listWithParams(line);
        } else if (line.shouldListProfilers()) {
            line.listProfilers();
        } else if (line.shouldListResultFormats()) {
            line.listResultFormats();
        } else {
            return false;
        }
        return true;
    }

    private static int measure(CommandLineOptions line, boolean quick, Rows rows) throws RunnerException {
        ChainedOptionsBuilder options = new OptionsBuilder().parent(line)
                .shouldFailOnError(line.shouldFailOnError().orElse(true))
                .addProfiler(CpuTime.class).addProfiler(GCProfiler.class);
        List<String> flags = new ArrayList<>(List.of(JVM_FLAGS));
        if (quick) {
            flags.add(FOREGROUND);
        }
        flags.addAll(line.getJvmArgsPrepend().orElse(List.of()));
        options.jvmArgsPrepend(flags.toArray(new String[0]));
        if (quick) {
            shorten(options, line);
            new Runner(options.build(), rows).run();
        } else {
            rows.rows(new Runner(options.build()).run());
        }
        return EX_OK;
    }

    /** Long enough to be compiled, and no longer; what the user says himself stays. */
    private static void shorten(ChainedOptionsBuilder options, CommandLineOptions line) {
        options.forks(line.getForkCount().orElse(1))
                .warmupIterations(line.getWarmupIterations().orElse(4))
                .warmupTime(line.getWarmupTime().orElse(TimeValue.milliseconds(400)))
                .measurementIterations(line.getMeasurementIterations().orElse(5))
                .measurementTime(line.getMeasurementTime().orElse(TimeValue.milliseconds(60)));
    }
}
