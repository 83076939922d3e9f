package softnic.cli;

import java.io.PrintWriter;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;
import softnic.Edition;
import softnic.check.CheckReport;
import softnic.check.CheckScenario;
import softnic.check.Checker;
import softnic.check.Fault;
import softnic.check.Invariant;
import softnic.model.PriceFile;

/** {@code softnic check}: many short runs in which things go wrong, all monitors on. */
@Command(name = "check", mixinStandardHelpOptions = true, sortOptions = false,
        description = {"Runs a short scenario for each seed in the virtual world: editions, features, message sizes and "
            + "faults are the seed's choice. Every invariant that can be watched is watched, and assertions are on. A violation "
            + "that quirks explain is the edition's own; any other is a failure, and is made as small as it can be.", ""},
        footer = {"", "Examples:", "  softnic check --seeds 200 --no-quirks",
            "  softnic check --seeds 1 --seed 7 --edition 3.1 --faults pin,late-irq",
            "  softnic check --list              what must be true, and where that is checked"})
final class CheckCommand implements Callable<Integer> {

    enum Format { TEXT, JSON }

    private static final long MAX_SEEDS = 1_000_000_000;
    private static final String ROOM = "room";
    private static final int SAID_ONE_BY_ONE = 20;

    @Spec
    private CommandSpec spec;

    @Option(names = "--seeds", paramLabel = "N", defaultValue = "200",
            description = "How many seeds (default: ${DEFAULT-VALUE}).")
    private long seeds;

    @Option(names = "--seed", paramLabel = "S", defaultValue = "1",
            description = "The first of them (default: ${DEFAULT-VALUE}).")
    private long seed;

    @Option(names = "--edition", paramLabel = "EDITION", description = "One kernel (default: the seed chooses one).")
    private Edition edition;

    @Mixin
    private QuirksOption quirks;

    @Option(names = "--faults", paramLabel = "all|none|NAME,...", defaultValue = "all",
            description = "all: the seed chooses (default); or exactly these, of: page-alloc, skb-alloc, pin, copy, "
                + "tx-busy, late-irq, lost-irq, spurious-irq, full-rings, callback-irq, backend-swap, sndbuf, "
                + "guest-reset, memory-table, hostile-ring.")
    private String faults;

    @Option(names = "--fix", paramLabel = "PART=VALUE,...", split = ",",
            description = {"Parts that the seed shall not choose, as the smallest scenario of a failure names them: room, and of",
                "  house    size, duration (ns), ring, pending, streams, deep, event-idx, indirect, zero-copy",
                "  skb      operations, packets",
                "  macvtap  steps, skip, taps, ring, queue, sndbuf, features (a mask)",
                "  vhost    tx, rx, rounds, event-idx, mergeable, log, zero-copy"})
    private Map<String, String> fix = new LinkedHashMap<>();

    @Option(names = "--list", description = "Lists the invariants, and where each is checked. Runs nothing.")
    private boolean list;

    @Option(names = "--format", paramLabel = "text|json", defaultValue = "text",
            description = "How to print (default: ${DEFAULT-VALUE}).")
    private Format format;

    @Override
    public Integer call() {
        PrintWriter out = spec.commandLine().getOut();
        if (list) {
            out.print(format == Format.TEXT ? Invariant.toText() : Invariant.toJson());
            return Main.EX_OK;
        }
        if (seeds < 1 || seeds > MAX_SEEDS) {
            throw wrong("--seeds", "1.." + MAX_SEEDS, Long.toString(seeds));
        }
        Set<Fault> named = named();
        PriceFile prices = PriceFile.preset(PriceFile.DEFAULT);
        Checker checker = new Checker(scenario -> scenario.run(prices));
        CheckReport report = new CheckReport(what());
        scenario(seed, named);                  // what is wrong with --fix is said before anything runs
        boolean eachLine = format == Format.TEXT && (seeds <= SAID_ONE_BY_ONE || Progress.isTerminal());
        try (Progress progress = new Progress("check", seeds)) {
            for (long i = 0; i < seeds; i++) {
                Checker.Result result = checker.check(scenario(seed + i, named));
                report.add(result);
                if (eachLine || format == Format.TEXT && result.isFailure()) {
                    out.print(CheckReport.line(result));
                    out.flush();
                }
                progress.step();
            }
        }
        out.print(format == Format.TEXT ? report.toText() : report.toJson());
        return report.isSound() ? Main.EX_OK : Main.EX_FAULT;
    }

    private CheckScenario scenario(long number, Set<Fault> named) {
        CheckScenario scenario = CheckScenario.of(number, edition, named, room());
        for (Map.Entry<String, String> part : fix.entrySet()) {
            scenario = part.getKey().equals(ROOM) ? scenario : scenario.with(part.getKey(), part.getValue());
        }
        return scenario.withEdition(quirks.of(scenario.edition()));
    }

    /** The one that {@code --fix} names, or null: the seed chooses. */
    private CheckScenario.Room room() {
        String rooms = Stream.of(CheckScenario.Room.values()).map(CheckScenario.Room::toString)
                .collect(Collectors.joining("|"));
        if (fix.isEmpty()) {
            return null;
        }
        String name = fix.get(ROOM);
        if (name == null) {
            throw wrong("--fix", "room=" + rooms + " too, since each room has its own parts", "no room");
        }
        return Stream.of(CheckScenario.Room.values()).filter(room -> room.toString().equals(name)).findFirst()
                .orElseThrow(() -> wrong("--fix", "room=" + rooms, '"' + name + '"'));
    }

    private String what() {
        String editions = edition == null ? "all editions" : "edition " + edition.name();
        return editions + (quirks.isOff() ? " without quirks" : "") + ", faults " + faults;
    }

    /** Those asked for, or null: the seed chooses. */
    private Set<Fault> named() {
        if (faults.equals("all")) {
            return null;
        }
        Set<Fault> named = EnumSet.noneOf(Fault.class);
        if (faults.equals("none")) {
            return named;
        }
        for (String name : faults.split(",", -1)) {
            named.add(Stream.of(Fault.values()).filter(fault -> fault.toString().equals(name)).findFirst()
                    .orElseThrow(() -> wrong("--faults", "all, none or some of " + Stream.of(Fault.values())
                            .map(Fault::toString).collect(Collectors.joining(", ")), '"' + name + '"')));
        }
        return named;
    }

    private ParameterException wrong(String option, String expected, String got) {
        return new ParameterException(spec.commandLine(), "invalid value for option '" + option + "': expected "
                + expected + ", got " + got);
    }
}
