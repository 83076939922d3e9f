package softnic.trace;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import softnic.Edition;
import softnic.sched.Cost;
import softnic.sched.Cpu;

/**
 * What one agent did, step by step, as text: each function entered and left, each charge, in order. Compared with a
 * committed file it shows every change of what is traced and paid for; {@code -Dbless=true} writes the file anew.
 */
public final class Story implements Cpu {

    private final Trace trace;
    private final List<String> lines = new ArrayList<>();
    private final List<String> charges = new ArrayList<>();
    private final List<Integer> chargedBehind = new ArrayList<>();
    private final Deque<Runnable> settled = new ArrayDeque<>();
    private long nowNs;

    public Story(Edition edition) {
        trace = new Trace(Trace.Level.RECORD, this, edition.names(), 4096);
    }

    public Trace trace() {
        return trace;
    }

    @Override
    public long nowNs() {
        return nowNs;
    }

    @Override
    public void charge(Cost cost, long units) {
        charges.add(cost + " " + units);
        chargedBehind.add(trace.count());
        nowNs += units;
    }

    @Override
    public long delayNs(Cost latency) {
        return 0;
    }

    @Override
    public void settle(Runnable action) {
        settled.add(action);
    }

    /** Runs what was settled, in order. */
    public void settleAll() {
        while (!settled.isEmpty()) {
            settled.remove().run();
        }
    }

    /** Forgets what was done so far: it is not part of the story. */
    public void skip() {
        settleAll();
        trace.clear();
        charges.clear();
        chargedBehind.clear();
    }

    /** A line of the story: what was done since the last one, and what came of it. */
    public void tell(String what, Object result) {
        settleAll();
        StringBuilder line = new StringBuilder(what).append(": ");
        int[] at = {0, 0};
        trace.forEach((time, context, point, entry) -> {
            appendCharges(line, at);
            line.append(entry ? point.name(trace.names()) + "{" : "}");
            at[0]++;
        });
        appendCharges(line, at);
        lines.add(line.append(" -> ").append(result).toString().replaceAll(" +", " ").strip());
        skip();
    }

    private void appendCharges(StringBuilder line, int[] at) {
        for (; at[1] < charges.size() && chargedBehind.get(at[1]) == at[0]; at[1]++) {
            line.append('(').append(charges.get(at[1])).append(')');
        }
    }

    /** A heading. */
    public void chapter(String title) {
        lines.add("== " + title);
    }

    public List<String> lines() {
        return lines;
    }

    /** The lines that {@code file} below src/test/resources holds, after writing {@code told} there if asked to. */
    public static List<String> committed(String file, List<String> told) throws IOException {
        Path path = Path.of("src/test/resources").resolve(file);
        if (Boolean.getBoolean("bless")) {
            Files.createDirectories(path.getParent());
            Files.write(path, told);
        }
        return Files.readAllLines(path);
    }
}
