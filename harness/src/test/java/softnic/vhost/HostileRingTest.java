package softnic.vhost;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.EnumMap;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.random.RandomGenerator;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import softnic.Edition;
import softnic.check.GetVqDescModel;
import softnic.check.HostileRing;
import softnic.mm.GuestMemory;
import softnic.mm.IoVec;
import softnic.mm.PhysMem;
import softnic.sched.Cost;
import softnic.sched.Cpu;
import softnic.sched.EventFd;
import softnic.trace.Trace;
import softnic.trace.Violations;

/**
 * A hostile guest against the ring, seed by seed: the same answer as {@link GetVqDescModel}, the same pieces, nothing
 * taken on an error, and every piece inside one region.
 *
 * <pre>
 *   gpa  0        8K      16K     24K                  128K            192K         1M       2M + 64K
 *        | desc   | avail | used  | scratch ...........| second region | nothing    | third  |
 * </pre>
 */
class HostileRingTest {

    private static final long SEED = 20_190_311L;
    private static final int SEEDS = 1000;
    private static final long AVAIL = 8 << 10;
    private static final long USED = 16 << 10;
    private static final long SCRATCH = 24 << 10;
    private static final int FIRST = 128 << 10;
    private static final int SECOND = 64 << 10;

    private final Arena arena = Arena.ofAuto();
    private final MemorySegment ram = arena.allocate(FIRST, 4096);
    private final MemorySegment ram2 = arena.allocate(SECOND, 4096);
    private final MemorySegment ram3 = arena.allocate((1 << 20) + SECOND, 4096);
    private long pieces;
    private final Map<VqRule, Long> broken = new EnumMap<>(VqRule.class);

    /** Settles at once. */
    private static final Cpu CPU = new Cpu() {
        @Override
        public long nowNs() {
            return 0;
        }

        @Override
        public void charge(Cost cost, long units) {
        }

        @Override
        public long delayNs(Cost latency) {
            return 0;
        }

        @Override
        public void settle(Runnable action) {
            action.run();
        }
    };

    static Iterable<Edition> editions() {
        return Stream.concat(Edition.ALL.stream(), Edition.ALL.stream().map(Edition::withoutQuirks))
                .toList();
    }

    @ParameterizedTest
    @MethodSource("editions")
    void anyRingHasTheAnswerThatTheDescriptionGives(Edition edition) {
        for (int i = 0; i < SEEDS; i++) {
            long seed = SEED + i;
            try {
                one(edition, new SplittableRandom(seed));
            } catch (RuntimeException | AssertionError e) {
                throw new AssertionError("edition " + edition + " seed " + seed, e);
            }
        }
        assertThat(pieces).isGreaterThan(SEEDS);
        for (VqRule rule : VqRule.values()) {
            boolean possible = switch (rule) {
                case LOG_OVERRUN, LOG_SHORT, TX_HAS_IN, TX_EMPTY, RX_HAS_OUT, INDIRECT_UNREADABLE -> false;
                default -> true;
            };
            assertThat(broken.getOrDefault(rule, 0L) > 0).as("%s was met", rule).isEqualTo(possible);
        }
    }

    /** One guest, from any source of chance. */
    void one(Edition edition, RandomGenerator random) {
        PhysMem memory = new PhysMem();
        GuestMemory guest = new GuestMemory(memory);
        ram.fill((byte) 0);
        guest.addRegion(0, ram);
        guest.addRegion(FIRST, ram2);
        guest.addRegion(1 << 20, ram3);
        int num = 1 << random.nextInt(8);
        HostileRing ring = new HostileRing(memory, guest, random,
                new HostileRing.Place(num, 0, AVAIL, SCRATCH, FIRST - (int) SCRATCH));
        Violations violations = new Violations();
        VhostVirtqueue vq = new VhostVirtqueue("tx", edition, CPU, Trace.off(), memory, guest, random.nextBoolean(),
                new EventFd(), new VhostMonitor(violations));
        GetVqDescModel model = new GetVqDescModel(edition, memory, guest, guest.table(), num, 0, AVAIL);
        int base = random.nextInt(65536);
        assertThat(vq.setVring(num, 0, AVAIL, USED)).isZero();
        start(vq, model, ring, base);
        ring.fill();
        for (int round = 0; round < 6; round++) {
            ring.post(num);
            look(random, memory, guest, ring, vq, model);
            ring.repair();
            if (random.nextBoolean()) {
                ring.fill();
                start(vq, model, ring, vq.base());
            }
        }
        if (!edition.faithful()) {
            assertThat(violations.kept()).isEmpty();
        }
        for (VqRule rule : VqRule.values()) {
            broken.merge(rule, vq.errors().value(rule), Long::sum);
        }
        vq.close();
    }

    private static void start(VhostVirtqueue vq, GetVqDescModel model, HostileRing ring, int base) {
        vq.stop();
        assertThat(vq.setBase(base)).isZero();
        model.base(base);
        ring.startAt(base);
        ring.repair();
        vq.disableNotify();
    }

    private void look(RandomGenerator random, PhysMem memory, GuestMemory guest, HostileRing ring,
            VhostVirtqueue vq, GetVqDescModel model) {
        int errors = 0;
        for (int i = 0; i < 2 * vq.num() + 8 && errors < 4; i++) {
            int expected = model.next();
            int before = vq.iov().count();
            int head = vq.getVqDesc();
            if (head != expected || vq.base() != model.base()) {
                throw new AssertionError("head " + head + " expected " + expected + ", base " + vq.base() + " expected "
                        + model.base() + ", last mistake " + ring.last());
            }
            if (head == vq.num()) {
                return;
            }
            if (head < 0) {
                errors++;
                assertThat(vq.iov().count()).as("nothing of it, or nothing looked at").isIn(0, before);
                ring.change();
                continue;
            }
            compare(memory, guest, vq, model);
            vq.addUsed(head, random.nextInt());
            if (random.nextInt(3) == 0) {
                vq.signal();
            }
        }
    }

    private void compare(PhysMem memory, GuestMemory guest, VhostVirtqueue vq, GetVqDescModel model) {
        IoVec iov = vq.iov();
        if (vq.out() != model.out() || vq.in() != model.in() || iov.count() != model.pieces().size()
                || iov.count() > IoVec.UIO_MAXIOV || model.steps() > vq.num() + 65536) {
            throw new AssertionError("out " + vq.out() + " of " + model.out() + ", in " + vq.in() + " of " + model.in());
        }
        for (int p = 0; p < iov.count(); p++) {
            GetVqDescModel.Piece piece = model.pieces().get(p);
            if (iov.base(p) != guest.hpa(piece.gpa()) || iov.len(p) != piece.bytes()
                    || !memory.isMemory(iov.base(p), iov.len(p))) {
                throw new AssertionError("piece " + p + " of " + iov.len(p) + " bytes, expected " + piece);
            }
        }
        pieces += iov.count();
    }

    /** The guest is the seed's: what it writes, and that it writes nothing else. */
    @Test
    void oneSeedIsOneGuestAndItStaysInItsPlace() {
        byte[] first = guestOf(7);
        assertThat(guestOf(7)).isEqualTo(first);
        assertThat(guestOf(8)).isNotEqualTo(first);
        for (int at = (int) USED; at < SCRATCH; at++) {
            assertThat(first[at]).as("byte %d of the used ring", at).isZero();
        }
    }

    private byte[] guestOf(long seed) {
        PhysMem memory = new PhysMem();
        GuestMemory guest = new GuestMemory(memory);
        ram.fill((byte) 0);
        ram2.fill((byte) 0);
        guest.addRegion(0, ram);
        guest.addRegion(FIRST, ram2);
        HostileRing ring = new HostileRing(memory, guest, new SplittableRandom(seed),
                new HostileRing.Place(64, 0, AVAIL, SCRATCH, FIRST - (int) SCRATCH));
        for (int i = 0; i < 50; i++) {
            ring.fill();
            ring.post(64);
            ring.change();
        }
        assertThat(ram2.toArray(ValueLayout.JAVA_BYTE)).containsOnly(0);
        return ram.toArray(ValueLayout.JAVA_BYTE);
    }
}
