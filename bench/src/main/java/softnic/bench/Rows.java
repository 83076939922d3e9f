package softnic.bench;

import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.Collection;
import java.util.Locale;
import org.openjdk.jmh.infra.BenchmarkParams;
import org.openjdk.jmh.infra.IterationParams;
import org.openjdk.jmh.results.BenchmarkResult;
import org.openjdk.jmh.results.IterationResult;
import org.openjdk.jmh.results.Result;
import org.openjdk.jmh.results.RunResult;
import org.openjdk.jmh.runner.format.OutputFormat;

/**
 * A table of results, one row as soon as a benchmark is done. What else JMH would say is kept and shown only if
 * the run fails.
 */
final class Rows implements OutputFormat {

    private static final String FORMAT = "%-43s %-30s %12s %12s %12s %12s %-6s %6s%n";
    private static final String ALLOCATED = "gc.alloc.rate.norm";

    private final PrintStream out;
    private final StringBuilder said = new StringBuilder();

    Rows(PrintStream out) {
        this.out = out;
    }

    void header() {
        out.printf("World: this machine, real time, one thread; Java %s, %d CPUs. Expect noise.%n",
                Runtime.version().feature(), Runtime.getRuntime().availableProcessors());
        out.println("wall, cpu: by the clock on the wall and by the thread's own; cpu min repeats best.");
        out.println("B/op: garbage; a little is JMH's own. op: one frame, packet or page, as the lesson says.");
        out.println();
        out.printf(FORMAT, "Lesson", "Parameters", "wall median", "wall min", "cpu median", "cpu min", "", "B/op");
    }

    private void row(BenchmarkParams params, Result<?> wall, Result<?> cpu, Result<?> allocated) {
        StringBuilder values = new StringBuilder();
        for (String key : params.getParamsKeys()) {
            values.append(values.isEmpty() ? "" : " ").append(key).append('=').append(params.getParam(key));
        }
        String name = params.getBenchmark();
        out.printf(FORMAT, name.substring(name.lastIndexOf('.', name.lastIndexOf('.') - 1) + 1), values,
                median(wall), min(wall), median(cpu), min(cpu), wall.getScoreUnit(), min(allocated));
        out.flush();
    }

    private static String median(Result<?> result) {
        return result == null ? "-" : number(result.getStatistics().getPercentile(50));
    }

    private static String min(Result<?> result) {
        return result == null ? "-" : number(result.getStatistics().getMin());
    }

    private static String number(double value) {
        return String.format(Locale.ROOT, value < 100 ? "%.1f" : "%.0f", value);
    }

    /** What JMH said: an explanation for a run that failed. */
    String said() {
        return said.toString();
    }

    @Override
    public void endBenchmark(BenchmarkResult result) {
        if (result != null) {               // null: it failed
            row(result.getParams(), result.getPrimaryResult(), result.getSecondaryResults().get(CpuTime.NAME),
                    result.getSecondaryResults().get(ALLOCATED));
        }
    }

    void rows(Collection<RunResult> results) {
        header();
        for (RunResult result : results) {
            endBenchmark(result.getAggregatedResult());
        }
    }

    @Override
    public void startRun() {
        header();
    }

    @Override
    public void startBenchmark(BenchmarkParams params) {
        // its row says all
    }

    @Override
    public void iteration(BenchmarkParams benchmark, IterationParams iteration, int number) {
        // its row says all
    }

    @Override
    public void iterationResult(BenchmarkParams benchmark, IterationParams iteration, int number,
            IterationResult result) {
        // its row says all
    }

    @Override
    public void endRun(Collection<RunResult> results) {
        // the rows are there
    }

    @Override
    public void print(String text) {
        said.append(text);
    }

    @Override
    public void println(String text) {
        said.append(text).append('\n');
    }

    @Override
    public void verbosePrintln(String text) {
        // only for those who debug JMH
    }

    @Override
    public void write(int b) {
        said.append((char) b);
    }

    @Override
    public void write(byte[] bytes) {
        said.append(new String(bytes, StandardCharsets.UTF_8));
    }

    @Override
    public void flush() {
        out.flush();
    }

    @Override
    public void close() {
        out.flush();
    }
}
