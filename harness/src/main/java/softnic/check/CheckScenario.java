package softnic.check;

import java.util.EnumSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.stream.Collectors;
import softnic.Edition;
import softnic.host.CheckedRun;
import softnic.model.PriceFile;

/**
 * One checked run, as a value: all of it follows from a seed, and each part may be fixed instead.
 *
 * <p>Each choice has a random stream of its own, so that taking a fault away leaves the others as they were.
 */
public interface CheckScenario {

    /** What is under test: one room alone with a hostile neighbour, or all of them. */
    enum Room {
        /** A guest, its host, the NIC and the far end. */
        HOUSE,
        /** Packets alone: all that copies, shares, moves and frees them. */
        SKB,
        /** Taps and their macvlans, with a hostile guest above and a device below. */
        MACVTAP,
        /** vhost between a guest that may be hostile and a network that does what it likes. */
        VHOST;

        /** As the command line spells it. */
        @Override
        public String toString() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    /** Each fault is in one of so many seeds. */
    int FAULTS_OF = 5;

    /**
     * What a seed means.
     *
     * @param edition to run, or null: the seed chooses one
     * @param faults exactly these, or null: the seed chooses among all
     * @param room to test, or null: the seed chooses one
     */
    static CheckScenario of(long seed, Edition edition, Set<Fault> faults, Room room) {
        Edition kernel = edition != null ? edition
                : Edition.ALL.get(random(seed, "edition", 0).nextInt(Edition.ALL.size()));
        Set<Fault> wrong = faults != null ? faults : chosenFaults(seed);
        Room where = room != null ? room : Room.values()[random(seed, "room", 0).nextInt(Room.values().length)];
        return switch (where) {
            case HOUSE -> HouseScenario.of(seed, kernel, wrong);
            case SKB -> SkbScenario.of(seed, kernel, wrong);
            case MACVTAP -> MacvtapScenario.of(seed, kernel, wrong);
            case VHOST -> VhostScenario.of(seed, kernel, wrong);
        };
    }

    private static Set<Fault> chosenFaults(long seed) {
        SplittableRandom random = random(seed, "faults", 0);
        Set<Fault> chosen = EnumSet.noneOf(Fault.class);
        for (Fault fault : Fault.values()) {
            if (random.nextInt(FAULTS_OF) == 0) {
                chosen.add(fault);
            }
        }
        return chosen;
    }

    /** A stream of random numbers for one choice of a seed's. */
    static SplittableRandom random(long seed, String choice, int number) {
        // Mixed first: a SplittableRandom adds a constant at each draw, and seeds that are neighbours would share draws.
        return new SplittableRandom(new SplittableRandom(seed).nextLong() + 0x1_0000L * choice.hashCode() + number);
    }

    long seed();

    Edition edition();

    /** What goes wrong; when, follows from the seed. */
    Set<Fault> faults();

    Room room();

    /** Runs it; the same scenario always gives the same outcome. */
    CheckedRun.Outcome run(PriceFile prices);

    CheckScenario withEdition(Edition other);

    /** What {@code --fix} can fix, and what it is now: plain numbers, or on and off. */
    Map<String, String> parts();

    /**
     * The same with one part fixed.
     *
     * @throws IllegalArgumentException with one line that says what is wrong with the key or the value
     */
    CheckScenario with(String key, String value);

    /** The next smaller ones, those that explain most first. */
    List<CheckScenario> smaller();

    /** The command that runs exactly this again, and nothing else. */
    default String command() {
        StringBuilder line = new StringBuilder("./softnic check --seeds 1 --seed ").append(seed()).append(" --edition ")
                .append(edition().name());
        if (!edition().faithful()) {
            line.append(" --no-quirks");
        }
        line.append(" --faults ").append(faultNames());
        Map<String, String> chosen = of(seed(), edition(), faults(), room()).parts();
        String fixed = parts().entrySet().stream().filter(part -> !part.getValue().equals(chosen.get(part.getKey())))
                .map(part -> "," + part.getKey() + "=" + part.getValue()).collect(Collectors.joining());
        boolean isChosen = fixed.isEmpty() && of(seed(), edition(), faults(), null).room() == room();
        return isChosen ? line.toString() : line.append(" --fix room=").append(room()).append(fixed).toString();
    }

    /** As {@code --faults} takes them. */
    default String faultNames() {
        return faults().isEmpty() ? "none" : faults().stream().map(Fault::toString).collect(Collectors.joining(","));
    }
}
