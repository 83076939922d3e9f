package softnic.vhost;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import softnic.trace.Violations;

/** Each invariant that the monitor watches, broken once. */
class VhostMonitorTest {

    private final Violations violations = new Violations();
    private final VhostMonitor monitor = new VhostMonitor(violations);

    private void reports(int invariant) {
        assertThat(violations.kept()).hasSize(1).allMatch(v -> v.startsWith("invariant " + invariant + ":"));
    }

    @Test
    void headsOutAreWhatTheRingCounts() {
        monitor.headTaken(3);
        monitor.headTaken(4);
        monitor.headUsed(3);
        monitor.checkOutstanding(1);
        monitor.headTaken(5);
        monitor.headLost();
        monitor.checkOutstanding(2);
        monitor.headTaken(6);
        monitor.headReturned();
        monitor.checkOutstanding(2);
        assertThat(violations.kept()).isEmpty();
        monitor.checkOutstanding(1);
        reports(5);
    }

    @Test
    void aRingTakenUpAnewHasItsOwnCount() {
        monitor.headTaken(3);
        monitor.restarted(0x1234);
        monitor.checkOutstanding(0x1234);
        monitor.headTaken(4);
        monitor.checkOutstanding(0x1235);
        assertThat(violations.kept()).isEmpty();
    }

    @Test
    void aHeadThatIsNoneIsNoticed() {
        monitor.headUsed(-14);
        reports(1);
    }

    @Test
    void freedUbufsAreLeftAlone() {
        monitor.ubufsTouchedAfterFree();
        reports(11);
    }

    @Test
    void noMoreIsPendingThanTheRingHas() {
        monitor.limits(2, 1024);
        monitor.slotBegun(0, true, 1);
        monitor.slotBegun(1, false, 2);
        assertThat(violations.kept()).isEmpty();
        monitor.slotBegun(2, false, 3);
        reports(14);
    }

    @Test
    void zerocopyStaysBelowItsLimitAndOne() {
        monitor.limits(1024, 1);
        monitor.slotBegun(0, true, 1);
        monitor.slotBegun(1, true, 2);
        monitor.slotBegun(2, false, 3);
        assertThat(violations.kept()).isEmpty();
        monitor.slotBegun(3, true, 4);
        reports(16);
    }

    @Test
    void oldPacketsAreReportedBeforeTheNewBackends() {
        monitor.slotBegun(0, false, 1);
        monitor.backendChanged();
        monitor.slotBegun(1, false, 2);
        monitor.slotReported(1);
        assertThat(violations.kept()).isEmpty();
        monitor.slotReported(0);
        reports(33);
    }

    @Test
    void afterTheChangeNothingOldIsPending() {
        monitor.slotBegun(7, true, 1);
        monitor.backendChanged();
        monitor.slotBegun(8, true, 2);
        monitor.oldBackendReported();
        reports(33);
    }

    @Test
    void afterCleanupNothingHappens() {
        monitor.cleanedUp(0, 0);
        assertThat(violations.kept()).isEmpty();
        monitor.cleanedUp(1, 0);
        reports(34);
    }

    @Test
    void afterCleanupNobodyIsOut() {
        monitor.cleanedUp(0, 1);
        reports(34);
    }

    @Test
    void aCallbackAfterCleanupIsNoticed() {
        monitor.callbackAfterCleanup();
        reports(34);
    }

    @Test
    void referencesOfAnOldBackendAreNotThisOnes() {
        monitor.slotBegun(0, true, 1);
        monitor.checkReferences(2, 1);
        monitor.backendChanged();
        monitor.checkReferences(1, 1);
        monitor.slotBegun(1, true, 2);
        monitor.checkReferences(1, 0);
        assertThat(violations.kept()).isEmpty();
        monitor.checkReferences(1, 1);
        reports(10);
    }
}
