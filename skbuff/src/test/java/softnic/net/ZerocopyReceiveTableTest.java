package softnic.net;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.MethodSource;
import softnic.Behaviour;
import softnic.Edition;
import softnic.mm.PhysMem;
import softnic.skb.SkBuff;
import softnic.skb.Workshop;
import softnic.trace.Trace;

/**
 * What the receive path of net/core/dev.c does with a packet of user pages, beside SkbZerocopyTableTest: in each kernel,
 * with its bugs and without. Who listens on the host may keep a packet for ever.
 */
@ParameterizedClass(name = "{0}")
@MethodSource("editions")
class ZerocopyReceiveTableTest {

    private static final long SEED = 36L;
    private static final int[] FRAGS = {100, 4096, 1};

    private final Edition edition;
    private final Random random = new Random(SEED);
    private final Workshop.Owner owner = new Workshop.Owner();
    private final Workshop.SharedOwner sender = new Workshop.SharedOwner();
    private final TestDevice dev = new TestDevice(0);
    private final List<SkBuff> handled = new ArrayList<>();
    private Workshop shop;
    private NetCore core;
    private SkBuff skb;
    private byte[] frame;

    ZerocopyReceiveTableTest(Edition edition) {
        this.edition = edition;
    }

    static List<Edition> editions() {
        List<Edition> all = new ArrayList<>(Edition.ALL);
        Edition.ALL.forEach(e -> all.add(e.withoutQuirks()));
        return all;
    }

    @BeforeEach
    void aPacketOfUserPagesArrives() {
        shop = new Workshop(edition);
        core = new NetCore(edition, shop.pool, shop.cpu, Trace.off());
        arrive(shop.zerocopy(random, owner, 2, 66, FRAGS));
    }

    private void arrive(SkBuff packet) {
        skb = packet;
        frame = shop.content(skb);
        skb.resetMacHeader();
        skb.pull(EthHeader.ETH_HLEN);
    }

    @AfterEach
    void everythingIsHomeAndTheOwnerHeardOnce() {
        handled.forEach(SkBuff::consume);
        assertThat(owner.callbacks).isEqualTo(1);
        shop.release();
        assertThat(shop.missing()).isEmpty();
        shop.close();
    }

    private PacketSock listener() {
        PacketSock sock = new PacketSock(1 << 20);
        dev.addTap(sock);
        return sock;
    }

    private void assertGotFrame(PacketSock sock) {
        SkBuff got = sock.read();
        assertThat(shop.content(got)).isEqualTo(frame);
        got.consume();
        assertThat(sock.read()).isNull();
    }

    /** A kernel that copies nothing here clones for the listener, and that copies. */
    @Test
    void deliverSkbCopiesTheUserPagesSince36AndBeforeItsCloneDoes() {
        PacketSock first = listener();
        PacketSock second = listener();
        dev.rxHandler(handled::add);
        core.netifReceiveSkb(skb, dev);
        assertThat(owner.callbacks).isEqualTo(1);
        assertThat(owner.success).isFalse();
        assertThat(shop.guest.pins()).isZero();
        shop.overwriteGuest(0x5A);
        assertGotFrame(first);
        assertGotFrame(second);
        assertThat(handled).containsExactly(skb);
        assertThat(shop.content(skb)).isEqualTo(Arrays.copyOfRange(frame, EthHeader.ETH_HLEN, frame.length));
    }

    /** Where deliver_skb copies, packet_rcv is not called; where it does not, its clone fails: a drop. */
    @Test
    void deliverSkbWithoutMemoryShowsNothingAndThePacketGoesOn() {
        PacketSock sock = listener();
        dev.rxHandler(handled::add);
        shop.leavePages(1);
        core.netifReceiveSkb(skb, dev);
        boolean orphans = edition.has(Behaviour.ORPHANS_ON_RECEIVE);
        assertThat(sock.read()).isNull();
        assertThat(sock.packets()).isEqualTo(orphans ? 0 : 1);
        assertThat(core.counters().value(NetCore.Count.TAP_FAILED)).isEqualTo(orphans ? 1 : 0);
        assertThat(handled).containsExactly(skb);
        assertThat(skb.shinfo().isZerocopy()).isTrue();
        assertThat(skb.users()).isEqualTo(1);
        assertThat(owner.callbacks).isZero();
    }

    @Test
    void deliverSkbCopiesTheKindOfUbufThatCanBeSharedToo() {
        skb.kfree();
        SkBuff shared = shop.packet(random, 2, 66, FRAGS);
        if (edition.has(Behaviour.SHARES_UBUF)) {
            sender.hold();
            shared.shinfo().zerocopy(sender);
        }
        arrive(shared);
        PacketSock sock = listener();
        dev.rxHandler(handled::add);
        core.netifReceiveSkb(skb, dev);
        assertThat(skb.shinfo().isZerocopy()).isFalse();
        if (edition.has(Behaviour.SHARES_UBUF)) {
            assertThat(sender.refcnt()).isEqualTo(1);
            assertThat(shop.guest.pins()).isZero();
            shop.overwriteGuest(0x5A);
        }
        assertGotFrame(sock);
    }

    /** The last listener gets the packet itself. In 3.1 it sleeps on the guest's pages, as long as it likes. */
    @Test
    void netifReceiveSkbCopiesTheUserPagesForTheLastListenerSince36() {
        PacketSock sock = listener();
        core.netifReceiveSkb(skb, dev);
        boolean orphans = edition.has(Behaviour.ORPHANS_ON_RECEIVE);
        assertThat(owner.callbacks).isEqualTo(orphans ? 1 : 0);
        assertThat(sock.guestFrags()).isEqualTo(orphans ? 0 : FRAGS.length);
        assertThat(shop.guest.pins()).isEqualTo(orphans ? 0 : FRAGS.length);
        assertGotFrame(sock);
    }

    @Test
    void netifReceiveSkbWithoutMemoryDropsThePacket() {
        PacketSock sock = listener();
        shop.leavePages(1);
        core.netifReceiveSkb(skb, dev);
        boolean orphans = edition.has(Behaviour.ORPHANS_ON_RECEIVE);
        assertThat(sock.packets()).isEqualTo(orphans ? 0 : 1);
        assertThat(owner.callbacks).isEqualTo(orphans ? 1 : 0);
        assertThat(core.counters().value(NetCore.Count.TAP_FAILED)).isEqualTo(orphans ? 1 : 0);
        if (!orphans) {
            assertGotFrame(sock);
        }
    }

    @Test
    void netifReceiveSkbLeavesAPacketThatNobodyListensToAlone() {
        dev.rxHandler(handled::add);
        core.netifReceiveSkb(skb, dev);
        assertThat(handled).containsExactly(skb);
        assertThat(skb.shinfo().isZerocopy()).isTrue();
        assertThat(owner.callbacks).isZero();
        assertThat(shop.guest.pins()).isEqualTo(FRAGS.length);
        assertThat(skb.shinfo().frag(1).size()).isEqualTo(PhysMem.PAGE_SIZE);
    }
}
