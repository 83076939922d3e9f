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

    @Test
    void headsComeBackInOrderWhereTheKernelKeepsIt() {
        monitor.headTaken(3);
        monitor.headTaken(4);
        monitor.headUsed(4);
        monitor.headUsed(3);
        assertThat(violations.kept()).as("nobody asked").isEmpty();
        monitor.mustBeOrdered(true);
        monitor.headTaken(5);
        monitor.headReturned();
        monitor.headTaken(6);
        monitor.headTaken(7);
        monitor.headUsed(6);
        assertThat(violations.kept()).as("what was given back is not waited for").isEmpty();
        monitor.headTaken(8);
        monitor.headUsed(8);
        assertThat(violations.kept()).containsExactly("invariant 2: vhost: head 8 reported before head 7");
    }

    @Test
    void aHeadIsUsedAsOftenAsItWasTaken() {
        monitor.headTaken(0);
        monitor.headTaken(0);
        monitor.headTaken(65535);
        monitor.headUsed(0);
        monitor.headUsed(0);
        monitor.headUsed(65535);
        monitor.checkOutstanding(0);
        assertThat(violations.kept()).isEmpty();
        monitor.headUsed(0);
        reports(1);
    }

    @Test
    void aHeadGivenBackIsNotOutstanding() {
        monitor.headTaken(9);
        monitor.headReturned();
        monitor.checkOutstanding(0);
        assertThat(violations.kept()).isEmpty();
        monitor.headUsed(9);
        reports(1);
    }

    @Test
    void aRingTakenUpAnewKnowsWhatWasOutBefore() {
        monitor.headTaken(1);
        monitor.headTaken(2);
        monitor.headUsed(1);
        monitor.restarted(1);
        monitor.checkOutstanding(1);
        monitor.headUsed(2);
        monitor.checkOutstanding(0);
        assertThat(violations.kept()).isEmpty();
    }

    @Test
    void piecesHaveTheBytesOfTheirDescriptors() {
        monitor.translated(4096, 4096);
        assertThat(violations.kept()).isEmpty();
        monitor.translated(4096, 8192);
        reports(30);
    }

    @Test
    void whatAKernelBelievesAndWhereItWritesIsNamed() {
        monitor.jumpBelieved(300, 256);
        monitor.logOverrun();
        monitor.outOfBounds("heads[300] of 256");
        monitor.sleepsOnWork();
        assertThat(violations.kept()).hasSize(4);
        assertThat(violations.kept().get(0)).startsWith("invariant 31:").contains("300 ahead in a ring of 256");
        assertThat(violations.kept().get(1)).startsWith("invariant 32:");
        assertThat(violations.kept().get(2)).startsWith("invariant 29:").contains("heads[300] of 256");
        assertThat(violations.kept().get(3)).startsWith("invariant 25:");
    }

    @Test
    void aShortPacketIsNeverLentOut() {
        monitor.zerocopyChosen(HandleTx.VHOST_GOODCOPY_LEN);
        assertThat(violations.kept()).isEmpty();
        monitor.zerocopyChosen(HandleTx.VHOST_GOODCOPY_LEN - 1);
        reports(17);
    }

    @Test
    void aSlotIsBegunWhenItIsClearOnly() {
        monitor.slotBegun(5, true, 1);
        monitor.slotCancelled(5);
        monitor.slotBegun(5, false, 1);
        monitor.slotReported(5);
        assertThat(violations.kept()).isEmpty();
        monitor.slotBegun(6, true, 1);
        monitor.slotBegun(6, true, 2);
        assertThat(violations.kept()).containsExactly("invariant 12: vhost: slot 6 begun in state 1");
    }

    @Test
    void theIndicesSayHowManyArePending() {
        monitor.slotBegun(0, true, 1);
        monitor.slotBegun(1, true, 3);
        reports(15);
    }

    @Test
    void aSlotIsCompletedOnceAndThenReported() {
        monitor.slotBegun(0, true, 1);
        monitor.completed(0);
        monitor.slotReported(0);
        monitor.slotBegun(1, true, 1);
        monitor.slotForced(1);
        monitor.slotReported(1);
        assertThat(violations.kept()).isEmpty();
        monitor.slotBegun(2, true, 1);
        monitor.slotReported(2);
        assertThat(violations.kept()).containsExactly("invariant 12: vhost: slot 2 reported in state 1");
        monitor.completed(2);
        assertThat(violations.kept()).hasSize(2).last().asString().startsWith("invariant 9:").contains("slot 2 in state 0");
    }

    @Test
    void aPendingRingThatStartsAnewIsClear() {
        monitor.slotBegun(3, true, 1);
        monitor.slotsReset();
        monitor.slotBegun(3, true, 1);
        monitor.checkReferences(1, 0);
        assertThat(violations.kept()).isEmpty();
    }

    @Test
    void outsideTheIndicesEverySlotIsClear() {
        int[] markers = new int[1024];
        monitor.slotBegun(1023, true, 1);
        monitor.slotBegun(0, true, 2);
        markers[1023] = 1;
        markers[0] = 1;
        monitor.checkClearOutside(1023, 1, markers);
        assertThat(violations.kept()).isEmpty();
        monitor.checkClearOutside(1023, 0, markers);
        assertThat(violations.kept()).containsExactly(
                "invariant 13: vhost: slot 0 in state 1 with marker 1 outside done=1023 upend=0");
        monitor.slotCancelled(0);
        monitor.checkClearOutside(1023, 0, markers);
        assertThat(violations.kept()).as("its marker alone").hasSize(2).last().asString().contains("state 0 with marker 1");
        markers[0] = 0;
        monitor.checkClearOutside(1023, 0, markers);
        assertThat(violations.kept()).hasSize(2);
        monitor.checkClearOutside(0, 0, markers);
        assertThat(violations.kept()).as("none is pending").hasSize(3);
    }

    @Test
    void aChangeLeavesNothingOfTheOldBackendAndAllOfTheNewOne() {
        monitor.slotBegun(7, true, 1);
        monitor.completed(7);
        monitor.slotReported(7);
        monitor.backendChanged();
        monitor.slotBegun(8, true, 1);
        monitor.oldBackendReported();
        assertThat(violations.kept()).isEmpty();
    }
}
