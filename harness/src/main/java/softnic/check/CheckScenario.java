package softnic.check;

import java.util.Collections;
import java.util.EnumSet;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.stream.Collectors;
import softnic.Behaviour;
import softnic.Edition;
import softnic.host.CheckedRun;
import softnic.host.HouseOptions;
import softnic.host.InterruptFaults;
import softnic.host.Scenario;
import softnic.mm.FaultInjection;
import softnic.model.PriceFile;

/**
 * One checked run, as a value: all of it follows from a seed, and each part may be fixed instead.
 *
 * <p>Each choice has a random stream of its own, so that taking a fault away leaves the others as they were.
 *
 * @param faults what goes wrong; when, follows from the seed
 * @param messageBytes bytes of each send() of netperf
 * @param durationNs how long netperf sends
 * @param ringSize descriptors of the guest's rings
 * @param eventIdx offered; not in every edition
 * @param pendingStart where the pending ring's indices start
 */
public record CheckScenario(long seed, Edition edition, Set<Fault> faults, int messageBytes, long durationNs,
        int ringSize, boolean eventIdx, boolean indirect, boolean zerocopy, int pendingStart) {

    private static final int[] SIZES = {1, 100, 256, 600, 1448, 2896, 4096, 8192, 16384, 32768, 65536};
    private static final int FAULTS_OF = 5;         // each fault is in one of so many seeds
    private static final int SMALLER = 16;
    private static final int GUEST_SNDBUF = 1 << 18;
    private static final int NIC_RING = 128;
    private static final int SHORT_RING = 32;
    private static final int SHORT_NIC_RING = 64;
    private static final int SMALL_SNDBUF = 1 << 15;
    private static final long MIN_NS = 250_000;

    /** What a seed chooses; a number for each stream. */
    private enum Choice { EDITION, SIZE, DURATION, RING, FEATURES, PENDING, FAULTS }

    public CheckScenario {
        faults = Collections.unmodifiableSet(faults.isEmpty() ? EnumSet.noneOf(Fault.class) : EnumSet.copyOf(faults));
    }

    /**
     * What a seed means.
     *
     * @param edition to run, or null: the seed chooses one
     * @param faults exactly these, or null: the seed chooses among all
     */
    public static CheckScenario of(long seed, Edition edition, Set<Fault> faults) {
        SplittableRandom features = random(seed, Choice.FEATURES.ordinal());
        SplittableRandom pending = random(seed, Choice.PENDING.ordinal());
        return new CheckScenario(seed,
                edition != null ? edition : Edition.ALL.get(random(seed, Choice.EDITION.ordinal()).nextInt(Edition.ALL.size())),
                faults != null ? faults : chosenFaults(seed), size(random(seed, Choice.SIZE.ordinal())),
                MIN_NS + random(seed, Choice.DURATION.ordinal()).nextInt(4) * MIN_NS,
                SHORT_RING << random(seed, Choice.RING.ordinal()).nextInt(3), features.nextInt(4) > 0,
                features.nextInt(4) > 0, features.nextInt(4) > 0, pending.nextInt(3) == 0 ? 1000 + pending.nextInt(24) : 0);
    }

    /** A size where something changes, or near it. */
    private static int size(SplittableRandom random) {
        int size = SIZES[random.nextInt(SIZES.length)];
        return random.nextBoolean() ? size : Math.max(1, size + random.nextInt(-size / 2, size / 2 + 1));
    }

    private static Set<Fault> chosenFaults(long seed) {
        SplittableRandom random = random(seed, Choice.FAULTS.ordinal());
        Set<Fault> chosen = EnumSet.noneOf(Fault.class);
        for (Fault fault : Fault.values()) {
            if (random.nextInt(FAULTS_OF) == 0) {
                chosen.add(fault);
            }
        }
        return chosen;
    }

    private static SplittableRandom random(long seed, int stream) {
        // Mixed first: a SplittableRandom adds a constant at each draw, and seeds that are neighbours would share draws.
        return new SplittableRandom(new SplittableRandom(seed).nextLong() + stream);
    }

    private SplittableRandom random(Fault fault) {
        return random(seed, Choice.values().length + fault.ordinal());
    }

    /** Runs it; the same scenario always gives the same outcome. */
    public CheckedRun.Outcome run(PriceFile prices) {
        Scenario scenario = new Scenario(edition, Scenario.World.VIRTUAL, messageBytes, zerocopy, indirect, durationNs,
                seed, true, pendingStart, Scenario.Variant.NONE.withEventIdx(eventIdx));
        boolean full = faults.contains(Fault.FULL_RINGS);
        return CheckedRun.of(scenario, new HouseOptions(full ? SHORT_RING : ringSize, full ? SHORT_NIC_RING : NIC_RING,
                full ? SMALL_SNDBUF : 0, GUEST_SNDBUF, SMALLER, injection(), interrupts(), true), prices);
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

    private InterruptFaults.Plan interrupts() {
        InterruptFaults.Plan plan = InterruptFaults.Plan.NONE;
        if (faults.contains(Fault.LATE_IRQ)) {
            SplittableRandom random = random(Fault.LATE_IRQ);
            plan = plan.withLate(1 + random.nextInt(4), 1_000L << random.nextInt(11));
        }
        if (faults.contains(Fault.LOST_IRQ)) {
            plan = plan.withLost(2 + random(Fault.LOST_IRQ).nextInt(4));
        }
        if (faults.contains(Fault.SPURIOUS_IRQ)) {
            SplittableRandom random = random(Fault.SPURIOUS_IRQ);
            plan = plan.withSpurious(1_000 + random.nextInt(100_000), 1 + random.nextInt(30));
        }
        return plan.equals(InterruptFaults.Plan.NONE) ? null : plan;
    }

    public CheckScenario withEdition(Edition other) {
        return new CheckScenario(seed, other, faults, messageBytes, durationNs, ringSize, eventIdx, indirect, zerocopy,
                pendingStart);
    }

    public CheckScenario without(Fault fault) {
        Set<Fault> fewer = EnumSet.noneOf(Fault.class);
        fewer.addAll(faults);
        fewer.remove(fault);
        return new CheckScenario(seed, edition, fewer, messageBytes, durationNs, ringSize, eventIdx, indirect, zerocopy,
                pendingStart);
    }

    /**
     * The same with one part fixed.
     *
     * @param key size, duration (both plain numbers, bytes and ns), ring, pending, event-idx, indirect, zero-copy
     * @param value a number, or on and off
     */
    public CheckScenario with(String key, String value) {
        return switch (key) {
            case "size" -> part((int) number(key, value, 1, Scenario.MAX_MESSAGE_BYTES), durationNs, ringSize, pendingStart);
            case "duration" -> part(messageBytes, number(key, value, 1, Scenario.MAX_DURATION_NS), ringSize, pendingStart);
            case "ring" -> part(messageBytes, durationNs, (int) number(key, value, SHORT_RING, 1024), pendingStart);
            case "pending" -> part(messageBytes, durationNs, ringSize, (int) number(key, value, 0, 1023));
            case "event-idx" -> features(isOn(key, value), indirect, zerocopy);
            case "indirect" -> features(eventIdx, isOn(key, value), zerocopy);
            case "zero-copy" -> features(eventIdx, indirect, isOn(key, value));
            default -> throw new IllegalArgumentException("--fix: unknown part \"" + key
                    + "\", expected one of size, duration, ring, pending, event-idx, indirect, zero-copy");
        };
    }

    private CheckScenario part(int bytes, long ns, int ring, int pending) {
        return new CheckScenario(seed, edition, faults, bytes, ns, ring, eventIdx, indirect, zerocopy, pending);
    }

    private CheckScenario features(boolean event, boolean tables, boolean lend) {
        return new CheckScenario(seed, edition, faults, messageBytes, durationNs, ringSize, event, tables, lend,
                pendingStart);
    }

    private static long number(String key, String value, long min, long max) {
        try {
            long number = Long.parseLong(value);
            if (number >= min && number <= max && (!key.equals("ring") || Long.bitCount(number) == 1)) {
                return number;
            }
        } catch (NumberFormatException e) {
            // said below
        }
        throw new IllegalArgumentException("--fix: " + key + " must be " + (key.equals("ring") ? "a power of two in " : "")
                + min + ".." + max + ", got \"" + value + '"');
    }

    private static boolean isOn(String key, String value) {
        if (value.equals("on") || value.equals("off")) {
            return value.equals("on");
        }
        throw new IllegalArgumentException("--fix: " + key + " must be on or off, got \"" + value + '"');
    }

    /** The command that runs exactly this again, and nothing else. */
    public String command() {
        StringBuilder line = new StringBuilder("./softnic check --seeds 1 --seed ").append(seed).append(" --edition ")
                .append(edition.name());
        if (!edition.faithful()) {
            line.append(" --no-quirks");
        }
        line.append(" --faults ").append(faultNames());
        String fixed = parts().entrySet().stream()
                .filter(part -> !part.getValue().equals(of(seed, edition, faults).parts().get(part.getKey())))
                .map(part -> part.getKey() + "=" + part.getValue()).collect(Collectors.joining(","));
        return fixed.isEmpty() ? line.toString() : line.append(" --fix ").append(fixed).toString();
    }

    private Map<String, String> parts() {
        Map<String, String> parts = new java.util.LinkedHashMap<>();
        parts.put("size", Integer.toString(messageBytes));
        parts.put("duration", Long.toString(durationNs));
        parts.put("ring", Integer.toString(ringSize));
        parts.put("pending", Integer.toString(pendingStart));
        parts.put("event-idx", eventIdx ? "on" : "off");
        parts.put("indirect", indirect ? "on" : "off");
        parts.put("zero-copy", zerocopy ? "on" : "off");
        return parts;
    }

    /** As {@code --faults} takes them. */
    public String faultNames() {
        return faults.isEmpty() ? "none" : faults.stream().map(Fault::toString).collect(Collectors.joining(","));
    }

    /** What is run, in one line. */
    @Override
    public String toString() {
        StringBuilder features = new StringBuilder();
        features.append(eventIdx && edition.has(Behaviour.EVENT_IDX) ? " event-idx" : "").append(indirect ? " indirect" : "")
                .append(zerocopy ? " zero-copy" : " copy");
        return "seed " + seed + ", edition " + edition.title() + ", " + messageBytes + " B, " + durationNs / 1000 + "us, ring "
                + ringSize + "," + features + (pendingStart == 0 ? "" : ", pending from " + pendingStart) + ", faults "
                + faultNames();
    }
}
