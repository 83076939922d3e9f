package softnic.report;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import softnic.trace.Trace;
import softnic.trace.Tracepoint;

/**
 * A recorded trace as call graphs: one tree for each call that was nobody's callee, in order of its entry.
 *
 * <p>A call may be cut into slices between which other contexts ran; its tree is whole.
 */
public final class CallGraph {

    /** One call with the calls it made. */
    public static final class Call {
        private final Trace.Context context;
        private final Tracepoint point;
        private final long entryNs;
        private final List<Call> callees = new ArrayList<>();
        private long exitNs;

        private Call(Trace.Context context, Tracepoint point, long entryNs) {
            this.context = context;
            this.point = point;
            this.entryNs = entryNs;
        }
    }

    private final Tracepoint.Names names;
    private final List<Call> roots = new ArrayList<>();

    private CallGraph(Tracepoint.Names names) {
        this.names = names;
    }

    /** Builds the trees from all events that {@code trace} has kept. */
    public static CallGraph of(Trace trace) {
        CallGraph graph = new CallGraph(trace.names());
        List<List<Call>> stacks = List.of(new ArrayList<>(), new ArrayList<>());
        trace.forEach((timeNs, context, point, entry) -> {
            List<Call> stack = stacks.get(context.ordinal());
            if (entry) {
                Call call = new Call(context, point, timeNs);
                (stack.isEmpty() ? graph.roots : stack.getLast().callees).add(call);
                stack.add(call);
            } else {
                Call call = stack.removeLast();
                if (call.point != point) {
                    throw new IllegalStateException("trace: " + point + " returns from " + call.point);
                }
                call.exitNs = timeNs;
            }
        });
        return graph;
    }

    /** The form of the goldens: a context line where it changes, two spaces a level, one function a line. */
    public String toGraph() {
        StringBuilder text = new StringBuilder();
        Trace.Context context = null;
        for (Call root : roots) {
            if (root.context != context) {
                context = root.context;
                text.append('[').append(context.name().toLowerCase(Locale.ROOT)).append("]\n");
            }
            appendGraph(text, root, 0);
        }
        return text.toString();
    }

    private void appendGraph(StringBuilder text, Call call, int depth) {
        text.append("  ".repeat(depth)).append(call.point.name(names)).append('\n');
        call.callees.forEach(callee -> appendGraph(text, callee, depth + 1));
    }

    /** The function_graph tracer's own form; a context is a CPU, times are virtual. */
    public String toFtrace() {
        StringBuilder text = new StringBuilder("""
                # tracer: function_graph
                #
                # CPU  DURATION                  FUNCTION CALLS
                # |     |   |                     |   |   |   |
                """);
        roots.forEach(root -> appendFtrace(text, root, 0));
        return text.toString();
    }

    private void appendFtrace(StringBuilder text, Call call, int depth) {
        String indent = "  ".repeat(depth);
        String duration = String.format(Locale.ROOT, "%7.3f us", (call.exitNs - call.entryNs) / 1000.0);
        String name = call.point.name(names);
        if (call.callees.isEmpty()) {
            line(text, call, duration, indent + name + "();");
            return;
        }
        line(text, call, "", indent + name + "() {");
        call.callees.forEach(callee -> appendFtrace(text, callee, depth + 1));
        line(text, call, duration, indent + "}");
    }

    private static void line(StringBuilder text, Call call, String duration, String code) {
        text.append(String.format(Locale.ROOT, " %d)  %12s |  %s%n", call.context.ordinal(), duration, code)
                .replace(System.lineSeparator(), "\n"));
    }
}
