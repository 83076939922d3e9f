package softnic.vhost;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.MethodSource;
import softnic.Behaviour;
import softnic.Edition;
import softnic.Quirk;
import softnic.sched.EventFd;
import softnic.skb.UbufInfo;
import softnic.trace.Trace;
import softnic.trace.Violations;

/** Lent in order, finished in any order, given back in order. */
@ParameterizedClass
@MethodSource("editions")
class VhostZerocopyTest {

    private static final int NUM = 8;
    private static final long SEED = 1020L;

    private final Edition edition;
    private final Ram ram = new Ram(NUM);
    private final StepCpu cpu = new StepCpu();
    private final Violations violations = new Violations();
    private final VhostVirtqueue vq;
    private int polls;

    VhostZerocopyTest(Edition edition) {
        this.edition = edition;
        vq = new VhostVirtqueue("tx", edition, cpu, Trace.off(), ram.memory, ram.guest, false, new EventFd(), null);
        vq.setVring(NUM, 0, Ram.AVAIL, Ram.USED);
    }

    static Iterable<Edition> editions() {
        return Edition.ALL;
    }

    @AfterEach
    void nothingWasBroken() {
        assertThat(violations.kept()).isEmpty();
        vq.close();
        ram.close();
    }

    private VhostZerocopy ring(int startIdx) {
        return new VhostZerocopy(edition, Trace.off(), new VhostMonitor(violations), () -> polls++, startIdx);
    }

    /** Reports what is finished, as handle_tx of this edition does, and reads it from the used ring. */
    private List<Integer> signalled(VhostZerocopy zcopies) {
        int before = ram.ring.usedIdxAcquire();
        if (edition.has(Behaviour.COPIED_TAKE_SLOT)) {
            while (zcopies.signalOldest(vq)) {
                cpu.settleAll();
            }
        } else {
            zcopies.signalFinished(vq);
            cpu.settleAll();
        }
        List<Integer> heads = new ArrayList<>();
        for (int i = before; i != ram.ring.usedIdxAcquire(); i = i + 1 & 0xFFFF) {
            heads.add(ram.ring.usedId(i));
        }
        zcopies.check();
        return heads;
    }

    private static void permute(int[] order, int k, Runnable each) {
        if (k == order.length) {
            each.run();
            return;
        }
        for (int i = k; i < order.length; i++) {
            swap(order, i, k);
            permute(order, k + 1, each);
            swap(order, i, k);
        }
    }

    private static void swap(int[] order, int i, int k) {
        int x = order[i];
        order[i] = order[k];
        order[k] = x;
    }

    /** 1 + 2 + 6 + 24 + 120 + 720 orders, over the end of the array, looking after each one that finished. */
    @Test
    void reportsInPostedOrderForEveryFinishingOrder() {
        VhostZerocopy zcopies = ring(1020);
        for (int n = 1; n <= 6; n++) {
            int buffers = n;
            int[] order = new int[n];
            for (int i = 0; i < n; i++) {
                order[i] = i;
            }
            permute(order, 0, () -> {
                UbufInfo[] ubufs = new UbufInfo[buffers];
                for (int i = 0; i < buffers; i++) {
                    ubufs[i] = zcopies.begin(i, 1000);
                }
                List<Integer> seen = new ArrayList<>();
                for (int finished : order) {
                    ubufs[finished].callback(true);
                    seen.addAll(signalled(zcopies));
                }
                List<Integer> posted = new ArrayList<>();
                for (int i = 0; i < buffers; i++) {
                    posted.add(i);
                }
                assertThat(seen).isEqualTo(posted);
                assertThat(zcopies.pending()).isZero();
                assertThat(zcopies.references()).isEqualTo(1);
            });
        }
    }

    @Test
    void nothingPassesABufferThatIsStillOnItsWay() {
        VhostZerocopy zcopies = ring(0);
        UbufInfo first = zcopies.begin(5, 1000);
        UbufInfo second = zcopies.begin(6, 1000);
        second.callback(true);
        assertThat(signalled(zcopies)).isEmpty();
        assertThat(zcopies.pending()).isEqualTo(2);
        first.callback(true);
        assertThat(signalled(zcopies)).containsExactly(5, 6);
    }

    @Test
    void aCopiedPacketWithASlotWaitsItsTurn() {
        if (!edition.has(Behaviour.COPIED_TAKE_SLOT)) {
            return;
        }
        VhostZerocopy zcopies = ring(1022);
        UbufInfo first = zcopies.begin(1, 1000);
        zcopies.beginCopied(2);
        UbufInfo third = zcopies.begin(3, 1000);
        zcopies.beginCopied(4);
        assertThat(signalled(zcopies)).isEmpty();
        first.callback(true);
        assertThat(signalled(zcopies)).containsExactly(1, 2);
        third.callback(true);
        assertThat(signalled(zcopies)).containsExactly(3, 4);
    }

    /** Invariant 15: the count of pending buffers is right across the end of the array. */
    @Test
    void thePendingCountCrossesTheEndOfTheArray() {
        Random random = new Random(SEED);
        for (int start : new int[] {0, 1020, 1023, 512}) {
            VhostZerocopy zcopies = ring(start);
            List<UbufInfo> out = new ArrayList<>();
            int pending = 0;
            int head = 0;
            for (int round = 0; round < Bench.rounds(3000); round++) {
                if (pending < NUM && random.nextBoolean()) {
                    out.add(zcopies.begin(head++ % NUM, 1000));
                    pending++;
                } else if (!out.isEmpty()) {
                    out.remove(0).callback(true);
                    pending -= signalled(zcopies).size();
                }
                assertThat(zcopies.pending()).as("seed=%d start %d round %d", SEED, start, round).isEqualTo(pending);
            }
        }
    }

    @Test
    void theRingIsFullOneSlotBeforeItWouldLookEmpty() {
        VhostZerocopy zcopies = ring(1020);
        UbufInfo[] ubufs = new UbufInfo[1023];
        for (int i = 0; i < ubufs.length; i++) {
            assertThat(zcopies.isFull()).isFalse();
            ubufs[i] = zcopies.begin(i, 1000);
        }
        assertThat(zcopies.isFull()).isTrue();
        assertThat(zcopies.pending()).isEqualTo(1023);
        for (UbufInfo ubuf : ubufs) {
            ubuf.callback(true);
        }
        assertThat(signalled(zcopies)).hasSize(1023);
        assertThat(zcopies.references()).isEqualTo(1);
    }

    @Test
    void aSendThatIsTriedAgainLeavesNoTrace() {
        for (int start : new int[] {0, 1023}) {
            VhostZerocopy zcopies = ring(start);
            UbufInfo first = zcopies.begin(1, 1000);
            zcopies.begin(2, 1000);
            zcopies.cancelLast(true);
            assertThat(zcopies.references()).isEqualTo(2);
            assertThat(zcopies.pending()).isEqualTo(1);
            UbufInfo again = zcopies.begin(2, 1000);
            again.callback(true);
            first.callback(true);
            assertThat(signalled(zcopies)).containsExactly(1, 2);
            zcopies.beginCopied(3);
            zcopies.cancelLast(false);
            assertThat(zcopies.references()).isEqualTo(1);
            assertThat(signalled(zcopies)).isEmpty();
        }
    }

    /** December 2020: the callback has run already when the send fails; the reference goes once. */
    @Test
    void aReferenceIsPutOnceThoughTheCallbackCameFirst() {
        for (boolean success : new boolean[] {true, false}) {
            VhostZerocopy zcopies = ring(0);
            zcopies.begin(1, 1000).callback(success);
            assertThat(zcopies.references()).isEqualTo(1);
            zcopies.cancelLast(true);
            if (edition.has(Quirk.UBUF_PUT_TWICE)) {
                assertThat(zcopies.references()).isZero();
                continue;
            }
            assertThat(zcopies.references()).isEqualTo(1);
            zcopies.begin(1, 1000).callback(success);
            zcopies.finishFailed();
            assertThat(zcopies.references()).isEqualTo(1);
            assertThat(signalled(zcopies)).containsExactly(1);
        }
    }

    /** June 2023: a send that failed for good keeps its slot and its turn. */
    @Test
    void aSendThatFailedForGoodIsReportedInItsTurn() {
        VhostZerocopy zcopies = ring(1022);
        UbufInfo first = zcopies.begin(1, 1000);
        zcopies.begin(2, 1000);
        zcopies.finishFailed();
        zcopies.begin(3, 1000).callback(true);
        assertThat(signalled(zcopies)).isEmpty();
        first.callback(true);
        assertThat(signalled(zcopies)).containsExactly(1, 2, 3);
        assertThat(zcopies.references()).isEqualTo(1);
    }

    @Test
    void packetsThatWereCopiedAfterAllAreCountedWhenReported() {
        VhostZerocopy zcopies = ring(1023);
        zcopies.begin(1, 1000).callback(false);
        zcopies.begin(2, 1000).callback(true);
        zcopies.begin(3, 1000).callback(false);
        assertThat(zcopies.counters().value(VhostZerocopy.Count.CALLBACKS_COPIED)).isEqualTo(2);
        if (edition.has(Behaviour.REPORTS_ONE_BY_ONE)) {
            assertThat(signalled(zcopies)).containsExactly(1, 2, 3);
            assertThat(zcopies.takeFailed()).isEqualTo(edition.has(Behaviour.FAILED_MARKER) ? 2 : 0);
        } else {
            assertThat(zcopies.signalFinished(vq)).isEqualTo(2);
            cpu.settleAll();
            assertThat(ram.ring.usedIdxAcquire()).isEqualTo(3);
        }
    }

    /** One index and one signal a buffer in 3.1, one for all since 3.12. */
    @Test
    void finishedBuffersArePublishedOneByOneOrTogether() {
        VhostZerocopy zcopies = ring(1022);
        for (int i = 0; i < 5; i++) {
            zcopies.begin(i, 1000).callback(true);
        }
        if (edition.has(Behaviour.COPIED_TAKE_SLOT)) {
            zcopies.signalOldest(vq);
            cpu.settleAll();
            assertThat(ram.ring.usedIdxAcquire()).isEqualTo(1);
        } else {
            zcopies.signalFinished(vq);
            assertThat(cpu.settled).hasSize(1);
            cpu.settleAll();
            assertThat(ram.ring.usedIdxAcquire()).isEqualTo(5);
        }
    }

    /** The worker is woken when one or no buffer is left, and at each 16th; in 3.1 never. */
    @Test
    void callbackWakesTheWorkerNowAndThen() {
        VhostZerocopy zcopies = ring(0);
        List<UbufInfo> ubufs = new ArrayList<>();
        for (int i = 0; i < 40; i++) {
            ubufs.add(zcopies.begin(i, 1000));
        }
        for (UbufInfo ubuf : ubufs) {
            int before = polls;
            ubuf.callback(true);
            int left = zcopies.references();
            boolean expected = !edition.has(Quirk.CALLBACK_WAKES_NOBODY) && (left <= 1
                    || (edition.has(Quirk.POLL_BEFORE_MARK) ? left + 1 : left) % 16 == 0);
            assertThat(polls - before).as("%d left", left).isEqualTo(expected ? 1 : 0);
        }
        signalled(zcopies);
    }

    /** Two chains under one head: 3.1 had one ubuf_info for both. */
    @Test
    void theSameHeadTwiceIsToldApartOnlyByTheSlot() {
        VhostZerocopy zcopies = new VhostZerocopy(edition, Trace.off(), null, () -> { }, 0);
        UbufInfo first = zcopies.begin(3, 1000);
        UbufInfo second = zcopies.begin(3, 1000);
        assertThat(first == second).isEqualTo(edition.has(Quirk.UBUF_BY_HEAD));
        first.callback(true);
        second.callback(true);
        assertThat(zcopies.references()).isEqualTo(1);
        int reported = signalled(zcopies).size();
        assertThat(reported).isEqualTo(edition.has(Quirk.UBUF_BY_HEAD) ? 0 : 2);       // 3.1: the first never finishes
    }

    @Test
    void aBrokenRuleOfOursIsReported() {
        Violations seen = new Violations();
        VhostMonitor monitor = new VhostMonitor(seen);
        monitor.completed(3);
        monitor.slotBegun(4, true, 1);
        monitor.slotBegun(4, true, 2000);
        monitor.slotReported(4);
        monitor.headUsed(9);
        monitor.headTaken(1);
        monitor.headTaken(1);
        monitor.checkReferences(5, 1);
        monitor.mustBeOrdered(true);
        monitor.headTaken(2);
        monitor.headUsed(2);
        monitor.checkClearOutside(0, 0, new int[1024]);
        assertThat(seen.kept()).anyMatch(v -> v.startsWith("invariant 9")).anyMatch(v -> v.startsWith("invariant 12"))
                .anyMatch(v -> v.startsWith("invariant 15")).anyMatch(v -> v.startsWith("invariant 1:"))
                .anyMatch(v -> v.startsWith("invariant 10")).anyMatch(v -> v.startsWith("invariant 2:"))
                .anyMatch(v -> v.startsWith("invariant 13"));
    }
}
