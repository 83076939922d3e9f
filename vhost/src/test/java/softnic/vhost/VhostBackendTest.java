package softnic.vhost;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.MethodSource;
import softnic.Behaviour;
import softnic.Edition;
import softnic.Kernel;
import softnic.Quirk;
import softnic.mm.Errno;
import softnic.sched.EventFd;
import softnic.trace.Violations;

/** Sockets come, change and go while their packets are in the network; no ioctl stops the worker. */
@ParameterizedClass
@MethodSource("editions")
class VhostBackendTest {

    private static final int NUM = 256;

    private final Edition edition;
    private final Bench bench;
    private final FakeSock other = new FakeSock(Integer.MAX_VALUE, true);
    private boolean broken;

    VhostBackendTest(Edition edition) {
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

    private void post(int... heads) {
        for (int head : heads) {
            bench.ram.post(head, 1000, 0);
        }
        bench.txKick.signal();
        bench.run();
    }

    private int set(FakeSock sock) {
        int[] err = {1};
        bench.ioctl(() -> err[0] = bench.net.setBackend(VhostNet.VHOST_NET_VQ_TX, sock));
        return err[0];
    }

    private int release() {
        int[] left = {-1};
        bench.ioctl(() -> left[0] = bench.net.releaseBackend());
        return left[0];
    }

    // ---- set

    @Test
    void errorsSayWhatIsWrong() {
        assertThat(bench.net.setBackend(2, other)).isEqualTo(-Errno.ENOBUFS);
        assertThat(bench.net.setBackend(-1, other)).isEqualTo(-Errno.ENOBUFS);
        assertThat(set(bench.sock)).as("the same again").isZero();
        try (Ram ram = new Ram(8)) {
            VhostNet net = new VhostNet(edition, new StepCpu(), softnic.trace.Trace.off(), ram.memory, ram.guest,
                    new softnic.sched.WaitQueue(), new EventFd(), new EventFd(), new EventFd(), new EventFd(),
                    new Violations(), VhostNet.Options.defaults(edition));
            assertThat(net.setBackend(other)).as("a ring without a place").isEqualTo(-Errno.EFAULT);
            assertThat(net.setBackend(VhostNet.VHOST_NET_VQ_TX, null)).isEqualTo(-Errno.EFAULT);
            net.close();
        }
    }

    /** The order is the kernel's: new packets go at once, old ones are reported when all are back (c047e5f3170c). */
    @Test
    void aBackendChangesWithPacketsOnTheirWay() {
        post(1, 2, 3);
        bench.sock.complete(1);
        assertThat(set(other)).isZero();
        assertThat(bench.net.isWaiting()).isTrue();
        post(4);
        assertThat(other.sent).hasSize(1);
        assertThat(bench.sock.sent).hasSize(3);
        bench.sock.complete(2);
        bench.run();
        assertThat(bench.net.isWaiting()).isFalse();
        assertThat(bench.used()).as("nothing lost, in order").containsExactly(1, 2, 3);
        other.complete(1);
        post(5);
        other.complete(1);
        bench.run();
        assertThat(bench.net.pending()).isLessThanOrEqualTo(edition.has(Quirk.CALLBACK_WAKES_NOBODY) ? 1 : 0);
    }

    @Test
    void whileOneIoctlWaitsAnotherIsRefused() {
        post(1);
        assertThat(set(other)).isZero();
        assertThat(set(bench.sock)).isEqualTo(-Errno.EBUSY);
        int[] err = {0};
        bench.ioctl(() -> err[0] = bench.net.flush(() -> { }));
        assertThat(err[0]).isEqualTo(-Errno.EBUSY);
        bench.sock.complete(1);
        bench.run();
        assertThat(set(bench.sock)).isZero();
    }

    @Test
    void withoutABackendTheRingIsLeftAloneAndGoesOnWithTheNext() {
        post(1);
        assertThat(set(null)).isZero();
        bench.sock.complete(1);
        post(2, 3);
        assertThat(bench.used()).containsExactly(1);
        assertThat(set(other)).isZero();
        bench.run();
        assertThat(other.sent).hasSize(2);
        other.complete(2);
    }

    /** The worker waited for room in the old socket, with kicks off. The new one has room, and nobody would kick. */
    @Test
    void aNewBackendAsksForKicksWhereTheOldOneWaitedForRoom() {
        bench.sock.charge(bench.sock.sndbuf() / 4 * 3 + 4);
        post(1);
        bench.sock.complete(1);
        assertThat(bench.net.tx().isNotifyOff()).isEqualTo(edition.has(Behaviour.WAITS_FOR_SNDBUF));
        assertThat(set(other)).isZero();
        bench.run();
        assertThat(bench.net.tx().isNotifyOff()).isFalse();
        bench.sock.charge(-bench.sock.wmemAlloc());
    }

    /** An ioctl is a work: it comes between two others, never into the middle of one. */
    @Test
    void noIoctlComesIntoTheMiddleOfAWork() {
        int[] err = {0};
        bench.sock.onSend = () -> err[0] = bench.net.setBackend(VhostNet.VHOST_NET_VQ_TX, other);
        post(1);
        assertThat(err[0]).isEqualTo(-Errno.EBUSY);
        bench.sock.complete(1);
    }

    @Test
    void aNewBackendKnowsOfNoFailures() {
        post(1);
        bench.sock.inFlight.remove().callback(false);
        bench.run();
        assertThat(set(other)).isZero();
        post(2);
        assertThat(other.sent.get(0).zerocopy()).isTrue();
        other.complete(1);
    }

    // ---- flush

    /** 1280c27f8e29: before the memory table changes, all that reads from it must be back; 3.1 did not wait. */
    @Test
    void aNewMemoryTableWaitsForThePacketsThatReadFromTheOldOne() {
        int[] done = {0};
        post(1, 2);
        bench.ioctl(() -> bench.net.flush(() -> done[0]++));
        if (edition.has(Quirk.TABLE_CHANGE_RACES_DMA)) {
            assertThat(done[0]).isEqualTo(1);
            assertThat(bench.sock.inFlight).as("still reading").hasSize(2);
            bench.sock.complete(2);
            return;
        }
        broken = edition.has(Quirk.FLUSH_USES_FREED_UBUFS);
        assertThat(done[0]).isZero();
        post(3);
        bench.sock.complete(1);
        bench.run();
        assertThat(done[0]).isZero();
        bench.sock.complete(bench.sock.inFlight.size());
        bench.run();
        assertThat(done[0]).isEqualTo(1);
        post(4);
        assertThat(bench.sock.sent.get(bench.sock.sent.size() - 1).zerocopy()).isTrue();
        bench.sock.complete(bench.sock.inFlight.size());
        bench.run();
    }

    /** Since 3.8 what is sent meanwhile is copied ({@code tx_flush}); so must be what waits without quirks. */
    @Test
    void whileItWaitsPacketsAreCopied() {
        if (edition.has(Quirk.TABLE_CHANGE_RACES_DMA)) {
            return;                                     // nobody waits
        }
        broken = edition.has(Quirk.FLUSH_USES_FREED_UBUFS);
        post(1);
        bench.ioctl(() -> bench.net.flush(() -> { }));
        post(2);
        assertThat(bench.sock.sent).extracting(FakeSock.Sent::zerocopy).containsExactly(true, false);
        bench.sock.complete(1);
        bench.run();
    }

    /** CVE-2013-4127: put_and_wait freed the ubufs, and vhost_net_flush went on with them; again at the next. */
    @Test
    void cve20134127FlushUsesNothingFreed() {
        broken = true;
        for (int round = 1; round <= 2; round++) {
            post(round);
            bench.ioctl(() -> bench.net.flush(() -> { }));
            bench.sock.complete(bench.sock.inFlight.size());
            bench.run();
        }
        assertThat(bench.violations.kept().stream().anyMatch(v -> v.startsWith("invariant 11")))
                .isEqualTo(edition.has(Quirk.FLUSH_USES_FREED_UBUFS));
    }

    // ---- release

    /** Merged: it waits. The cover letter: it does not, and the device reads what the guest has back. */
    @Test
    void shutdownWaitsForTheNetworkOrDoesNot() {
        post(1, 2, 3);
        bench.sock.complete(1);
        if (edition.has(Quirk.RELEASES_UNFINISHED)) {
            broken = true;
            assertThat(release()).isZero();
            assertThat(bench.used()).containsExactly(1, 2, 3);
            assertThat(bench.sock.inFlight).as("still reading").hasSize(2);
            bench.sock.complete(2);
            assertThat(bench.count(VhostZerocopy.Count.LATE_CALLBACKS)).isEqualTo(2);
            assertThat(bench.violations.kept()).hasSize(2).allMatch(v -> v.startsWith("invariant 34"));
            return;
        }
        assertThat(release()).isEqualTo(2);
        bench.sock.complete(1);
        assertThat(release()).isEqualTo(1);
        bench.sock.complete(1);
        bench.run();
        assertThat(release()).isZero();
        assertThat(bench.used()).containsExactly(1, 2, 3);
        assertThat(bench.net.callbacks()).isEqualTo(bench.net.zerocopySends());
    }

    @Test
    void afterCleanupAKickWakesNobody() {
        assertThat(release()).isZero();
        bench.ram.post(1, 1000, 0);
        bench.txKick.signal();
        assertThat(bench.net.worker().isIdle()).isTrue();
        bench.sock.arrive(100);
        assertThat(bench.net.worker().isIdle()).isTrue();
    }

    @Test
    void theOwnerIsForgottenOnceTheNetworkIsQuiet() {
        assertThat(bench.net.dev().setOwner()).isZero();
        post(1);
        assertThat(bench.net.resetOwner(err -> assertThat(err).isZero())).isZero();
        bench.run();
        if (!edition.has(Quirk.RELEASES_UNFINISHED)) {
            assertThat(bench.net.dev().setOwner()).as("it waits").isEqualTo(-Errno.EBUSY);
            bench.sock.complete(1);
            bench.run();
        }
        assertThat(bench.net.dev().setOwner()).isZero();
        assertThat(bench.net.setBackend(other)).as("no ring").isEqualTo(-Errno.EFAULT);
    }

    /** December 2020: a send that failed after its callback put its reference twice; then nobody's wait ends. */
    @Test
    void aReferencePutTwiceKeepsTheShutdownWaitingForEver() {
        broken = edition.has(Quirk.UBUF_PUT_TWICE);
        bench.sock.callbackBeforeError = true;
        bench.sock.errors.add(Errno.EAGAIN);
        post(1);
        bench.txKick.signal();
        bench.run();
        bench.sock.complete(bench.sock.inFlight.size());
        bench.run();
        bench.ioctl(bench.net::releaseBackend);
        bench.run();
        boolean hangs = edition.has(Quirk.UBUF_PUT_TWICE) && !edition.has(Quirk.RELEASES_UNFINISHED);
        assertThat(bench.net.isWaiting()).isEqualTo(hangs);
    }

    /** Each broken rule tells the owner through the error eventfd. */
    @Test
    void abrokenRuleSignalsTheErrorEventfd() {
        EventFd error = new EventFd();
        bench.net.tx().setup().error(error);
        bench.ram.post(1, 0, 0);
        bench.txKick.signal();
        bench.run();
        assertThat(error.read()).isEqualTo(1);
    }
}
