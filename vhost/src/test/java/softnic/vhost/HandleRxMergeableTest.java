package softnic.vhost;

import static org.assertj.core.api.Assertions.assertThat;
import static softnic.virtio.Vring.VRING_DESC_F_NEXT;
import static softnic.virtio.Vring.VRING_DESC_F_WRITE;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.MethodSource;
import softnic.Behaviour;
import softnic.Edition;
import softnic.Quirk;
import softnic.mm.Errno;
import softnic.virtio.VirtioNetHdr;
import softnic.virtio.Vring;

/** A packet in as many buffers as it needs, and what get_rx_bufs got wrong. */
@ParameterizedClass
@MethodSource("editions")
class HandleRxMergeableTest {

    private static final int NUM = 256;

    private final Edition edition;
    private Bench bench;
    private boolean broken;

    HandleRxMergeableTest(Edition edition) {
        this.edition = edition;
        bench = Bench.rx(edition, NUM, true);
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

    private void refill(int head, int len) {
        bench.ram.post(head, len, VRING_DESC_F_WRITE);
    }

    private void arrive(int len) {
        bench.sock.arrive(len - FakeSock.HDR);
        bench.run();
    }

    private int numBuffers() {
        return bench.ram.memory.le16(bench.ram.guest.hpa(Ram.DATA) + VirtioNetHdr.SIZE);
    }

    private long violations(int invariant) {
        return bench.violations.kept().stream().filter(v -> v.startsWith("invariant " + invariant + ":")).count();
    }

    // ---- merging

    @Test
    void aPacketTakesAsManyBuffersAsItNeedsAndTheLastHoldsTheRest() {
        refill(5, 100);
        refill(3, 150);
        refill(9, 200);
        refill(7, 300);
        arrive(260);
        assertThat(bench.used()).containsExactly(5, 3, 9);
        assertThat(List.of(bench.ring.usedLen(0), bench.ring.usedLen(1), bench.ring.usedLen(2)))
                .containsExactly(100, 150, 10);
        assertThat(numBuffers()).isEqualTo(3);
        assertThat(bench.rxCall.read()).as("one signal").isEqualTo(1);
        arrive(300);
        assertThat(bench.used()).containsExactly(7);
        assertThat(numBuffers()).isEqualTo(1);
        assertThat(bench.count(HandleRx.Count.MERGED)).isEqualTo(2);
    }

    /** Every way to split a packet of 64 bytes over buffers of one size. */
    @Test
    void lengthsAlwaysAddUpToThePacket() {
        for (int size = 1; size <= 64; size++) {
            with(Bench.rx(edition, NUM, true));
            int n = (64 + size - 1) / size;
            for (int i = 0; i < n; i++) {
                refill(i, size);
            }
            arrive(64);
            assertThat(bench.used()).as("buffers of " + size).hasSize(n);
            int sum = 0;
            for (int i = 0; i < n; i++) {
                sum += bench.ring.usedLen(i);
            }
            assertThat(sum).isEqualTo(64);
        }
    }

    @Test
    void withTooFewBuffersNoneIsTakenUntilTheGuestKicks() {
        refill(1, 100);
        arrive(150);
        assertThat(bench.used()).isEmpty();
        assertThat(bench.net.rx().outstanding()).isZero();
        refill(2, 100);
        bench.rxKick.signal();
        bench.run();
        assertThat(bench.used()).containsExactly(1, 2);
    }

    /** A chain of readable or no descriptors stops it; as in the kernel, a head of the packet is lost with it. */
    @Test
    void aBadChainAmongThePacketsBuffersIsCounted() {
        refill(1, 100);
        bench.ram.post(2, 100, 0);
        refill(3, 300);
        arrive(250);
        assertThat(bench.used()).isEmpty();
        assertThat(bench.net.rx().errors().value(VqRule.RX_HAS_OUT)).isEqualTo(1);
    }

    @Test
    void buffersOfManyPiecesAreRefusedWhenTheyPassUioMaxiov() {
        int pieces = 600;
        for (int i = 0; i < pieces; i++) {
            bench.ram.desc(Ram.DATA + 16L * i, Ram.DATA + (64 << 10), 1, VRING_DESC_F_WRITE | VRING_DESC_F_NEXT, 0);
        }
        bench.ram.desc(Ram.DATA + 16L * pieces, Ram.DATA + (64 << 10), 1, VRING_DESC_F_WRITE, 0);
        for (int head = 0; head < 2; head++) {
            bench.ring.desc(head, Ram.DATA, 16 * (pieces + 1), Vring.VRING_DESC_F_INDIRECT, 0);
            bench.ram.post(head);
        }
        broken = edition.has(Quirk.RX_ERRNO_AS_HEAD);
        arrive(1000);
        assertThat(bench.net.rx().errors().value(VqRule.TOO_MANY_PIECES)).isPositive();
        assertThat(bench.net.worker().isIdle()).isTrue();
        if (!broken) {
            assertThat(bench.used()).isEmpty();
            assertThat(bench.net.rx().outstanding()).isZero();
        }
    }

    /** A packet that cannot be read is lost; its buffers all go to the next. */
    @Test
    void buffersOfAPacketThatIsThrownAwayServeTheNext() {
        refill(1, 100);
        refill(2, 100);
        bench.sock.recvError = Errno.EFAULT;
        arrive(150);
        assertThat(bench.count(HandleRx.Count.DISCARDED)).isEqualTo(1);
        assertThat(bench.net.rx().outstanding()).isZero();
        bench.sock.recvError = 0;
        arrive(160);
        assertThat(bench.used()).containsExactly(1, 2);
        assertThat(bench.ring.usedLen(1)).isEqualTo(60);
    }

    // ---- reporting

    /** Since 4.17 heads wait until there are more than 64, or the call ends. */
    @Test
    void headsAreReportedAtOnceOrInBatches() {
        for (int i = 0; i < 100; i++) {
            refill(i, 2000);
            bench.sock.arrived.add(100);
        }
        int[] most = {0};
        int[] seen = {0};
        bench.rxKick.signal();
        while (bench.ring.usedIdxAcquire() < 100) {
            bench.world.runUntil(bench.world.nowNs() + 500);
            int now = bench.ring.usedIdxAcquire();
            most[0] = Math.max(most[0], now - seen[0]);
            seen[0] = now;
        }
        assertThat(most[0]).isEqualTo(edition.has(Behaviour.RX_IN_BATCHES) ? TxQueue.VHOST_NET_BATCH + 1 : 1);
    }

    // ---- what was wrong

    /** CVE-2014-0055: an error from vhost_get_vq_desc, at every place, is an error and no head. */
    @Test
    void cve20140055AnErrorIsNoHead() {
        for (int bad = 0; bad < 4; bad++) {
            with(Bench.rx(edition, NUM, true));
            for (int i = 0; i < 4; i++) {
                refill(i, 100);
                if (i == bad) {
                    bench.ring.availRing(i, NUM + 3);       // names no descriptor: -EINVAL
                }
            }
            arrive(400);
            boolean bug = edition.has(Quirk.RX_ERRNO_AS_HEAD) && bad > 0;
            broken |= bug;
            assertThat(bench.count(HandleRx.Count.ERRNO_AS_HEAD) > 0).as("bad %d", bad).isEqualTo(bug);
            assertThat(bench.used().stream().anyMatch(head -> head < 0)).isEqualTo(bug);
            assertThat(violations(1) > 0).isEqualTo(bug);
            assertThat(bench.net.rx().errors().value(VqRule.HEAD_OUT_OF_RANGE)).isPositive();
        }
    }

    /** CVE-2014-0077: without mergeable buffers a packet longer than its one buffer was taken to fit. */
    @Test
    void cve20140077APacketThatDoesNotFitIsThrownAwayAndTheBufferKept() {
        with(Bench.rx(edition, NUM, false));
        refill(3, 100);
        refill(4, 100);
        arrive(101);
        if (edition.has(Quirk.RX_OVERRUN_TAKEN)) {
            broken = true;
            assertThat(bench.used()).containsExactly(3);
            assertThat(bench.ring.usedLen(0)).as("more than the buffer has").isEqualTo(101);
            assertThat(bench.count(HandleRx.Count.OVERRUN)).isEqualTo(1);
            assertThat(violations(29)).isEqualTo(1);
            return;
        }
        assertThat(bench.used()).isEmpty();
        assertThat(bench.count(HandleRx.Count.DISCARDED)).isEqualTo(1);
        assertThat(bench.net.rx().outstanding()).isZero();
        arrive(100);
        assertThat(bench.used()).containsExactly(3);
        assertThat(bench.ring.usedLen(0)).isEqualTo(100);
    }

    /** CVE-2018-16880: 64 heads wait in the array, and a packet of 1000 heads comes. */
    @Test
    void cve201816880HeadsNeverPassTheEndOfTheirArray() {
        broken = true;                                  // this guest posts what it has not got back
        with(Bench.rx(edition, 1024, true));
        for (int i = 0; i < 64; i++) {
            refill(i, 100);
            bench.sock.arrived.add(100 - FakeSock.HDR);
        }
        for (int i = 64; i < 1024; i++) {
            refill(i, 12);
        }
        bench.sock.arrived.add(1000 * 12 - FakeSock.HDR);
        int[] read = {0};
        bench.sock.onReceive = () -> {
            if (++read[0] == 64) {                      // 40 more, though none came back
                for (int i = 0; i < 40; i++) {
                    refill(i, 12);
                }
            }
        };
        bench.rxKick.signal();
        bench.run();
        boolean bug = edition.has(Quirk.RX_HEADS_OVERFLOW);
        assertThat(bench.count(HandleRx.Count.HEADS_OVERFLOW)).isEqualTo(bug ? 1 : 0);
        assertThat(violations(29)).isEqualTo(bug ? 1 : 0);
        assertThat(bench.used()).hasSize(bug ? 64 : 1064);
        assertThat(bench.count(HandleRx.Count.PACKETS)).isEqualTo(bug ? 64 : 65);
    }

    /** CVE-2019-3900: packets that are thrown away, for ever; each counts against the weight, or the worker is held. */
    @Test
    void cve20193900PacketsThatAreThrownAwayCountAgainstTheWeight() {
        with(Bench.rx(edition, NUM, false));
        refill(1, 50);
        for (int i = 0; i < 600; i++) {
            bench.sock.arrived.add(100);
        }
        bench.sock.recvError = Errno.EFAULT;            // else 3.8 and before would take them
        bench.sock.arrive(100);
        bench.run();
        broken = edition.has(Quirk.RX_OVERRUN_TAKEN);
        assertThat(bench.sock.arrived).isEmpty();
        assertThat(bench.count(HandleRx.Count.WEIGHT_EXCEEDED)).isEqualTo(edition.has(Quirk.CONTINUE_SKIPS_WEIGHT) ? 0 : 2);
    }
}
