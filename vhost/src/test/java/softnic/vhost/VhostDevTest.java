package softnic.vhost;

import static org.assertj.core.api.Assertions.assertThat;
import static softnic.vhost.VhostDev.VHOST_F_LOG_ALL;
import static softnic.vhost.VhostDev.VIRTIO_RING_F_EVENT_IDX;

import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.MethodSource;
import softnic.Behaviour;
import softnic.Edition;
import softnic.mm.Errno;
import softnic.sched.EventFd;
import softnic.trace.Trace;
import softnic.virtio.Vring;

/** What the owner may say of a device, in which order, and what is answered to the rest. */
@ParameterizedClass
@MethodSource("editions")
class VhostDevTest {

    private static final int NUM = 8;
    private static final int RX = 0;
    private static final int TX = 1;
    private static final long LOG_BYTES = 4096;         // the bits of 128 MiB

    private final Edition edition;
    private final Ram ram = new Ram(NUM);
    private final StepCpu cpu = new StepCpu();
    private final OwnerMm mm = new OwnerMm(ram.memory, ram.guest);
    private final long desc = ram.guest.hpa(0);
    private final long avail = ram.guest.hpa(Ram.AVAIL);
    private final long used = ram.guest.hpa(Ram.USED);
    private final long log = mm.map(Arena.ofAuto().allocate(LOG_BYTES, 4096));
    private final VhostVirtqueue rx;
    private final VhostVirtqueue tx;
    private final VhostDev dev;

    VhostDevTest(Edition edition) {
        this.edition = edition;
        rx = vq("rx");
        tx = vq("tx");
        dev = new VhostDev(edition, () -> false, rx, tx);
    }

    static Iterable<Edition> editions() {
        return Stream.concat(Edition.ALL.stream(), Edition.ALL.stream().map(Edition::withoutQuirks)).toList();
    }

    private VhostVirtqueue vq(String name) {
        return new VhostVirtqueue(name, edition, cpu, Trace.off(), ram.memory, ram.guest, mm, false, null, null);
    }

    @BeforeEach
    void own() {
        assertThat(dev.setOwner()).isZero();
    }

    @AfterEach
    void close() {
        rx.close();
        tx.close();
        ram.close();
    }

    private List<VhostDev.Region> table() {
        return List.of(new VhostDev.Region(0, Ram.SIZE, ram.guest.hpa(0), 0),
                new VhostDev.Region(Ram.SECOND, Ram.SECOND_SIZE, ram.guest.hpa(Ram.SECOND), 0));
    }

    private void startTx() {
        assertThat(dev.setMemTable(0, table())).isZero();
        assertThat(dev.setVringNum(TX, NUM)).isZero();
        assertThat(dev.setVringAddr(TX, 0, desc, used, avail, 0)).isZero();
        assertThat(tx.start()).isZero();
        tx.disableNotify();
        cpu.settleAll();
    }

    // ---- owner

    @Test
    void onlyOneOwns() {
        assertThat(dev.setOwner()).isEqualTo(-Errno.EBUSY);
        dev.forgetOwner();
        assertThat(dev.setOwner()).isZero();
    }

    @Test
    void withoutAnOwnerNothingIsPermittedButFeatures() {
        dev.forgetOwner();
        assertThat(dev.setMemTable(0, table())).isEqualTo(-Errno.EPERM);
        assertThat(dev.setLogBase(log)).isEqualTo(-Errno.EPERM);
        assertThat(dev.setLogFd(new EventFd())).isEqualTo(-Errno.EPERM);
        assertThat(dev.setVringNum(TX, NUM)).isEqualTo(-Errno.EPERM);
        assertThat(dev.setVringBase(TX, 1)).isEqualTo(-Errno.EPERM);
        assertThat(dev.vringBase(TX)).isEqualTo(-Errno.EPERM);
        assertThat(dev.setVringAddr(TX, 0, desc, used, avail, 0)).isEqualTo(-Errno.EPERM);
        assertThat(dev.setVringKick(TX, new EventFd())).isEqualTo(-Errno.EPERM);
        assertThat(dev.setVringCall(TX, new EventFd())).isEqualTo(-Errno.EPERM);
        assertThat(dev.setVringErr(TX, new EventFd())).isEqualTo(-Errno.EPERM);
        assertThat(dev.setFeatures(0)).isZero();
    }

    @Test
    void anOwnerThatGoesTakesHisRingsAndMemoryWithHim() {
        EventFd kick = new EventFd();
        int[] kicks = {0};
        tx.setup().onKick(() -> kicks[0]++);
        startTx();
        assertThat(dev.setVringBase(RX, 77)).isZero();
        assertThat(dev.setVringKick(TX, kick)).isZero();
        dev.forgetOwner();
        kick.signal();
        assertThat(kicks[0]).isZero();
        assertThat(dev.setOwner()).isZero();
        assertThat(dev.vringBase(RX)).isZero();
        assertThat(tx.hasAvail()).isFalse();
        assertThat(tx.start()).isEqualTo(-Errno.EFAULT);
        assertThat(dev.setVringNum(TX, NUM)).isZero();
        assertThat(dev.setVringAddr(TX, 0, desc, used, avail, 0)).isZero();
        assertThat(tx.start()).isZero();
        tx.disableNotify();
        ram.post(1, 10, 0);
        assertThat(tx.getVqDesc()).as("no memory any more").isEqualTo(-Errno.EFAULT);
        assertThat(tx.errors().value(VqRule.DESC_OUTSIDE_MEMORY)).isEqualTo(1);
    }

    @Test
    void aRingThatIsNotThereIsNoBufferSpace() {
        for (int index : new int[] {2, -1, Integer.MAX_VALUE}) {
            assertThat(dev.setVringNum(index, NUM)).isEqualTo(-Errno.ENOBUFS);
            assertThat(dev.setVringBase(index, 0)).isEqualTo(-Errno.ENOBUFS);
            assertThat(dev.vringBase(index)).isEqualTo(-Errno.ENOBUFS);
            assertThat(dev.setVringAddr(index, 0, desc, used, avail, 0)).isEqualTo(-Errno.ENOBUFS);
            assertThat(dev.setVringKick(index, null)).isEqualTo(-Errno.ENOBUFS);
            assertThat(dev.setVringCall(index, null)).isEqualTo(-Errno.ENOBUFS);
            assertThat(dev.setVringErr(index, null)).isEqualTo(-Errno.ENOBUFS);
        }
    }

    // ---- features

    @Test
    void onlyOfferedFeaturesAreTaken() {
        long offered = dev.features();
        assertThat(offered >>> VIRTIO_RING_F_EVENT_IDX & 1).isEqualTo(edition.has(Behaviour.EVENT_IDX) ? 1 : 0);
        for (int bit = 0; bit < 64; bit++) {
            boolean isOffered = (offered >>> bit & 1) != 0;
            assertThat(dev.setFeatures(1L << bit)).as("bit %d", bit).isEqualTo(isOffered ? 0 : -Errno.EOPNOTSUPP);
            assertThat(tx.setup().has(bit)).isEqualTo(isOffered);
        }
        assertThat(dev.setFeatures(offered)).isZero();
        assertThat(dev.setFeatures(-1)).isEqualTo(-Errno.EOPNOTSUPP);
        assertThat(tx.setup().has(VHOST_F_LOG_ALL)).as("as before").isTrue();
    }

    @Test
    void whoLogsAllWritesNeedsABitForEachPage() {
        assertThat(dev.setFeatures(1L << VHOST_F_LOG_ALL)).as("no backend, so nobody looks").isZero();
        assertThat(dev.setFeatures(0)).isZero();
        startTx();
        assertThat(dev.setFeatures(1L << VHOST_F_LOG_ALL)).isEqualTo(-Errno.EFAULT);
        assertThat(tx.setup().has(VHOST_F_LOG_ALL)).isFalse();
        assertThat(dev.setLogBase(log)).isZero();
        assertThat(dev.setFeatures(1L << VHOST_F_LOG_ALL)).isZero();
        assertThat(dev.setLogBase(log + LOG_BYTES - 4)).as("too short").isEqualTo(-Errno.EFAULT);
        assertThat(dev.setLogBase(0)).isEqualTo(-Errno.EFAULT);
        assertThat(dev.setLogBase(-1)).isEqualTo(-Errno.EFAULT);
        long beyond = LOG_BYTES * 8 * 4096;
        List<VhostDev.Region> far = List.of(new VhostDev.Region(beyond, Ram.SIZE, ram.guest.hpa(0), 0));
        assertThat(dev.setMemTable(0, far)).isEqualTo(-Errno.EFAULT);
        dev.setFeatures(0);
        assertThat(dev.setMemTable(0, far)).isZero();
    }

    // ---- memory table

    @Test
    void aTableHasNoPaddingAndAtMost64Regions() {
        assertThat(dev.setMemTable(1, table())).isEqualTo(-Errno.EOPNOTSUPP);
        List<VhostDev.Region> many = new ArrayList<>(Collections.nCopies(64, table().getFirst()));
        assertThat(dev.setMemTable(0, many)).isZero();
        many.add(table().getLast());
        assertThat(dev.setMemTable(0, many)).isEqualTo(-Errno.E2BIG);
        assertThat(dev.setMemTable(-1, many)).as("padding first").isEqualTo(-Errno.EOPNOTSUPP);
        assertThat(dev.setMemTable(0, List.of())).isZero();
    }

    @Test
    void aRegionThatIsNotTheOwnersIsAFaultOnceThereIsABackend() {
        long skbHeads = ram.memory.addRegion(Arena.ofAuto().allocate(1 << 20, 4096));   // the kernel's
        List<VhostDev.Region> stolen = List.of(new VhostDev.Region(0, 4096, skbHeads, 0));
        List<VhostDev.Region> tooLong = List.of(new VhostDev.Region(0, Ram.SIZE + 1, ram.guest.hpa(0), 0));
        List<VhostDev.Region> huge = List.of(new VhostDev.Region(0, -1, ram.guest.hpa(0), 0));
        List<VhostDev.Region> nowhere = List.of(new VhostDev.Region(0, 4096, 0, 0));
        for (List<VhostDev.Region> bad : List.of(stolen, tooLong, huge, nowhere)) {
            assertThat(dev.setMemTable(0, bad)).as("nobody looks yet").isZero();
            dev.setVringNum(TX, NUM);
            dev.setVringAddr(TX, 0, desc, used, avail, 0);
            assertThat(tx.start()).isEqualTo(-Errno.EFAULT);
        }
        startTx();
        for (List<VhostDev.Region> bad : List.of(stolen, tooLong, huge, nowhere)) {
            assertThat(dev.setMemTable(0, bad)).isEqualTo(-Errno.EFAULT);
        }
        ram.post(1, 10, 0);
        assertThat(tx.getVqDesc()).as("the table before").isEqualTo(1);
    }

    @Test
    void chainsAreReadByTheTableThatIsThere() {
        startTx();
        ram.ring.desc(3, Ram.SECOND, 10, 0, 0);
        ram.post(3);
        assertThat(tx.getVqDesc()).isEqualTo(3);
        tx.discardVqDesc(1);
        assertThat(dev.setMemTable(0, table().subList(0, 1))).isZero();
        assertThat(tx.getVqDesc()).isEqualTo(-Errno.EFAULT);
        assertThat(dev.setMemTable(0, List.of(new VhostDev.Region(Ram.SECOND, 4096, ram.guest.hpa(Ram.DATA), 7)))).isZero();
        assertThat(tx.getVqDesc()).isEqualTo(3);
        assertThat(tx.iov().base(0)).isEqualTo(ram.guest.hpa(Ram.DATA));
    }

    // ---- rings

    @Test
    void aRingHasAPowerOfTwoUpTo32768Descriptors() {
        for (int num = 0; num < 70_000; num++) {
            boolean ok = num >= 1 && num <= 32768 && Integer.bitCount(num) == 1;
            if (dev.setVringNum(TX, num) != (ok ? 0 : -Errno.EINVAL)) {
                throw new AssertionError("num " + num);
            }
        }
        assertThat(dev.setVringNum(TX, 1 << 31)).isEqualTo(-Errno.EINVAL);
        startTx();
        assertThat(dev.setVringNum(TX, 16)).isEqualTo(-Errno.EBUSY);
        assertThat(dev.setVringNum(TX, 3)).as("busy first").isEqualTo(-Errno.EBUSY);
        tx.stop();
        assertThat(dev.setVringNum(TX, 16)).isZero();
    }

    @Test
    void aBaseIsSixteenBitsAndWhereTheNextEntryIsTaken() {
        assertThat(dev.setVringBase(TX, 65536)).isEqualTo(-Errno.EINVAL);
        assertThat(dev.setVringBase(TX, -1)).isEqualTo(-Errno.EINVAL);
        assertThat(dev.setVringBase(TX, 65535)).isZero();
        assertThat(dev.vringBase(TX)).isEqualTo(65535);
        ram.availIdx = 65535;
        startTx();
        ram.post(1, 10, 0);
        ram.post(2, 10, 0);
        assertThat(tx.getVqDesc()).isEqualTo(1);
        assertThat(tx.getVqDesc()).isEqualTo(2);
        assertThat(dev.vringBase(TX)).isEqualTo(1);
        assertThat(dev.setVringBase(TX, 0)).isEqualTo(-Errno.EBUSY);
        tx.stop();
        assertThat(dev.setVringBase(TX, 0)).isZero();
    }

    @Test
    void aBaseForgetsTheCachedIndex() {
        startTx();
        ram.post(1, 10, 0);
        ram.post(2, 10, 0);
        assertThat(tx.getVqDesc()).isEqualTo(1);
        tx.stop();
        dev.setVringBase(TX, 2);
        assertThat(tx.getVqDesc()).isEqualTo(NUM);
    }

    @Test
    void addressesAreAlignedAsTheEditionWants() {
        int align = edition.has(Behaviour.USED_ALIGN_4) ? 4 : 8;
        for (int off = 1; off <= 8; off++) {
            assertThat(dev.setVringAddr(TX, 0, desc, used, avail + off, 0)).isEqualTo(off % 2 == 0 ? 0 : -Errno.EINVAL);
            assertThat(dev.setVringAddr(TX, 0, desc, used + off, avail, 0))
                    .isEqualTo(off % align == 0 ? 0 : -Errno.EINVAL);
            assertThat(dev.setVringAddr(TX, 0, desc, used, avail, off)).isEqualTo(off % align == 0 ? 0 : -Errno.EINVAL);
            assertThat(dev.setVringAddr(TX, 0, desc + off, used, avail, 0)).as("vhost does not care").isZero();
        }
        for (int bit = 1; bit < 32; bit++) {
            assertThat(dev.setVringAddr(TX, 1 << bit, desc, used, avail, 0)).isEqualTo(-Errno.EOPNOTSUPP);
        }
        assertThat(dev.setVringAddr(TX, 2, desc, used + 1, avail, 0)).as("flags first").isEqualTo(-Errno.EOPNOTSUPP);
    }

    @Test
    void aMisalignedDescriptorTableIsReadAllTheSame() {
        startTx();
        assertThat(dev.setVringAddr(TX, 0, desc + 5, used, avail, 0)).isZero();
        ram.desc(5 + 16 * 2, Ram.DATA, 100, 0, 0);
        ram.post(2);
        assertThat(tx.getVqDesc()).isEqualTo(2);
        assertThat(tx.iov().length()).isEqualTo(100);
    }

    @Test
    void nonsenseIsTakenUntilThereIsABackendAndRefusedThen() {
        assertThat(dev.setVringAddr(TX, 0, 0, 0, 0, 0)).isZero();
        assertThat(dev.setVringAddr(TX, 1, 1L << 50, -8, 1L << 41, -8)).isZero();
        assertThat(tx.start()).isEqualTo(-Errno.EFAULT);
        startTx();
        long end = ram.guest.hpa(0) + Ram.SIZE;
        assertThat(dev.setVringAddr(TX, 0, end, used, avail, 0)).isEqualTo(-Errno.EINVAL);
        assertThat(dev.setVringAddr(TX, 0, desc, end - 8, avail, 0)).isEqualTo(-Errno.EINVAL);
        assertThat(dev.setVringAddr(TX, 0, desc, used, 0, 0)).isEqualTo(-Errno.EINVAL);
        assertThat(dev.setVringAddr(TX, 1, desc, used, avail, 0)).as("no log").isEqualTo(-Errno.EINVAL);
        ram.post(1, 10, 0);
        assertThat(tx.getVqDesc()).as("the ring before").isEqualTo(1);
        assertThat(dev.setLogBase(log)).isZero();
        assertThat(dev.setVringAddr(TX, 1, desc, used, avail, LOG_BYTES * 8 * 4096)).isEqualTo(-Errno.EINVAL);
        assertThat(dev.setVringAddr(TX, 1, desc, used, avail, Ram.USED)).isZero();
        assertThat(dev.setLogBase(0)).as("the used ring is logged").isEqualTo(-Errno.EFAULT);
    }

    /** The two bytes behind each ring are the event fields: without event index nobody looks at them. */
    @Test
    void withEventIndexARingIsTwoBytesLonger() {
        long lastAvail = ram.guest.hpa(0) + Ram.SIZE - (4 + 2 * NUM);
        startTx();
        assertThat(dev.setVringAddr(TX, 0, desc, used, lastAvail, 0)).isZero();
        assertThat(dev.setVringAddr(TX, 0, desc, used, lastAvail + 2, 0)).isEqualTo(-Errno.EINVAL);
        if (edition.has(Behaviour.EVENT_IDX)) {
            assertThat(dev.setFeatures(1L << VIRTIO_RING_F_EVENT_IDX)).isEqualTo(-Errno.EFAULT);
            assertThat(dev.setVringAddr(TX, 0, desc, used, lastAvail - 2, 0)).isZero();
            assertThat(dev.setFeatures(1L << VIRTIO_RING_F_EVENT_IDX)).isZero();
            assertThat(dev.setVringAddr(TX, 0, desc, used, lastAvail, 0)).isEqualTo(-Errno.EINVAL);
        }
    }

    // ---- eventfds

    @Test
    void aKickCountsOnceItsEventfdIsKnownAlsoAnEarlierOne() {
        int[] kicks = {0};
        tx.setup().onKick(() -> kicks[0]++);
        EventFd first = new EventFd();
        EventFd second = new EventFd();
        assertThat(dev.setVringKick(TX, first)).isZero();
        assertThat(kicks[0]).isZero();
        first.signal();
        assertThat(kicks[0]).isEqualTo(1);
        dev.setVringKick(TX, first);
        assertThat(kicks[0]).as("the same is no change").isEqualTo(1);
        second.signal();
        dev.setVringKick(TX, second);
        assertThat(kicks[0]).as("signalled before").isEqualTo(2);
        first.signal();
        assertThat(kicks[0]).as("let go of").isEqualTo(2);
        dev.setVringKick(TX, null);
        second.signal();
        assertThat(kicks[0]).isEqualTo(2);
    }

    @Test
    void withoutACallEventfdNobodyIsAskedAndWithOneTheFirstSignalComes() {
        dev.setFeatures(dev.features() & 1L << VIRTIO_RING_F_EVENT_IDX);
        startTx();
        ram.ring.usedEvent(1000);
        tx.addUsed(1, 0);
        tx.signal();
        cpu.settleAll();
        assertThat(tx.counters().value(VhostVirtqueue.Count.SIGNALS)).isZero();
        EventFd call = new EventFd();
        dev.setVringCall(TX, call);
        tx.addUsed(2, 0);
        tx.signal();
        cpu.settleAll();
        assertThat(call.read()).as("signalled_used is not valid yet").isEqualTo(1);
    }

    @Test
    void aBrokenRuleIsToldToTheOwnerWhenPaidFor() {
        EventFd error = new EventFd();
        startTx();
        ram.post(NUM);
        assertThat(tx.getVqDesc()).isEqualTo(-Errno.EINVAL);
        assertThat(cpu.settled).isEmpty();
        dev.setVringErr(TX, error);
        tx.getVqDesc();
        tx.getVqDesc();
        assertThat(error.isSignalled()).isFalse();
        cpu.settleAll();
        assertThat(error.read()).isEqualTo(1);
        tx.getVqDesc();
        cpu.settleAll();
        assertThat(error.read()).isEqualTo(1);
        tx.getVqDesc();
        dev.setVringErr(TX, null);
        cpu.settleAll();
        assertThat(error.read()).isZero();
    }

    /** {@code vhost_init_used}: the flags are written, the index is read. */
    @Test
    void aBackendTakesTheRingUpWhereItsUsedIndexStands() {
        ram.ring.usedIdxRelease(0xFFFF);
        ram.ring.usedFlags(Vring.VRING_USED_F_NO_NOTIFY);
        startTx();
        tx.addUsed(5, 0);
        tx.signal();
        cpu.settleAll();
        assertThat(ram.ring.usedIdxAcquire()).isZero();
        assertThat(ram.ring.usedId(0xFFFF)).isEqualTo(5);
        tx.stop();
        ram.ring.usedFlags(0x55);
        assertThat(tx.start()).isZero();
        assertThat(ram.ring.usedFlags()).as("as the worker left it").isEqualTo(Vring.VRING_USED_F_NO_NOTIFY);
    }
}
