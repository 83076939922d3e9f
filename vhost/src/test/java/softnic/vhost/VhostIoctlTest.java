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
import softnic.Quirk;
import softnic.mm.Errno;
import softnic.sched.EventFd;

/** What the owner may ask of a device in use: any time, one at a time, and it returns when the kernel's would. */
@ParameterizedClass
@MethodSource("softnic.vhost.VhostBackendTest#editions")
class VhostIoctlTest {

    private static final int NUM = 256;
    private static final int TX = VhostNet.VHOST_NET_VQ_TX;

    private final Edition edition;
    private final Bench bench;
    private final List<Integer> returned = new ArrayList<>();

    VhostIoctlTest(Edition edition) {
        this.edition = edition;
        bench = Bench.tx(edition, NUM, true);
    }

    @AfterEach
    void close() {
        bench.close();
    }

    private void post(int head) {
        bench.ram.post(head, 1000, 0);
        bench.txKick.signal();
        bench.run();
    }

    private void comeHome() {
        bench.sock.complete(bench.sock.inFlight.size());
        bench.run();
    }

    private List<VhostDev.Region> table() {
        return List.of(new VhostDev.Region(0, Ram.SIZE, bench.ram.guest.hpa(0), 0));
    }

    private boolean hasNoBugInFlush() {
        return !edition.has(Quirk.TABLE_CHANGE_RACES_DMA) && !edition.has(Quirk.FLUSH_USES_FREED_UBUFS);
    }

    /** 1280c27f8e29: vhost_net_ioctl ends with vhost_net_flush, and that waits. */
    @Test
    void aMemoryTableReturnsWhenNothingReadsByTheOldOne() {
        post(1);
        assertThat(bench.net.ioctl(dev -> dev.setMemTable(0, table()), returned::add)).isZero();
        bench.run();
        assertThat(returned.isEmpty()).isEqualTo(!edition.has(Quirk.TABLE_CHANGE_RACES_DMA));
        comeHome();
        assertThat(returned).containsExactly(0);
        assertThat(bench.violations.kept().isEmpty()).isEqualTo(!edition.has(Quirk.FLUSH_USES_FREED_UBUFS));
    }

    @Test
    void anErrorIsReturnedToo() {
        assertThat(bench.net.ioctl(dev -> dev.setMemTable(1, table()), returned::add)).isZero();
        bench.run();
        assertThat(returned).containsExactly(-Errno.EOPNOTSUPP);
    }

    /** 935cdee7ee15: what is said of one ring does not stop zero-copy. */
    @Test
    void whatIsSaidOfARingWaitsForNothing() {
        whatIsSaidOfARing();
        assertThat(returned).containsExactly(0);
        comeHome();
    }

    /** Until the features became the rings' own (3.17) VHOST_SET_FEATURES waited as well, if it was not refused. */
    @Test
    void featuresWaitInOldKernels() {
        post(1);
        assertThat(bench.net.ioctl(dev -> dev.setFeatures(1L << 63), returned::add)).isZero();
        bench.run();
        assertThat(returned).containsExactly(-Errno.EOPNOTSUPP);
        assertThat(bench.net.ioctl(dev -> dev.setFeatures(0), returned::add)).isZero();
        bench.run();
        boolean waits = edition.has(Behaviour.FEATURES_FLUSH) && !edition.has(Quirk.TABLE_CHANGE_RACES_DMA);
        assertThat(returned.size()).isEqualTo(waits ? 1 : 2);
        comeHome();
        assertThat(returned).containsExactly(-Errno.EOPNOTSUPP, 0);
    }

    /** acked_features are reset with the ring since they are the ring's (vhost_vq_reset). */
    @Test
    void aResetForgetsFeaturesOnceTheyAreTheRings() {
        bench.net.tx().setup().features(1L << VhostDev.VIRTIO_F_NOTIFY_ON_EMPTY);
        assertThat(bench.net.resetOwner(returned::add)).isZero();
        bench.run();
        assertThat(returned).containsExactly(0);
        assertThat(bench.net.tx().setup().has(VhostDev.VIRTIO_F_NOTIFY_ON_EMPTY))
                .isEqualTo(!edition.has(Behaviour.FEATURES_OF_RINGS));
    }

    /** Nor because the ioctl before it was one that flushed. */
    @Test
    void whatIsSaidOfARingWaitsForNothingAfterAFlush() {
        assertThat(bench.net.ioctl(dev -> dev.setLogFd(null), returned::add)).isZero();
        bench.run();
        whatIsSaidOfARing();
        assertThat(returned).containsExactly(0, 0);
        comeHome();
    }

    private void whatIsSaidOfARing() {
        post(1);
        assertThat(bench.net.ioctl(dev -> dev.setVringErr(TX, new EventFd()), returned::add)).isZero();
        bench.run();
    }

    @Test
    void theSameBackendAgainReturnsAtOnce() {
        post(1);
        assertThat(bench.net.setBackend(TX, bench.sock, returned::add)).isZero();
        bench.run();
        assertThat(returned).containsExactly(0);
        comeHome();
    }

    @Test
    void aDeviceWithoutBackendsIsResetAtOnce() {
        assertThat(bench.net.setBackend(TX, null, err -> { })).isZero();
        bench.run();
        assertThat(bench.net.setBackend(VhostNet.VHOST_NET_VQ_RX, null, err -> { })).isZero();
        bench.run();
        assertThat(bench.net.resetOwner(returned::add)).isZero();
        bench.run();
        assertThat(returned).containsExactly(0);
        assertThat(bench.net.dev().setOwner()).as("forgotten").isZero();
    }

    @Test
    void oneAtATime() {
        post(1);
        assertThat(bench.net.setBackend(TX, null, returned::add)).isZero();
        assertThat(bench.net.ioctl(dev -> dev.setLogFd(null), returned::add)).isEqualTo(-Errno.EBUSY);
        assertThat(bench.net.setBackend(TX, bench.sock, returned::add)).isEqualTo(-Errno.EBUSY);
        bench.run();
        assertThat(bench.net.resetOwner(returned::add)).as("the first one waits").isEqualTo(-Errno.EBUSY);
        assertThat(returned).isEmpty();
        comeHome();
        assertThat(returned).containsExactly(0);
        assertThat(bench.used()).containsExactly(1);
        assertThat(bench.net.setBackend(2, null, returned::add)).isZero();
        bench.run();
        assertThat(returned).containsExactly(0, -Errno.ENOBUFS);
    }

    /** Amid a work the mutexes are not free: whoever does not take the door is refused, and nothing is torn down. */
    @Test
    void besideTheDoorADeviceInUseIsBusy() {
        List<Integer> errs = new ArrayList<>();
        bench.sock.onSend = () -> {
            VhostDev dev = bench.net.dev();
            errs.addAll(List.of(dev.setOwner(), dev.setFeatures(0), dev.setMemTable(0, table()), dev.setLogBase(0),
                    dev.setLogFd(null), dev.setVringNum(TX, 8), dev.setVringKick(TX, null), dev.vringBase(TX),
                    bench.net.setBackend(TX, null)));
        };
        post(1);
        assertThat(errs).hasSize(9).containsOnly(-Errno.EBUSY);
        comeHome();
    }

    @Test
    void withoutAnOwnerThereIsNothingToReset() {
        assertThat(bench.net.resetOwner(returned::add)).isZero();
        bench.run();
        assertThat(bench.net.resetOwner(returned::add)).isZero();
        bench.run();
        assertThat(returned).containsExactly(0, -Errno.EPERM);
    }

    /** What the reset reports is signalled, although the eventfd is let go of in the same breath. */
    @Test
    void theLastInterruptIsNotLost() {
        post(1);
        bench.txCall.read();
        int before = bench.used().size();
        assertThat(bench.net.resetOwner(returned::add)).isZero();
        bench.run();
        comeHome();
        assertThat(returned).containsExactly(0);
        assertThat(bench.used()).hasSize(1 - before);
        assertThat(bench.txCall.read()).isEqualTo(1);
    }

    /** And then the device is set up again and goes on, by ioctls alone. */
    @Test
    void afterAResetItIsSetUpAgain() {
        post(1);
        assertThat(bench.net.resetOwner(returned::add)).isZero();
        bench.run();
        comeHome();
        bench.ram.reset();
        long hpa = bench.ram.guest.hpa(0);
        VhostDev dev = bench.net.dev();
        assertThat(dev.setOwner()).isZero();
        assertThat(dev.setMemTable(0, table())).isZero();
        assertThat(dev.setVringNum(TX, NUM)).isZero();
        assertThat(dev.setVringAddr(TX, 0, hpa, bench.ram.guest.hpa(Ram.USED), bench.ram.guest.hpa(Ram.AVAIL), 0)).isZero();
        assertThat(dev.setVringCall(TX, bench.txCall)).isZero();
        assertThat(dev.setVringKick(TX, bench.txKick)).isZero();
        assertThat(bench.net.setBackend(TX, bench.sock)).isZero();
        bench.sock.sent.clear();
        post(7);
        assertThat(bench.sock.sent).hasSize(1);
        comeHome();
        if (hasNoBugInFlush() && !edition.has(Quirk.RELEASES_UNFINISHED)) {
            bench.net.check();
            assertThat(bench.violations.kept()).isEmpty();
        }
    }
}
