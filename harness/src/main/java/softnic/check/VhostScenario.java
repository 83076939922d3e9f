package softnic.check;

import java.util.ArrayList;
import java.util.Collections;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;
import softnic.Behaviour;
import softnic.Edition;
import softnic.host.CheckedRun;
import softnic.mm.FaultInjection;
import softnic.model.PriceFile;

/**
 * vhost alone: a guest that may be hostile on one side, a network that does what it likes on the other, see
 * {@link VhostRun}.
 *
 * @param faults what goes wrong; when, follows from the seed
 * @param txRing descriptors of the TX ring, a power of two
 * @param rxRing of the RX ring
 * @param rounds how often guest or network does something
 * @param eventIdx acknowledged; not in every edition
 * @param mergeable VIRTIO_NET_F_MRG_RXBUF is acknowledged
 * @param log all writes are logged
 * @param zerocopy the socket takes pages
 */
record VhostScenario(long seed, Edition edition, Set<Fault> faults, int txRing, int rxRing, int rounds, boolean eventIdx,
        boolean mergeable, boolean log, boolean zerocopy) implements CheckScenario {

    static final int LARGEST_RING = 2048;
    private static final int MAX_ROUNDS = 10_000;
    private static final int[] RINGS = {1, 2, 4, 8, 16, 32, 64, 64, 128, 128, 256, 256, 512, 1024, 2048, 2048};

    /** What a seed chooses; a number for each stream. */
    private enum Choice { TX, RX, ROUNDS, FEATURES }

    VhostScenario {
        faults = Collections.unmodifiableSet(faults.isEmpty() ? EnumSet.noneOf(Fault.class) : EnumSet.copyOf(faults));
    }

    static VhostScenario of(long seed, Edition edition, Set<Fault> faults) {
        SplittableRandom features = random(seed, Choice.FEATURES.name());
        return new VhostScenario(seed, edition, faults, ring(random(seed, Choice.TX.name())), ring(random(seed, Choice.RX.name())),
                40 + random(seed, Choice.ROUNDS.name()).nextInt(80), features.nextInt(3) > 0, features.nextInt(3) > 0,
                features.nextBoolean(), features.nextInt(5) > 0);
    }

    private static int ring(SplittableRandom random) {
        return RINGS[random.nextInt(RINGS.length)];
    }

    private static SplittableRandom random(long seed, String choice) {
        return CheckScenario.random(seed, "vhost " + choice, 0);
    }

    /** A stream of random numbers for one part of the run. */
    SplittableRandom random(String part) {
        return random(seed, part);
    }

    @Override
    public CheckedRun.Outcome run(PriceFile prices) {
        return VhostRun.of(this);
    }

    boolean has(Fault fault) {
        return faults.contains(fault);
    }

    /** Event index, if the edition knows it. */
    boolean usesEventIdx() {
        return eventIdx && edition.has(Behaviour.EVENT_IDX);
    }

    /** What fails inside the host. */
    FaultInjection injection() {
        FaultInjection injection = new FaultInjection();
        for (Fault fault : faults) {
            if (fault.isInjected()) {
                fault.inject(injection, CheckScenario.random(seed, "fault", fault.ordinal()));
            }
        }
        return injection;
    }

    @Override
    public VhostScenario withEdition(Edition other) {
        return new VhostScenario(seed, other, faults, txRing, rxRing, rounds, eventIdx, mergeable, log, zerocopy);
    }

    private VhostScenario without(Fault fault) {
        Set<Fault> fewer = EnumSet.noneOf(Fault.class);
        fewer.addAll(faults);
        fewer.remove(fault);
        return new VhostScenario(seed, edition, fewer, txRing, rxRing, rounds, eventIdx, mergeable, log, zerocopy);
    }

    @Override
    public VhostScenario with(String key, String value) {
        return switch (key) {
            case "tx" -> sized(Parts.powerOfTwo(key, value, 1, LARGEST_RING), rxRing, rounds);
            case "rx" -> sized(txRing, Parts.powerOfTwo(key, value, 1, LARGEST_RING), rounds);
            case "rounds" -> sized(txRing, rxRing, Parts.number(key, value, 0, MAX_ROUNDS));
            case "event-idx" -> features(Parts.isOn(key, value), mergeable, log, zerocopy);
            case "mergeable" -> features(eventIdx, Parts.isOn(key, value), log, zerocopy);
            case "log" -> features(eventIdx, mergeable, Parts.isOn(key, value), zerocopy);
            case "zero-copy" -> features(eventIdx, mergeable, log, Parts.isOn(key, value));
            default -> throw Parts.unknown(key, this);
        };
    }

    private VhostScenario sized(int tx, int rx, int n) {
        return new VhostScenario(seed, edition, faults, tx, rx, n, eventIdx, mergeable, log, zerocopy);
    }

    private VhostScenario features(boolean event, boolean merge, boolean dirty, boolean lend) {
        return new VhostScenario(seed, edition, faults, txRing, rxRing, rounds, event, merge, dirty, lend);
    }

    @Override
    public Room room() {
        return Room.VHOST;
    }

    @Override
    public Map<String, String> parts() {
        Map<String, String> parts = new LinkedHashMap<>();
        parts.put("tx", Integer.toString(txRing));
        parts.put("rx", Integer.toString(rxRing));
        parts.put("rounds", Integer.toString(rounds));
        parts.put("event-idx", onOff(eventIdx));
        parts.put("mergeable", onOff(mergeable));
        parts.put("log", onOff(log));
        parts.put("zero-copy", onOff(zerocopy));
        return parts;
    }

    private static String onOff(boolean on) {
        return on ? "on" : "off";
    }

    @Override
    public List<CheckScenario> smaller() {
        List<CheckScenario> all = new ArrayList<>();
        faults.forEach(fault -> all.add(without(fault)));
        parts().forEach((key, value) -> {
            if (value.equals("on")) {
                all.add(with(key, "off"));
            }
        });
        if (rounds > 0) {
            all.add(sized(txRing, rxRing, rounds / 2));
            all.add(sized(txRing, rxRing, rounds - 1));
        }
        if (txRing > 1) {
            all.add(sized(txRing / 2, rxRing, rounds));
        }
        if (rxRing > 1) {
            all.add(sized(txRing, rxRing / 2, rounds));
        }
        return all;
    }

    @Override
    public String toString() {
        StringBuilder features = new StringBuilder();
        features.append(usesEventIdx() ? " event-idx" : "").append(mergeable ? " mergeable" : "").append(log ? " log" : "")
                .append(zerocopy ? " zero-copy" : " copy");
        return "seed " + seed + ", edition " + edition.title() + ", vhost, rings " + txRing + " and " + rxRing + ", " + rounds
                + " rounds," + features + ", faults " + faultNames();
    }
}
