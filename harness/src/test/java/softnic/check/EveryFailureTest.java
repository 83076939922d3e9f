package softnic.check;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import softnic.Edition;
import softnic.host.CheckedRun;
import softnic.host.HouseOptions;
import softnic.host.Scenario;
import softnic.mm.FaultInjection;
import softnic.mm.FaultPoint;
import softnic.model.PriceFile;

/**
 * Invariant 50: whichever one allocation, pin or copy fails, heads, pins, references and charges come out right.
 *
 * <p>One run for each passage of each point, until a run has fewer passages than that.
 */
class EveryFailureTest {

    private static final PriceFile PRICES = PriceFile.preset(PriceFile.DEFAULT);
    private static final long SHORT_NS = 200_000;

    @ParameterizedTest
    @ValueSource(strings = {"3.1", "3.8", "6.18"})
    void whicheverStepFailsAllComesBack(String name) {
        Edition edition = Edition.ALL.stream().filter(e -> e.name().equals(name)).findFirst().orElseThrow().withoutQuirks();
        List<String> wrong = new ArrayList<>();
        for (FaultPoint point : FaultPoint.values()) {
            boolean zerocopy = point != FaultPoint.PAGE_ALLOC;      // which allocates pages only where it copies
            int runs = 0;
            boolean failed = true;
            while (failed) {
                runs++;
                FaultInjection faults = new FaultInjection().fail(point, runs, 0);
                List<String> violations = run(edition, zerocopy, faults);
                if (!violations.isEmpty()) {
                    wrong.add(point + " at passage " + runs + ": " + violations);
                }
                failed = faults.failed(point) > 0;
            }
            assertThat(runs).as("passages of " + point).isGreaterThan(2);
        }

        assertThat(wrong).isEmpty();
    }

    private static List<String> run(Edition edition, boolean zerocopy, FaultInjection faults) {
        Scenario scenario = Scenario.DEFAULT.withEdition(edition).withMessageBytes(9000).withZerocopy(zerocopy)
                .withDurationNs(SHORT_NS);
        return CheckedRun.of(scenario, new HouseOptions(32, 64, 0, 1 << 17, 16, faults, null, null, List.of(), true), PRICES)
                .violations();
    }
}
