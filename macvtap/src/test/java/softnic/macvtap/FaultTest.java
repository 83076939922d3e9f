package softnic.macvtap;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import net.openhft.chronicle.core.io.ReferenceOwner;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import softnic.Behaviour;
import softnic.Edition;
import softnic.Kernel;
import softnic.macvtap.Macvlan.Mode;
import softnic.mm.Errno;
import softnic.mm.Page;
import softnic.mm.PhysMem;
import softnic.net.EthHeader;
import softnic.sched.Llc;
import softnic.skb.SkBuff;
import softnic.trace.Trace;

/**
 * A page, a pin or a copy that fails, at every index: pins, charge, pages, skbs and callbacks are balanced (invariants
 * 7, 9, 21, 50).
 */
class FaultTest {

    private static final long DATA = 4096;

    private final Random random = new Random(50);
    private final TapBench.Owner owner = new TapBench.Owner();
    private final List<Page> hoarded = new ArrayList<>();
    private final List<ReferenceOwner> hoarders = new ArrayList<>();
    private TapBench bench;

    private void open(Kernel kernel) {
        bench = TapBench.of(new Edition(kernel, false));
    }

    @AfterEach
    void allIsHome() {
        bench.dev.clean();
        assertThat(bench.missing()).isEmpty();
        bench.close();
    }

    /** Takes all free pages but {@code left}. */
    private void leavePages(int left) {
        giveBack();
        while (TapBench.PAGES - bench.pages.inUse() > left) {
            ReferenceOwner hoarder = ReferenceOwner.temporary("hoarder");
            hoarded.add(bench.pages.alloc(hoarder));
            hoarders.add(hoarder);
        }
    }

    private void giveBack() {
        for (int i = 0; i < hoarded.size(); i++) {
            hoarded.get(i).put(hoarders.get(i));
        }
        hoarded.clear();
        hoarders.clear();
    }

    private void assertNothingHappened(String what) {
        assertThat(bench.dev.taken).as(what).isEmpty();
        assertThat(owner.callbacks).as(what).isZero();
        assertThat(bench.pool.inUse()).as(what).isZero();
        assertThat(bench.guest.pins()).as(what).isZero();
        assertThat(bench.tap.wmemAlloc()).as(what).isZero();
    }

    @ParameterizedTest
    @EnumSource
    void aPageThatCannotBeAllocatedAtAnyIndex(Kernel kernel) {
        open(kernel);
        int needed = 9;
        for (int left = 0; left <= needed; left++) {
            leavePages(left);
            int used = bench.pages.inUse();
            int rc = bench.plain(54).piece(random, DATA, 54).piece(random, 2 * DATA, needed * 4096).send(null);
            if (left < needed) {
                assertThat(rc).as("%d pages", left).isEqualTo(-Errno.ENOBUFS);
                assertNothingHappened(left + " pages");
            } else {
                assertThat(rc).isPositive();
                bench.dev.clean();
            }
            assertThat(bench.pages.inUse()).isEqualTo(used);
        }
        giveBack();
        assertThat(bench.tap.counters().value(MacvtapSock.Count.TX_NOMEM)).isEqualTo(needed);
    }

    /** No skb, then no head: the pool has both. */
    @ParameterizedTest
    @EnumSource
    void anSkbThatCannotBeAllocated(Kernel kernel) {
        open(kernel);
        List<SkBuff> hoard = new ArrayList<>();
        for (SkBuff skb = bench.pool.alloc(1); skb != null; skb = bench.pool.alloc(1)) {
            hoard.add(skb);
        }
        bench.plain(54).piece(random, DATA, 54).piece(random, 2 * DATA, 5000);
        assertThat(bench.send(owner)).isEqualTo(-Errno.ENOBUFS);
        assertThat(bench.send(null)).isEqualTo(-Errno.ENOBUFS);
        hoard.forEach(SkBuff::kfree);
        assertNothingHappened("no skb");
        assertThat(bench.send(owner)).isPositive();
    }

    /** Each vector before, each page within: memory ends there. */
    @ParameterizedTest
    @EnumSource
    void aPinThatFailsAtAnyPageOfAnyVector(Kernel kernel) {
        open(kernel);
        for (int vectors = 0; vectors < 5; vectors++) {
            for (int good = 0; good < 5; good++) {
                bench.plain(54).piece(random, DATA, 54);
                for (int v = 0; v < vectors; v++) {
                    bench.iov.add(bench.guest.hpa((2 + 3 * v) * DATA), 2 * 4096);
                }
                bench.iov.add(bench.guest.hpa(95 * DATA) + (1 - good) * DATA, (good + 1) * 4096);
                assertThat(bench.send(owner)).isEqualTo(-Errno.EFAULT);
                assertNothingHappened(vectors + " vectors, " + good + " pages");
            }
        }
        assertThat(bench.tap.counters().value(MacvtapSock.Count.TX_EFAULT)).isEqualTo(25);
        assertThat(bench.vlan.counters().value(Macvlan.Count.TX_DROPPED)).isEqualTo(25);
    }

    /** The vector ends at each byte before the frame does. */
    @ParameterizedTest
    @EnumSource
    void aCopyThatEndsAtAnyByte(Kernel kernel) {
        open(kernel);
        int len = TapBench.HDR + 54 + 5000;
        for (int cut = 0; cut < len; cut += cut < 80 || cut > len - 20 ? 1 : 97) {
            bench.plain(54).piece(random, DATA, 54).piece(random, 2 * DATA, 5000);
            cutTo(cut);
            assertThat(bench.tap.sendmsg(bench.iov, len, null)).as("%d bytes", cut).isEqualTo(-Errno.EFAULT);
            assertNothingHappened(cut + " bytes");
            if (cut < TapBench.HDR + 54) {
                assertThat(bench.tap.sendmsg(bench.iov, len, owner)).as("%d bytes", cut).isEqualTo(-Errno.EFAULT);
                assertNothingHappened(cut + " bytes, zero-copy");
            }
        }
    }

    private void cutTo(int bytes) {
        int left = bytes;
        int n = bench.iov.count();
        long[] base = new long[n];
        int[] lens = new int[n];
        for (int i = 0; i < n; i++) {
            base[i] = bench.iov.base(i);
            lens[i] = Math.min(left, bench.iov.len(i));
            left -= lens[i];
        }
        bench.iov.clear();
        for (int i = 0; i < n; i++) {
            bench.iov.add(base[i], lens[i]);
        }
    }

    /** A sibling must not keep the guest's pages: without a page to copy one into, it gets nothing, at any fragment. */
    @ParameterizedTest
    @EnumSource
    void aCopyForASiblingThatFailsAtAnyFragment(Kernel kernel) {
        open(kernel);
        Macvlan from = new Macvlan("from", 0x020000000101L, bench.dev, Mode.BRIDGE, bench.edition, bench.core, Trace.off());
        Macvlan to = new Macvlan("to", 0x020000000102L, bench.dev, Mode.BRIDGE, bench.edition, bench.core, Trace.off());
        MacvtapSock sender = queue(from);
        MacvtapSock reader = queue(to);
        int frags = 4;
        for (int left = 0; left <= frags; left++) {
            for (long dest : new long[] {to.mac(), 0xFFFF_FFFF_FFFFL}) {
                leavePages(left);
                bench.plain(54).piece(random, DATA, 54).piece(random, 2 * DATA, frags * 4096);
                long at = bench.guest.hpa(DATA);
                EthHeader.write(bench.memory.segment(at), PhysMem.offset(at), dest, from.mac(), EthHeader.ETH_P_IP);
                owner.callbacks = 0;
                assertThat(sender.sendmsg(bench.iov, (int) bench.iov.length(), owner)).isPositive();
                assertThat(reader.peekHeadLen()).isEqualTo(left < frags ? 0 : 54 + frags * 4096);
                bench.dev.clean();
                assertThat(owner.callbacks).isEqualTo(1);
                assertThat(bench.guest.pins()).isZero();
                assertThat(sender.wmemAlloc()).isZero();
                bench.plain(0);
                reader.recvmsg(bench.iov, TapBench.HDR);
                assertThat(bench.pool.inUse()).isZero();
            }
        }
        giveBack();
        assertThat(to.counters().value(Macvlan.Count.RX_ERRORS) + from.counters().value(Macvlan.Count.RX_ERRORS))
                .isEqualTo(2 * frags);
        sender.close();
        reader.close();
    }

    private MacvtapSock queue(Macvlan vlan) {
        return new MacvtapSock(vlan, bench.edition, bench.core, bench.cpu, Llc.none(), Trace.off(), bench.memory,
                bench.guest, bench.pages, new MacvtapSock.Options(TapBench.HDR, Integer.MAX_VALUE));
    }

    /** Random vectors, sizes, headers and shortages: whatever comes out, nothing is kept, and no owner hears twice. */
    @ParameterizedTest
    @EnumSource
    void anyPacketUnderAnyShortageIsBalanced(Kernel kernel) {
        open(kernel);
        for (int round = 0; round < 1500; round++) {
            leavePages(random.nextInt(4) == 0 ? random.nextInt(20) : TapBench.PAGES);
            bench.header(random.nextInt(4), random.nextInt(3) == 0 ? random.nextInt(256) : 0, hostile(), hostile(),
                    hostile(), hostile());
            int pieces = random.nextInt(24);
            for (int i = 0; i < pieces; i++) {
                long base = bench.guest.hpa(random.nextInt(96) * DATA) + random.nextInt(4096);
                int len = random.nextInt(4) == 0 ? random.nextInt(20_000) : random.nextInt(300);
                boolean inside = random.nextInt(20) == 0 || bench.memory.isMemory(base, len);
                bench.iov.add(base, inside && bench.memory.isMemory(base, len) ? len : 0);
            }
            owner.callbacks = 0;
            boolean zerocopy = random.nextBoolean();
            int rc = bench.send(zerocopy ? owner : null);
            assertThat(rc == bench.iov.length() || rc < 0).as("seed=50 round %d: rc %d", round, rc).isTrue();
            assertThat(bench.wrong()).as("seed=50 round %d", round).isEmpty();
            bench.dev.clean();
            boolean tells = zerocopy && rc > 0;
            assertThat(owner.callbacks).as("seed=50 round %d: rc %d", round, rc).isEqualTo(tells ? 1 : 0);
            giveBack();
            assertThat(bench.missing()).as("seed=50 round %d", round).isEmpty();
        }
        assertThat(bench.edition.has(Behaviour.COPIES_TOO_MANY_PAGES)).isEqualTo(kernel.compareTo(Kernel.V3_14) >= 0);
    }

    private int hostile() {
        return random.nextInt(3) == 0 ? random.nextInt(65536) : random.nextInt(120);
    }
}
