package softnic;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import java.util.function.Function;
import org.junit.jupiter.api.Test;
import softnic.trace.Tracepoint;

/** A kernel, its bugs, and what can be taken away from it. */
class EditionTest {

    private static <T> List<T> all(Function<Edition, T> what) {
        return Edition.ALL.stream().map(what).toList();
    }

    @Test
    void editionsAreTheKernelsInOrderWithAllTheirBugs() {
        assertThat(all(Edition::name)).containsExactly("v8", "3.1", "3.8", "3.14", "4.20", "6.1", "6.18");
        for (Edition edition : Edition.ALL) {
            assertThat(edition.faithful()).isTrue();
            for (Quirk quirk : Quirk.values()) {
                assertThat(edition.has(quirk)).as("%s %s", edition.name(), quirk)
                        .isEqualTo(quirk.isOf(edition.kernel()));
            }
        }
        assertThat(Edition.V3_1.has(Quirk.CALLBACK_WAKES_NOBODY)).isTrue();
        assertThat(Edition.V6_18.has(Quirk.CALLBACK_WAKES_NOBODY)).isFalse();
        assertThat(Edition.V6_1.has(Quirk.FAILED_SLOT_REVERTED)).isTrue();
        assertThat(Edition.V4_20.has(Quirk.FAILED_SLOT_REVERTED)).isFalse();
        assertThat(Edition.V6_18.has(Quirk.FAILED_SLOT_REVERTED)).isFalse();
    }

    @Test
    void oneBugIsTakenAwayOrGivenBackAndTheOthersStay() {
        for (Edition edition : Edition.ALL) {
            Edition none = edition.withoutQuirks();
            assertThat(none.kernel()).isEqualTo(edition.kernel());
            for (Quirk quirk : Quirk.values()) {
                assertThat(none.has(quirk)).isFalse();
                if (!edition.has(quirk)) {
                    assertThatThrownBy(() -> none.with(quirk)).hasMessageContaining("has no such quirk");
                    continue;
                }
                Edition without = edition.without(quirk);
                Edition alone = none.with(quirk);
                for (Quirk other : Quirk.values()) {
                    assertThat(without.has(other)).isEqualTo(other != quirk && edition.has(other));
                    assertThat(alone.has(other)).isEqualTo(other == quirk);
                }
                assertThat(without.with(quirk)).isEqualTo(edition);
                assertThat(without.faithful()).isFalse();
            }
        }
    }

    @Test
    void aHeadingSaysWhatIsMissing() {
        assertThat(Edition.V3_1.title()).isEqualTo("3.1");
        assertThat(Edition.V3_1.withoutQuirks().title()).isEqualTo("3.1 without quirks");
        assertThat(Edition.V3_1.without(Quirk.CALLBACK_WAKES_NOBODY).title()).isEqualTo("3.1 without some quirks");
    }

    @Test
    void numbersAreThoseOfTheKernel() {
        assertThat(all(Edition::names)).startsWith(Tracepoint.Names.KERNEL_3_1).endsWith(Tracepoint.Names.KERNEL_6_1)
                .filteredOn(n -> n == Tracepoint.Names.KERNEL_3_1).hasSize(4);
        assertThat(all(Edition::maxSkbFrags)).containsExactly(18, 18, 17, 17, 17, 17, 17);
        assertThat(all(Edition::tapReserve)).containsExactly(0, 0, 0, 0, 2, 2, 2);
        assertThat(all(Edition::dmaDone)).containsExactly(1, 1, 2, 2, 2, 2, 2);
        assertThat(all(Edition::dmaInProgress)).containsExactly(0, 0, 1, 1, 1, 1, 1);
        assertThat(all(Edition::zcopytxByDefault)).containsExactly(true, false, true, true, true, false, false);
        assertThat(all(Edition::packetWeight)).containsExactly(0, 0, 0, 0, 256, 256, 256);
    }

    @Test
    void everyDifferenceIsToldInALine() {
        for (Quirk quirk : Quirk.values()) {
            assertThat(quirk.what()).as(quirk.name()).isNotBlank().doesNotContain("\n");
        }
        for (Behaviour behaviour : Behaviour.values()) {
            assertThat(behaviour.what()).as(behaviour.name()).isNotBlank().doesNotContain("\n");
        }
    }
}
