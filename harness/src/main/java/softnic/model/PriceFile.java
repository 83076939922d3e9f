package softnic.model;

import java.io.IOException;
import java.io.InputStream;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import org.snakeyaml.engine.v2.api.LoadSettings;
import org.snakeyaml.engine.v2.api.lowlevel.Compose;
import org.snakeyaml.engine.v2.exceptions.MarkedYamlEngineException;
import org.snakeyaml.engine.v2.nodes.MappingNode;
import org.snakeyaml.engine.v2.nodes.Node;
import org.snakeyaml.engine.v2.nodes.NodeTuple;
import org.snakeyaml.engine.v2.nodes.ScalarNode;
import org.snakeyaml.engine.v2.nodes.SequenceNode;
import softnic.sched.Cost;
import softnic.sched.CostTable;

/**
 * A price file, read: one price for each {@link Cost}, and the parameters that are no price.
 *
 * @param name the preset's name
 * @param prices one for each cost but {@link Cost#NONE}
 * @param parameters by name
 */
public record PriceFile(String name, Map<Cost, Price> prices, Map<String, Parameter> parameters) {

    /** The preset that comes with the program: the setting of the published table. */
    public static final String DEFAULT = "2011-westmere";

    /**
     * One price.
     *
     * @param picos picoseconds a unit
     * @param per the unit
     * @param account who pays
     */
    public record Price(long picos, String per, String account, String source) {
    }

    /** A number that is no price. */
    public record Parameter(long value, String unit, String source) {
    }

    /** A file that cannot be used, said in one line with file, line, what was found and what is wanted. */
    public static final class Fault extends RuntimeException {
        Fault(String message) {
            super(message);
        }
    }

    /** Reads a preset from the program's resources. */
    public static PriceFile preset(String name) {
        String resource = name + ".yaml";
        try (InputStream in = PriceFile.class.getResourceAsStream(resource)) {
            if (in == null) {
                throw new Fault("prices: no preset named " + name + "; the preset is " + DEFAULT);
            }
            return read(resource, in);
        } catch (IOException e) {
            throw new Fault("prices: cannot read " + resource + ": " + e.getMessage());
        }
    }

    /** Reads a price file; {@code where} is its name in messages. */
    public static PriceFile read(String where, InputStream in) {
        try {
            LoadSettings settings = LoadSettings.builder().setLabel(where).build();
            Optional<Node> root = new Compose(settings).composeInputStream(in);
            return new Reader(where).file(root.orElse(null));
        } catch (MarkedYamlEngineException e) {
            int line = e.getProblemMark().map(mark -> mark.getLine() + 1).orElse(0);
            throw new Fault(where + ":" + line + ": " + e.getProblem());
        }
    }

    /** All prices, for the runner of the virtual world. */
    public CostTable table() {
        CostTable table = CostTable.free();
        for (Map.Entry<Cost, Price> entry : prices.entrySet()) {
            table = table.with(entry.getKey(), entry.getValue().picos());
        }
        return table;
    }

    /** The same file with another value of one of its parameters. */
    public PriceFile with(String parameter, long value) {
        Map<String, Parameter> changed = new LinkedHashMap<>(parameters);
        Parameter was = changed.get(parameter);
        changed.put(parameter, new Parameter(value, was.unit(), was.source()));
        return new PriceFile(name, prices, changed);
    }

    /** The same file with another price, in picoseconds a unit. */
    public PriceFile with(Cost cost, long picos) {
        Map<Cost, Price> changed = new EnumMap<>(prices);
        Price was = changed.get(cost);
        changed.put(cost, new Price(picos, was.per(), was.account(), was.source()));
        return new PriceFile(name, changed, parameters);
    }

    /** A parameter's value; the file was checked to have it. */
    public long parameter(String parameter) {
        return parameters.get(parameter).value();
    }

    /** Turns YAML nodes into prices; every fault names its line. */
    private record Reader(String where) {

        private static final Map<String, Long> PICOS = Map.of("us", 1_000_000L, "ns", 1_000L, "ps", 1L);
        private static final String[] PARAMETERS = {
            "llc_share", "tcp_window", "tcp_sndbuf", "host_sndbuf", "itr", "far_itr"};

        PriceFile file(Node root) {
            Map<String, Node> top = fields(root, "a mapping with name, prices and parameters");
            Map<Cost, Price> prices = prices(required(top, "prices", root));
            Map<String, Parameter> parameters = parameters(required(top, "parameters", root));
            return new PriceFile(text(required(top, "name", root)), prices, parameters);
        }

        private Map<Cost, Price> prices(Node node) {
            Map<Cost, Price> prices = new EnumMap<>(Cost.class);
            fields(node, "a mapping of prices").forEach((name, value) -> prices.put(cost(name, value), price(value)));
            for (Cost cost : Cost.values()) {
                if (cost != Cost.NONE && !prices.containsKey(cost)) {
                    throw fault(node, "no price for " + cost + "; add a line for it");
                }
            }
            return prices;
        }

        private Cost cost(String name, Node at) {
            for (Cost cost : Cost.values()) {
                if (cost.name().equals(name)) {
                    return cost;
                }
            }
            throw fault(at, "unknown price " + name + "; the names are those of softnic.sched.Cost");
        }

        private Price price(Node node) {
            Map<String, Node> fields = fields(node, "{price, per, account, range, source}");
            Node price = required(fields, "price", node);
            String[] words = text(price).trim().split("\\s+");
            Long unit = words.length == 2 ? PICOS.get(words[1]) : null;
            if (unit == null) {
                throw fault(price, "price must be a number and us, ns or ps, got \"" + text(price) + "\"");
            }
            double value = number(price, words[0]);
            checkRange(required(fields, "range", node), value);
            return new Price(Math.round(value * unit), text(required(fields, "per", node)),
                    text(required(fields, "account", node)), text(required(fields, "source", node)));
        }

        private Map<String, Parameter> parameters(Node node) {
            Map<String, Parameter> parameters = new LinkedHashMap<>();
            Map<String, Node> found = fields(node, "a mapping of parameters");
            for (String name : PARAMETERS) {
                Node parameter = required(found, name, node);
                Map<String, Node> fields = fields(parameter, "{value, unit, range, source}");
                Node value = required(fields, "value", parameter);
                double number = number(value, text(value));
                checkRange(required(fields, "range", parameter), number);
                parameters.put(name, new Parameter((long) number, text(required(fields, "unit", parameter)),
                        text(required(fields, "source", parameter))));
            }
            return parameters;
        }

        private void checkRange(Node node, double value) {
            if (!(node instanceof SequenceNode range) || range.getValue().size() != 2) {
                throw fault(node, "range must be [low, high]");
            }
            double low = number(node, text(range.getValue().get(0)));
            double high = number(node, text(range.getValue().get(1)));
            if (value < low || value > high) {
                throw fault(node, "value " + value + " is outside its range [" + low + ", " + high + "]");
            }
        }

        private double number(Node at, String text) {
            try {
                return Double.parseDouble(text);
            } catch (NumberFormatException e) {
                throw fault(at, "expected a number, got \"" + text + "\"");
            }
        }

        private Map<String, Node> fields(Node node, String expected) {
            if (!(node instanceof MappingNode mapping)) {
                throw fault(node, "expected " + expected);
            }
            Map<String, Node> fields = new LinkedHashMap<>();
            for (NodeTuple tuple : mapping.getValue()) {
                fields.put(text(tuple.getKeyNode()), tuple.getValueNode());
            }
            return fields;
        }

        private Node required(Map<String, Node> fields, String name, Node at) {
            Node node = fields.get(name);
            if (node == null) {
                throw fault(at, "\"" + name + "\" is missing");
            }
            return node;
        }

        private String text(Node node) {
            if (!(node instanceof ScalarNode scalar)) {
                throw fault(node, "expected a plain value");
            }
            return scalar.getValue();
        }

        private Fault fault(Node node, String what) {
            int line = node == null ? 1 : node.getStartMark().map(mark -> mark.getLine() + 1).orElse(1);
            return new Fault(where + ":" + line + ": " + what);
        }
    }
}
