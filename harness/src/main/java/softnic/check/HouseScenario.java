package softnic.check;

import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;
import softnic.Behaviour;
import softnic.Edition;
import softnic.guest.GuestOptions;
import softnic.host.CheckedRun;
import softnic.host.HouseOptions;
import softnic.host.InterruptFaults;
import softnic.host.Scenario;
import softnic.host.Vmm;
import softnic.mm.FaultInjection;
import softnic.model.PriceFile;
import softnic.vhost.VhostNet;

/**
 * The whole house: a guest sends a TCP stream through all rooms, and things go wrong around it.
 *
 * @param faults what goes wrong; when, follows from the seed
 * @param messageBytes bytes of each send() of netperf
 * @param durationNs how long netperf sends
 * @param ringSize descriptors of the guest's rings
 * @param eventIdx offered; not in every edition
 * @param pendingStart where the pending ring's indices start
 * @param streams netperfs, each with a connection of its own
 * @param deep long rings, a late interrupt, and short packets: more are on their way than the pending ring has entries
 */
record HouseScenario(long seed, Edition edition, Set<Fault> faults, int messageBytes, long durationNs,
        int ringSize, boolean eventIdx, boolean indirect, boolean zerocopy, int pendingStart, int streams,
        boolean deep) implements CheckScenario {

    private static final int[] SIZES = {1, 100, 256, 600, 1448, 2896, 4096, 8192, 16384, 32768, 65536};
    private static final int SMALLER = 16;
    private static final int GUEST_SNDBUF = 1 << 18;
    private static final int NIC_RING = 128;
    private static final int SHORT_RING = 32;
    private static final int SHORT_NIC_RING = 64;
    private static final int SMALL_SNDBUF = 1 << 15;
    private static final long MIN_NS = 250_000;
    private static final long SHORTEST_NS = 50_000;
    private static final int SMALL_MESSAGE = 1000;
    private static final int MAX_STREAMS = 8;
    private static final int DEEP_OF = 40;          // each so many-th seed
    private static final int DEEP_STREAMS = 32;
    private static final int DEEP_BYTES = 250;
    private static final long DEEP_NS = 9_000_000;
    private static final int DEEP_NIC_RING = 512;
    private static final int DEEP_GUEST_SNDBUF = 1 << 16;
    private static final int DEEP_SMALLER = 4;
    private static final int DEEP_EVERY = 45;
    private static final long DEEP_LATE_NS = 9_000_000;

    /** What a seed chooses; a number for each stream. */
    private enum Choice { SIZE, DURATION, RING, FEATURES, PENDING, STREAMS, DEEP }

    HouseScenario {
        faults = Collections.unmodifiableSet(faults.isEmpty() ? EnumSet.noneOf(Fault.class) : EnumSet.copyOf(faults));
    }

    static HouseScenario of(long seed, Edition edition, Set<Fault> faults) {
        SplittableRandom features = random(seed, Choice.FEATURES);
        SplittableRandom pending = random(seed, Choice.PENDING);
        return new HouseScenario(seed, edition, faults, size(random(seed, Choice.SIZE)),
                MIN_NS + random(seed, Choice.DURATION).nextInt(4) * MIN_NS,
                SHORT_RING << random(seed, Choice.RING).nextInt(3), features.nextInt(4) > 0,
                features.nextInt(4) > 0, features.nextInt(4) > 0, pending.nextInt(3) == 0 ? 1000 + pending.nextInt(24) : 0,
                1 + random(seed, Choice.STREAMS).nextInt(3), random(seed, Choice.DEEP).nextInt(DEEP_OF) == 0);
    }

    /** A size where something changes, or near it. */
    private static int size(SplittableRandom random) {
        int size = SIZES[random.nextInt(SIZES.length)];
        return random.nextBoolean() ? size : Math.max(1, size + random.nextInt(-size / 2, size / 2 + 1));
    }

    private static SplittableRandom random(long seed, Choice choice) {
        return CheckScenario.random(seed, "house", choice.ordinal());
    }

    private SplittableRandom random(Fault fault) {
        return CheckScenario.random(seed, "fault", fault.ordinal());
    }

    @Override
    public CheckedRun.Outcome run(PriceFile prices) {
        return CheckedRun.of(scenario(), options(), prices);
    }

    private Scenario scenario() {
        return deep ? deepScenario() : new Scenario(edition, Scenario.World.VIRTUAL, messageBytes, zerocopy, indirect,
                durationNs, seed, true, pendingStart,
                new Scenario.Variant(streams, false, false, VhostNet.VHOST_GOODCOPY_LEN, eventIdx));
    }

    /** A deep one lends all it can, and a chain takes one descriptor. */
    private Scenario deepScenario() {
        return new Scenario(edition, Scenario.World.VIRTUAL, DEEP_BYTES + messageBytes % DEEP_BYTES, true, true, DEEP_NS, seed,
                true, pendingStart, new Scenario.Variant(DEEP_STREAMS, false, true, VhostNet.VHOST_GOODCOPY_LEN, eventIdx));
    }

    private HouseOptions options() {
        if (deep) {
            return new HouseOptions(GuestOptions.MAX_RING, DEEP_NIC_RING, Integer.MAX_VALUE, DEEP_GUEST_SNDBUF, DEEP_SMALLER,
                    injection(), interrupts(InterruptFaults.Plan.NONE.withLate(DEEP_EVERY, DEEP_LATE_NS)),
                    callbackIrq(), orders(), true);
        }
        boolean full = faults.contains(Fault.FULL_RINGS);
        InterruptFaults.Plan plan = interrupts(InterruptFaults.Plan.NONE);
        return new HouseOptions(full ? SHORT_RING : ringSize, full ? SHORT_NIC_RING : NIC_RING, full ? SMALL_SNDBUF : 0,
                GUEST_SNDBUF, SMALLER, injection(), plan.equals(InterruptFaults.Plan.NONE) ? null : plan,
                callbackIrq(), orders(), true);
    }

    private FaultInjection injection() {
        FaultInjection injection = null;
        for (Fault fault : faults) {
            if (fault.isInjected()) {
                injection = injection == null ? new FaultInjection() : injection;
                fault.inject(injection, random(fault));
            }
        }
        return injection;
    }

    private InterruptFaults.Plan interrupts(InterruptFaults.Plan sure) {
        InterruptFaults.Plan plan = sure;
        if (faults.contains(Fault.LATE_IRQ) && !deep) {
            SplittableRandom random = random(Fault.LATE_IRQ);
            plan = plan.withLate(1 + random.nextInt(4), 1_000L << random.nextInt(11));
        }
        if (faults.contains(Fault.LOST_IRQ) && !deep) {         // vhost would poll all the two seconds
            plan = plan.withLost(2 + random(Fault.LOST_IRQ).nextInt(4));
        }
        if (faults.contains(Fault.SPURIOUS_IRQ)) {
            SplittableRandom random = random(Fault.SPURIOUS_IRQ);
            plan = plan.withSpurious(1_000 + random.nextInt(100_000), 1 + random.nextInt(30));
        }
        return plan;
    }

    private HouseOptions.CallbackIrq callbackIrq() {
        SplittableRandom random = random(Fault.CALLBACK_IRQ);
        return faults.contains(Fault.CALLBACK_IRQ)
                ? new HouseOptions.CallbackIrq(1 + random.nextInt(3), 1_000 + random.nextInt(60_000)) : null;
    }

    private List<Vmm.Order> orders() {
        List<Vmm.Order> orders = new ArrayList<>();
        for (Fault fault : faults) {
            for (int i = fault.isOrdered() ? 1 + random(fault).nextInt(3) : 0; i > 0; i--) {
                SplittableRandom random = CheckScenario.random(seed, "order", 16 * fault.ordinal() + i);
                orders.add(fault.order(random, durationNs));
            }
        }
        orders.sort(Comparator.comparingLong(Vmm.Order::atNs));
        return orders;
    }

    @Override
    public HouseScenario withEdition(Edition other) {
        return new HouseScenario(seed, other, faults, messageBytes, durationNs, ringSize, eventIdx, indirect, zerocopy,
                pendingStart, streams, deep);
    }

    HouseScenario without(Fault fault) {
        Set<Fault> fewer = EnumSet.noneOf(Fault.class);
        fewer.addAll(faults);
        fewer.remove(fault);
        return new HouseScenario(seed, edition, fewer, messageBytes, durationNs, ringSize, eventIdx, indirect, zerocopy,
                pendingStart, streams, deep);
    }

    @Override
    public HouseScenario with(String key, String value) {
        return switch (key) {
            case "size" -> part(Parts.number(key, value, 1, Scenario.MAX_MESSAGE_BYTES), durationNs, ringSize, pendingStart);
            case "duration" -> part(messageBytes, Parts.number(key, value, 1, Scenario.MAX_DURATION_NS), ringSize, pendingStart);
            case "ring" -> part(messageBytes, durationNs, Parts.powerOfTwo(key, value, SHORT_RING, GuestOptions.MAX_RING), pendingStart);
            case "pending" -> part(messageBytes, durationNs, ringSize, Parts.number(key, value, 0, 1023));
            case "streams" -> with(Parts.number(key, value, 1, MAX_STREAMS), deep);
            case "deep" -> with(streams, Parts.isOn(key, value));
            case "event-idx" -> features(Parts.isOn(key, value), indirect, zerocopy);
            case "indirect" -> features(eventIdx, Parts.isOn(key, value), zerocopy);
            case "zero-copy" -> features(eventIdx, indirect, Parts.isOn(key, value));
            default -> throw Parts.unknown(key, this);
        };
    }

    private HouseScenario part(int bytes, long ns, int ring, int pending) {
        return new HouseScenario(seed, edition, faults, bytes, ns, ring, eventIdx, indirect, zerocopy, pending, streams,
                deep);
    }

    private HouseScenario with(int connections, boolean many) {
        return new HouseScenario(seed, edition, faults, messageBytes, durationNs, ringSize, eventIdx, indirect, zerocopy,
                pendingStart, connections, many);
    }

    private HouseScenario features(boolean event, boolean tables, boolean lend) {
        return new HouseScenario(seed, edition, faults, messageBytes, durationNs, ringSize, event, tables, lend,
                pendingStart, streams, deep);
    }

    @Override
    public Room room() {
        return Room.HOUSE;
    }

    @Override
    public Map<String, String> parts() {
        Map<String, String> parts = new LinkedHashMap<>();
        parts.put("size", Integer.toString(messageBytes));
        parts.put("duration", Long.toString(durationNs));
        parts.put("ring", Integer.toString(ringSize));
        parts.put("pending", Integer.toString(pendingStart));
        parts.put("streams", Integer.toString(streams));
        parts.put("deep", deep ? "on" : "off");
        parts.put("event-idx", eventIdx ? "on" : "off");
        parts.put("indirect", indirect ? "on" : "off");
        parts.put("zero-copy", zerocopy ? "on" : "off");
        return parts;
    }

    @Override
    public List<CheckScenario> smaller() {
        List<CheckScenario> all = new ArrayList<>();
        faults.forEach(fault -> all.add(without(fault)));
        if (deep) {
            all.add(with("deep", "off"));
        }
        if (streams > 1) {
            all.add(with("streams", "1"));
        }
        if (eventIdx) {
            all.add(with("event-idx", "off"));
        }
        if (indirect) {
            all.add(with("indirect", "off"));
        }
        if (zerocopy) {
            all.add(with("zero-copy", "off"));
        }
        if (pendingStart != 0) {
            all.add(with("pending", "0"));
        }
        if (ringSize > SHORT_RING) {
            all.add(with("ring", Integer.toString(SHORT_RING)));
        }
        if (durationNs / 2 >= SHORTEST_NS) {
            all.add(with("duration", Long.toString(durationNs / 2)));
        }
        if (messageBytes > SMALL_MESSAGE) {
            all.add(with("size", Integer.toString(SMALL_MESSAGE)));
        }
        return all;
    }

    @Override
    public String toString() {
        StringBuilder features = new StringBuilder();
        features.append(eventIdx && edition.has(Behaviour.EVENT_IDX) ? " event-idx" : "").append(indirect ? " indirect" : "")
                .append(zerocopy ? " zero-copy" : " copy");
        return "seed " + seed + ", edition " + edition.title() + ", " + (deep ? "deep, " : "") + streams + " x " + messageBytes + " B, " + durationNs / 1000 + "us, ring "
                + ringSize + "," + features + (pendingStart == 0 ? "" : ", pending from " + pendingStart) + ", faults "
                + faultNames();
    }
}
