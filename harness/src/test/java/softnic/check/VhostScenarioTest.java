package softnic.check;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.EnumSet;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import softnic.Edition;
import softnic.Kernel;
import softnic.Quirk;
import softnic.host.CheckedRun.Outcome;

/** vhost between a hostile guest and a moody network: sound without quirks, and each quirk of a kernel shows. */
class VhostScenarioTest {

    private static final int SEEDS = 200;

    private static VhostScenario vhost(long seed, Edition edition, Set<Fault> faults) {
        return (VhostScenario) CheckScenario.of(seed, edition, faults, CheckScenario.Room.VHOST);
    }

    @Test
    void withoutQuirksNothingIsFound() {
        List<String> wrong = new ArrayList<>();
        for (long seed = 1; seed <= SEEDS; seed++) {
            VhostScenario scenario = vhost(seed, null, null);
            scenario = scenario.withEdition(scenario.edition().withoutQuirks());
            Outcome outcome = scenario.run(null);
            if (!outcome.isSound()) {
                wrong.add(scenario.command() + ": " + outcome.violations());
            }
        }

        assertThat(wrong).isEmpty();
    }

    /** One quirk at a time, until each of the kernel's that are vhost's has shown itself. */
    @ParameterizedTest
    @EnumSource(Kernel.class)
    void eachQuirkShowsAlone(Kernel kernel) {
        Edition quirkless = new Edition(kernel, false);
        Set<Quirk> hidden = EnumSet.noneOf(Quirk.class);
        for (Quirk quirk : EnumSet.range(Quirk.TRANSLATES_WHOLE_LENGTH, Quirk.CONTINUE_SKIPS_WEIGHT)) {
            boolean shown = !quirk.isOf(kernel) || quirk == Quirk.TABLE_CHANGE_RACES_DMA;      // that is the house's
            for (long seed = 1; seed <= 2 * SEEDS && !shown; seed++) {
                shown = !vhost(seed, quirkless.with(quirk), null).run(null).isSound();
            }
            if (!shown) {
                hidden.add(quirk);
            }
        }

        assertThat(hidden).isEmpty();
    }

    @Test
    void theSameScenarioGivesTheSameOutcome() {
        for (long seed = 1; seed <= 20; seed++) {
            VhostScenario scenario = vhost(seed, null, null);
            assertThat(scenario.run(null)).as(scenario.toString()).isEqualTo(scenario.run(null));
        }
    }

    @Test
    void faultsThatApplyFire() {
        Set<Fault> applying = EnumSet.of(Fault.SKB_ALLOC, Fault.PAGE_ALLOC, Fault.COPY, Fault.FULL_RINGS, Fault.HOSTILE_RING);
        Set<Fault> fired = EnumSet.noneOf(Fault.class);
        for (long seed = 1; seed <= SEEDS && fired.size() < applying.size(); seed++) {
            Outcome outcome = vhost(seed, Edition.V6_1.withoutQuirks(), applying).run(null);
            applying.stream().filter(fault -> fault.fired(outcome) > 0).forEach(fired::add);
        }

        assertThat(fired).isEqualTo(applying);
    }

    /** A driver's ring breaks no rule; that of a hostile guest breaks many. */
    @Test
    void onlyAHostileGuestMakesMistakes() {
        long mistakes = 0;
        for (long seed = 1; seed <= 30; seed++) {
            VhostScenario honest = vhost(seed, Edition.V6_1.withoutQuirks(), Set.of()).with("rx", "256");
            assertThat(Fault.HOSTILE_RING.fired(honest.run(null))).as(honest.command()).isZero();
            mistakes += Fault.HOSTILE_RING.fired(vhost(seed, Edition.V6_1.withoutQuirks(), Set.of(Fault.HOSTILE_RING)).run(null));
        }

        assertThat(mistakes).isGreaterThan(100);
    }

    @Test
    void seedsReachEveryRingAndFeature() {
        Set<Object> seen = new HashSet<>();
        for (long seed = 1; seed <= SEEDS; seed++) {
            VhostScenario s = vhost(seed, null, null);
            seen.addAll(List.of("tx " + s.txRing(), "rx " + s.rxRing(), "event " + s.eventIdx(), "log " + s.log(),
                    "merge " + s.mergeable(), "zero-copy " + s.zerocopy()));
        }
        for (int ring = 1; ring <= VhostScenario.LARGEST_RING; ring *= 2) {
            assertThat(seen).contains("tx " + ring, "rx " + ring);
        }
        assertThat(seen).contains("event true", "event false", "log true", "log false", "merge true", "merge false",
                "zero-copy true", "zero-copy false");
    }

    @Test
    void partsCanBeFixedAndEachSmallerOneIsSmaller() {
        VhostScenario scenario = vhost(7, Edition.V6_1, Set.of(Fault.COPY));
        scenario = scenario.with("tx", scenario.txRing() == 8 ? "16" : "8").with("log", scenario.log() ? "off" : "on");
        String fixed = "tx=" + scenario.txRing() + ",log=" + (scenario.log() ? "on" : "off");

        assertThat(scenario.command()).contains("--faults copy").endsWith(fixed);
        assertThat(scenario.smaller()).doesNotContain(scenario).hasSizeGreaterThan(4);
        assertThat(vhost(7, Edition.V6_1, Set.of()).with("tx", "1").with("rx", "1").with("rounds", "0").with("log", "off")
                .with("event-idx", "off").with("mergeable", "off").with("zero-copy", "off").smaller()).isEmpty();
        VhostScenario last = scenario;
        assertThatThrownBy(() -> last.with("rx", "4096")).hasMessageContaining("1..2048");
        assertThatThrownBy(() -> last.with("size", "1")).hasMessageContaining("unknown part \"size\" of vhost");
    }
}
