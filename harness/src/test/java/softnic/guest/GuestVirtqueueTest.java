package softnic.guest;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.HashSet;
import java.util.Set;
import org.junit.jupiter.api.Test;
import softnic.mm.Errno;
import softnic.mm.PhysMem;
import softnic.trace.Violations;
import softnic.virtio.Vring;

/** The driver's half of a split queue against the host's half, played by hand over the same bytes. */
class GuestVirtqueueTest {

    private static final int NUM = 8;
    private static final long INDIRECT = 8192;

    private final MemorySegment ram = Arena.ofAuto().allocate(1 << 16, 4096);
    private final PhysMem memory = new PhysMem();
    private final long hpa = memory.addRegion(ram);
    private final Violations violations = new Violations();
    private final GuestSg sg = new GuestSg();
    private Vring host;
    private int hostUsed;

    private GuestVirtqueue queue(boolean indirect, boolean event, int startIdx) {
        host = vring();
        host.usedFlags(0);
        host.availEvent(startIdx);
        host.usedIdxRelease(startIdx);
        hostUsed = startIdx;
        return new GuestVirtqueue("test", ram, vring(), indirect ? INDIRECT : 0, event, startIdx, violations);
    }

    private Vring vring() {
        return new Vring(memory, NUM, hpa, hpa + (long) Vring.DESC_SIZE * NUM,
                hpa + Vring.legacyUsedOffset(NUM, 4096));
    }

    private GuestSg pieces(int count) {
        sg.clear();
        for (int i = 0; i < count; i++) {
            sg.add(0x1000 + i, 100 + i);
        }
        return sg;
    }

    private void giveBack(int head) {
        host.usedElem(hostUsed, head, 0);
        hostUsed = hostUsed + 1 & Vring.IDX_MASK;
        host.usedIdxRelease(hostUsed);
    }

    /** Invariant 28: walks the free list, which ends where all of numFree were seen. */
    private Set<Integer> freeList(GuestVirtqueue queue, int freeHead) {
        Set<Integer> seen = new HashSet<>();
        int i = freeHead;
        for (int n = 0; n < queue.numFree(); n++) {
            assertThat(seen.add(i)).as("descriptor %d twice in the free list", i).isTrue();
            i = host.descNext(i);
        }
        return seen;
    }

    /** Invariant 28, the monitor itself: a free list with a cycle, and a descriptor that is in flight and free. */
    @Test
    void theCheckSeesABrokenFreeList() {
        GuestVirtqueue queue = queue(false, false, 0);
        queue.addBuf(pieces(3), 3, 0, 1);
        queue.check();
        assertThat(violations.count()).isZero();

        int free = host.descNext(host.descNext(host.descNext(host.availRing(0))));
        host.desc(free, 0, 0, 0, free);

        queue.check();
        assertThat(violations.kept()).singleElement().asString().startsWith("invariant 28: test:");
    }

    /** All 1..8 piece chains, returned in either order: afterwards the free list has each descriptor once. */
    @Test
    void theFreeListHoldsEveryDescriptorOnceAfterAnyChainLengths() {
        for (int first = 1; first < NUM; first++) {
            for (int second = 1; second <= NUM - first; second++) {
                for (boolean swapped : new boolean[] {false, true}) {
                    GuestVirtqueue queue = queue(false, false, 0);
                    assertThat(queue.addBuf(pieces(first), first, 0, 1)).isEqualTo(NUM - first);
                    assertThat(queue.addBuf(pieces(second), 0, second, 2)).isEqualTo(NUM - first - second);
                    queue.publish(2);
                    int a = host.availRing(0);
                    int b = host.availRing(1);
                    assertThat(a).isNotEqualTo(b);

                    giveBack(swapped ? b : a);
                    giveBack(swapped ? a : b);
                    assertThat(queue.getBuf()).isEqualTo(swapped ? 2 : 1);
                    assertThat(queue.getBuf()).isEqualTo(swapped ? 1 : 2);
                    assertThat(queue.getBuf()).isEqualTo(GuestVirtqueue.NONE);
                    assertThat(queue.numFree()).isEqualTo(NUM);
                    assertThat(freeList(queue, swapped ? a : b)).hasSize(NUM);
                }
            }
        }
    }

    @Test
    void aDirectChainSaysWhatTheHostMayReadAndWrite() {
        GuestVirtqueue queue = queue(false, false, 0);
        queue.addBuf(pieces(3), 1, 2, 7);
        queue.publish(1);

        int i = host.availRing(0);
        assertThat(host.descFlags(i)).isEqualTo(Vring.VRING_DESC_F_NEXT);
        assertThat(host.descAddr(i)).isEqualTo(0x1000);
        i = host.descNext(i);
        assertThat(host.descFlags(i)).isEqualTo(Vring.VRING_DESC_F_NEXT | Vring.VRING_DESC_F_WRITE);
        i = host.descNext(i);
        assertThat(host.descFlags(i)).isEqualTo(Vring.VRING_DESC_F_WRITE);
        assertThat(host.descLen(i)).isEqualTo(102);
    }

    @Test
    void anIndirectChainTakesOneDescriptorAndATableOfItsOwn() {
        GuestVirtqueue queue = queue(true, false, 0);
        for (int head = 0; head < NUM; head++) {
            assertThat(queue.addBuf(pieces(20), 20, 0, head)).isEqualTo(NUM - 1 - head);
        }
        assertThat(queue.addBuf(pieces(2), 2, 0, 9)).isEqualTo(-Errno.ENOSPC);
        queue.publish(NUM);

        for (int idx = 0; idx < NUM; idx++) {
            int head = host.availRing(idx);
            assertThat(host.descFlags(head)).isEqualTo(Vring.VRING_DESC_F_INDIRECT);
            assertThat(host.descLen(head)).isEqualTo(20 * Vring.DESC_SIZE);
            long table = host.descAddr(head);
            assertThat(table).isEqualTo(INDIRECT + (long) head * GuestRam.INDIRECT_SIZE);
            assertThat(memory.le64(hpa + table + 19 * 16)).isEqualTo(0x1000 + 19);
            assertThat(memory.le16(hpa + table + 18 * 16 + 12)).isEqualTo(Vring.VRING_DESC_F_NEXT);
            assertThat(memory.le16(hpa + table + 18 * 16 + 14)).isEqualTo(19);
            assertThat(memory.le16(hpa + table + 19 * 16 + 12)).isZero();
        }
    }

    @Test
    void aSinglePieceGoesDirectThoughIndirectIsNegotiated() {
        GuestVirtqueue queue = queue(true, false, 0);
        queue.addBuf(pieces(1), 1, 0, 0);
        assertThat(host.descFlags(host.availRing(0))).isZero();
    }

    /** One chain at a time through more than 65536 indices, so that all of them wrap. */
    @Test
    void indicesWrapAround65536WithoutLosingABuffer() {
        for (boolean event : new boolean[] {false, true}) {
            for (boolean indirect : new boolean[] {false, true}) {
                GuestVirtqueue queue = queue(indirect, event, 65530);
                for (int i = 0; i < 66000; i++) {
                    int idx = 65530 + i & Vring.IDX_MASK;
                    queue.addBuf(pieces(3), 3, 0, i);
                    queue.publish(1);
                    assertThat(host.availIdxAcquire()).isEqualTo(idx + 1 & Vring.IDX_MASK);
                    giveBack(host.availRing(idx));
                    assertThat(queue.getBuf()).isEqualTo(i);
                }
                assertThat(queue.numFree()).isEqualTo(NUM);
            }
        }
        assertThat(violations.kept()).isEmpty();
    }

    @Test
    void onlyPublishedChainsAreVisible() {
        GuestVirtqueue queue = queue(false, false, 0);
        queue.addBuf(pieces(1), 1, 0, 0);
        queue.addBuf(pieces(1), 1, 0, 1);
        assertThat(host.availIdxAcquire()).isZero();
        queue.publish(1);
        assertThat(host.availIdxAcquire()).isEqualTo(1);
        assertThat(queue.numAdded()).isEqualTo(1);
        queue.publish(1);
        assertThat(host.availIdxAcquire()).isEqualTo(2);
    }

    @Test
    void withoutEventIndexTheFlagAloneDecidesOnKicks() {
        GuestVirtqueue queue = queue(false, false, 0);
        queue.addBuf(pieces(1), 1, 0, 0);
        queue.publish(1);
        assertThat(queue.isKickWanted(1)).isTrue();
        host.usedFlags(Vring.VRING_USED_F_NO_NOTIFY);
        assertThat(queue.isKickWanted(1)).isFalse();
    }

    /** Every event index against every step of 1..4 from an index near the wrap: 65536 x 4 cases. */
    @Test
    void aKickIsWantedExactlyWhenTheStepCrossesTheEventIndex() {
        for (int step = 1; step <= 4; step++) {
            GuestVirtqueue queue = queue(false, true, 65534);
            for (int i = 0; i < step; i++) {
                queue.addBuf(pieces(1), 1, 0, i);
            }
            queue.publish(step);
            for (int event = 0; event < 65536; event++) {
                boolean crossed = false;
                for (int i = 0; i < step; i++) {
                    crossed |= event == (65534 + i & 0xFFFF);
                }
                host.availEvent(event);
                if (queue.isKickWanted(step) != crossed) {
                    assertThat(queue.isKickWanted(step)).as("step %d event %d", step, event).isEqualTo(crossed);
                }
            }
        }
    }

    /** need_event by its definition, a walk from old to new, for all small steps at all places. */
    @Test
    void needEventIsTrueExactlyForEventsInTheStep() {
        int[] places = {0, 1, 2, 255, 256, 32767, 32768, 65533, 65534, 65535};
        for (int old : places) {
            for (int step = 0; step < 6; step++) {
                for (int near = -8; near < 8; near++) {
                    int event = old + near & 0xFFFF;
                    boolean crossed = false;
                    for (int i = 0; i < step; i++) {
                        crossed |= event == (old + i & 0xFFFF);
                    }
                    assertThat(Vring.needEvent(event, old + step & 0xFFFF, old))
                            .as("event %d old %d step %d", event, old, step).isEqualTo(crossed);
                }
            }
        }
    }

    @Test
    void enableCbSeesWhatCameBackBeforeItAsked() {
        for (boolean event : new boolean[] {false, true}) {
            GuestVirtqueue queue = queue(false, event, 65535);
            queue.addBuf(pieces(1), 1, 0, 0);
            queue.publish(1);
            queue.disableCb();
            assertThat(host.availFlags()).isEqualTo(Vring.VRING_AVAIL_F_NO_INTERRUPT);
            assertThat(queue.enableCb()).isTrue();
            assertThat(host.availFlags()).isZero();
            giveBack(host.availRing(65535));
            assertThat(queue.enableCb()).isFalse();
            if (event) {
                assertThat(host.usedEvent()).isEqualTo(65535);
            }
        }
    }

    /** For every number outstanding and every number back: it sleeps as long as at most 3/4 are back. */
    @Test
    void enableCbDelayedAsksForThreeQuartersOfWhatIsOutstanding() {
        for (int outstanding = 1; outstanding <= NUM; outstanding++) {
            for (int back = 0; back <= outstanding; back++) {
                GuestVirtqueue queue = queue(false, true, 65533);
                for (int i = 0; i < outstanding; i++) {
                    queue.addBuf(pieces(1), 1, 0, i);
                }
                queue.publish(outstanding);
                for (int i = 0; i < back; i++) {
                    giveBack(host.availRing(65533 + i));
                }
                int threshold = outstanding * 3 / 4;
                assertThat(queue.enableCbDelayed()).isEqualTo(back <= threshold);
                assertThat(host.usedEvent()).isEqualTo(65533 + threshold & 0xFFFF);
            }
        }
    }

    @Test
    void takingABufferMovesTheEventIndexWhileInterruptsAreOn() {
        GuestVirtqueue queue = queue(false, true, 65535);
        queue.addBuf(pieces(1), 1, 0, 0);
        queue.publish(1);
        giveBack(host.availRing(65535));
        queue.getBuf();
        assertThat(host.usedEvent()).isZero();
    }

    @Test
    void anIdThatIsNotOutstandingBreaksTheRing() {
        for (int id : new int[] {-1, NUM, 5, Integer.MIN_VALUE}) {
            GuestVirtqueue queue = queue(false, false, 0);
            queue.addBuf(pieces(1), 1, 0, 0);
            queue.publish(1);
            giveBack(id);
            assertThat(queue.getBuf()).isEqualTo(GuestVirtqueue.NONE);
            assertThat(queue.isBroken()).isTrue();
        }
        assertThat(violations.count()).isEqualTo(4);
        assertThat(violations.kept().getFirst()).startsWith("invariant 1: test: used id=4294967295");
    }

    @Test
    void aHeadReturnedTwiceBreaksTheRing() {
        GuestVirtqueue queue = queue(true, false, 0);
        queue.addBuf(pieces(2), 2, 0, 3);
        queue.publish(1);
        giveBack(0);
        giveBack(0);
        assertThat(queue.getBuf()).isEqualTo(3);
        assertThat(queue.getBuf()).isEqualTo(GuestVirtqueue.NONE);
        assertThat(queue.isBroken()).isTrue();
    }

    @Test
    void aUsedIndexTooFarAheadBreaksTheRing() {
        GuestVirtqueue queue = queue(false, false, 0);
        queue.addBuf(pieces(1), 1, 0, 0);
        queue.publish(1);
        host.usedIdxRelease(NUM + 1);
        assertThat(queue.getBuf()).isEqualTo(GuestVirtqueue.NONE);
        assertThat(violations.kept().getFirst()).startsWith("invariant 3:");
    }
}
