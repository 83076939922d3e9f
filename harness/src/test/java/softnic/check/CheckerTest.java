package softnic.check;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;
import org.junit.jupiter.api.Test;
import softnic.Edition;
import softnic.Quirk;
import softnic.host.CheckedRun.Outcome;

/** Whose fault a violation is, and how small its scenario can be; over a house of straw that breaks when it is told to. */
class CheckerTest {

    private static final CheckScenario BIG = CheckScenarioTest.house(5, Edition.V6_1, EnumSet.allOf(Fault.class))
            .with("size", "65536").with("duration", "1000000").with("ring", "128").with("pending", "1000")
            .with("event-idx", "on").with("indirect", "on").with("zero-copy", "on");

    private static HouseScenario house(CheckScenario scenario) {
        return (HouseScenario) scenario;
    }

    private static Outcome outcome(List<String> violations) {
        return new Outcome(1, 1, violations, Map.of("PIN", 2L));
    }

    private static Checker breaking(Predicate<CheckScenario> broken) {
        return new Checker(s -> outcome(broken.test(s) ? List.of("invariant 7: mm: 3 pins") : List.of()));
    }

    @Test
    void aFailureKeepsOnlyTheFaultThatMakesIt() {
        Checker.Result result = breaking(s -> s.faults().contains(Fault.PIN) && house(s).zerocopy() && house(s).durationNs() > 300_000)
                .check(BIG);

        HouseScenario smallest = house(result.smallest());
        assertThat(result.isFailure()).isTrue();
        assertThat(smallest.faults()).containsExactly(Fault.PIN);
        assertThat(smallest.zerocopy()).isTrue();
        assertThat(smallest.eventIdx()).isFalse();
        assertThat(smallest.indirect()).isFalse();
        assertThat(smallest.pendingStart()).isZero();
        assertThat(smallest.ringSize()).isEqualTo(32);
        assertThat(smallest.messageBytes()).isEqualTo(1000);
        assertThat(smallest.durationNs()).isEqualTo(500_000);
        assertThat(CheckReport.line(result)).contains("FAILED\n    invariant 7: mm: 3 pins\n", "    replay:   " + result.scenario().command(),
                "    smallest: " + result.smallest().command());
    }

    /** Another invariant that breaks on the way is another story. */
    @Test
    void shrinkingStaysWithTheSameInvariant() {
        Checker checker = new Checker(s -> outcome(List.of(s.faults().size() < 3
                ? "invariant 23: house: stalls" : "invariant 7: mm: 3 pins")));

        assertThat(checker.check(BIG).smallest().faults()).hasSize(3);
    }

    /** Another violation before it makes it no other story. */
    @Test
    void shrinkingLooksAtAllThatIsBroken() {
        Checker checker = new Checker(s -> outcome(s.faults().contains(Fault.PIN)
                ? List.of("invariant 7: mm: 3 pins", "invariant 23: house: stalls")
                : List.of("invariant 23: house: stalls", "invariant 7: mm: 2 pins")));

        assertThat(checker.check(BIG).smallest().faults()).isEmpty();
    }

    @Test
    void shrinkingStaysWithTheSamePlaceThatThrew() {
        Checker checker = new Checker(s -> outcome(List.of(s.faults().size() < 3
                ? "thrown java.lang.AssertionError at softnic.A.b: 1" : "thrown java.lang.AssertionError at softnic.C.d: 1")));

        assertThat(checker.check(BIG).smallest().faults()).hasSize(3);
    }

    @Test
    void aViolationThatIsGoneWithoutQuirksIsTheOneQuirkThatMakesItAlone() {
        CheckScenario old = BIG.withEdition(Edition.V3_1);

        assertThat(breaking(s -> s.edition().has(Quirk.UBUF_BY_HEAD)).check(old).quirks())
                .containsExactly(Quirk.UBUF_BY_HEAD);
        assertThat(breaking(s -> s.edition().has(Quirk.UBUF_BY_HEAD) && s.edition().has(Quirk.BAD_PACKET_BLOCKS)).check(old)
                .quirks()).as("two together").containsExactlyInAnyOrder(Quirk.UBUF_BY_HEAD, Quirk.BAD_PACKET_BLOCKS);
    }

    /** A quirk answers for what it does, not for whatever else is wrong in the same run. */
    @Test
    void eachKindOfViolationIsMatchedToAQuirkOfItsOwn() {
        Checker checker = new Checker(s -> {
            List<String> all = new ArrayList<>();
            if (s.edition().has(Quirk.PINNED_BY_BYTES)) {
                all.add("invariant 21: macvtap: charge");
            }
            if (s.edition().has(Quirk.UBUF_BY_HEAD) && s.edition().has(Quirk.BAD_PACKET_BLOCKS)) {
                all.add("balance pins: expected 0, got 2");
            }
            return outcome(all);
        });
        Checker.Result result = checker.check(BIG.withEdition(Edition.V3_1));

        assertThat(result.isFailure()).isFalse();
        assertThat(CheckReport.line(result)).contains("    PINNED_BY_BYTES: invariant 21: macvtap: charge\n",
                "    UBUF_BY_HEAD with BAD_PACKET_BLOCKS: balance pins: expected 0, got 2\n");
    }

    @Test
    void whatIsThrownIsAFailureWhateverTheQuirks() {
        Checker checker = new Checker(s -> outcome(s.edition().has(Quirk.UBUF_BY_HEAD)
                ? List.of("invariant 21: macvtap: charge", "thrown java.lang.AssertionError at softnic.A.b: 1") : List.of()));
        Checker.Result result = checker.check(BIG.withEdition(Edition.V3_1));

        assertThat(result.isFailure()).isTrue();
        assertThat(CheckReport.line(result)).contains("FAILED\n", "    thrown java.lang.AssertionError at softnic.A.b: 1\n");
    }

    @Test
    void aViolationThatStaysWithoutQuirksIsAFailure() {
        Checker.Result result = breaking(s -> true).check(BIG.withEdition(Edition.V3_1));

        assertThat(result.isFailure()).isTrue();
        assertThat(result.quirks()).isEmpty();
        assertThat(breaking(s -> false).check(BIG).isFailure()).isFalse();
    }

    @Test
    void theSummarySaysWhichSeedsShowWhichQuirk() {
        CheckReport report = new CheckReport("all editions, faults all");
        Checker checker = breaking(s -> s.edition().has(Quirk.UBUF_BY_HEAD) || s.seed() == 3);
        for (long seed = 1; seed <= 4; seed++) {
            report.add(checker.check(CheckScenarioTest.house(seed, seed == 2 ? Edition.V3_1 : Edition.V6_1, null)));
        }

        assertThat(report.isSound()).isFalse();
        assertThat(report.toText()).startsWith("4 seeds, all editions, faults all: 4 packets, fingerprint ")
                .contains("  sound   2\n  quirk   UBUF_BY_HEAD (invariant 7): 1 seed, 2\n  fired   ", "\n  failed  1\n");
        assertThat(report.toJson()).contains("\"UBUF_BY_HEAD\" : [ 2 ]", "\"failed\" : 1", "--seed 3 --edition 6.1");
    }
}
