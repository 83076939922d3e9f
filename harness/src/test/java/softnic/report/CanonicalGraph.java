package softnic.report;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * A call graph in the form in which two of them are compared: the rules of {@code goldens/canonical.py}, in Java.
 *
 * <ul>
 *   <li>{@code handle_tx_kick} around handle_tx goes: a kick or the socket's poll woke the worker, a matter of timing.
 *   <li>A pass of the worker that neither sends nor reports goes: an idle look at an empty ring.
 *   <li>The lower device's own functions become LOWER_XMIT and LOWER_CLEAN; core functions below them stay.
 *   <li>consume_skb and napi_consume_skb below the lower device become CONSUME.
 * </ul>
 */
final class CanonicalGraph {

    private static final Set<String> XMIT = Set.of("dummy_xmit", "start_xmit", "ixgbe_xmit_frame");
    private static final Set<String> CLEAN = Set.of("virtnet_poll_tx", "ixgbe_poll", "ixgbe_clean_tx_irq");
    private static final Set<String> CONSUME = Set.of("consume_skb", "napi_consume_skb");
    private static final Set<String> CORE_BELOW_LOWER =
            Set.of("consume_skb", "napi_consume_skb", "skb_release_data", "vhost_zerocopy_callback", "skb_copy_ubufs");
    private static final Set<String> WORK = Set.of("tap_sendmsg", "vhost_add_used_and_signal_n");

    /** One call; {@code context} counts for roots only. */
    private record Node(String name, String context, List<Node> callees) {
        boolean calls(Set<String> any) {
            return any.contains(name) || callees.stream().anyMatch(callee -> callee.calls(any));
        }
    }

    private CanonicalGraph() {
    }

    /** The lines that two graphs must have in common. */
    static List<String> lines(String graph) {
        List<String> lines = new ArrayList<>();
        for (Node root : parse(graph)) {
            if (!root.context().equals("worker") || root.calls(WORK)) {
                canonical(root).filter(node -> !isEmptyClean(node)).ifPresent(node -> emit(node, 0, lines));
            }
        }
        return lines;
    }

    private static List<Node> parse(String graph) {
        List<Node> roots = new ArrayList<>();
        List<Node> stack = new ArrayList<>();
        String context = "worker";
        for (String line : graph.lines().toList()) {
            String name = line.strip();
            if (name.isEmpty() || name.startsWith("#")) {
                continue;
            }
            if (name.startsWith("[")) {
                context = name.replaceAll("[\\[\\]]", "");
                stack.clear();
                continue;
            }
            int depth = Math.min((line.length() - line.stripLeading().length()) / 2, stack.size());
            stack.subList(depth, stack.size()).clear();
            Node node = new Node(name, context, new ArrayList<>());
            (stack.isEmpty() ? roots : stack.getLast().callees()).add(node);
            stack.add(node);
        }
        return roots;
    }

    private static Optional<Node> canonical(Node node) {
        if (node.name().equals("handle_tx_kick")) {
            return node.callees().stream().findFirst().flatMap(CanonicalGraph::canonical);
        }
        if (XMIT.contains(node.name())) {
            return Optional.of(new Node("LOWER_XMIT", node.context(), coreOnly(node.callees())));
        }
        if (CLEAN.contains(node.name())) {
            return Optional.of(new Node("LOWER_CLEAN", node.context(), coreOnly(node.callees())));
        }
        return Optional.of(new Node(node.name(), node.context(), node.callees().stream()
                .map(CanonicalGraph::canonical).flatMap(Optional::stream).toList()));
    }

    /** Core functions, lifted out of the lower device's own. */
    private static List<Node> coreOnly(List<Node> calls) {
        List<Node> kept = new ArrayList<>();
        for (Node call : calls) {
            List<Node> below = coreOnly(call.callees());
            if (CORE_BELOW_LOWER.contains(call.name())) {
                kept.add(new Node(CONSUME.contains(call.name()) ? "CONSUME" : call.name(), call.context(), below));
            } else {
                kept.addAll(below);
            }
        }
        return kept;
    }

    private static boolean isEmptyClean(Node node) {
        return node.name().equals("LOWER_CLEAN") && node.callees().isEmpty();
    }

    private static void emit(Node node, int depth, List<String> lines) {
        lines.add("  ".repeat(depth) + node.name());
        node.callees().forEach(callee -> emit(callee, depth + 1, lines));
    }
}
