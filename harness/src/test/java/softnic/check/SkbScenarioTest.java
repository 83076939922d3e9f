package softnic.check;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.EnumMap;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import softnic.Edition;
import softnic.Quirk;
import softnic.host.CheckedRun.Outcome;
import softnic.model.PriceFile;

/** Packets alone: what seeds find in each kernel, and that they find nothing in one without bugs. */
class SkbScenarioTest {

    private static final PriceFile PRICES = PriceFile.preset(PriceFile.DEFAULT);
    private static final int SEEDS = 200;
    private static final Set<Quirk> OF_THE_ROOM = EnumSet.of(Quirk.EXPAND_HEAD_STALE, Quirk.MORPH_SHARES_UBUF,
            Quirk.SPLIT_WITHOUT_OWNER, Quirk.SEGMENT_SHARES_PAGES, Quirk.SEGMENT_TRUSTS_TYPE, Quirk.UBUF_COPY_OVERRUNS);

    static Stream<Edition> editions() {
        return Edition.ALL.stream();
    }

    private static SkbScenario scenario(long seed, Edition edition, Set<Fault> faults) {
        return (SkbScenario) CheckScenario.of(seed, edition, faults, CheckScenario.Room.SKB);
    }

    @Test
    void withoutQuirksNoSeedFindsAnything() {
        List<String> wrong = new ArrayList<>();
        for (long seed = 1; seed <= SEEDS; seed++) {
            SkbScenario scenario = scenario(seed, null, null);
            SkbScenario quirkless = scenario.withEdition(scenario.edition().withoutQuirks());
            Outcome outcome = quirkless.run(PRICES);
            if (!outcome.isSound()) {
                wrong.add(quirkless.command() + ": " + outcome.violations());
            }
        }

        assertThat(wrong).isEmpty();
    }

    @ParameterizedTest
    @MethodSource("editions")
    void eachQuirkOfTheEditionShowsAndNothingElse(Edition edition) {
        int runs = 30;
        Map<Quirk, Integer> shown = new EnumMap<>(Quirk.class);
        Checker checker = new Checker(scenario -> scenario.run(PRICES));
        for (long seed = 1; seed <= runs; seed++) {
            Checker.Result result = checker.check(scenario(seed, edition, null));
            assertThat(result.isFailure()).as(CheckReport.line(result)).isFalse();
            result.quirks().forEach(quirk -> shown.merge(quirk, 1, Integer::sum));
        }

        assertThat(shown.keySet()).containsExactlyElementsOf(OF_THE_ROOM.stream().filter(edition::has).toList());
        assertThat(shown.values()).as("%s", shown).allMatch(n -> n >= 2);
    }

    @Test
    void shortagesFireAndNothingLeaks() {
        for (Fault fault : List.of(Fault.PAGE_ALLOC, Fault.SKB_ALLOC, Fault.PIN)) {
            long fired = 0;
            for (long seed = 1; seed <= 40; seed++) {
                Outcome outcome = scenario(seed, Edition.V6_18.withoutQuirks(), Set.of(fault)).run(PRICES);
                assertThat(outcome.violations()).as("seed %d", seed).isEmpty();
                fired += fault.fired(outcome);
            }
            assertThat(fired).as(fault.toString()).isGreaterThan(20);
        }
    }

    @Test
    void theSameScenarioGivesTheSameOutcome() {
        for (long seed = 1; seed <= 10; seed++) {
            SkbScenario scenario = scenario(seed, null, null);
            assertThat(scenario.run(PRICES)).as(scenario.toString()).isEqualTo(scenario.run(PRICES));
        }
    }

    @Test
    void aSmallerScenarioIsTheBeginningOfTheLarger() {
        SkbScenario scenario = scenario(3, Edition.V3_1, Set.of());
        String first = scenario.run(PRICES).violations().getFirst();
        int operation = Integer.parseInt(first.replaceAll(".*operation ", ""));

        assertThat(scenario.with("operations", "" + operation).run(PRICES).violations()).contains(first);
        assertThat(scenario.smaller()).allSatisfy(s -> assertThat(s.command()).contains(" --fix "));
        assertThatThrownBy(() -> scenario.with("ring", "32")).hasMessageContaining("room, operations, packets");
    }
}
