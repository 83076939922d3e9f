package softnic.check;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import softnic.Edition;
import softnic.Quirk;
import softnic.host.CheckedRun.Outcome;
import softnic.model.PriceFile;

/** Taps with a hostile guest: sound without quirks, and each quirk of the room shows soon. */
class MacvtapScenarioTest {

    private static final PriceFile PRICES = PriceFile.preset(PriceFile.DEFAULT);
    private static final int SEEDS = 300;
    private static final int SEEDS_OF_AN_EDITION = 30;

    /** Any violation here is a bug; the line that fails says how to have it again. */
    @Test
    void withoutQuirksNoSeedFindsAnything() {
        List<String> wrong = new ArrayList<>();
        for (long seed = 1; seed <= SEEDS; seed++) {
            MacvtapScenario scenario = tap(seed, null, null);
            MacvtapScenario quirkless = scenario.withEdition(scenario.edition().withoutQuirks());
            Outcome outcome = quirkless.run(PRICES);
            if (!outcome.isSound()) {
                wrong.add(quirkless.command() + ": " + outcome.violations());
            }
        }

        assertThat(wrong).isEmpty();
    }

    @Test
    void eachQuirkOfTheRoomShowsInEveryEditionThatHasIt() {
        Set<Quirk> ofTheRoom = EnumSet.range(Quirk.PINS_UNCOUNTED, Quirk.BRIDGED_UNNECESSARY);
        ofTheRoom.addAll(Set.of(Quirk.SEGMENT_SHARES_PAGES, Quirk.SEGMENT_TRUSTS_TYPE));
        for (Edition edition : Edition.ALL) {
            Set<Quirk> missing = EnumSet.copyOf(ofTheRoom);
            missing.removeIf(quirk -> !edition.has(quirk));
            for (long seed = 1; seed <= SEEDS_OF_AN_EDITION; seed++) {
                for (Quirk quirk : Set.copyOf(missing)) {
                    if (shows(quirk, tap(seed, edition, null))) {
                        missing.remove(quirk);
                    }
                }
            }
            assertThat(missing).as("edition %s", edition.name()).isEmpty();
        }
    }

    /** Alone, or something breaks no more if it alone is mended: PINS_OVER_PAGES needs HUGE_LINEAR. */
    private static boolean shows(Quirk quirk, MacvtapScenario faithful) {
        Edition edition = faithful.edition();
        return !faithful.withEdition(edition.withoutQuirks().with(quirk)).run(PRICES).isSound()
                || !faithful.withEdition(edition.without(quirk)).run(PRICES).kinds()
                .containsAll(faithful.run(PRICES).kinds());
    }

    @Test
    void faithfulEditionsBreakNothingThatNoQuirkExplains() {
        Checker checker = new Checker(scenario -> scenario.run(PRICES));
        for (long seed = 1; seed <= SEEDS_OF_AN_EDITION; seed++) {
            for (Edition edition : List.of(Edition.V3_1, Edition.V3_8, Edition.V3_14)) {
                Checker.Result result = checker.check(tap(seed, edition, null));
                assertThat(result.isFailure()).as(CheckReport.line(result)).isFalse();
            }
        }
    }

    @Test
    void everyFaultOfAKernelFires() {
        for (Fault fault : EnumSet.range(Fault.PAGE_ALLOC, Fault.TX_BUSY)) {
            long fired = 0;
            for (long seed = 1; seed <= SEEDS && fired == 0; seed++) {
                fired = fault.fired(tap(seed, Edition.V6_1.withoutQuirks(), Set.of(fault)).run(PRICES));
            }
            assertThat(fired).as("%s", fault).isPositive();
        }
    }

    @Test
    void theSameScenarioGivesTheSameOutcome() {
        for (long seed = 1; seed <= 20; seed++) {
            MacvtapScenario scenario = tap(seed, null, null);
            assertThat(scenario.run(PRICES)).as(scenario.toString()).isEqualTo(scenario.run(PRICES));
        }
    }

    /** A step is what it is, whatever came before. */
    @Test
    void aFailureIsMadeSmallByLeavingStepsOut() {
        Shrinker shrinker = new Shrinker(scenario -> scenario.run(PRICES));
        String kind = "tap rule " + softnic.macvtap.TapRule.PINS_BEYOND_ARRAY;
        MacvtapScenario failing = null;
        for (long seed = 1; failing == null; seed++) {
            MacvtapScenario scenario = tap(seed, Edition.V3_1, Set.of());
            failing = scenario.run(PRICES).kinds().contains(kind) ? scenario : null;
        }

        MacvtapScenario smallest = (MacvtapScenario) shrinker.shrink(failing, kind);

        assertThat(smallest.steps() - smallest.skip()).as(smallest.command()).isLessThan(5);
        assertThat(smallest.run(PRICES).kinds()).contains(kind);
    }

    @Test
    void aPartThatCannotBeIsRefused() {
        MacvtapScenario scenario = tap(1, null, null);

        assertThat(scenario.with("taps", "2").with("ring", "7").with("steps", "5").parts())
                .containsEntry("taps", "2").containsEntry("ring", "7").containsEntry("steps", "5");
        assertThatThrownBy(() -> scenario.with("taps", "4")).hasMessageContaining("1..3, got \"4\"");
        assertThatThrownBy(() -> scenario.with("size", "4")).hasMessageContaining("unknown part \"size\" of macvtap");
    }

    private static MacvtapScenario tap(long seed, Edition edition, Set<Fault> faults) {
        return (MacvtapScenario) CheckScenario.of(seed, edition, faults, CheckScenario.Room.MACVTAP);
    }
}
