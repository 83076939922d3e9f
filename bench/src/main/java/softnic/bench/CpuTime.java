package softnic.bench;

import java.lang.management.ManagementFactory;
import java.lang.management.ThreadInfo;
import java.lang.management.ThreadMXBean;
import java.util.Collection;
import java.util.List;
import org.openjdk.jmh.infra.BenchmarkParams;
import org.openjdk.jmh.infra.IterationParams;
import org.openjdk.jmh.profile.InternalProfiler;
import org.openjdk.jmh.results.AggregationPolicy;
import org.openjdk.jmh.results.IterationResult;
import org.openjdk.jmh.results.Result;
import org.openjdk.jmh.results.ScalarResult;

/**
 * CPU time an operation: what the measuring threads' own clock says. On a machine that others use too it is the
 * figure that repeats; wall time also counts the time that others ran. {@code -prof softnic.bench.CpuTime}.
 *
 * <p>Set-up falls into the first iteration, which should be a warm-up, and tear-down into the last.
 */
public final class CpuTime implements InternalProfiler {

    static final String NAME = "cpu";

    private static final String WORKER = "-jmh-worker-";

    private final ThreadMXBean threads = ManagementFactory.getThreadMXBean();
    private long beforeNs;

    @Override
    public void beforeIteration(BenchmarkParams benchmark, IterationParams iteration) {
        beforeNs = workersNs();
    }

    @Override
    public Collection<? extends Result<?>> afterIteration(BenchmarkParams benchmark, IterationParams iteration,
            IterationResult result) {
        long spentNs = workersNs() - beforeNs;
        long ops = result.getMetadata().getAllOps();
        return ops == 0 ? List.of()
                : List.of(new ScalarResult(NAME, (double) spentNs / ops, "ns/op", AggregationPolicy.AVG));
    }

    private long workersNs() {
        long sum = 0;
        for (ThreadInfo thread : threads.getThreadInfo(threads.getAllThreadIds())) {
            if (thread != null && thread.getThreadName().contains(WORKER)) {
                sum += Math.max(0, threads.getThreadCpuTime(thread.getThreadId()));     // -1: it has ended
            }
        }
        return sum;
    }

    @Override
    public String getDescription() {
        return "CPU time an operation, by the clock of the measuring threads";
    }
}
