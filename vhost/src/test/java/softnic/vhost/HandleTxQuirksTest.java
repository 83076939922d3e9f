package softnic.vhost;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.MethodSource;
import softnic.Behaviour;
import softnic.Edition;
import softnic.Quirk;
import softnic.mm.Errno;
import softnic.mm.IoVec;
import softnic.skb.UbufInfo;
import softnic.trace.Trace;

/** The history of the transmit path: what each change brought, and what was wrong before. */
@ParameterizedClass
@MethodSource("editions")
class HandleTxQuirksTest {

    private static final int NUM = 256;

    private final Edition edition;
    private Bench bench;
    private boolean broken;

    HandleTxQuirksTest(Edition edition) {
        this.edition = edition;
        bench = Bench.tx(edition, NUM, true);
    }

    /** Each as it was, and each without its bugs. */
    static Iterable<Edition> editions() {
        List<Edition> all = new ArrayList<>(Edition.ALL);
        Edition.ALL.forEach(e -> all.add(e.withoutQuirks()));
        return all;
    }

    @AfterEach
    void close() {
        if (!broken) {
            bench.net.check();
            assertThat(bench.violations.kept()).isEmpty();
        }
        bench.close();
    }

    private void with(Bench other) {
        bench.close();
        bench = other;
    }

    private void post(int head, int len) {
        bench.ram.post(head, len, 0);
    }

    private void kick() {
        bench.txKick.signal();
        bench.run();
    }

    private void completeAll() {
        bench.sock.complete(bench.sock.inFlight.size());
        bench.run();
    }

    // ---- 3.1

    /** 1.6: the guest stops after n packets; all n come back within bounded time, except in 3.1 and before. */
    @Test
    void allComesBackThoughTheGuestFallsSilent() {
        for (int n : new int[] {1, 2, 15, 16, 17, 100}) {
            with(Bench.tx(edition, NUM, true));
            for (int i = 0; i < n; i++) {
                post(i, 1000);
            }
            kick();
            while (!bench.sock.inFlight.isEmpty()) {
                bench.sock.complete(1);
                bench.run();
            }
            assertThat(bench.used()).as(n + " packets").hasSize(edition.has(Quirk.CALLBACK_WAKES_NOBODY) ? 0 : n);
        }
    }

    /** Same head twice: 3.1 had one ubuf_info for both, and the first never ended. */
    @Test
    void aHeadPostedTwiceCompletesTwice() {
        broken = true;
        post(3, 1000);
        post(3, 1000);
        kick();
        completeAll();
        post(4, 1000);
        kick();
        completeAll();
        kick();
        assertThat(bench.used()).hasSize(edition.has(Quirk.UBUF_BY_HEAD) ? 0 : 3);
        assertThat(bench.violations.kept().stream().anyMatch(v -> v.startsWith("invariant 9")))
                .isEqualTo(edition.has(Quirk.UBUF_BY_HEAD));
    }

    /** Ring of 2048: 3.1 took what lies behind ubuf_info for one; here it is noticed, and the slot's is taken. */
    @Test
    void aRingOfMoreThan1024HasHeadsWithoutAnUbuf() {
        with(new Bench(edition, 2048, true, false, Integer.MAX_VALUE));
        assertThat(bench.net.setBackend(bench.sock)).isZero();
        post(2000, 1000);
        kick();
        broken = edition.has(Quirk.UBUF_BY_HEAD);
        assertThat(bench.count(VhostZerocopy.Count.HEAD_OUT_OF_BOUNDS)).isEqualTo(broken ? 1 : 0);
        assertThat(bench.violations.kept().stream().anyMatch(v -> v.startsWith("invariant 29"))).isEqualTo(broken);
        completeAll();
        kick();
        assertThat(bench.used()).containsExactly(2000);
    }

    // ---- 3.8

    /** A short packet takes a slot only behind others; before, always; since 3.12 never. */
    @Test
    void aShortPacketSkipsThePendingRingWhenNothingIsPending() {
        bench.sock.onSend = () -> assertThat(bench.net.pending()).isEqualTo(
                edition.has(Behaviour.COPIED_TAKE_SLOT) && !edition.has(Behaviour.SMALL_SKIPS_EMPTY_RING) ? 1 : 0);
        post(1, 100);
        kick();
        bench.sock.onSend = () -> { };
        assertThat(bench.used()).containsExactly(1);
        post(2, 1000);
        post(3, 100);
        kick();
        assertThat(bench.used()).isEqualTo(edition.has(Behaviour.COPIED_TAKE_SLOT) ? List.of() : List.of(3));
        assertThat(bench.net.pending()).isEqualTo(edition.has(Behaviour.COPIED_TAKE_SLOT) ? 2 : 1);
        completeAll();
        kick();
        assertThat(bench.used()).contains(2);
    }

    /** A long packet that is copied because of failures takes a slot in 3.8, and is not counted as pending in 3.12. */
    @Test
    void afterAFailureCopiedPacketsKeepTheirPlaceOrPass() {
        if (!edition.has(Behaviour.SELECTS_ZEROCOPY)) {
            return;
        }
        post(1, 1000);
        kick();
        bench.sock.inFlight.remove().callback(false);
        bench.run();
        assertThat(bench.used()).containsExactly(1);
        post(2, 1000);
        kick();
        assertThat(bench.sock.sent.get(1).zerocopy()).isFalse();
        assertThat(bench.used()).containsExactly(2);
    }

    /** 3.8 queued the work before it marked the buffer: a worker that is quick sees nothing, and sleeps for ever. */
    @Test
    void theWorkerIsWokenAfterTheBufferIsMarkedOrBefore() {
        VhostZerocopy[] zcopies = new VhostZerocopy[1];
        List<Boolean> seen = new ArrayList<>();
        zcopies[0] = new VhostZerocopy(edition, Trace.off(), null, () -> seen.add(zcopies[0].isOldestDone()), 0);
        UbufInfo ubuf = zcopies[0].begin(1, 1000);
        ubuf.callback(true);
        if (edition.has(Quirk.CALLBACK_WAKES_NOBODY)) {
            assertThat(seen).isEmpty();
        } else {
            assertThat(seen).containsExactly(!edition.has(Quirk.POLL_BEFORE_MARK));
        }
    }

    /** After a packet too, before the call makes room for others: what is done is not kept for the next call. */
    @Test
    void whatIsFinishedIsReportedBeforeTheCallEnds() {
        bench.sock.onSend = () -> bench.sock.complete(bench.sock.inFlight.size());
        for (int i = 0; i < 9; i++) {
            post(i, 60_000);
        }
        kick();
        assertThat(bench.count(HandleTx.Count.WEIGHT_EXCEEDED)).isEqualTo(1);
        assertThat(bench.used()).hasSize(9);
    }

    /** experimental_zcopytx: off in 3.1, on from 3.8 to 5.2, off since; the cover letter had no such parameter. */
    @Test
    void zerocopyIsOnByDefaultWhereTheKernelHadIt() {
        List<String> on = List.of("v8", "3.8", "3.14", "4.20");
        assertThat(VhostNet.Options.defaults(edition).zerocopyTx()).isEqualTo(on.contains(edition.name()));
    }

    // ---- 3.12 to 4.14

    /**
     * {@code (upend + num - 128) % 1024 == done}: true at one number of pending buffers only. A ring of 128 never sends
     * anything, one of 256 or 512 has no limit.
     */
    @Test
    void thePendingLimitHoldsForEveryRing() {
        if (!edition.has(Behaviour.LIMITS_PENDING_IN_LOOP)) {
            return;
        }
        for (int num : new int[] {32, 64, 128, 256, 512, 1024}) {
            with(Bench.tx(edition, num, true));
            for (int i = 0; i < num; i++) {
                post(i, 1000);
            }
            kick();
            bench.run();
            int limit = edition.has(Quirk.PENDING_LIMIT_FORMULA) ? 128 - num & IoVec.UIO_MAXIOV - 1 : 129;
            assertThat(bench.sock.sent).as("ring of " + num).hasSize(Math.min(num, limit));
            completeAll();
            while (!bench.sock.inFlight.isEmpty()) {
                completeAll();
            }
            boolean never = edition.has(Quirk.PENDING_LIMIT_FORMULA) && num == 128;
            assertThat(bench.used()).hasSize(never ? 0 : num);
        }
    }

    /** Without zero-copy as well: the formula does not ask. */
    @Test
    void aRingOf128SendsWithoutZerocopyOrNever() {
        with(Bench.tx(edition, 128, false));
        post(1, 1000);
        kick();
        assertThat(bench.used()).hasSize(edition.has(Quirk.PENDING_LIMIT_FORMULA) ? 0 : 1);
    }

    // ---- since 4.15

    /** A flow that is delayed does not stop the others: what exceeds the limit is copied. */
    @Test
    void aSlowFlowDoesNotStopTheOthers() {
        for (int i = 0; i < 200; i++) {
            post(i, 1000);
        }
        kick();
        int back = bench.used().size();
        assertThat(back).isEqualTo(edition.has(Behaviour.COPIES_WHEN_PENDING_EXCEEDED) ? 135 : 0);
        completeAll();
        kick();
    }

    /** 2025: used entries are published before the guest is asked for kicks, else it may sleep on a full ring. */
    @Test
    void copiedHeadsArePublishedBeforeKicksAreAskedForOrAfter() {
        if (!edition.has(Behaviour.COPIED_IN_BATCHES)) {
            return;
        }
        with(Bench.tx(edition, NUM, false));
        bench.run();
        for (int i = 0; i < 5; i++) {
            post(i, 1000);
        }
        bench.sock.onSend = () -> assertThat(bench.ring.usedIdxAcquire()).isZero();
        bench.txKick.signal();
        List<String> order = new ArrayList<>();
        boolean sent = false;
        for (int i = 0; i < 100_000 && order.size() < 2; i++) {
            bench.world.runUntil(bench.world.nowNs() + 1);
            sent |= bench.sock.sent.size() == 5;
            if (sent && bench.ring.usedIdxAcquire() == 5 && !order.contains("used")) {
                order.add("used");
            }
            if (sent && bench.ring.usedFlags() == 0 && !order.contains("kicks")) {
                order.add("kicks");
            }
        }
        assertThat(order.indexOf("used") < order.indexOf("kicks")).as(order.toString())
                .isEqualTo(edition.has(Behaviour.FLUSHES_BEFORE_NOTIFY));
    }

    /** December 2020: the callback has run when sendmsg fails; putting the reference again makes the count 0 too early. */
    @Test
    void aSendThatFailsAfterItsCallbackPutsItsReferenceOnce() {
        broken = edition.has(Quirk.UBUF_PUT_TWICE);
        bench.sock.callbackBeforeError = true;
        bench.sock.errors.add(Errno.ENOBUFS);
        post(1, 1000);
        kick();
        kick();
        completeAll();
        bench.net.check();
        assertThat(bench.violations.kept().stream().anyMatch(v -> v.startsWith("invariant 10")))
                .isEqualTo(edition.has(Quirk.UBUF_PUT_TWICE));
    }

    /** June 2023: a packet that was given up lost its slot, and the guest its buffer. */
    @Test
    void aPacketThatIsGivenUpComesBackInItsTurn() {
        if (edition.has(Quirk.BAD_PACKET_BLOCKS)) {
            return;
        }
        post(1, 1000);
        kick();
        bench.sock.errors.add(Errno.EFAULT);
        post(2, 1000);
        post(3, 1000);
        kick();
        completeAll();
        kick();
        assertThat(bench.used()).isEqualTo(edition.has(Quirk.FAILED_SLOT_REVERTED) ? List.of(1, 3) : List.of(1, 2, 3));
        assertThat(bench.net.tx().outstanding()).isEqualTo(edition.has(Quirk.FAILED_SLOT_REVERTED) ? 1 : 0);
    }

    /** Invariants 5, 10, 13, 14, 16 and 33 between any two steps, with completions and failures of every kind. */
    @Test
    void noInvariantIsBrokenUnderSeededTraffic() {
        java.util.Random random = new java.util.Random(1509L);
        int head = 0;
        boolean fails = !edition.has(Quirk.UBUF_PUT_TWICE) && !edition.has(Quirk.NO_WAKE_AFTER_ERROR);
        int[] errnos = {Errno.EAGAIN, Errno.ENOMEM, Errno.ENOBUFS};
        int posted = 0;
        int back = 0;
        for (int turn = 0; turn < 600; turn++) {
            for (int i = random.nextInt(40); i > 0 && posted - back < NUM; i--) {
                post(head++ % NUM, random.nextInt(2) == 0 ? 100 : 2000);
                posted++;
            }
            if (fails && random.nextInt(3) == 0) {
                bench.sock.errors.add(errnos[random.nextInt(3)]);
            }
            bench.txKick.signal();
            bench.world.runUntil(bench.world.nowNs() + random.nextInt(40_000));
            for (int i = random.nextInt(bench.sock.inFlight.size() + 1); i > 0; i--) {
                bench.sock.inFlight.remove().callback(random.nextInt(20) > 0);
            }
            bench.net.check();
            back += bench.used().size();
        }
        for (int i = 0; i < 4; i++) {
            kick();
            completeAll();
        }
        kick();
        back += bench.used().size();
        assertThat(back).isEqualTo(posted);
        assertThat(IntStream.of(bench.net.pending(), bench.net.tx().outstanding())).containsOnly(0);
    }
}
