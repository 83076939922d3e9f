package softnic.check;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.EnumSet;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import softnic.Edition;
import softnic.Quirk;
import softnic.host.CheckedRun.Outcome;
import softnic.model.PriceFile;

/** Seeded runs: what they find, whose fault it is, and that they can be had again. */
class CheckScenarioTest {

    private static final PriceFile PRICES = PriceFile.preset(PriceFile.DEFAULT);
    private static final int SEEDS = 250;

    /** Any violation here is a bug; the line that fails says how to have it again. */
    @Test
    void withoutQuirksNoSeedFindsAnything() {
        List<String> wrong = new ArrayList<>();
        for (long seed = 1; seed <= SEEDS; seed++) {
            HouseScenario scenario = house(seed, null, null);
            HouseScenario quirkless = scenario.withEdition(scenario.edition().withoutQuirks());
            Outcome outcome = quirkless.run(PRICES);
            if (!outcome.isSound()) {
                wrong.add(quirkless.command() + ": " + outcome.violations());
            }
        }

        assertThat(wrong).isEmpty();
    }

    /** Some quirks show by themselves, whatever the faults. */
    @Test
    void faithfulEditionsShowTheirQuirksAndNothingElse() {
        Set<Quirk> shown = EnumSet.noneOf(Quirk.class);
        Checker checker = new Checker(scenario -> scenario.run(PRICES));
        for (long seed = 1; seed <= SEEDS / 2; seed++) {
            for (Edition edition : List.of(Edition.V3_1, Edition.V4_20)) {
                Checker.Result result = checker.check(house(seed, edition, null));
                assertThat(result.isFailure()).as(CheckReport.line(result)).isFalse();
                shown.addAll(result.quirks());
            }
        }

        assertThat(shown).contains(Quirk.PINNED_BY_BYTES, Quirk.CALLBACK_WAKES_NOBODY, Quirk.BAD_PACKET_BLOCKS);
    }

    /** What shows by a fault of the VMM's or by an interrupt, shows soon where there is nothing else; without it never. */
    @ParameterizedTest
    @CsvSource({"RELEASES_UNFINISHED, v8, GUEST_RESET", "TABLE_CHANGE_RACES_DMA, 3.1, MEMORY_TABLE",
        "FLUSH_USES_FREED_UBUFS, 3.8, MEMORY_TABLE", "SNDBUF_UNCHECKED, 3.14, SNDBUF",
        "POLL_BEFORE_MARK, 3.8, CALLBACK_IRQ", "UBUF_FREED_IN_USE, 6.1, CALLBACK_IRQ GUEST_RESET",
        "UBUF_FREED_IN_USE, 4.20, CALLBACK_IRQ BACKEND_SWAP"})
    void aQuirkShowsByItsFault(Quirk quirk, String name, String faults) {
        Edition kernel = Edition.ALL.stream().filter(e -> e.name().equals(name)).findFirst().orElseThrow();
        Edition bugged = kernel.withoutQuirks().with(quirk);
        Set<Fault> wrong = EnumSet.noneOf(Fault.class);
        Stream.of(faults.split(" ")).map(Fault::valueOf).forEach(wrong::add);
        int shown = 0;
        for (long seed = 1; seed <= 60 && shown == 0; seed++) {
            shown += house(seed, bugged, wrong).with("deep", "off").run(PRICES).isSound() ? 0 : 1;
        }

        assertThat(shown).isEqualTo(1);
    }

    /** The pending ring has 1024 entries; with one more in flight than 1023 it looks empty. */
    @ParameterizedTest
    @CsvSource({"PENDING_RING_LAPS, 3.8, invariant 15", "UBUF_BY_HEAD, 3.1, invariant 29"})
    void aDeepHouseFillsThePendingRing(Quirk quirk, String name, String kind) {
        Edition kernel = Edition.ALL.stream().filter(e -> e.name().equals(name)).findFirst().orElseThrow().withoutQuirks();
        CheckScenario deep = house(1, kernel, Set.of()).with("deep", "on");

        assertThat(deep.run(PRICES).violations()).isEmpty();
        assertThat(deep.withEdition(kernel.with(quirk)).run(PRICES).kinds()).contains(kind);
    }

    @Test
    void seedsReachEveryEditionFaultAndFeature() {
        Set<Object> seen = new HashSet<>();
        for (long seed = 1; seed <= SEEDS; seed++) {
            HouseScenario s = house(seed, null, null);
            seen.add(s.edition());
            seen.addAll(s.faults());
            seen.addAll(List.of("event " + s.eventIdx(), "indirect " + s.indirect(), "zero-copy " + s.zerocopy(),
                    "ring " + s.ringSize(), "pending " + (s.pendingStart() > 0), "plain " + s.faults().isEmpty()));
        }

        assertThat(seen).containsAll(Edition.ALL).contains((Object[]) Fault.values())
                .contains("event true", "event false", "indirect true", "indirect false", "zero-copy true",
                        "zero-copy false", "ring 32", "ring 64", "ring 128", "pending true", "plain true");
    }

    /** A SplittableRandom's state goes up by a constant: unmixed, seed n's second draw is the first of seed n + 1. */
    @Test
    void neighbouringSeedsShareNoDraws() {
        int alike = 0;
        for (long seed = 1; seed <= SEEDS; seed++) {
            alike += house(seed, null, null).indirect() == house(seed + 1, null, null).eventIdx() ? 1 : 0;
        }

        assertThat(alike).isLessThan(SEEDS * 9 / 10);
    }

    @Test
    void eachFaultFiresInSomeOfTheSeedsThatNameIt() {
        Set<Fault> fired = EnumSet.noneOf(Fault.class);
        for (long seed = 1; seed <= SEEDS && fired.size() < Fault.values().length; seed++) {
            CheckScenario scenario = CheckScenario.of(seed, null, null, null);
            Outcome outcome = scenario.withEdition(scenario.edition().withoutQuirks()).run(PRICES);
            scenario.faults().stream().filter(fault -> fault.fired(outcome) > 0).forEach(fired::add);
        }

        assertThat(fired).containsExactly(Fault.values());
    }

    @Test
    void aHouseThatCannotBeBuiltIsAFailedRun() {
        HouseScenario scenario = house(1, null, Set.of());
        HouseScenario broken = new HouseScenario(1, scenario.edition(), Set.of(), 100, 50_000, 33, true, true, true, 0, 1, false);
        Checker.Result result = new Checker(s -> s.run(PRICES)).check(broken);

        assertThat(result.isFailure()).isTrue();
        assertThat(CheckReport.line(result)).contains("FAILED\n    thrown java.lang.", " at softnic.", "    replay:   ./softnic check");
    }

    /** In the oldest kernels charges are wrong at every look; that hides nothing that goes wrong later. */
    @Test
    void aNoisyInvariantHidesNoLaterOne() {
        boolean seen = false;
        for (long seed = 1; seed <= SEEDS && !seen; seed++) {
            List<String> violations = house(seed, Edition.V8, null).run(PRICES).violations();
            seen = violations.stream().anyMatch(v -> v.startsWith("invariant 21: and "))
                    && violations.stream().anyMatch(v -> v.startsWith("invariant 23: "));
        }

        assertThat(seen).isTrue();
    }

    @Test
    void theSameScenarioGivesTheSameOutcome() {
        for (long seed = 1; seed <= 20; seed++) {
            HouseScenario scenario = house(seed, null, null);
            assertThat(scenario.run(PRICES)).as(scenario.toString()).isEqualTo(scenario.run(PRICES));
        }
    }

    /** Taking a fault away leaves all other choices as they were. */
    @Test
    void fewerFaultsAreTheSameScenarioOtherwise() {
        HouseScenario all = house(7, Edition.V3_1, EnumSet.allOf(Fault.class));
        HouseScenario fewer = all.without(Fault.PIN);

        assertThat(fewer).isEqualTo(house(7, Edition.V3_1, fewer.faults()));
        assertThat(fewer.faults()).hasSize(Fault.values().length - 1).doesNotContain(Fault.PIN);
    }

    @Test
    void theCommandNamesWhatTheSeedDoesNotSay() {
        HouseScenario scenario = house(3, Edition.V8.withoutQuirks(), EnumSet.of(Fault.COPY, Fault.LATE_IRQ));

        assertThat(scenario.command())
                .isEqualTo("./softnic check --seeds 1 --seed 3 --edition v8 --no-quirks --faults copy,late-irq --fix room=house");
        assertThat(scenario.with("size", "77").with("indirect", scenario.indirect() ? "off" : "on").command())
                .endsWith(" --faults copy,late-irq --fix room=house,size=77,indirect=" + (scenario.indirect() ? "off" : "on"));
    }

    @Test
    void aPartThatCannotBeIsRefused() {
        HouseScenario scenario = house(1, null, null);

        assertThatThrownBy(() -> scenario.with("ring", "33")).hasMessageContaining("power of two in 32..2048, got \"33\"");
        assertThatThrownBy(() -> scenario.with("colour", "red")).hasMessageContaining("unknown part \"colour\"");
        assertThatThrownBy(() -> scenario.with("indirect", "yes")).hasMessageContaining("on or off, got \"yes\"");
    }

    static HouseScenario house(long seed, Edition edition, Set<Fault> faults) {
        return (HouseScenario) CheckScenario.of(seed, edition, faults, CheckScenario.Room.HOUSE);
    }
}
