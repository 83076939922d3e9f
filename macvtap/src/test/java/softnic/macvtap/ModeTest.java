package softnic.macvtap;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.MethodSource;
import softnic.Behaviour;
import softnic.Edition;
import softnic.Quirk;
import softnic.macvtap.Macvlan.Mode;
import softnic.mm.PhysMem;
import softnic.net.EthHeader;
import softnic.sched.Llc;
import softnic.skb.SkBuff;
import softnic.skb.SkbSharedInfo;
import softnic.trace.Trace;
import softnic.virtio.VirtioNetHdr;

/**
 * Who hears whom: each mode with each kind of destination, sent by a guest and come from the wire. On the device are two
 * macvlans in each mode but passthru, which must be alone.
 */
@ParameterizedClass
@MethodSource("editions")
class ModeTest {

    private static final long DATA = 4096;
    private static final long GROUP = 0x01005E000001L;
    private static final long ALL = 0xFFFF_FFFF_FFFFL;
    private static final long STRANGER = 0x0200000000FFL;
    private static final Mode[] SHARED = {Mode.PRIVATE, Mode.VEPA, Mode.BRIDGE};

    private final Edition edition;
    private final TapBench bench;
    private final Random random = new Random(4);
    private final TapBench.Owner owner = new TapBench.Owner();
    private final Map<Mode, List<MacvtapSock>> taps = new EnumMap<>(Mode.class);

    ModeTest(Edition edition) {
        this.edition = edition;
        bench = TapBench.of(edition);
        bench.vlan.dellink();
    }

    static Iterable<Edition> editions() {
        List<Edition> all = new ArrayList<>(Edition.ALL);
        Edition.ALL.stream().filter(e -> e.has(Quirk.SNDBUF_UNCHECKED)).forEach(e -> all.add(e.withoutQuirks()));
        return all;
    }

    @AfterEach
    void allIsHome() {
        taps.values().forEach(list -> list.forEach(MacvtapSock::close));
        bench.dev.clean();
        assertThat(bench.missing()).isEmpty();
        bench.close();
    }

    private void shared() {
        for (Mode mode : SHARED) {
            taps.put(mode, List.of(tap(mode, 0), tap(mode, 1)));
        }
    }

    private static long mac(Mode mode, int n) {
        return 0x020000001000L + 16L * mode.ordinal() + n;
    }

    private MacvtapSock tap(Mode mode, int n) {
        Macvlan vlan = new Macvlan(mode + "" + n, mac(mode, n), bench.dev, mode, edition, bench.core, Trace.off());
        return queue(vlan);
    }

    private MacvtapSock queue(Macvlan vlan) {
        return new MacvtapSock(vlan, edition, bench.core, bench.cpu, Llc.none(), Trace.off(), bench.memory, bench.guest,
                bench.pages, new MacvtapSock.Options(TapBench.HDR, Integer.MAX_VALUE));
    }

    /** A frame from a guest: headers copied, 3000 bytes pinned. */
    private void send(MacvtapSock tap, long dest, long source) {
        bench.plain(54).piece(random, DATA, 54).piece(random, 2 * DATA + 100, 3000);
        long at = bench.guest.hpa(DATA);
        EthHeader.write(bench.memory.segment(at), PhysMem.offset(at), dest, source, EthHeader.ETH_P_IP);
        assertThat(tap.sendmsg(bench.iov, (int) bench.iov.length(), owner)).isPositive();
    }

    /** What waits in the queues, as "BRIDGE0 BRIDGE1": each tap at most one frame. Reads them. */
    private String heard(byte[] frame) {
        StringBuilder who = new StringBuilder();
        taps.forEach((mode, list) -> {
            for (int n = 0; n < list.size(); n++) {
                MacvtapSock tap = list.get(n);
                if (tap.peekHeadLen() > 0) {
                    who.append(mode).append(n).append(' ');
                    read(tap, frame);
                    assertThat(tap.peekHeadLen()).as("a second frame").isZero();
                }
            }
        });
        return who.toString().trim();
    }

    private void read(MacvtapSock tap, byte[] frame) {
        bench.iov.clear();
        bench.iov.add(bench.guest.hpa(40 * DATA), TapBench.HDR + 4000);
        assertThat(tap.recvmsg(bench.iov, TapBench.HDR + 4000)).isEqualTo(TapBench.HDR + frame.length);
        for (int i = 0; i < frame.length; i++) {
            assertThat(bench.memory.u8(bench.guest.hpa(40 * DATA + TapBench.HDR + i))).isEqualTo(frame[i]);
        }
    }

    @Test
    void aGuestReachesItsSiblingsOnlyInBridgeMode() {
        shared();
        for (Mode mode : SHARED) {
            long own = mac(mode, 0);
            long[] destinations = {own, mac(mode, 1), mac(Mode.PRIVATE, 1), mac(Mode.VEPA, 1), mac(Mode.BRIDGE, 1),
                STRANGER, GROUP, ALL};
            for (long dest : destinations) {
                int callbacks = owner.callbacks;
                send(taps.get(mode).get(0), dest, own);
                byte[] frame = bench.frame();
                boolean many = dest == GROUP || dest == ALL;
                boolean toBridge = mode == Mode.BRIDGE && (dest == mac(Mode.BRIDGE, 1) || dest == own);
                String expected = mode != Mode.BRIDGE ? "" : many ? "BRIDGE1" : !toBridge ? ""
                        : dest == own ? "BRIDGE0" : "BRIDGE1";
                assertThat(bench.dev.taken).as("%s to %x: on the wire", mode, dest).hasSize(toBridge ? 0 : 1);
                if (!toBridge) {
                    assertThat(bench.content(bench.dev.taken.get(0))).isEqualTo(frame);
                    assertThat(bench.dev.taken.get(0).shinfo().isZerocopy()).isEqualTo(expected.isEmpty());
                }
                assertThat(owner.callbacks - callbacks).as("%s to %x: copied for who may keep it", mode, dest)
                        .isEqualTo(expected.isEmpty() ? 0 : 1);
                assertThat(bench.guest.pins()).isEqualTo(expected.isEmpty() ? 1 : 0);
                assertThat(heard(frame)).as("%s to %x", mode, dest).isEqualTo(expected);
                bench.dev.clean();
                assertThat(owner.callbacks - callbacks).isEqualTo(1);
                assertThat(bench.missing()).isEmpty();
            }
        }
    }

    @Test
    void fromTheWireEachHearsItsOwnAndTheGroupsUnlessItHasHeardThem() {
        shared();
        for (Mode mode : SHARED) {
            for (int n = 0; n < 2; n++) {
                assertThat(arrives(mac(mode, n), STRANGER)).isEqualTo(mode + "" + n);
            }
        }
        assertThat(arrives(STRANGER, STRANGER)).isEmpty();
        for (long group : new long[] {GROUP, ALL}) {
            assertThat(arrives(group, STRANGER)).isEqualTo("PRIVATE0 PRIVATE1 VEPA0 VEPA1 BRIDGE0 BRIDGE1");
            assertThat(arrives(group, mac(Mode.VEPA, 0))).isEqualTo("VEPA1 BRIDGE0 BRIDGE1");
            assertThat(arrives(group, mac(Mode.BRIDGE, 0))).isEqualTo("VEPA0 VEPA1");
            assertThat(arrives(group, mac(Mode.PRIVATE, 0)))
                    .isEqualTo(edition.has(Behaviour.RETURNS_OWN_MULTICAST) ? "PRIVATE0" : "");
        }
    }

    private String arrives(long dest, long source) {
        SkBuff skb = Frames.arriving(bench, dest, source, 200);
        byte[] frame = new byte[200];
        for (int i = 0; i < 200; i++) {
            frame[i] = bench.memory.u8(skb.dataHpa() - EthHeader.ETH_HLEN + i);
        }
        bench.core.netifReceiveSkb(skb, bench.dev);
        String who = heard(frame);
        assertThat(bench.missing()).isEmpty();
        return who;
    }

    /** PAUSE frames are the MAC's own. */
    @Test
    void aPauseFrameGoesToNobody() {
        shared();
        SkBuff skb = Frames.arriving(bench, 0x0180C2000001L, STRANGER, 64);
        skb.protocol(0x8808);
        bench.core.netifReceiveSkb(skb, bench.dev);
        assertThat(heard(new byte[64])).isEmpty();
    }

    @Test
    void inPassthruEveryFrameIsForTheOnlyOne() {
        taps.put(Mode.PASSTHRU, List.of(tap(Mode.PASSTHRU, 0)));
        for (long dest : new long[] {mac(Mode.PASSTHRU, 0), STRANGER, GROUP, ALL}) {
            assertThat(arrives(dest, STRANGER)).as("%x", dest).isEqualTo("PASSTHRU0");
            send(taps.get(Mode.PASSTHRU).get(0), dest, mac(Mode.PASSTHRU, 0));
            assertThat(bench.dev.taken).hasSize(1);
            assertThat(heard(new byte[0])).isEmpty();
            bench.dev.clean();
        }
        assertThat(arrives(GROUP, mac(Mode.PASSTHRU, 0)))
                .isEqualTo(edition.has(Behaviour.RETURNS_OWN_MULTICAST) ? "PASSTHRU0" : "");
        for (Mode mode : Mode.values()) {
            assertThatThrownBy(() -> tap(mode, 1)).isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("passthru");
        }
    }

    @Test
    void passthruAndTakenAddressesAreRefusedBesideOthers() {
        shared();
        assertThatThrownBy(() -> tap(Mode.PASSTHRU, 0)).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> tap(Mode.BRIDGE, 1)).isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("taken");
    }

    /** Up to 3.14 a sibling is told that an unfinished checksum was verified. */
    @Test
    void aSiblingFinishesTheChecksumIfItIsToldTo() {
        shared();
        bench.header(1, VirtioNetHdr.VIRTIO_NET_HDR_GSO_TCPV4, 54, 700, 34, 16).piece(random, DATA, 54)
                .piece(random, 2 * DATA, 3000);
        long at = bench.guest.hpa(DATA);
        EthHeader.write(bench.memory.segment(at), PhysMem.offset(at), mac(Mode.BRIDGE, 1), mac(Mode.BRIDGE, 0),
                EthHeader.ETH_P_IP);
        byte[] frame = bench.frame();
        MacvtapSock from = taps.get(Mode.BRIDGE).get(0);
        MacvtapSock to = taps.get(Mode.BRIDGE).get(1);
        assertThat(from.sendmsg(bench.iov, (int) bench.iov.length(), null)).isPositive();
        assertThat(from.wmemAlloc()).as("the sibling's reader owes the sender nothing").isZero();
        if (to.peekHeadLen() != frame.length) {
            assertThat(edition.has(Behaviour.XMIT_THROUGH_MACVLAN_QUEUE)).isTrue();     // segmented on the way
            return;
        }
        read(to, frame);
        VirtioNetHdr hdr = new VirtioNetHdr().wrap(bench.memory, bench.guest.hpa(40 * DATA));
        boolean wrong = edition.has(Quirk.BRIDGED_UNNECESSARY);
        assertThat(hdr.flags()).isEqualTo(wrong ? VirtioNetHdr.VIRTIO_NET_HDR_F_DATA_VALID
                : VirtioNetHdr.VIRTIO_NET_HDR_F_NEEDS_CSUM);
        assertThat(hdr.csumStart()).isEqualTo(wrong ? 0 : 34);
        assertThat(hdr.csumOffset()).isEqualTo(wrong ? 0 : 16);
        assertThat(hdr.gsoType()).isEqualTo(VirtioNetHdr.VIRTIO_NET_HDR_GSO_TCPV4);
        assertThat(hdr.gsoSize()).isEqualTo(700);
    }

    /** On the wire, or in a sibling of another mode, the checksum state is what the guest said. */
    @Test
    void whatGoesToTheWireKeepsItsChecksumState() {
        shared();
        for (long dest : new long[] {STRANGER, GROUP, mac(Mode.VEPA, 1)}) {
            bench.header(1, 0, 54, 0, 34, 16).piece(random, DATA, 54).piece(random, 2 * DATA, 900);
            long at = bench.guest.hpa(DATA);
            EthHeader.write(bench.memory.segment(at), PhysMem.offset(at), dest, mac(Mode.BRIDGE, 0), EthHeader.ETH_P_IP);
            taps.get(Mode.BRIDGE).get(0).sendmsg(bench.iov, (int) bench.iov.length(), owner);
            assertThat(bench.dev.taken.get(0).ipSummed()).isEqualTo(SkBuff.CHECKSUM_PARTIAL);
            bench.dev.clean();
        }
    }

    /** A sibling that does not read: 500 wait, and the sender is not charged for them. */
    @Test
    void aSiblingThatDoesNotReadHoldsNobodysPages() {
        shared();
        MacvtapSock from = taps.get(Mode.BRIDGE).get(0);
        MacvtapSock to = taps.get(Mode.BRIDGE).get(1);
        for (int i = 0; i < 510; i++) {
            bench.plain(54).piece(random, DATA, 300);
            long at = bench.guest.hpa(DATA);
            EthHeader.write(bench.memory.segment(at), PhysMem.offset(at), mac(Mode.BRIDGE, 1), mac(Mode.BRIDGE, 0), 1);
            from.sendmsg(bench.iov, (int) bench.iov.length(), null);
        }
        assertThat(to.counters().value(MacvtapSock.Count.RX_QUEUED)).isEqualTo(500);
        assertThat(to.counters().value(MacvtapSock.Count.RX_DROPPED)).isEqualTo(10);
        assertThat(from.wmemAlloc()).isZero();
        assertThat(bench.guest.pins()).isZero();
        assertThat(to.vlan().counters().value(Macvlan.Count.RX_ERRORS)).isEqualTo(10);
        assertThat(from.vlan().counters().value(Macvlan.Count.TX_BRIDGED)).isEqualTo(510);
    }

    /** No page to copy into, or no skb to clone: the sibling gets nothing, the wire all the same, the owner is told once. */
    @Test
    void withoutMemoryASiblingGetsNothingAndTheWireDoes() {
        shared();
        List<SkBuff> hoard = new ArrayList<>();
        for (SkBuff skb = bench.pool.alloc(1); skb != null; skb = bench.pool.alloc(1)) {
            hoard.add(skb);
        }
        hoard.remove(0).kfree();                    // one, for the packet itself
        send(taps.get(Mode.BRIDGE).get(0), GROUP, mac(Mode.BRIDGE, 0));
        assertThat(bench.dev.taken).hasSize(1);
        assertThat(taps.get(Mode.BRIDGE).get(1).vlan().counters().value(Macvlan.Count.RX_ERRORS)).isEqualTo(1);
        assertThat(heard(new byte[0])).isEmpty();
        bench.dev.clean();
        assertThat(owner.callbacks).isEqualTo(1);
        hoard.forEach(SkBuff::kfree);
    }

    // ---- queues of one device

    private Macvlan queues(int n) {
        Macvlan vlan = new Macvlan("many", mac(Mode.VEPA, 9), bench.dev, edition, bench.core, Trace.off());
        List<MacvtapSock> list = new ArrayList<>();
        for (int i = 0; i < n; i++) {
            list.add(queue(vlan));
        }
        taps.put(Mode.VEPA, list);
        return vlan;
    }

    /** Which queue a frame of a flow goes to. */
    private int queueOf(Macvlan vlan, int flow, int rxQueue) {
        SkBuff skb = Frames.arriving(bench, vlan.mac(), STRANGER, 100);
        bench.memory.u8(skb.dataHpa(), flow < 0 ? 0 : 0x45);        // no header length: no flow
        bench.memory.u8(skb.dataHpa() + 9, 6);
        bench.memory.be16(skb.dataHpa() + 6, 0);
        bench.memory.be16(skb.dataHpa() + 20, flow & 0xFFFF);
        if (rxQueue >= 0) {
            skb.recordRxQueue(rxQueue);
        }
        skb.push(EthHeader.ETH_HLEN);
        MacvtapSock to = vlan.queueFor(skb);
        skb.kfree();
        return taps.get(Mode.VEPA).indexOf(to);
    }

    @Test
    void aQueueIsChosenByTheNicsQueueAndTheFlowsHashInTheEditionsOrder() {
        Macvlan vlan = queues(3);
        boolean hashFirst = edition.has(Behaviour.RXHASH_BEFORE_RXQ);
        int[] flows = new int[3];
        for (int flow = 0; flow < 300; flow++) {
            int byFlow = queueOf(vlan, flow, -1);
            flows[byFlow]++;
            for (int rxq = 0; rxq < 7; rxq++) {
                assertThat(queueOf(vlan, -1, rxq)).isEqualTo(rxq % 3);
                assertThat(queueOf(vlan, flow, rxq)).isEqualTo(hashFirst ? byFlow : rxq % 3);
            }
        }
        assertThat(flows).as("spread").doesNotContain(0);
        assertThat(queueOf(vlan, -1, -1)).as("neither").isZero();
    }

    /** Up to 3.8 a closed queue leaves a hole, into which nothing falls; later the last queue takes its place. */
    @Test
    void aClosedQueueIsNeverChosen() {
        Macvlan vlan = queues(4);
        List<MacvtapSock> all = taps.get(Mode.VEPA);
        MacvtapSock closed = all.get(1);
        closed.close();
        for (int rxq = 0; rxq < 12; rxq++) {
            int to = queueOf(vlan, -1, rxq);
            int expected = edition.has(Behaviour.TAP_MULTI_QUEUE) ? new int[] {0, 3, 2}[rxq % 3]
                    : new int[] {0, 0, 2}[rxq % 3];
            assertThat(to).as("rxq %d", rxq).isEqualTo(expected);
        }
        all.set(1, queue(vlan));
        for (int rxq = 0; rxq < 12; rxq++) {
            int expected = edition.has(Behaviour.TAP_MULTI_QUEUE) ? new int[] {0, 3, 2, 1}[rxq % 4] : rxq % 4;
            assertThat(queueOf(vlan, -1, rxq)).isEqualTo(expected);
        }
        for (int i : new int[] {3, 2, 1, 0}) {
            all.remove(i).close();
        }
        assertThat(queueOf(vlan, 5, 5)).as("nobody there").isEqualTo(-1);
        bench.core.netifReceiveSkb(Frames.arriving(bench, vlan.mac(), STRANGER, 100), bench.dev);
        assertThat(vlan.counters().value(Macvlan.Count.RX_ERRORS)).isEqualTo(1);
    }

    @Test
    void segmentsOfAKindVirtioHasNoNameForAreNotRead() {
        shared();
        SkBuff skb = Frames.arriving(bench, mac(Mode.VEPA, 0), STRANGER, 200);
        skb.shinfo().gso(1 << 20, 100);
        bench.core.netifReceiveSkb(skb, bench.dev);
        bench.plain(0);
        assertThat(taps.get(Mode.VEPA).get(0).recvmsg(bench.iov, 4000)).isEqualTo(-softnic.mm.Errno.EINVAL);
        for (int ecn : new int[] {0, SkbSharedInfo.SKB_GSO_TCP_ECN}) {
            int[][] kinds = {{SkbSharedInfo.SKB_GSO_TCPV4, 1}, {SkbSharedInfo.SKB_GSO_TCPV6, 4},
                {SkbSharedInfo.SKB_GSO_UDP, 3}};
            for (int[] kind : kinds) {
                skb = Frames.arriving(bench, mac(Mode.VEPA, 0), STRANGER, 200);
                skb.shinfo().gso(kind[0] | ecn, 100);
                bench.core.netifReceiveSkb(skb, bench.dev);
                bench.iov.clear();
                bench.iov.add(bench.guest.hpa(40 * DATA), 4000);
                assertThat(taps.get(Mode.VEPA).get(0).recvmsg(bench.iov, 4000)).isEqualTo(212);
                assertThat(bench.memory.u8(bench.guest.hpa(40 * DATA) + 1) & 0xFF).isEqualTo(kind[1] | (ecn != 0 ? 0x80 : 0));
            }
        }
    }
}
