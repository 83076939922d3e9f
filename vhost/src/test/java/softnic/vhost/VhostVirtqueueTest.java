package softnic.vhost;

import static org.assertj.core.api.Assertions.assertThat;
import static softnic.virtio.Vring.VRING_DESC_F_INDIRECT;
import static softnic.virtio.Vring.VRING_DESC_F_NEXT;
import static softnic.virtio.Vring.VRING_DESC_F_WRITE;

import java.lang.foreign.Arena;
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
import softnic.mm.IoVec;
import softnic.sched.Cost;
import softnic.sched.EventFd;
import softnic.trace.Trace;
import softnic.trace.Violations;
import softnic.virtio.Vring;

/** One ring as the host sees it. The guest may write anything; the host answers with a chain or an errno. */
@ParameterizedClass
@MethodSource("editions")
class VhostVirtqueueTest {

    private static final long SEED = 14835L;
    private static final int NUM = 8;
    private static final long TABLE = Ram.DATA + 0x8000;

    private final Edition edition;
    private final Ram ram = new Ram(NUM);
    private final StepCpu cpu = new StepCpu();
    private final EventFd call = new EventFd();
    private VhostVirtqueue vq;

    VhostVirtqueueTest(Edition edition) {
        this.edition = edition;
        vq = open(false);
    }

    static Iterable<Edition> editions() {
        return Stream.concat(Edition.ALL.stream(), Edition.ALL.stream().map(Edition::withoutQuirks)).toList();
    }

    private VhostVirtqueue open(boolean eventIdx) {
        VhostVirtqueue opened = new VhostVirtqueue("tx", edition, cpu, Trace.off(), ram.memory, ram.guest,
                eventIdx, call, null);
        assertThat(opened.setVring(NUM, 0, Ram.AVAIL, Ram.USED)).isZero();
        opened.disableNotify();
        cpu.settleAll();
        return opened;
    }

    @AfterEach
    void close() {
        vq.close();
        ram.close();
    }

    /** A ring that breaks {@code rule}: counted, an errno, nothing taken; mended, it works. */
    private void assertBroken(VqRule rule, int errno) {
        int before = vq.outstanding();
        long counted = vq.errors().value(rule);
        assertThat(vq.getVqDesc()).as(rule.text()).isEqualTo(-errno);
        assertThat(vq.errors().value(rule)).isEqualTo(counted + 1);
        assertThat(vq.errors().asMap().values().stream().mapToLong(Long::longValue).sum()).isEqualTo(counted + 1);
        assertThat(vq.outstanding()).isEqualTo(before);
    }

    private void assertTakes(int head) {
        assertThat(vq.getVqDesc()).isEqualTo(head);
    }

    // ---- chains

    @Test
    void anEmptyRingGivesNum() {
        assertThat(vq.getVqDesc()).isEqualTo(NUM);
        assertThat(vq.outstanding()).isZero();
    }

    @Test
    void aChainIsItsPiecesReadableOnesFirst() {
        ram.ring.desc(3, Ram.DATA, 10, VRING_DESC_F_NEXT, 5);
        ram.ring.desc(5, Ram.DATA + 100, 4096, VRING_DESC_F_NEXT, 0);
        ram.ring.desc(0, Ram.DATA + 8192, 1, VRING_DESC_F_WRITE, 7);
        ram.post(3);
        assertTakes(3);
        assertThat(vq.out()).isEqualTo(2);
        assertThat(vq.in()).isEqualTo(1);
        assertThat(vq.iov().length()).isEqualTo(4107);
        assertThat(vq.iov().base(1)).isEqualTo(ram.guest.hpa(Ram.DATA + 100));
        assertThat(vq.outstanding()).isEqualTo(1);
        assertThat(vq.getVqDesc()).isEqualTo(NUM);
    }

    @Test
    void anIndirectTableIsReadInSequenceWhateverItsNextFieldsSay() {
        for (int i = 0; i < 5; i++) {
            ram.desc(TABLE + 16 * i, Ram.DATA + 100 * i, 10 + i, i < 4 ? VRING_DESC_F_NEXT : 0, 9999);
        }
        ram.ring.desc(2, TABLE, 5 * 16, VRING_DESC_F_INDIRECT, 0);
        ram.post(2);
        assertTakes(2);
        assertThat(vq.out()).isEqualTo(5);
        assertThat(vq.iov().length()).isEqualTo(60);
    }

    @Test
    void anIndirectTableThatEndsEarlyIsFine() {
        ram.desc(TABLE, Ram.DATA, 10, 0, 0);
        ram.ring.desc(2, TABLE, 5 * 16, VRING_DESC_F_INDIRECT, 0);
        ram.post(2);
        assertTakes(2);
        assertThat(vq.out()).isEqualTo(1);
    }

    /** NEXT beside INDIRECT is not refused: the chain goes on behind the table. */
    @Test
    void aChainGoesOnBehindAnIndirectTable() {
        ram.desc(TABLE, Ram.DATA, 10, 0, 0);
        ram.ring.desc(2, TABLE, 16, VRING_DESC_F_INDIRECT | VRING_DESC_F_NEXT, 6);
        ram.ring.desc(6, Ram.DATA, 20, 0, 0);
        ram.post(2);
        assertTakes(2);
        assertThat(vq.iov().length()).isEqualTo(30);
    }

    @Test
    void anIndirectTableMayLieAnywhereEvenMisalignedOrAcrossRegions() {
        ram.guest.addRegion(Ram.SIZE, java.lang.foreign.Arena.ofAuto().allocate(4096, 4096));
        long table = Ram.SIZE - 16 - 7;                 // one descriptor and nine bytes here, the rest there
        long[] firsts = {table, table + 16, table + 32};
        byte[] bytes = new byte[48];
        java.nio.ByteBuffer b = java.nio.ByteBuffer.wrap(bytes).order(java.nio.ByteOrder.LITTLE_ENDIAN);
        for (int i = 0; i < firsts.length; i++) {
            b.putLong(Ram.DATA + i).putInt(100 + i).putShort((short) (i < 2 ? 1 : 0)).putShort((short) 0);
        }
        for (int i = 0; i < bytes.length; i++) {
            ram.memory.u8(ram.guest.hpa(table + i), bytes[i]);
        }
        ram.ring.desc(2, table, 48, VRING_DESC_F_INDIRECT, 0);
        ram.post(2);
        assertTakes(2);
        assertThat(vq.out()).isEqualTo(3);
        assertThat(vq.iov().length()).isEqualTo(303);
    }

    @Test
    void aChainOfEmptyDescriptorsHasNoPieces() {
        ram.post(1, 0, 0);
        assertTakes(1);
        assertThat(vq.out() + vq.in()).isZero();
    }

    // ---- rules, one by one: errno, count, and nothing taken

    @Test
    void theAvailableIndexMayNotJump() {
        ram.post(1, 10, 0);
        for (int jump : new int[] {NUM + 1, 0x7FFF, 0xFFFF}) {
            ram.ring.availIdxRelease(jump);
            if (edition.has(Quirk.AVAIL_JUMP_BELIEVED)) {
                vq.setBase(0);                          // forgets what it believes
            }
            assertThat(vq.getVqDesc()).isEqualTo(jumpErrno());
            assertThat(vq.outstanding()).isZero();
        }
        assertThat(vq.errors().value(VqRule.AVAIL_IDX_JUMP)).isEqualTo(3);
        vq.setBase(0);
        ram.ring.availIdxRelease(1);
        assertTakes(1);
    }

    private int jumpErrno() {
        return edition.has(Behaviour.AVAIL_JUMP_EINVAL) ? -Errno.EINVAL : -Errno.EFAULT;
    }

    /** 4.11 to 6.18 cache the index before they check it: refused once, it is believed. */
    @Test
    void aJumpIsRefusedEachTimeUnlessTheEditionBelievesItAtTheSecondLook() {
        ram.post(1, 10, 0);
        ram.ring.availIdxRelease(NUM + 1);
        assertThat(vq.getVqDesc()).isEqualTo(jumpErrno());
        assertThat(vq.getVqDesc()).isEqualTo(edition.has(Quirk.AVAIL_JUMP_BELIEVED) ? 1 : jumpErrno());
    }

    @Test
    void aHeadMustBeInTheTable() {
        ram.post(NUM);
        assertBroken(VqRule.HEAD_OUT_OF_RANGE, Errno.EINVAL);
        ram.ring.availRing(0, 0xFFFF);
        assertThat(vq.getVqDesc()).isEqualTo(-Errno.EINVAL);
        ram.ring.availRing(0, 1);
        assertTakes(1);
    }

    @Test
    void aNextMustBeInTheTable() {
        ram.ring.desc(1, Ram.DATA, 10, VRING_DESC_F_NEXT, NUM);
        ram.post(1);
        assertBroken(VqRule.NEXT_OUT_OF_RANGE, Errno.EINVAL);
        ram.ring.desc(1, Ram.DATA, 10, 0, NUM);
        assertTakes(1);
    }

    @Test
    void aChainMayNotLoop() {
        ram.ring.desc(1, Ram.DATA, 10, VRING_DESC_F_NEXT, 2);
        ram.ring.desc(2, Ram.DATA, 10, VRING_DESC_F_NEXT, 1);
        ram.post(1);
        assertBroken(VqRule.CHAIN_LOOP, Errno.EINVAL);
    }

    @Test
    void aDescriptorMustLieInMemory() {
        long[] wrong = {Ram.SIZE, Ram.SIZE - 5, -1, -10, Long.MIN_VALUE, Ram.SECOND - 1, Ram.SECOND + Ram.SECOND_SIZE};
        for (int i = 0; i < wrong.length; i++) {
            ram.ring.desc(1, wrong[i], 10, 0, 0);
            ram.ring.availRing(0, 1);
            ram.ring.availIdxRelease(1);
            assertThat(vq.getVqDesc()).as("%x", wrong[i]).isEqualTo(-Errno.EFAULT);
            assertThat(vq.errors().value(VqRule.DESC_OUTSIDE_MEMORY)).isEqualTo(i + 1);
        }
        ram.ring.desc(1, Ram.DATA, -1, 0, 0);                   // 4 GiB - 1
        assertThat(vq.getVqDesc()).isEqualTo(-Errno.EFAULT);
        assertThat(vq.outstanding()).isZero();
        ram.ring.desc(1, Ram.DATA, 1, 0, 0);
        assertTakes(1);
    }

    @Test
    void aChainHasAtMost1024Pieces() {
        long table = Ram.DATA;
        for (int i = 0; i < IoVec.UIO_MAXIOV + 1; i++) {
            ram.desc(table + 16 * i, Ram.DATA, 1, VRING_DESC_F_NEXT, 0);
        }
        ram.desc(table + 16 * IoVec.UIO_MAXIOV, Ram.DATA, 1, 0, 0);
        ram.ring.desc(1, table, 16 * (IoVec.UIO_MAXIOV + 1), VRING_DESC_F_INDIRECT, 0);
        ram.post(1);
        assertBroken(VqRule.TOO_MANY_PIECES, Errno.ENOBUFS);
        ram.desc(table + 16 * (IoVec.UIO_MAXIOV - 1), Ram.DATA, 1, 0, 0);
        assertTakes(1);
        assertThat(vq.out()).isEqualTo(IoVec.UIO_MAXIOV);
    }

    @Test
    void nothingReadableFollowsSomethingWritable() {
        ram.ring.desc(1, Ram.DATA, 10, VRING_DESC_F_NEXT | VRING_DESC_F_WRITE, 2);
        ram.ring.desc(2, Ram.DATA, 10, 0, 0);
        ram.post(1);
        assertBroken(VqRule.OUT_AFTER_IN, Errno.EINVAL);
    }

    @Test
    void theSameHoldsInAnIndirectTableAndBehindOne() {
        ram.desc(TABLE, Ram.DATA, 10, VRING_DESC_F_NEXT | VRING_DESC_F_WRITE, 0);
        ram.desc(TABLE + 16, Ram.DATA, 10, 0, 0);
        ram.ring.desc(1, TABLE, 32, VRING_DESC_F_INDIRECT, 0);
        ram.post(1);
        assertBroken(VqRule.OUT_AFTER_IN, Errno.EINVAL);
        ram.ring.desc(1, TABLE, 16, VRING_DESC_F_INDIRECT | VRING_DESC_F_NEXT, 2);
        ram.desc(TABLE, Ram.DATA, 10, VRING_DESC_F_WRITE, 0);
        ram.ring.desc(2, Ram.DATA, 10, 0, 0);
        assertThat(vq.getVqDesc()).isEqualTo(-Errno.EINVAL);
        assertThat(vq.errors().value(VqRule.OUT_AFTER_IN)).isEqualTo(2);
    }

    @Test
    void anIndirectTableIsWholeDescriptorsAndSome() {
        for (int len : new int[] {0, 1, 15, 17, 31, -1}) {
            ram.ring.desc(1, TABLE, len, VRING_DESC_F_INDIRECT, 0);
            ram.ring.availRing(0, 1);
            ram.ring.availIdxRelease(1);
            assertThat(vq.getVqDesc()).as("len %d", len).isEqualTo(-Errno.EINVAL);
        }
        assertThat(vq.errors().value(VqRule.INDIRECT_LEN)).isEqualTo(6);
        assertThat(vq.outstanding()).isZero();
    }

    @Test
    void anIndirectTableHasAtMost65536Descriptors() {
        ram.guest.addRegion(8 << 20, java.lang.foreign.Arena.ofAuto().allocate((2 << 20) + 4096, 4096));
        ram.ring.desc(1, 8 << 20, 65537 * 16, VRING_DESC_F_INDIRECT, 0);
        ram.post(1);
        assertBroken(VqRule.INDIRECT_TOO_BIG, Errno.E2BIG);
        ram.ring.desc(1, 8 << 20, 65536 * 16, VRING_DESC_F_INDIRECT, 0);
        assertTakes(1);
    }

    /** Invariant 29: one chain ends within num + 65536 descriptors, however many tables it names. */
    @Test
    void manyIndirectTablesAreNoLongerThanOne() {
        ram.guest.addRegion(8 << 20, java.lang.foreign.Arena.ofAuto().allocate(1 << 20, 4096));
        for (int i = 0; i < 65536; i++) {
            ram.desc((8 << 20) + 16L * i, Ram.DATA, 0, i < 65535 ? VRING_DESC_F_NEXT : 0, 0);
        }
        ram.ring.desc(1, 8 << 20, 65536 * 16, VRING_DESC_F_INDIRECT | VRING_DESC_F_NEXT, 2);
        ram.ring.desc(2, 8 << 20, 65536 * 16, VRING_DESC_F_INDIRECT, 0);
        ram.post(1);
        assertBroken(VqRule.INDIRECT_LOOP, Errno.EINVAL);
        ram.ring.desc(1, 8 << 20, 65536 * 16, VRING_DESC_F_INDIRECT, 0);
        assertTakes(1);
    }

    /** The table is translated before its size is looked at. */
    @Test
    void anIndirectTableMustLieInMemory() {
        ram.ring.desc(1, Ram.SIZE - 16, 32, VRING_DESC_F_INDIRECT, 0);
        ram.post(1);
        assertBroken(VqRule.INDIRECT_OUTSIDE_MEMORY, Errno.EFAULT);
        ram.ring.desc(1, Ram.DATA, 0xFFFFFFF0, VRING_DESC_F_INDIRECT, 0);
        assertThat(vq.getVqDesc()).isEqualTo(-Errno.EFAULT);
        assertThat(vq.errors().value(VqRule.INDIRECT_OUTSIDE_MEMORY)).isEqualTo(2);
    }

    @Test
    void anIndirectChainMayNotLeaveItsTable() {
        ram.desc(TABLE, Ram.DATA, 10, VRING_DESC_F_NEXT, 0);
        ram.ring.desc(1, TABLE, 16, VRING_DESC_F_INDIRECT, 0);
        ram.post(1);
        assertBroken(VqRule.INDIRECT_LOOP, Errno.EINVAL);
    }

    @Test
    void anIndirectTableMayNotHoldAnother() {
        ram.desc(TABLE, TABLE, 16, VRING_DESC_F_INDIRECT, 0);
        ram.ring.desc(1, TABLE, 16, VRING_DESC_F_INDIRECT, 0);
        ram.post(1);
        assertBroken(VqRule.INDIRECT_NESTED, Errno.EINVAL);
    }

    @Test
    void zeroLengthWritableDescriptorsFillNothing() {
        for (int i = 0; i < 2000; i++) {
            ram.desc(Ram.DATA + 16 * i, Ram.DATA, 0, VRING_DESC_F_WRITE | (i < 1999 ? VRING_DESC_F_NEXT : 0), 0);
        }
        ram.ring.desc(1, Ram.DATA, 2000 * 16, VRING_DESC_F_INDIRECT, 0);
        ram.post(1);
        assertTakes(1);
        assertThat(vq.in()).isZero();
        assertThat(vq.iov().count()).isZero();
    }

    /** Whatever bytes the ring holds: an answer in bounded time, no exception, every piece inside memory. */
    @Test
    void randomRingsGiveAChainOrAnErrno() {
        Random random = new Random(SEED);
        for (int round = 0; round < Bench.rounds(3000); round++) {
            garble(random);
            VhostVirtqueue fuzzed = new VhostVirtqueue("tx", edition, cpu, Trace.off(), ram.memory, ram.guest,
                    false, call, null);
            assertThat(fuzzed.setVring(NUM, 0, Ram.AVAIL, Ram.USED)).isZero();
            fuzzed.disableNotify();
            cpu.settleAll();
            for (int i = 0; i < 40; i++) {
                int before = fuzzed.outstanding();
                int head = fuzzed.getVqDesc();
                if (head == NUM) {
                    break;
                }
                if (head < 0) {
                    assertThat(fuzzed.outstanding()).as("seed=%d round %d", SEED, round).isEqualTo(before);
                    ram.ring.availRing(random.nextInt(NUM), random.nextInt(NUM));
                    continue;
                }
                assertThat(head).isBetween(0, NUM - 1);
                assertThat(fuzzed.out() + fuzzed.in()).isEqualTo(fuzzed.iov().count());
                for (int p = 0; p < fuzzed.iov().count(); p++) {
                    if (!ram.memory.isMemory(fuzzed.iov().base(p), fuzzed.iov().len(p))) {
                        throw new AssertionError("seed=" + SEED + " round " + round + " piece " + p);
                    }
                }
                fuzzed.addUsed(random.nextInt(), random.nextInt());
                fuzzed.signal();
                cpu.settleAll();
            }
            fuzzed.close();
        }
    }

    /** Plausible garbage: mostly small numbers, sometimes anything. */
    private void garble(Random random) {
        for (int i = 0; i < NUM; i++) {
            ram.desc(16L * i, address(random), length(random), random.nextInt(8), random.nextInt(NUM + 1));
        }
        for (int i = 0; i < 64; i++) {
            int flags = random.nextInt(10) == 0 ? 4 : random.nextInt(4);
            ram.desc(TABLE + 16 * i, address(random), length(random), flags, 0);
        }
        for (int i = 0; i < NUM; i++) {
            ram.ring.availRing(i, random.nextInt(20) == 0 ? random.nextInt(65536) : random.nextInt(NUM));
        }
        ram.ring.availIdxRelease(random.nextInt(20) == 0 ? random.nextInt(65536) : random.nextInt(NUM + 1));
        ram.ring.usedIdxRelease(random.nextInt(65536));
    }

    private static long address(Random random) {
        return switch (random.nextInt(6)) {
            case 0 -> random.nextLong();
            case 1 -> Ram.SIZE - random.nextInt(100);
            case 2 -> TABLE + random.nextInt(64) * 16;
            case 3 -> Ram.SECOND + random.nextInt((int) Ram.SECOND_SIZE);
            default -> Ram.DATA + random.nextInt(10_000);
        };
    }

    private static int length(Random random) {
        return switch (random.nextInt(5)) {
            case 0 -> random.nextInt();
            case 1 -> 16 * random.nextInt(70);
            case 2 -> 0;
            default -> random.nextInt(3000);
        };
    }

    // ---- indices

    @Test
    void theAvailableIndexIsReadAgainWhenTheEditionDoes() {
        for (int i = 0; i < 3; i++) {
            ram.post(i, 10, 0);
        }
        assertTakes(0);
        ram.ring.availIdxRelease(1);                    // a guest that takes back what it posted
        assertThat(vq.getVqDesc()).isEqualTo(edition.has(Behaviour.AVAIL_IDX_CACHED) ? 1 : NUM);
    }

    @Test
    void indicesWrapAtSixteenBits() {
        for (int i = 0; i < 70_000; i++) {
            ram.post(i % NUM, 10, 0);
            if (vq.getVqDesc() != i % NUM) {
                throw new AssertionError("at " + i);
            }
            vq.addUsed(i % NUM, 0);
            vq.signal();
            cpu.settleAll();
        }
        assertThat(ram.ring.usedIdxAcquire()).isEqualTo(70_000 & 0xFFFF);
        assertThat(vq.outstanding()).isZero();
    }

    @Test
    void aChainPutBackIsTakenAgain() {
        ram.post(4, 10, 0);
        ram.post(5, 10, 0);
        assertTakes(4);
        assertTakes(5);
        vq.discardVqDesc(2);
        assertThat(vq.outstanding()).isZero();
        assertTakes(4);
        vq.discardVqDesc(1);
        assertTakes(4);
        assertThat(vq.counters().value(VhostVirtqueue.Count.HEADS)).isEqualTo(1);
    }

    @Test
    void aRingMustHaveAPlausibleSizeAndPlace() {
        for (int num : new int[] {0, -1, 3, 65536, Integer.MIN_VALUE}) {
            assertThat(vq.setVring(num, 0, Ram.AVAIL, Ram.USED)).as("num %d", num).isEqualTo(-Errno.EINVAL);
        }
        assertThat(vq.setVring(NUM, 0, Ram.AVAIL + 1, Ram.USED)).isEqualTo(-Errno.EINVAL);
        assertThat(vq.setVring(NUM, 0, Ram.AVAIL, Ram.USED + 2)).isEqualTo(-Errno.EINVAL);
        assertThat(vq.setVring(NUM, Ram.SIZE, Ram.AVAIL, Ram.USED)).isEqualTo(-Errno.EFAULT);
        assertThat(vq.setVring(NUM, 0, Ram.SIZE - 18, Ram.USED)).isEqualTo(-Errno.EFAULT);
        assertThat(vq.setVring(NUM, 0, Ram.AVAIL, -64)).isEqualTo(-Errno.EFAULT);
        assertThat(vq.setVring(1024, 0, Ram.AVAIL, Ram.USED)).isZero();
    }

    @Test
    void aRingIsTakenUpWhereItsUsedIndexStands() {
        ram.ring.usedIdxRelease(0xFFFE);
        vq.setVring(NUM, 0, Ram.AVAIL, Ram.USED);
        vq.addUsed(3, 7);
        vq.addUsed(4, 8);
        vq.addUsed(5, 9);
        vq.signal();
        cpu.settleAll();
        assertThat(ram.ring.usedIdxAcquire()).isEqualTo(1);
        assertThat(ram.ring.usedId(0xFFFE)).isEqualTo(3);
        assertThat(ram.ring.usedLen(0)).isEqualTo(9);
    }

    // ---- what the guest sees, and when

    @Test
    void aUsedElementIsCoveredByTheIndexOnlyWhenPaidFor() {
        vq.addUsed(3, 0);
        vq.signal();
        assertThat(ram.ring.usedIdxAcquire()).isZero();
        vq.addUsed(4, 0);                               // later work: a signal of its own
        cpu.settleAll();
        assertThat(ram.ring.usedIdxAcquire()).isEqualTo(1);
        vq.signal();
        cpu.settleAll();
        assertThat(ram.ring.usedIdxAcquire()).isEqualTo(2);
        assertThat(cpu.charged.get(Cost.USED_ENTRY)).isEqualTo(2);
        assertThat(call.read()).isEqualTo(2);
    }

    @Test
    void withoutEventIndexAFlagSuppressesInterrupts() {
        ram.ring.availFlags(Vring.VRING_AVAIL_F_NO_INTERRUPT);
        vq.addUsed(1, 0);
        vq.signal();
        cpu.settleAll();
        assertThat(call.read()).isZero();
        assertThat(vq.counters().value(VhostVirtqueue.Count.SIGNALS_SUPPRESSED)).isEqualTo(1);
        ram.ring.availFlags(0);
        vq.addUsed(2, 0);
        vq.signal();
        cpu.settleAll();
        assertThat(call.read()).isEqualTo(1);
    }

    /** Invariant 26, by walking every index: an interrupt exactly when one crossed used_event since the last look. */
    @Test
    void withEventIndexAnInterruptComesWhenTheEventIsCrossed() {
        Random random = new Random(SEED);
        vq.close();
        ram.ring.usedIdxRelease(65000);
        vq = open(true);
        int used = 65000;
        boolean first = true;
        for (int round = 0; round < Bench.rounds(20_000); round++) {
            int event = used + random.nextInt(-3, 12) & 0xFFFF;
            ram.ring.usedEvent(event);
            int n = 1 + random.nextInt(5);
            boolean crossed = false;
            for (int i = 0; i < n; i++) {
                vq.addUsed(0, 0);
                crossed |= used == event;
                used = used + 1 & 0xFFFF;
            }
            vq.signal();
            cpu.settleAll();
            assertThat(call.read() == 1).as("seed=%d round %d", SEED, round).isEqualTo(crossed || first);
            first = false;
        }
    }

    @Test
    void notificationsGoOffAndOnByFlagOrByEvent() {
        assertThat(ram.ring.usedFlags()).isEqualTo(Vring.VRING_USED_F_NO_NOTIFY);
        assertThat(vq.enableNotify()).isFalse();
        assertThat(ram.ring.usedFlags()).isZero();
        assertThat(vq.enableNotify()).isFalse();
        vq.disableNotify();
        assertThat(ram.ring.usedFlags()).isZero();      // not yet paid for
        cpu.settleAll();
        assertThat(ram.ring.usedFlags()).isEqualTo(Vring.VRING_USED_F_NO_NOTIFY);
        vq.close();
        ram.ring.usedFlags(0);
        vq = open(true);
        ram.post(1, 10, 0);
        ram.post(2, 10, 0);
        vq.getVqDesc();
        vq.getVqDesc();
        vq.getVqDesc();
        assertThat(vq.enableNotify()).isFalse();
        assertThat(ram.ring.availEvent()).isEqualTo(2);
        assertThat(ram.ring.usedFlags()).isZero();
    }

    @Test
    void whatTheGuestPostedMeanwhileIsNoticedWhenKicksAreEnabled() {
        ram.post(1, 10, 0);
        vq.getVqDesc();
        vq.getVqDesc();
        ram.post(2, 10, 0);
        assertThat(vq.enableNotify()).isTrue();
        assertThat(vq.counters().value(VhostVirtqueue.Count.NOTIFY_RECHECK_HIT)).isEqualTo(1);
        vq.disableNotify();
        cpu.settleAll();
        assertTakes(2);
    }

    /** With NOTIFY_ON_EMPTY a guest that wants no interrupt gets one all the same, when all it posted was taken. */
    @Test
    void anEmptyRingIsToldToAGuestThatAskedToHearOfIt() {
        ram.ring.availFlags(Vring.VRING_AVAIL_F_NO_INTERRUPT);
        vq.setup().features(1L << VhostDev.VIRTIO_F_NOTIFY_ON_EMPTY);
        ram.post(1, 10, 0);
        ram.post(2, 10, 0);
        for (int i = 1; i <= 2; i++) {
            assertTakes(i);
            vq.addUsed(i, 0);
            vq.signal();
            cpu.settleAll();
            assertThat(call.read()).isEqualTo(i == 2 ? 1 : 0);
        }
    }

    /** In 3.1 the index that enable_notify reads is forgotten; since 5.18 it is what get_vq_desc believes. */
    @Test
    void whatEnableNotifyReadsIsKeptWhereTheEditionKeepsIt() {
        vq.getVqDesc();
        ram.post(1, 10, 0);
        assertThat(vq.enableNotify()).isTrue();
        vq.disableNotify();
        ram.ring.availIdxRelease(0);                            // a guest that takes back what it posted
        assertThat(vq.getVqDesc()).isEqualTo(edition.has(Behaviour.AVAIL_IDX_KEPT_BY_ENABLE) ? 1 : NUM);
    }

    /** d3bb267bbdcb: work that was known and left alone, as mergeable RX does, is reported as new for ever. */
    @Test
    void whatWasKnownIsNoNewsUnlessTheEditionTakesItForOne() {
        ram.post(1, 10, 0);
        assertTakes(1);
        vq.discardVqDesc(1);
        for (int i = 0; i < 3; i++) {
            assertThat(vq.enableNotify()).isEqualTo(edition.has(Quirk.ENABLE_SEES_OLD));
            vq.disableNotify();
        }
        ram.post(2, 10, 0);
        assertThat(vq.enableNotify()).isTrue();
    }

    @Test
    void aJumpThatEnableNotifySeesIsNeverTakenByAnEditionThatChecksIt() {
        ram.ring.availIdxRelease(NUM + 1);
        boolean more = vq.enableNotify();
        assertThat(more).isEqualTo(!edition.has(Behaviour.AVAIL_JUMP_EINVAL));
        assertThat(vq.errors().value(VqRule.AVAIL_IDX_JUMP)).isEqualTo(more ? 0 : 1);
        vq.disableNotify();
        ram.ring.desc(0, Ram.DATA, 10, 0, 0);
        boolean believes = edition.has(Quirk.AVAIL_JUMP_BELIEVED) && edition.has(Behaviour.AVAIL_IDX_KEPT_BY_ENABLE);
        assertThat(vq.getVqDesc()).isEqualTo(believes ? 0 : jumpErrno());
    }

    /** used_event is compared with what was signalled last; after 65536 elements that says nothing any more. */
    @Test
    void anIndexThatWasLappedIsForgotten() {
        vq.close();
        vq = open(true);
        ram.ring.usedEvent(0x8000);
        vq.addUsed(0, 0);
        vq.signal();
        cpu.settleAll();
        vq.setup().call(null);
        for (int i = 0; i < 65536; i++) {
            vq.addUsed(0, 0);
            vq.signal();
            cpu.settleAll();
        }
        call.read();
        vq.setup().call(call);
        ram.ring.usedEvent(0x4000);
        vq.addUsed(0, 0);
        vq.signal();
        cpu.settleAll();
        assertThat(call.read()).isEqualTo(1);
    }

    // ---- what was once got wrong

    /** The second piece had the length of all; now and then each byte is inside one region. */
    @Test
    void cve20130311ADescriptorOverTwoAndThreeRegionsHasItsLength() {
        Violations violations = new Violations();
        ram.guest.addRegion(Ram.SIZE, Arena.ofAuto().allocate(4096, 4096));
        ram.guest.addRegion(Ram.SIZE + 4096, Arena.ofAuto().allocate(64 << 10, 4096));
        vq.close();
        vq = new VhostVirtqueue("tx", edition, cpu, Trace.off(), ram.memory, ram.guest, false, call,
                new VhostMonitor(violations));
        vq.setVring(NUM, 0, Ram.AVAIL, Ram.USED);
        vq.disableNotify();
        int[] lens = {3000, 1000 + 4096 + 5000};
        for (int i = 0; i < 2; i++) {
            ram.ring.desc(i, Ram.SIZE - 1000, lens[i], 0, 0);
            ram.post(i);
            assertTakes(i);
            assertThat(vq.out()).isEqualTo(2 + i);
            boolean wrong = edition.has(Quirk.TRANSLATES_WHOLE_LENGTH);
            assertThat(vq.iov().length()).isEqualTo(!wrong ? lens[i] : i == 0 ? 1000 + 3000 : 1000 + 4096 + 10096);
            for (int p = 0; p < vq.out(); p++) {
                assertThat(ram.memory.isMemory(vq.iov().base(p), vq.iov().len(p))).isTrue();
            }
            assertThat(violations.count()).isEqualTo(wrong ? i + 1 : 0);
        }
    }

    /** vhost takes rings of up to 32768, though its own arrays have 1024. */
    @Test
    void aRingOf2048IsTakenToItsLastHead() {
        vq.close();
        long used = 640 << 10;
        vq = new VhostVirtqueue("tx", edition, cpu, Trace.off(), ram.memory, ram.guest, false, call, null);
        assertThat(vq.setVring(2048, 512 << 10, 600 << 10, used)).isZero();
        vq.disableNotify();
        long hpa = ram.guest.hpa(0);
        Vring big = new Vring(ram.memory, 2048, hpa + (512 << 10), hpa + (600 << 10), hpa + used);
        for (int head = 0; head < 2048; head++) {
            big.desc(head, Ram.DATA, 10, 0, 0);
            big.availRing(head, head);
        }
        big.availIdxRelease(2048);
        for (int head = 0; head < 2048; head++) {
            assertTakes(head);
            vq.addUsed(head, 0);
        }
        vq.signal();
        cpu.settleAll();
        assertThat(big.usedIdxAcquire()).isEqualTo(2048);
        assertThat(big.usedId(2047)).isEqualTo(2047);
        assertThat(vq.getVqDesc()).isEqualTo(2048);
    }

    /** The ring does not remember heads: what a driver posts twice it gets back twice. */
    @Test
    void theSameHeadPostedTwiceIsTakenTwice() {
        ram.post(3, 10, 0);
        ram.post(3);
        assertTakes(3);
        assertTakes(3);
        assertThat(vq.outstanding()).isEqualTo(2);
        assertThat(vq.getVqDesc()).isEqualTo(NUM);
    }
}
