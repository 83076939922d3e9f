package softnic.macvtap;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static softnic.macvtap.TapIoctl.*;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.MethodSource;
import softnic.Behaviour;
import softnic.Edition;
import softnic.Quirk;
import softnic.mm.Errno;
import softnic.net.DummyDevice;
import softnic.net.NetDevice;
import softnic.sched.Llc;
import softnic.trace.Trace;

/** {@code open} and {@code ioctl} of a tap, each number with each argument, in each kernel. */
@ParameterizedClass
@MethodSource("editions")
class TapIoctlTest {

    private static final long DATA = 4096;

    private final Edition edition;
    private final TapBench bench;
    private final Random random = new Random(202);
    private final List<MacvtapSock> opened = new ArrayList<>();

    TapIoctlTest(Edition edition) {
        this.edition = edition;
        this.bench = TapBench.of(edition);
    }

    static Iterable<Edition> editions() {
        List<Edition> all = new ArrayList<>(Edition.ALL);
        Edition.ALL.stream().filter(e -> e.has(Quirk.SNDBUF_UNCHECKED)).forEach(e -> all.add(e.withoutQuirks()));
        return all;
    }

    @AfterEach
    void allIsHome() {
        bench.dev.clean();
        assertThat(bench.missing()).isEmpty();
        opened.forEach(MacvtapSock::close);
        bench.close();
    }

    private long ioctl(int cmd, long arg) {
        return bench.tap.ioctl(cmd, arg);
    }

    private MacvtapSock open(Macvlan vlan) {
        MacvtapSock tap = new MacvtapSock(vlan, edition, bench.core, bench.cpu, Llc.none(), Trace.off(), bench.memory,
                bench.guest, bench.pages, new MacvtapSock.Options(10, 1 << 20));
        opened.add(tap);
        return tap;
    }

    // ---- open

    @Test
    void openLooksForTheDeviceThenForItsKindThenForRoom() {
        MacvtapCdev cdev = new MacvtapCdev(edition);
        cdev.device(3, bench.vlan);
        cdev.device(4, new DummyDevice("dummy0", 9, Trace.off()));
        assertThat(cdev.open(7, this::open)).isNull();
        assertThat(cdev.error()).isEqualTo(-Errno.ENODEV);
        assertThat(cdev.open(4, this::open)).isNull();
        assertThat(cdev.error()).isEqualTo(edition.has(Behaviour.MINOR_IS_IFINDEX) ? -Errno.EINVAL : -Errno.ENODEV);
        int most = edition.has(Behaviour.TAP_QUEUES_256) ? 256 : 16;
        for (int i = 1; i < most; i++) {
            assertThat(cdev.open(3, this::open)).isNotNull();
            assertThat(cdev.error()).isZero();
        }
        assertThat(cdev.open(3, this::open)).isNull();
        assertThat(cdev.error()).isEqualTo(-Errno.EBUSY);
        assertThatThrownBy(() -> open(bench.vlan)).isInstanceOf(IllegalArgumentException.class).hasMessageContaining("EBUSY");
        opened.remove(0).close();
        assertThat(cdev.open(3, this::open)).as("a closed queue makes room").isNotNull();
        cdev.device(3, null);
        assertThat(cdev.open(3, this::open)).isNull();
        assertThat(cdev.error()).isEqualTo(-Errno.ENODEV);
        assertThatThrownBy(() -> cdev.device(-1, bench.vlan)).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> cdev.device(65536, bench.vlan)).isInstanceOf(IllegalArgumentException.class);
        cdev.device(65535, bench.vlan);
    }

    /** Each queue is asked for when it is opened, and keeps its answer. Since 3.16 the macvlan has SG whatever is below. */
    @Test
    void aQueueOpenedWithoutSgCopiesForEver() {
        boolean zerocopy = edition.has(Behaviour.MACVLAN_ALWAYS_ON_FEATURES);
        bench.dev.setFeatures(TapBench.ALL & ~NetDevice.NETIF_F_SG);
        MacvtapSock late = open(bench.vlan);
        assertThat(late.isZerocopy()).isEqualTo(zerocopy);
        bench.dev.setFeatures(TapBench.ALL);
        assertThat(late.isZerocopy()).isEqualTo(zerocopy);
        assertThat(bench.tap.isZerocopy()).isTrue();
    }

    // ---- ioctls

    /** All 65536 flags. */
    @Test
    void setIffWantsTapWithoutPacketInformation() {
        int optional = IFF_VNET_HDR | (edition.has(Behaviour.TAP_MULTI_QUEUE) ? IFF_MULTI_QUEUE : 0);
        for (int flags = 0; flags < 65536; flags++) {
            boolean good = (flags & (IFF_NO_PI | IFF_TAP)) == (IFF_NO_PI | IFF_TAP)
                    && (flags & ~(IFF_NO_PI | IFF_TAP | optional)) == 0;
            assertThat(ioctl(TUNSETIFF, flags)).as("%x", flags).isEqualTo(good ? 0 : -Errno.EINVAL);
            if (good) {
                assertThat(ioctl(TUNGETIFF, 0)).isEqualTo(flags);
                assertThat(bench.tap.vnetHdrSz()).isEqualTo((flags & IFF_VNET_HDR) != 0 ? TapBench.HDR : 0);
            }
        }
        assertThat(ioctl(TUNGETFEATURES, 0)).isEqualTo(IFF_TAP | IFF_NO_PI | optional);
    }

    @Test
    void withoutVnetHdrAFrameIsOnlyAFrame() {
        ioctl(TUNSETIFF, IFF_TAP | IFF_NO_PI);
        bench.iov.clear();
        bench.piece(random, DATA, 500);
        assertThat(bench.tap.sendmsg(bench.iov, 500, null)).isEqualTo(500);
        assertThat(bench.dev.taken.get(0).len()).isEqualTo(500);
        bench.core.netifReceiveSkb(Frames.arriving(bench, TapBench.MAC, Frames.FAR, 300), bench.dev);
        assertThat(bench.tap.recvmsg(bench.iov, 500)).isEqualTo(300);
    }

    @Test
    void theHeaderMayBeLongerThanItsTenBytes() {
        for (int size : new int[] {Integer.MIN_VALUE, -1, 0, 9}) {
            assertThat(ioctl(TUNSETVNETHDRSZ, size)).isEqualTo(-Errno.EINVAL);
            assertThat(ioctl(TUNGETVNETHDRSZ, 0)).isEqualTo(TapBench.HDR);
        }
        for (int size : new int[] {10, 12, 20, 100}) {
            assertThat(ioctl(TUNSETVNETHDRSZ, size)).isZero();
            assertThat(ioctl(TUNGETVNETHDRSZ, 0)).isEqualTo(size);
            bench.iov.clear();
            bench.memory.le64(bench.guest.hpa(0), 0);
            bench.memory.le16(bench.guest.hpa(8), 0);
            bench.iov.add(bench.guest.hpa(0), size);
            bench.piece(random, DATA, 400);
            assertThat(bench.tap.sendmsg(bench.iov, size + 400, null)).isEqualTo(size + 400);
            assertThat(bench.tap.sendmsg(bench.iov, size - 1, null)).isEqualTo(-Errno.EINVAL);
            assertThat(bench.dev.taken.get(0).len()).isEqualTo(400);
            bench.dev.clean();
            bench.core.netifReceiveSkb(Frames.arriving(bench, TapBench.MAC, Frames.FAR, 300), bench.dev);
            assertThat(bench.tap.recvmsg(bench.iov, size + 400)).isEqualTo(size + 300);
        }
        assertThat(ioctl(TUNSETVNETHDRSZ, Integer.MAX_VALUE)).isZero();
        assertThat(bench.plain(54).piece(random, DATA, 400).send(null)).isEqualTo(-Errno.EINVAL);
        assertThat(bench.tap.recvmsg(bench.iov, 400)).isEqualTo(-Errno.EAGAIN);
    }

    @Test
    void theSendBufferIsWhatWasAskedFor() {
        for (int bytes : new int[] {1, 4096, Integer.MAX_VALUE}) {
            assertThat(ioctl(TUNSETSNDBUF, bytes)).isZero();
            assertThat(bench.tap.sndbuf()).isEqualTo(bytes);
        }
        assertThat(ioctl(TUNSETSNDBUF, 0)).isEqualTo(edition.has(Quirk.SNDBUF_UNCHECKED) ? 0 : -Errno.EINVAL);
    }

    @Test
    void offloadsAreCheckedAndSince311Remembered() {
        int known = edition.has(Behaviour.TAP_USO) ? 0x7F : 0x1F;
        for (int bits = 0; bits < 256; bits++) {
            boolean good = (bits & ~known) == 0;
            assertThat(ioctl(TUNSETOFFLOAD, bits)).as("%x", bits).isEqualTo(good ? 0 : -Errno.EINVAL);
            if (good) {
                assertThat(bench.tap.offloads()).isEqualTo(edition.has(Behaviour.TAP_SETS_OFFLOAD) ? bits : 0);
            }
        }
        assertThat(ioctl(TUNSETOFFLOAD, 1L << 40)).isEqualTo(-Errno.EINVAL);
        ioctl(TUNSETIFF, IFF_TAP | IFF_NO_PI);
        assertThat(ioctl(TUNSETOFFLOAD, TUN_F_CSUM))
                .isEqualTo(edition.has(Behaviour.TAP_SETS_OFFLOAD) ? 0 : -Errno.EINVAL);
    }

    @Test
    void aQueueCanBeTakenOffAndPutBackSince311() {
        boolean known = edition.has(Behaviour.TAP_MULTI_QUEUE);
        assertThat(ioctl(TUNSETQUEUE, 0)).isEqualTo(-Errno.EINVAL);
        assertThat(ioctl(TUNSETQUEUE, IFF_ATTACH_QUEUE)).as("is attached").isEqualTo(-Errno.EINVAL);
        assertThat(ioctl(TUNSETQUEUE, IFF_DETACH_QUEUE)).isEqualTo(known ? 0 : -Errno.EINVAL);
        assertThat(ioctl(TUNSETQUEUE, IFF_DETACH_QUEUE)).as("is detached").isEqualTo(-Errno.EINVAL);
        bench.core.netifReceiveSkb(Frames.arriving(bench, TapBench.MAC, Frames.FAR, 300), bench.dev);
        assertThat(bench.tap.peekHeadLen()).isEqualTo(known ? 0 : 300);
        assertThat(ioctl(TUNSETQUEUE, IFF_ATTACH_QUEUE)).isEqualTo(known ? 0 : -Errno.EINVAL);
        bench.core.netifReceiveSkb(Frames.arriving(bench, TapBench.MAC, Frames.FAR, 301), bench.dev);
        assertThat(bench.tap.peekHeadLen()).isEqualTo(known ? 301 : 300);
        bench.plain(0);
        while (bench.tap.recvmsg(bench.iov, TapBench.HDR) > 0) {
            // all read
        }
    }

    @Test
    void theAddressAndTheByteOrderCameAfter314() {
        if (!edition.has(Behaviour.TAP_HWADDR)) {
            for (int cmd : new int[] {SIOCGIFHWADDR, SIOCSIFHWADDR, TUNGETVNETLE, TUNSETVNETLE}) {
                assertThat(ioctl(cmd, 1)).isEqualTo(-Errno.EINVAL);
            }
            return;
        }
        assertThat(ioctl(SIOCGIFHWADDR, 0)).isEqualTo(TapBench.MAC);
        new Macvlan("other", 0x020000000043L, bench.dev, edition, bench.core, Trace.off());
        for (long wrong : new long[] {0, 1L << 40, 1L << 48, -1}) {
            assertThat(ioctl(SIOCSIFHWADDR, wrong)).isEqualTo(-Errno.EADDRNOTAVAIL);
        }
        assertThat(ioctl(SIOCSIFHWADDR, 0x020000000043L)).isEqualTo(-Errno.EBUSY);
        assertThat(ioctl(SIOCSIFHWADDR, TapBench.MAC)).as("its own").isZero();
        assertThat(ioctl(SIOCSIFHWADDR, 0x020000000077L)).isZero();
        assertThat(ioctl(SIOCGIFHWADDR, 0)).isEqualTo(0x020000000077L).isEqualTo(bench.vlan.mac());
        bench.core.netifReceiveSkb(Frames.arriving(bench, TapBench.MAC, Frames.FAR, 60), bench.dev);
        assertThat(bench.tap.peekHeadLen()).as("no longer its address").isZero();
        bench.core.netifReceiveSkb(Frames.arriving(bench, 0x020000000077L, Frames.FAR, 60), bench.dev);
        assertThat(bench.tap.peekHeadLen()).isEqualTo(60);
        bench.plain(0);
        bench.tap.recvmsg(bench.iov, TapBench.HDR);
        assertThat(ioctl(TUNGETVNETLE, 0)).isZero();
        assertThat(ioctl(TUNSETVNETLE, 5)).isZero();
        assertThat(ioctl(TUNGETVNETLE, 0)).isEqualTo(1);
        assertThat(ioctl(TUNSETVNETLE, 0)).isZero();
        assertThat(ioctl(TUNGETVNETLE, 0)).isZero();
    }

    /** Every number of type 'T' in every direction, TUNGETSNDBUF among them. */
    @Test
    void allOtherNumbersAreInvalid() {
        Set<Integer> known = Set.of(TUNSETIFF, TUNGETFEATURES, TUNSETOFFLOAD, TUNGETIFF, TUNSETSNDBUF, TUNGETVNETHDRSZ,
                TUNSETVNETHDRSZ, TUNSETQUEUE, TUNSETVNETLE, TUNGETVNETLE);
        for (int direction = 0; direction < 4; direction++) {
            for (int nr = 0; nr < 256; nr++) {
                int cmd = direction << 30 | 4 << 16 | 'T' << 8 | nr;
                if (!known.contains(cmd)) {
                    assertThat(ioctl(cmd, 1)).as("%x", cmd).isEqualTo(-Errno.EINVAL);
                }
            }
        }
        assertThat(ioctl(TUNGETSNDBUF, 0)).isEqualTo(-Errno.EINVAL);
        assertThat(ioctl(0, 0)).isEqualTo(-Errno.EINVAL);
    }

    /** The macvtap device is deleted while its file is open. */
    @Test
    void withoutItsDeviceATapDropsWhatItIsSentAndCompletesIt() {
        TapBench.Owner owner = new TapBench.Owner();
        bench.vlan.dellink();
        assertThat(bench.plain(54).piece(random, DATA, 9000).send(owner)).isEqualTo(9000 + TapBench.HDR);
        assertThat(bench.dev.taken).isEmpty();
        assertThat(owner.callbacks).isEqualTo(1);
        assertThat(bench.tap.counters().value(MacvtapSock.Count.TX_UNLINKED)).isEqualTo(1);
        assertThat(bench.plain(54).send(owner)).isEqualTo(-Errno.EINVAL);
        assertThat(ioctl(TUNGETIFF, 0)).isEqualTo(-Errno.ENOLINK);
        assertThat(ioctl(TUNSETOFFLOAD, 0)).isEqualTo(edition.has(Behaviour.TAP_SETS_OFFLOAD) ? -Errno.ENOLINK : 0);
        assertThat(ioctl(TUNSETQUEUE, IFF_DETACH_QUEUE)).isEqualTo(-Errno.EINVAL);
        assertThat(ioctl(SIOCGIFHWADDR, 0)).isEqualTo(edition.has(Behaviour.TAP_HWADDR) ? -Errno.ENOLINK : -Errno.EINVAL);
        bench.core.netifReceiveSkb(Frames.arriving(bench, TapBench.MAC, Frames.FAR, 60), bench.dev);
        assertThat(bench.tap.peekHeadLen()).isZero();
    }

    @Test
    void aQueueThatWasTakenOffLosesItsDeviceToo() {
        ioctl(TUNSETQUEUE, IFF_DETACH_QUEUE);
        bench.vlan.dellink();
        assertThat(bench.plain(54).piece(random, DATA, 900).send(new TapBench.Owner())).isEqualTo(900 + TapBench.HDR);
        assertThat(bench.dev.taken).isEmpty();
        assertThat(ioctl(TUNSETQUEUE, IFF_ATTACH_QUEUE)).isEqualTo(-Errno.EINVAL);
    }

    /** Room is less than half the send buffer; who finds none is remembered and woken once. */
    @Test
    void pollSaysWhatCanBeDone() {
        assertThat(bench.tap.poll()).isEqualTo(MacvtapSock.POLLOUT);
        bench.core.netifReceiveSkb(Frames.arriving(bench, TapBench.MAC, Frames.FAR, 60), bench.dev);
        assertThat(bench.tap.poll()).isEqualTo(MacvtapSock.POLLOUT | MacvtapSock.POLLIN);
        bench.plain(0);
        bench.tap.recvmsg(bench.iov, TapBench.HDR);
        ioctl(TUNSETSNDBUF, 4000);
        int[] woken = {0};
        bench.tap.pollOut(() -> woken[0]++);
        bench.plain(54).piece(random, DATA, 2500).send(null);
        NetDevice dev = bench.dev;
        assertThat(dev).isSameAs(bench.vlan.lowerdev());
        boolean orphaned = bench.tap.wmemAlloc() == 0;      // 3.1 does so to what is copied
        assertThat(bench.tap.poll()).isEqualTo(orphaned ? MacvtapSock.POLLOUT : 0);
        bench.dev.clean();
        assertThat(woken[0]).isEqualTo(orphaned ? 0 : 1);
        assertThat(bench.tap.poll()).isEqualTo(MacvtapSock.POLLOUT);
        bench.plain(54).piece(random, DATA, 2500).send(null);
        bench.dev.clean();
        assertThat(woken[0]).as("nobody asked again").isEqualTo(orphaned ? 0 : 1);
    }
}
