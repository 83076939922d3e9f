package softnic.vhost;

import static org.assertj.core.api.Assertions.assertThat;
import static softnic.virtio.Vring.VRING_DESC_F_INDIRECT;
import static softnic.virtio.Vring.VRING_DESC_F_NEXT;
import static softnic.virtio.Vring.VRING_DESC_F_WRITE;

import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.MethodSource;
import softnic.Behaviour;
import softnic.Edition;
import softnic.Quirk;
import softnic.mm.Errno;

/** From the guest's TX ring to the socket: what is copied, what waits, what comes back and when the worker rests. */
@ParameterizedClass
@MethodSource("editions")
class HandleTxTest {

    private static final long SEED = 2119L;
    private static final int NUM = 256;

    private final Edition edition;
    private Bench bench;
    private boolean hostile;

    HandleTxTest(Edition edition) {
        this.edition = edition;
        bench = Bench.tx(edition, NUM, true);
    }

    static Iterable<Edition> editions() {
        return Edition.ALL;
    }

    @AfterEach
    void noInvariantWasBroken() {
        if (!hostile) {
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

    private static List<Integer> heads(int n) {
        return IntStream.range(0, n).boxed().toList();
    }

    // ---- copy or not

    /** The header counts: 243 bytes behind a 12-byte header are copied, 244 are not. */
    @Test
    void packetsOf255BytesAreCopiedAndOf256AreNot() {
        int head = 0;
        for (int len : new int[] {1, 255, 256, 257}) {
            post(head++, len);
        }
        bench.kick();
        bench.run();
        assertThat(bench.sock.sent).extracting(FakeSock.Sent::zerocopy).containsExactly(false, false, true, true);
        assertThat(bench.count(HandleTx.Count.SMALL_COPIED)).isEqualTo(2);
        bench.sock.complete(2);
    }

    @Test
    void withoutZerocopyEverythingIsCopiedAndComesBackAtOnce() {
        with(Bench.tx(edition, NUM, false));
        for (int i = 0; i < 200; i++) {
            post(i, 1000);
        }
        bench.kick();
        bench.run();
        assertThat(bench.sock.sent).hasSize(200).noneMatch(FakeSock.Sent::zerocopy);
        assertThat(bench.used()).isEqualTo(heads(200));
        assertThat(bench.count(HandleTx.Count.COPIED)).isEqualTo(200);
    }

    /** handle_tx_copy reports 64 at a time; each batch is seen when it is paid for, not before. */
    @Test
    void aBatchOfCopiedHeadsIsPublishedBeforeMoreIsSent() {
        if (!edition.has(Behaviour.COPIED_IN_BATCHES)) {
            return;
        }
        with(Bench.tx(edition, NUM, false));
        int[] seenAt = {-1, -1};
        bench.sock.onSend = () -> {
            int n = bench.sock.sent.size();
            if (n == 64 || n == 65) {
                seenAt[n - 64] = bench.ring.usedIdxAcquire();
            }
        };
        for (int i = 0; i < 200; i++) {
            post(i, 1000);
        }
        bench.kick();
        bench.run();
        assertThat(seenAt).containsExactly(0, 64);
    }

    @Test
    void zerocopyPacketsComeBackInOrderWhenTheNetworkIsDone() {
        for (int i = 0; i < 5; i++) {
            post(i, 1000);
        }
        bench.kick();
        bench.run();
        assertThat(bench.used()).isEmpty();
        assertThat(bench.net.pending()).isEqualTo(5);
        bench.sock.complete(5);
        if (edition.has(Quirk.CALLBACK_WAKES_NOBODY)) {
            bench.run();
            assertThat(bench.used()).isEmpty();         // 3.1: the callback wakes nobody
            post(5, 100);
            bench.kick();
        }
        bench.run();
        assertThat(bench.used()).startsWith(0, 1, 2, 3, 4);
        assertThat(bench.net.pending()).isZero();
        assertThat(bench.net.callbacks()).isEqualTo(bench.net.zerocopySends());
    }

    /** Head-of-line: in 3.1 a copied packet waits behind a slow one, later it does not. */
    @Test
    void aCopiedPacketPassesASlowOneOrNot() {
        post(1, 1000);
        post(2, 100);
        bench.kick();
        bench.run();
        assertThat(bench.used()).isEqualTo(edition.has(Behaviour.COPIED_TAKE_SLOT) ? List.of() : List.of(2));
        bench.sock.complete(1);
        post(3, 100);
        bench.kick();
        bench.run();
        assertThat(bench.used()).contains(1, 3);
    }

    // ---- limits

    @Test
    void aThirdOfManyPendingStopsOrCopies() {
        for (int i = 0; i < 200; i++) {
            post(i, 1000);
        }
        bench.kick();
        bench.run();
        long zerocopy = bench.sock.sent.stream().filter(FakeSock.Sent::zerocopy).count();
        if (edition.has(Behaviour.COPIES_WHEN_PENDING_EXCEEDED)) {
            assertThat(zerocopy).isEqualTo(65);         // min(128, 256 / 4) + 1
            assertThat(bench.count(HandleTx.Count.PENDING_EXCEEDED)).isEqualTo(135);
            bench.sock.complete(65);
        } else if (edition.has(Behaviour.LIMITS_PENDING_IN_LOOP)) {
            assertThat(zerocopy).isEqualTo(200);        // the formula's limit for 256 is 896
            assertThat(bench.count(HandleTx.Count.PENDING_WAIT)).isZero();
            bench.sock.complete(200);
        } else {
            assertThat(zerocopy).isEqualTo(200);        // the limit is looked at when the ring is empty
            assertThat(bench.count(HandleTx.Count.PENDING_WAIT)).isPositive();
            assertThat(bench.ring.usedFlags()).isEqualTo(1);    // in effect it polls
            bench.sock.complete(72);
            bench.run();
            assertThat(bench.net.pending()).isEqualTo(128);
            assertThat(bench.ring.usedFlags()).isZero();
            bench.sock.complete(128);
        }
        bench.run();
    }

    /** 3.1 let upend_idx catch done_idx, and all heads were lost. */
    @Test
    void aThousandTwentyFourBuffersMakeThePendingRingLookEmpty() {
        hostile = edition.has(Quirk.PENDING_RING_LAPS);
        with(Bench.tx(edition, 1024, true));
        thousandTwentyFour();
        if (!edition.has(Quirk.PENDING_RING_LAPS)) {
            assertThat(bench.used()).hasSize(1025);
            return;
        }
        assertThat(bench.count(VhostZerocopy.Count.LAPPED)).isEqualTo(1);
        assertThat(bench.used()).hasSizeLessThan(1025);
        assertThat(bench.violations.kept()).anyMatch(v -> v.startsWith("invariant 15"));
    }

    @Test
    void withoutQuirksAThousandTwentyFourBuffersAllComeBack() {
        edition(edition.withoutQuirks(), 1024);
        thousandTwentyFour();
        assertThat(bench.used()).hasSize(1025);
    }

    private void thousandTwentyFour() {
        for (int i = 0; i < 1024; i++) {
            post(i, 1000);
        }
        for (int i = 0; i < 20; i++) {
            bench.kick();
            bench.run();
            bench.run();
            bench.sock.complete(bench.sock.inFlight.size());
        }
        post(0, 100);
        bench.txKick.signal();
        bench.run();
        bench.sock.complete(bench.sock.inFlight.size());
    }

    private void edition(Edition other, int num) {
        with(Bench.tx(other, num, true));
    }

    @Test
    void afterManyBytesOrPacketsTheWorkMakesRoomForOthers() {
        with(Bench.tx(edition, NUM, false));
        for (int i = 0; i < 12; i++) {
            post(i, 60_000);
        }
        bench.kick();
        bench.run();
        assertThat(bench.count(HandleTx.Count.WEIGHT_EXCEEDED)).isEqualTo(1);       // 9 * 60000 >= 524288
        assertThat(bench.sock.sent).hasSize(12);
        assertThat(bench.used()).isEqualTo(heads(12));
        with(Bench.tx(edition, 1024, false));
        for (int i = 0; i < 600; i++) {
            post(i, 60);
        }
        bench.kick();
        bench.run();
        assertThat(bench.sock.sent).hasSize(600);
        assertThat(bench.count(HandleTx.Count.WEIGHT_EXCEEDED)).isEqualTo(edition.packetWeight() == 0 ? 0 : 2);
    }

    /** CVE-2019-3900: a guest that moves its index to and fro gives the worker nothing, for ever. */
    @Test
    void cve20193900AGuestThatOnlyMovesItsIndexDoesNotHoldTheWorker() {
        onlyMovesItsIndex(edition);
        onlyMovesItsIndex(edition.withoutQuirks());
    }

    private void onlyMovesItsIndex(Edition edition) {
        hostile = true;
        with(Bench.tx(edition, NUM, true));
        TxQueue shared = new TxQueue();
        shared.sock = bench.sock;
        StepCpu cpu = new StepCpu();
        int[] polled = {0};
        HandleTx handleTx = new HandleTx(edition, cpu, softnic.trace.Trace.off(), bench.net.tx(),
                new VhostZerocopy(edition, softnic.trace.Trace.off(), null, () -> { }, 0), new TxPoll(() -> { }),
                () -> polled[0]++, softnic.trace.Tracepoint.HANDLE_TX_KICK, shared);
        int steps = 0;
        boolean goesOn = true;
        while (goesOn && steps < 2000) {
            steps++;
            bench.ring.availIdxRelease(0);
            goesOn = handleTx.run();
            bench.ring.availIdxRelease(1);      // seen by the recheck, gone when the worker looks
            cpu.settleAll();
        }
        if (edition.has(Quirk.CONTINUE_SKIPS_WEIGHT)) {
            assertThat(steps).isEqualTo(2000);  // it goes on, step by step: only this guest's own rings wait
        } else {
            assertThat(goesOn).isFalse();
            assertThat(polled[0]).isEqualTo(edition.has(Behaviour.AVAIL_IDX_KEPT_BY_ENABLE) ? 0 : 1);   // believed once
            assertThat(steps).isLessThanOrEqualTo(2 * HandleTx.VHOST_NET_PKT_WEIGHT + 2);
        }
    }

    // ---- errors

    /** Kicks are off meanwhile; where nobody polls the socket either, only another kick goes on (3.8 and 3.14). */
    @Test
    void anErrorThatMayPassIsTriedAgain() {
        for (int errno : new int[] {Errno.EAGAIN, Errno.ENOMEM, Errno.ENOBUFS}) {
            tryAgain(edition, errno);
            tryAgain(edition.withoutQuirks(), errno);
        }
    }

    private void tryAgain(Edition edition, int errno) {
        with(Bench.tx(edition, NUM, true));
        bench.run();
        bench.sock.errors.addAll(List.of(errno, errno));
        post(7, 1000);
        post(8, 100);
        bench.kick();
        bench.run();
        boolean polled = !edition.has(Quirk.NO_WAKE_AFTER_ERROR)
                || edition.has(Behaviour.WAITS_FOR_SNDBUF) && errno != Errno.ENOMEM;
        if (!polled) {
            assertThat(bench.sock.attempts).isEqualTo(1);
            assertThat(bench.ring.usedFlags()).as("kicks stay off").isEqualTo(1);
            bench.txKick.signal();
            bench.run();
            bench.txKick.signal();
            bench.run();
        }
        assertThat(bench.sock.attempts).as(Errno.name(errno)).isEqualTo(4);
        assertThat(bench.sock.sent).extracting(FakeSock.Sent::len).containsExactly(1000, 100);
        assertThat(bench.count(HandleTx.Count.SEND_RETRIED)).isEqualTo(2);
        assertThat(bench.net.pending()).isEqualTo(edition.has(Behaviour.COPIED_TAKE_SLOT) ? 2 : 1);
        bench.sock.complete(1);
        bench.net.check();
        assertThat(bench.violations.kept()).isEmpty();
    }

    /** Until 5.10 a bad packet is tried for ever; since 6.5 it is given up and reported in its turn. */
    @Test
    void aBadPacketBlocksTheRingOrIsGivenUp() {
        for (int len : new int[] {1000, 100}) {
            for (boolean zerocopy : new boolean[] {true, false}) {
                badPacket(edition, len, zerocopy);
                badPacket(edition.withoutQuirks(), len, zerocopy);
            }
        }
    }

    private void badPacket(Edition edition, int len, boolean zerocopy) {
        with(Bench.tx(edition, NUM, zerocopy));
        bench.run();
        boolean blocks = edition.has(Quirk.BAD_PACKET_BLOCKS);
        bench.sock.errors.addAll(java.util.Collections.nCopies(blocks ? 20 : 1, Errno.EINVAL));
        post(7, len);
        post(8, 100);
        bench.kick();
        bench.run();
        for (int i = 1; blocks && edition.has(Quirk.NO_WAKE_AFTER_ERROR) && i <= 20; i++) {
            assertThat(bench.sock.attempts).as("nobody wakes the worker").isEqualTo(i);
            bench.txKick.signal();
            bench.run();
        }
        assertThat(bench.sock.attempts).isEqualTo(blocks ? 22 : 2);
        assertThat(bench.count(HandleTx.Count.SEND_FAILED)).isEqualTo(blocks ? 0 : 1);
        bench.sock.complete(bench.sock.inFlight.size());
        post(9, 100);
        bench.txKick.signal();
        bench.run();
        boolean lost = edition.has(Quirk.FAILED_SLOT_REVERTED) && zerocopy && len == 1000;
        assertThat(bench.used()).containsExactlyInAnyOrderElementsOf(lost ? List.of(8, 9) : List.of(7, 8, 9));
        assertThat(bench.count(HandleTx.Count.HEAD_LOST)).isEqualTo(lost ? 1 : 0);
        assertThat(bench.net.pending()).isZero();
        bench.net.check();
        assertThat(bench.violations.kept()).isEmpty();
    }

    @Test
    void afterFailuresZerocopyPausesFor64PacketsEach() {
        if (!edition.has(Behaviour.SELECTS_ZEROCOPY)) {
            return;
        }
        int head = 0;
        for (int i = 0; i < 64; i++) {
            post(head++ % NUM, 1000);
            bench.kick();
            bench.run();
            if (!bench.sock.inFlight.isEmpty()) {
                bench.sock.inFlight.remove().callback(i > 0);       // the first was copied after all
            }
            bench.run();
        }
        assertThat(bench.count(HandleTx.Count.ZEROCOPY)).isEqualTo(1);
        assertThat(bench.count(HandleTx.Count.ZCOPY_ERR)).isEqualTo(1);
        post(head++ % NUM, 1000);
        bench.kick();
        bench.run();
        assertThat(bench.count(HandleTx.Count.ZEROCOPY)).isEqualTo(2);
        bench.sock.complete(1);
        bench.run();
    }

    @Test
    void aTxChainThatIsWritableOrEmptyIsLostAndCounted() {
        bench.ram.post(1, 1000, VRING_DESC_F_WRITE);
        bench.ram.post(2, 0, 0);
        bench.ram.post(3, 1000, 0);
        bench.kick();
        bench.run();
        assertThat(bench.sock.attempts).isZero();
        assertThat(bench.net.tx().errors().value(VqRule.TX_HAS_IN)).isEqualTo(1);
        bench.txKick.signal();
        bench.run();
        assertThat(bench.net.tx().errors().value(VqRule.TX_EMPTY)).isEqualTo(1);
        bench.txKick.signal();
        bench.run();
        assertThat(bench.sock.sent).hasSize(1);
        bench.sock.complete(1);
    }

    /** 4 GiB and 300 bytes are not 300 bytes; 4 GiB are not nothing. */
    @Test
    void aChainOfManyGibibytesIsNotTakenForAShortOne() {
        for (long extra : new long[] {300, 0, -300}) {
            with(Bench.tx(edition, NUM, true));
            int piece = 8 << 20;
            bench.ram.guest.addRegion(1L << 32, java.lang.foreign.Arena.ofAuto().allocate(piece, 4096));
            int n = 0;
            for (long left = (1L << 32) + extra; left > 0; left -= piece) {
                bench.ram.desc(Ram.DATA + 16L * n++, 1L << 32, (int) Math.min(left, piece),
                        left > piece ? VRING_DESC_F_NEXT : 0, 0);
            }
            bench.ring.desc(5, Ram.DATA, 16 * n, VRING_DESC_F_INDIRECT, 0);
            bench.ram.post(5);
            bench.kick();
            bench.run();
            assertThat(bench.net.tx().errors().value(VqRule.TX_EMPTY)).isZero();
            assertThat(bench.sock.sent).hasSize(1);
            assertThat(bench.sock.sent.get(0).len()).isEqualTo(Integer.MAX_VALUE);
            bench.sock.complete(bench.sock.inFlight.size());
        }
    }

    // ---- sleeping and waking

    @Test
    void kicksAreOnOnlyWhileTheRingIsEmpty() {
        bench.run();
        assertThat(bench.ring.usedFlags()).isZero();
        long enabled = bench.net.tx().counters().value(VhostVirtqueue.Count.NOTIFY_ENABLED);
        post(1, 100);
        post(2, 100);
        int[] flags = {-1, -1, -1};
        bench.sock.onSend = () -> flags[bench.sock.sent.size()] = bench.ring.usedFlags();
        bench.kick();
        bench.run();
        assertThat(flags).containsExactly(-1, 0, 1);    // off once the call's beginning is paid for
        assertThat(bench.ring.usedFlags()).isZero();
        assertThat(bench.net.tx().counters().value(VhostVirtqueue.Count.NOTIFY_ENABLED)).isEqualTo(enabled + 1);
    }

    /** The guest posts between the last look and the enabling of kicks: no kick comes, the recheck finds it. */
    @Test
    void whatIsPostedWhileKicksAreOffIsFoundByTheRecheck() {
        StepCpu cpu = new StepCpu();
        TxQueue shared = new TxQueue();
        shared.sock = bench.sock;
        VhostVirtqueue vq = new VhostVirtqueue("tx", edition, cpu, softnic.trace.Trace.off(), bench.ram.memory,
                bench.ram.guest, false, bench.txCall, null);
        vq.setVring(NUM, 0, Ram.AVAIL, Ram.USED);
        HandleTx handleTx = new HandleTx(edition, cpu, softnic.trace.Trace.off(), vq,
                new VhostZerocopy(edition, softnic.trace.Trace.off(), null, () -> { }, 0), new TxPoll(() -> { }),
                () -> { }, softnic.trace.Tracepoint.HANDLE_TX_KICK, shared);
        assertThat(handleTx.run()).isTrue();            // empty: enabling is on its way
        post(4, 100);                                   // NO_NOTIFY may still be seen: no kick
        cpu.settleAll();
        assertThat(bench.ring.usedFlags()).isZero();
        boolean goesOn = true;
        while (goesOn) {
            goesOn = handleTx.run();
            cpu.settleAll();
        }
        assertThat(bench.sock.sent).hasSize(1);
        assertThat(bench.used()).containsExactly(4);
        assertThat(bench.ring.usedFlags()).isZero();
        vq.close();
    }

    @Test
    void withoutABackendNothingIsTakenAndLaterNothingIsForgotten() {
        with(new Bench(edition, NUM, true, false, Integer.MAX_VALUE));
        post(1, 100);
        bench.kick();
        bench.run();
        assertThat(bench.sock.sent).isEmpty();
        assertThat(bench.net.worker().isIdle()).isTrue();
        bench.net.setBackend(bench.sock);
        bench.run();
        assertThat(bench.sock.sent).hasSize(1);
    }

    /** 3.1's thresholds on sk_wmem_alloc: full, three quarters, half. */
    @Test
    void aFullSocketHoldsTheWorkerUntilHalfOfItIsFree() {
        if (!edition.has(Behaviour.WAITS_FOR_SNDBUF)) {
            return;
        }
        with(new Bench(edition, NUM, true, false, 8000));
        bench.net.setBackend(bench.sock);
        bench.sock.onSend = () -> bench.sock.charge(1000);
        for (int i = 0; i < 6; i++) {
            post(i, 1000);
        }
        bench.kick();
        bench.run();
        assertThat(bench.sock.sent).hasSize(6);
        assertThat(bench.count(HandleTx.Count.SNDBUF_WAIT)).isEqualTo(1);       // 6000 >= 3/4: kicks stay off
        assertThat(bench.ring.usedFlags()).isEqualTo(1);
        bench.sock.charge(2000);
        bench.txKick.signal();                          // full: returns at once
        post(6, 1000);
        bench.run();
        assertThat(bench.sock.sent).hasSize(6);
        DeadSkb.uncharge(bench.sock, 3000);                                 // 5000: more than half
        bench.run();
        assertThat(bench.sock.sent).hasSize(6);
        DeadSkb.uncharge(bench.sock, 1001);                                 // less than half: POLLOUT
        bench.run();
        assertThat(bench.sock.sent).hasSize(7);
        assertThat(bench.ring.usedFlags()).isZero();
        bench.sock.complete(7);
    }

    @Test
    void theBackendGoesOnlyWhenTheNetworkIsQuiet() {
        with(Bench.tx(new Edition(edition.kernel(), !edition.has(Quirk.RELEASES_UNFINISHED)), NUM, true));
        post(1, 1000);
        post(2, 1000);
        bench.kick();
        bench.run();
        assertThat(bench.net.releaseBackend()).isEqualTo(2);
        bench.sock.complete(1);
        assertThat(bench.net.releaseBackend()).isEqualTo(1);
        bench.sock.complete(1);
        bench.run();
        assertThat(bench.net.releaseBackend()).isZero();
        bench.run();
        assertThat(bench.used()).containsExactly(1, 2);
    }

    // ---- a hostile guest

    /** Whatever the ring holds, the worker goes on in bounded steps and every ubuf comes home. */
    @Test
    void randomRingsNeverBreakTheWorker() {
        hostile = true;
        int[] errnos = {Errno.EAGAIN, Errno.ENOBUFS, Errno.EINVAL, Errno.EFAULT};
        Random random = new Random(SEED);
        for (int round = 0; round < Bench.rounds(150); round++) {
            with(Bench.tx(edition, 8, random.nextInt(4) > 0));
            for (int turn = 0; turn < 30; turn++) {
                for (int i = 0; i < 8; i++) {
                    bench.ring.desc(i, Ram.DATA + random.nextInt(3) * (long) random.nextInt(),
                            random.nextInt(5) == 0 ? random.nextInt() : random.nextInt(3000),
                            random.nextInt(5) == 0 ? random.nextInt(8) : random.nextInt(2), random.nextInt(9));
                    bench.ring.availRing(i, random.nextInt(9));
                }
                bench.ram.availIdx = bench.ram.availIdx + random.nextInt(9) & 0xFFFF;
                bench.ring.availIdxRelease(random.nextInt(10) == 0 ? random.nextInt(65536) : bench.ram.availIdx);
                if (random.nextInt(3) == 0) {
                    bench.sock.errors.add(errnos[random.nextInt(errnos.length)]);
                }
                bench.txKick.signal();
                bench.run();
                bench.sock.complete(random.nextInt(bench.sock.inFlight.size() + 1));
            }
            bench.sock.complete(bench.sock.inFlight.size());
            bench.run();
            assertThat(bench.net.callbacks()).as("seed=%d round %d", SEED, round).isEqualTo(bench.net.zerocopySends());
            assertThat(bench.net.releaseBackend()).isZero();
        }
    }
}
