package softnic.check;

import java.util.ArrayList;
import java.util.Collections;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.TreeMap;
import softnic.Edition;
import softnic.host.CheckedRun;
import softnic.mm.FaultInjection;
import softnic.mm.FaultPoint;
import softnic.model.PriceFile;

/**
 * The room where packets are: random operations of net/core/skbuff.c on a handful of them, of the kernel's pages and of
 * a user's. The user writes into its pages as soon as it is told that they are free.
 *
 * @param faults what goes wrong; when, follows from the seed
 * @param operations how many
 * @param packets that live at a time, segments aside
 */
record SkbScenario(long seed, Edition edition, Set<Fault> faults, int operations, int packets)
        implements CheckScenario {

    private static final int MIN_OPERATIONS = 100;
    private static final int MAX_OPERATIONS = 400;
    private static final int MIN_PACKETS = 2;
    private static final int MAX_PACKETS = 20;
    private static final int LOOK_EVERY = 8;

    /** What can be done, and how often that is, beside the others. */
    private enum Operation {
        LEND(12), LEND_SHARED(8), LEND_LARGE(2), ALLOC_LINEAR(6), ALLOC_PAGES(7), CLONE(9), COPY(3), PSKB_COPY(5),
        REALLOC_HEADROOM(3), COPY_UBUFS(2), ORPHAN_FRAGS(2), TX_ERROR(2), EXPAND_HEAD(7), PUSH(5), PUT(4), WRITE(4),
        PULL(5), PULL_TAIL(5), TRIM(5), GET(3), HEADER_RELEASE(2), ORPHAN(6), RECYCLE(2), MORPH(6), SPLIT(5), SHIFT(4),
        COALESCE(4), FRAG_LIST(3), SEGMENT(4), GSO(6), FREE(16);

        private static final List<Operation> ALL = weighted();

        private final int weight;

        Operation(int weight) {
            this.weight = weight;
        }

        private static List<Operation> weighted() {
            List<Operation> all = new ArrayList<>();
            for (Operation operation : values()) {
                all.addAll(Collections.nCopies(operation.weight, operation));
            }
            return all;
        }
    }

    SkbScenario {
        faults = Collections.unmodifiableSet(faults.isEmpty() ? EnumSet.noneOf(Fault.class) : EnumSet.copyOf(faults));
    }

    static SkbScenario of(long seed, Edition edition, Set<Fault> faults) {
        SplittableRandom size = CheckScenario.random(seed, "skb", 0);
        return new SkbScenario(seed, edition, faults, size.nextInt(MIN_OPERATIONS, MAX_OPERATIONS + 1),
                size.nextInt(MIN_PACKETS + 2, MAX_PACKETS + 1));
    }

    @Override
    public CheckedRun.Outcome run(PriceFile prices) {
        List<String> violations = new ArrayList<>();
        Map<String, Long> fired = new TreeMap<>();
        long[] counts = new long[2];
        CheckedRun.catching(violations, () -> {
            SkbDice random = new SkbDice(seed);
            try (SkbWorkshop shop = new SkbWorkshop(edition, injection(), random)) {
                SkbModel model = new SkbModel(shop, random);
                CheckedRun.catching(violations, () -> run(shop, model, random));
                violations.addAll(model.violations());
                for (FaultPoint point : FaultPoint.values()) {
                    fired.put(point.name(), shop.faults().failed(point));
                }
                counts[0] = shop.fingerprint();
                counts[1] = shop.born();
            }
        });
        return new CheckedRun.Outcome(counts[0], counts[1], List.copyOf(violations), Map.copyOf(fired));
    }

    private FaultInjection injection() {
        FaultInjection injection = new FaultInjection();
        for (Fault fault : faults) {
            if (fault.isInjected()) {
                fault.inject(injection, CheckScenario.random(seed, "fault", fault.ordinal()));
            }
        }
        return injection;
    }

    private void run(SkbWorkshop shop, SkbModel model, SkbDice random) {
        SkbOperations one = new SkbOperations(shop, model, random);
        SkbSurgery several = new SkbSurgery(shop, model, random);
        SkbGso gso = new SkbGso(shop, model, random);
        for (int i = 1; i <= operations; i++) {
            random.begin(i);
            Operation any = Operation.ALL.get(random.nextInt(Operation.ALL.size()));
            Operation next = model.count() < packets ? any : Operation.FREE;
            model.begin(next.name(), i);
            run(next, one, several, gso);
            model.finish();
            if (i % LOOK_EVERY == 0) {
                model.lookAtAll();
            }
        }
        random.begin(0);
        model.begin("the end", 0);
        model.end();
    }

    private static void run(Operation next, SkbOperations one, SkbSurgery several, SkbGso gso) {
        switch (next) {
            case LEND -> one.lend();
            case LEND_SHARED -> one.lendShared();
            case LEND_LARGE -> one.lendLarge();
            case ALLOC_LINEAR -> one.allocLinear();
            case ALLOC_PAGES -> one.allocPages();
            case CLONE -> one.cloneIt();
            case COPY -> one.copy();
            case PSKB_COPY -> one.pskbCopy();
            case REALLOC_HEADROOM -> one.reallocHeadroom();
            case COPY_UBUFS -> one.copyUbufs();
            case ORPHAN_FRAGS -> one.orphanFrags();
            case TX_ERROR -> one.txError();
            case EXPAND_HEAD -> one.expandHead();
            case PUSH -> one.push();
            case PUT -> one.put();
            case WRITE -> one.writeHeader();
            case PULL -> one.pull();
            case PULL_TAIL -> one.pullTail();
            case TRIM -> one.trim();
            case GET -> one.get();
            case HEADER_RELEASE -> one.headerRelease();
            case ORPHAN -> one.orphan();
            case RECYCLE -> one.recycle();
            case MORPH -> several.morph();
            case SPLIT -> several.split();
            case SHIFT -> several.shift();
            case COALESCE -> several.coalesce();
            case FRAG_LIST -> several.fragList();
            case SEGMENT -> several.segment();
            case GSO -> gso.segment();
            case FREE -> one.free();
        }
    }

    @Override
    public SkbScenario withEdition(Edition other) {
        return new SkbScenario(seed, other, faults, operations, packets);
    }

    private SkbScenario without(Fault fault) {
        Set<Fault> fewer = EnumSet.noneOf(Fault.class);
        fewer.addAll(faults);
        fewer.remove(fault);
        return new SkbScenario(seed, edition, fewer, operations, packets);
    }

    @Override
    public SkbScenario with(String key, String value) {
        return switch (key) {
            case "operations" -> new SkbScenario(seed, edition, faults, Parts.number(key, value, 0, 1_000_000), packets);
            case "packets" -> new SkbScenario(seed, edition, faults, operations,
                    Parts.number(key, value, 1, MAX_PACKETS));
            default -> throw Parts.unknown(key, this);
        };
    }

    @Override
    public Room room() {
        return Room.SKB;
    }

    @Override
    public Map<String, String> parts() {
        Map<String, String> parts = new LinkedHashMap<>();
        parts.put("operations", Integer.toString(operations));
        parts.put("packets", Integer.toString(packets));
        return parts;
    }

    @Override
    public List<CheckScenario> smaller() {
        List<CheckScenario> all = new ArrayList<>();
        faults.forEach(fault -> all.add(without(fault)));
        if (packets > MIN_PACKETS) {
            all.add(with("packets", Integer.toString(Math.max(MIN_PACKETS, packets / 2))));
            all.add(with("packets", Integer.toString(packets - 1)));
        }
        for (int fewer : new int[] {operations / 2, operations * 7 / 8, operations - 1}) {
            if (fewer < operations) {
                all.add(with("operations", Integer.toString(fewer)));
            }
        }
        return all;
    }

    @Override
    public String toString() {
        return "seed " + seed + ", edition " + edition.title() + ", skb: " + operations + " operations, " + packets
                + " packets, faults " + faultNames();
    }
}
