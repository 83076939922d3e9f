package softnic.check;

import java.util.ArrayList;
import java.util.Collections;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;
import softnic.Edition;
import softnic.host.CheckedRun;
import softnic.mm.FaultInjection;
import softnic.model.PriceFile;
import softnic.net.NetDevice;

/**
 * macvtap alone: taps on macvlans on one device, with a guest that sends what no guest should, and neighbours.
 *
 * @param steps how many things are done
 * @param skip how many of them are left out at the beginning
 * @param taps macvlans with a tap, 1..3
 * @param ring frames that the device holds at once
 * @param queue {@code tx_queue_len} of the device, 0: it has no queue
 * @param sndbuf of each tap when it is opened
 * @param features of the device
 */
record MacvtapScenario(long seed, Edition edition, Set<Fault> faults, int steps, int skip, int taps, int ring, int queue,
        int sndbuf, int features) implements CheckScenario {

    /** Sends a packet whatever it is: no software between. */
    static final int ALL = NetDevice.NETIF_F_SG | NetDevice.NETIF_F_HW_CSUM | NetDevice.NETIF_F_HIGHDMA
            | NetDevice.NETIF_F_GSO | NetDevice.NETIF_F_ALL_TSO | NetDevice.NETIF_F_UFO | NetDevice.NETIF_F_GSO_ROBUST;

    private static final int MAX_STEPS = 1000;
    private static final int MAX_RING = 64;
    private static final int SHORT_RING = 2;
    private static final int MAX_QUEUE = 1000;
    private static final int SMALL_SNDBUF = 30_000;
    private static final int LARGE_SNDBUF = 1 << 30;

    /** What a seed chooses; a number for each stream. */
    private enum Choice { STEPS, TAPS, RING, QUEUE, SNDBUF, FEATURES, FAULTS }

    MacvtapScenario {
        faults = Collections.unmodifiableSet(faults.isEmpty() ? EnumSet.noneOf(Fault.class) : EnumSet.copyOf(faults));
    }

    static MacvtapScenario of(long seed, Edition edition, Set<Fault> faults) {
        SplittableRandom ring = random(seed, Choice.RING);
        SplittableRandom queue = random(seed, Choice.QUEUE);
        return new MacvtapScenario(seed, edition, faults, 60 + random(seed, Choice.STEPS).nextInt(80), 0,
                1 + random(seed, Choice.TAPS).nextInt(3), SHORT_RING + ring.nextInt(ring.nextBoolean() ? 4 : 15),
                queue.nextInt(4) == 0 ? 0 : 1 << queue.nextInt(8),
                random(seed, Choice.SNDBUF).nextInt(4) == 0 ? SMALL_SNDBUF : LARGE_SNDBUF,
                features(random(seed, Choice.FEATURES)));
    }

    /** Mostly such that zero-copy is possible, else there is little to see. */
    private static int features(SplittableRandom random) {
        return switch (random.nextInt(12)) {
            case 0, 1, 2, 3, 4 -> ALL;
            case 5 -> ALL & ~NetDevice.NETIF_F_UFO;
            case 6, 7, 8 -> ALL & ~(NetDevice.NETIF_F_ALL_TSO | NetDevice.NETIF_F_UFO);
            case 9 -> ALL & ~NetDevice.NETIF_F_HW_CSUM | NetDevice.NETIF_F_IP_CSUM | NetDevice.NETIF_F_IPV6_CSUM;
            case 10 -> ALL & ~(NetDevice.NETIF_F_ALL_TSO | NetDevice.NETIF_F_GSO_ROBUST | NetDevice.NETIF_F_HIGHDMA);
            default -> NetDevice.NETIF_F_HIGHDMA;
        };
    }

    private static SplittableRandom random(long seed, Choice choice) {
        return CheckScenario.random(seed, "macvtap", choice.ordinal());
    }

    /** The choices of one step, whatever came before. */
    SplittableRandom step(int number) {
        return CheckScenario.random(seed, "macvtap step", number);
    }

    boolean isFull() {
        return faults.contains(Fault.FULL_RINGS);
    }

    @Override
    public CheckedRun.Outcome run(PriceFile prices) {
        FaultInjection injection = new FaultInjection();
        for (Fault fault : faults) {
            if (fault.isInjected()) {
                fault.inject(injection, CheckScenario.random(seed, "fault", fault.ordinal()));
            }
        }
        MacvtapScenario full = !isFull() ? this
                : new MacvtapScenario(seed, edition, faults, steps, skip, taps, SHORT_RING, Math.min(queue, 2),
                        SMALL_SNDBUF, features);
        return TapRun.of(full, injection, prices);
    }

    @Override
    public MacvtapScenario withEdition(Edition other) {
        return new MacvtapScenario(seed, other, faults, steps, skip, taps, ring, queue, sndbuf, features);
    }

    private MacvtapScenario without(Fault fault) {
        Set<Fault> fewer = EnumSet.noneOf(Fault.class);
        fewer.addAll(faults);
        fewer.remove(fault);
        return new MacvtapScenario(seed, edition, fewer, steps, skip, taps, ring, queue, sndbuf, features);
    }

    private MacvtapScenario work(int most, int without) {
        return new MacvtapScenario(seed, edition, faults, most, without, taps, ring, queue, sndbuf, features);
    }

    private MacvtapScenario host(int number, int frames, int packets, int bytes, int bits) {
        return new MacvtapScenario(seed, edition, faults, steps, skip, number, frames, packets, bytes, bits);
    }

    @Override
    public MacvtapScenario with(String key, String value) {
        return switch (key) {
            case "steps" -> work(Parts.number(key, value, 0, MAX_STEPS), skip);
            case "skip" -> work(steps, Parts.number(key, value, 0, MAX_STEPS));
            case "taps" -> host(Parts.number(key, value, 1, 3), ring, queue, sndbuf, features);
            case "ring" -> host(taps, Parts.number(key, value, 1, MAX_RING), queue, sndbuf, features);
            case "queue" -> host(taps, ring, Parts.number(key, value, 0, MAX_QUEUE), sndbuf, features);
            case "sndbuf" -> host(taps, ring, queue, Parts.number(key, value, 1, Integer.MAX_VALUE), features);
            case "features" -> host(taps, ring, queue, sndbuf, Parts.number(key, value, 0, Integer.MAX_VALUE));
            default -> throw Parts.unknown(key, this);
        };
    }

    @Override
    public Room room() {
        return Room.MACVTAP;
    }

    @Override
    public Map<String, String> parts() {
        Map<String, String> parts = new LinkedHashMap<>();
        parts.put("steps", Integer.toString(steps));
        parts.put("skip", Integer.toString(skip));
        parts.put("taps", Integer.toString(taps));
        parts.put("ring", Integer.toString(ring));
        parts.put("queue", Integer.toString(queue));
        parts.put("sndbuf", Integer.toString(sndbuf));
        parts.put("features", Integer.toString(features));
        return parts;
    }

    @Override
    public List<CheckScenario> smaller() {
        List<CheckScenario> all = new ArrayList<>();
        faults.forEach(fault -> all.add(without(fault)));
        for (int part = 2; part <= 32; part *= 2) {
            if ((steps - skip) / part > 0) {
                all.add(work(steps - (steps - skip) / part, skip));
                all.add(work(steps, skip + (steps - skip) / part));
            }
        }
        if (steps - skip > 1) {
            all.add(work(steps - 1, skip));
            all.add(work(steps, skip + 1));
        }
        if (taps > 1) {
            all.add(host(taps - 1, ring, queue, sndbuf, features));
        }
        if (features != ALL) {
            all.add(host(taps, ring, queue, sndbuf, ALL));
        }
        return all;
    }

    @Override
    public String toString() {
        return "seed " + seed + ", edition " + edition.title() + ", macvtap, " + (steps - skip) + " steps, " + taps
                + (taps == 1 ? " tap" : " taps") + ", ring " + ring + ", queue " + queue + ", sndbuf " + sndbuf + ", features 0x"
                + Integer.toHexString(features) + ", faults " + faultNames();
    }
}
