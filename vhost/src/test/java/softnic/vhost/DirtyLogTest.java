package softnic.vhost;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.BitSet;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.MethodSource;
import softnic.Behaviour;
import softnic.Edition;
import softnic.Quirk;
import softnic.mm.Errno;
import softnic.sched.EventFd;
import softnic.trace.Trace;
import softnic.trace.Violations;
import softnic.virtio.Vring;

/** Invariant 32: the bitmap has a bit for each page that was written, and only for those. */
@ParameterizedClass
@MethodSource("editions")
class DirtyLogTest {

    private static final long SEED = 32L;
    private static final int NUM = 64;
    private static final int LOG_BYTES = 256;
    private static final int LOG_PAGES = LOG_BYTES * 8;
    /** Where the owner says that the used ring lies: nobody compares it with where it does. */
    private static final long LOG_ADDR = 5 * 4096 - 256;

    private final Edition edition;
    private final Ram ram = new Ram(NUM);
    private final StepCpu cpu = new StepCpu();
    private final Violations violations = new Violations();
    private final OwnerMm mm = new OwnerMm(ram.memory, ram.guest);
    private final MemorySegment bitmap = Arena.ofAuto().allocate(LOG_BYTES, 4096);
    private final long log = mm.map(bitmap);
    private final EventFd logged = new EventFd();
    private final VhostVirtqueue vq;
    private final VhostDev dev;

    DirtyLogTest(Edition edition) {
        this.edition = edition;
        vq = new VhostVirtqueue("rx", edition, cpu, Trace.off(), ram.memory, ram.guest, mm, false, null,
                new VhostMonitor(violations));
        dev = new VhostDev(edition, () -> false, vq);
        dev.setOwner();
    }

    static Iterable<Edition> editions() {
        return Stream.concat(Edition.ALL.stream(), Edition.ALL.stream().map(Edition::withoutQuirks)).toList();
    }

    @AfterEach
    void close() {
        vq.close();
        ram.close();
    }

    private void start(int features, int flags) {
        assertThat(dev.setLogBase(log)).isZero();
        assertThat(dev.setLogFd(logged)).isZero();
        assertThat(dev.setFeatures(features)).isZero();
        assertThat(dev.setVringNum(0, NUM)).isZero();
        assertThat(dev.setVringAddr(0, flags, ram.guest.hpa(0), ram.guest.hpa(Ram.USED), ram.guest.hpa(Ram.AVAIL),
                LOG_ADDR)).isZero();
        assertThat(vq.start()).isZero();
        logged.read();
        bitmap.fill((byte) 0);
    }

    private BitSet dirty() {
        return BitSet.valueOf(bitmap.toArray(ValueLayout.JAVA_BYTE));
    }

    private static BitSet pages(long... pages) {
        BitSet set = new BitSet();
        for (long page : pages) {
            set.set((int) page);
        }
        return set;
    }

    private static final int LOG_ALL = 1 << VhostDev.VHOST_F_LOG_ALL;

    // ---- log_write

    @Test
    void theBitsAreThePagesTouchedWhateverTheRange() {
        DirtyLog dirtyLog = new DirtyLog(cpu, ram.memory, mm);
        dirtyLog.base(log);
        Random random = new Random(SEED);
        for (int round = 0; round < Bench.rounds(5000); round++) {
            bitmap.fill((byte) 0);
            long gpa = random.nextInt(4096 * LOG_PAGES);
            long len = random.nextBoolean() ? random.nextInt(20) : random.nextInt(100_000);
            BitSet expected = new BitSet();
            boolean fits = true;
            for (long at = gpa; at < gpa + len; at = (at | 4095) + 1) {
                fits &= at / 4096 < LOG_PAGES;
                expected.set((int) (at / 4096));
            }
            expected.clear(LOG_PAGES, Integer.MAX_VALUE);
            assertThat(dirtyLog.write(gpa, len)).as("seed=%d round %d", SEED, round).isEqualTo(fits ? 0 : -Errno.EFAULT);
            assertThat(dirty()).as("seed=%d round %d: %d bytes at %x", SEED, round, len, gpa).isEqualTo(expected);
        }
    }

    @Test
    void nothingWrittenIsNothingLoggedAndNowhereIsAFault() {
        DirtyLog dirtyLog = new DirtyLog(cpu, ram.memory, mm);
        assertThat(dirtyLog.write(0, 0)).isZero();
        assertThat(dirtyLog.write(0, 1)).as("no bitmap").isEqualTo(-Errno.EFAULT);
        dirtyLog.base(log);
        for (long gpa : new long[] {-1, -4096, Long.MIN_VALUE, Long.MAX_VALUE, LOG_PAGES * 4096L, 1L << 55}) {
            assertThat(dirtyLog.write(gpa, 1)).isEqualTo(-Errno.EFAULT);
            assertThat(dirtyLog.write(gpa, 0)).isZero();
            assertThat(dirtyLog.write(gpa, 0xFFFF_FFFFL)).isEqualTo(-Errno.EFAULT);
        }
        assertThat(dirty().isEmpty()).isTrue();
    }

    /** The kernel's check forgets where in its byte the first page stands; what it lets through faults at the write. */
    @Test
    void theCheckCountsWholeBytesFromTheFirstOn() {
        DirtyLog dirtyLog = new DirtyLog(cpu, ram.memory, mm);
        long end = LOG_PAGES * 4096L;
        assertThat(dirtyLog.accessOk(log, 0, end)).isTrue();
        assertThat(dirtyLog.accessOk(log, 0, end + 1)).isFalse();
        assertThat(dirtyLog.accessOk(log, end, 1)).isFalse();
        assertThat(dirtyLog.accessOk(log, end, 0)).isTrue();
        assertThat(dirtyLog.accessOk(log, -1, 1)).isFalse();
        assertThat(dirtyLog.accessOk(-8, 1L << 55, 1)).as("wraps").isFalse();
        assertThat(dirtyLog.accessOk(log, end - 8, 16)).isTrue();
        dirtyLog.base(log);
        assertThat(dirtyLog.write(end - 8, 16)).isEqualTo(-Errno.EFAULT);
    }

    /** What the guest chose may point at a bitmap's end only: the host's own memory has no bits. */
    @Test
    void bitsAreSetInTheOwnersMemoryOnly() {
        MemorySegment heads = Arena.ofAuto().allocate(4096, 4096);
        DirtyLog dirtyLog = new DirtyLog(cpu, ram.memory, mm);
        dirtyLog.base(ram.memory.addRegion(heads));
        assertThat(dirtyLog.write(0, 100_000)).isEqualTo(-Errno.EFAULT);
        assertThat(heads.toArray(ValueLayout.JAVA_BYTE)).containsOnly(0);
    }

    // ---- the used ring

    @Test
    void usedElementsAndIndexAreLoggedWhenTheGuestCanSeeThem() {
        Random random = new Random(SEED);
        ram.ring.usedIdxRelease(65500);
        start(0, VringSetup.VHOST_VRING_F_LOG);
        int idx = 65500;
        for (int round = 0; round < Bench.rounds(2000); round++) {
            bitmap.fill((byte) 0);
            BitSet expected = pages((LOG_ADDR + 2) / 4096, (LOG_ADDR + 3) / 4096);
            int n = 1 + random.nextInt(round % 10 == 0 ? NUM : 4);
            for (int i = 0; i < n; i++) {
                long element = LOG_ADDR + 4 + 8 * (idx & NUM - 1);
                expected.set((int) (element / 4096));
                expected.set((int) ((element + 7) / 4096));
                vq.addUsed(i, 0);
                idx = idx + 1 & 0xFFFF;
            }
            vq.signal();
            assertThat(dirty().isEmpty()).isTrue();
            cpu.settleAll();
            assertThat(dirty()).as("seed=%d round %d", SEED, round).isEqualTo(expected);
            assertThat(logged.read()).isEqualTo(1);
        }
    }

    @Test
    void theFlagsAndTheEventAreLoggedToo() {
        start(0, VringSetup.VHOST_VRING_F_LOG);
        vq.disableNotify();
        cpu.settleAll();
        assertThat(dirty()).isEqualTo(pages(LOG_ADDR / 4096));
        assertThat(logged.read()).isEqualTo(1);
        bitmap.fill((byte) 0);
        vq.enableNotify();
        assertThat(dirty()).isEqualTo(pages(LOG_ADDR / 4096));
        if (!edition.has(Behaviour.EVENT_IDX)) {
            return;
        }
        vq.disableNotify();
        cpu.settleAll();
        dev.setFeatures(1 << VhostDev.VIRTIO_RING_F_EVENT_IDX);
        bitmap.fill((byte) 0);
        vq.enableNotify();
        assertThat(dirty()).as("avail_event, behind the elements").isEqualTo(pages((LOG_ADDR + 4 + 8 * NUM) / 4096));
        bitmap.fill((byte) 0);
        vq.disableNotify();
        cpu.settleAll();
        assertThat(dirty().isEmpty()).as("nothing is written").isTrue();
    }

    @Test
    void whoAskedForNoLogGetsNone() {
        start(0, 0);
        vq.disableNotify();
        vq.addUsed(1, 0);
        vq.signal();
        cpu.settleAll();
        vq.enableNotify();
        assertThat(dirty().isEmpty()).isTrue();
        assertThat(logged.read()).isZero();
        assertThat(vq.vqLog()).isNull();
    }

    // ---- buffers

    @Test
    void whatWasReceivedIsLoggedFromTheFirstByteToTheLast() {
        start(LOG_ALL, 0);
        vq.disableNotify();
        cpu.settleAll();
        ram.ring.desc(1, 100 * 4096 - 10, 20, Vring.VRING_DESC_F_WRITE | Vring.VRING_DESC_F_NEXT, 2);
        ram.ring.desc(2, 120 * 4096, 3 * 4096, Vring.VRING_DESC_F_WRITE, 0);
        ram.post(1);
        assertThat(vq.getVqDesc(0, vq.vqLog())).isEqualTo(1);
        assertThat(vq.vqLog().num()).isEqualTo(2);
        assertThat(vq.logWrite(20 + 4097)).isZero();
        assertThat(dirty()).isEqualTo(pages(99, 100, 120, 121));
        assertThat(logged.isSignalled()).isFalse();
        cpu.settleAll();
        assertThat(logged.read()).isEqualTo(1);
        assertThat(vq.vqLog().num()).isZero();
    }

    @Test
    void severalChainsAreLoggedAsOne() {
        start(LOG_ALL, 0);
        vq.disableNotify();
        cpu.settleAll();
        for (int i = 0; i < 3; i++) {
            ram.ring.desc(i, (50 + i) * 4096, 100, Vring.VRING_DESC_F_WRITE, 0);
            ram.post(i);
            assertThat(vq.getVqDesc(i, vq.vqLog())).isEqualTo(i);
        }
        assertThat(vq.iov().count()).isEqualTo(3);
        assertThat(vq.in()).isEqualTo(1);
        vq.logWrite(201);
        assertThat(dirty()).isEqualTo(pages(50, 51, 52));
    }

    @Test
    void aBadChainLeavesPiecesAndLogAsTheyWere() {
        start(LOG_ALL, 0);
        vq.disableNotify();
        cpu.settleAll();
        ram.ring.desc(1, Ram.DATA, 10, Vring.VRING_DESC_F_WRITE, 0);
        ram.ring.desc(2, Ram.DATA, 10, Vring.VRING_DESC_F_WRITE | Vring.VRING_DESC_F_NEXT, 3);
        ram.ring.desc(3, -1, 10, Vring.VRING_DESC_F_WRITE, 0);
        ram.post(1);
        ram.post(2);
        assertThat(vq.getVqDesc(0, vq.vqLog())).isEqualTo(1);
        assertThat(vq.getVqDesc(1, vq.vqLog())).isEqualTo(-Errno.EFAULT);
        assertThat(vq.iov().count()).isEqualTo(1);
        assertThat(vq.vqLog().num()).isEqualTo(1);
    }

    @Test
    void moreThanTheChainsHoldIsAnErrorWhereTheKernelHadABug() {
        start(LOG_ALL, 0);
        vq.disableNotify();
        cpu.settleAll();
        ram.post(1, 10, Vring.VRING_DESC_F_WRITE);
        vq.getVqDesc(0, vq.vqLog());
        boolean mayBeShort = edition.has(Behaviour.LOG_MAY_BE_SHORT);
        assertThat(vq.logWrite(11)).isEqualTo(mayBeShort ? 0 : -Errno.EINVAL);
        assertThat(vq.errors().value(VqRule.LOG_SHORT)).isEqualTo(mayBeShort ? 0 : 1);
        assertThat(dirty()).isEqualTo(pages(Ram.DATA / 4096));
    }

    /** log_num counted writable descriptors of no bytes, of which a chain may have any number. */
    @Test
    void cve201914835TwoThousandEmptyWritableDescriptorsDoNotOverrunTheLog() {
        start(LOG_ALL, 0);
        vq.disableNotify();
        cpu.settleAll();
        for (int i = 0; i < 2000; i++) {
            ram.desc(Ram.DATA + 16 * i, Ram.DATA, 0, Vring.VRING_DESC_F_WRITE | (i < 1999 ? Vring.VRING_DESC_F_NEXT : 0), 0);
        }
        ram.ring.desc(1, Ram.DATA, 2000 * 16, Vring.VRING_DESC_F_INDIRECT, 0);
        ram.post(1);
        if (edition.has(Quirk.LOGS_EMPTY_DESCS)) {
            assertThat(vq.getVqDesc(0, vq.vqLog())).isEqualTo(-Errno.ENOBUFS);
            assertThat(vq.errors().value(VqRule.LOG_OVERRUN)).isEqualTo(1);
            assertThat(violations.kept()).hasSize(1).first().asString().startsWith("invariant 32: vhost: log_num");
            assertThat(dev.vringBase(0)).isZero();
            ram.ring.desc(1, Ram.DATA, 1024 * 16, Vring.VRING_DESC_F_INDIRECT, 0);
            ram.desc(Ram.DATA + 16 * 1023, Ram.DATA, 0, Vring.VRING_DESC_F_WRITE, 0);
        }
        assertThat(vq.getVqDesc(0, vq.vqLog())).isEqualTo(1);
        assertThat(vq.vqLog().num()).isEqualTo(edition.has(Quirk.LOGS_EMPTY_DESCS) ? 1024 : 0);
        assertThat(vq.in()).isZero();
    }
}
