package softnic.nic.driver;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.ValueLayout;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import softnic.mm.PhysMem;
import softnic.net.NetDevice;
import softnic.net.TcpHeader;
import softnic.nic.FrameParser;
import softnic.nic.driver.Ixgbe.Count;
import softnic.sched.VirtualTimeRunner;
import softnic.skb.SkBuff;
import softnic.skb.SkbCopy;
import softnic.skb.SkbSharedInfo;

/** The driver's transmit side against the real device, in virtual time. */
class XmitTest {

    private static final int ACK = TcpHeader.ACK;
    private static final IxgbeAdapter.Options SMALL_RING =
            new IxgbeAdapter.Options(64, 64, 100_000, 64, 64, 1000);

    private Rig rig = Rig.virtual();
    private final Random random = new Random(5);

    @AfterEach
    void everySkbCameHome() {
        rig.quiet();
        assertThat(rig.nic.poll().txInFlight()).isZero();
        assertThat(rig.skbsOut()).isZero();
        assertThat(rig.pages.inUse()).isZero();
        assertThat(rig.nic.txRegisters().head().get()).isEqualTo(rig.nic.txRegisters().tail().get());
        rig.close();
    }

    @Test
    void aPacketWithoutOffloadsLeavesAsItIs() {
        SkBuff skb = rig.packets.headers(20, 20, 1, 2, ACK, 100);
        byte[] payload = rig.packets.fill(rig.packets.putLinear(skb, 100), 100, random);
        byte[] frag = rig.packets.fill(rig.packets.putFrag(skb, 11, 1000), 1000, random);
        byte[] header = bytes(skb.dataHpa(), 54);
        send(skb);
        assertThat(rig.frames).hasSize(1);
        assertThat(rig.frames.getFirst()).hasSize(1154).startsWith(header).endsWith(frag);
        assertThat(rig.frames.getFirst()).containsSequence(payload);
    }

    @Test
    void theDeviceFinishesAPartialChecksum() {
        for (int extra = 0; extra < 200; extra++) {
            SkBuff skb = rig.packets.headers(20 + extra % 3 * 4, 32, extra, 9, ACK, extra);
            rig.packets.fill(rig.packets.putLinear(skb, extra), extra, random);
            int inFrag = 1 + random.nextInt(1000);
            rig.packets.fill(rig.packets.putFrag(skb, 5, inFrag), inFrag, random);
            rig.packets.finish(skb, 0);
            send(skb);
            FrameParser f = FrameParser.parse(rig.frames.getLast());
            assertThat(f.tcpCheckValid()).isTrue();
            assertThat(f.ipCheckValid()).isTrue();
            assertThat(f.payload()).hasSize(extra + inFrag);
        }
        assertThat(rig.frames).hasSize(200);
    }

    @Test
    void aPacketTooShortForTheDeviceIsPaddedWithZeroes() {
        SkBuff skb = rig.pool.alloc(128);
        rig.packets.fill(rig.packets.putLinear(skb, 14), 14, random);
        send(skb);
        assertThat(rig.frames.getFirst()).hasSize(60).endsWith(new byte[46]);
    }

    @Test
    void aFullRingStopsTheQueueAndTheCleanWakesItWithoutLossOrDisorder() {
        rig.close();
        rig = Rig.virtual(new VirtualTimeRunner(Rig.PRICES), SMALL_RING);
        int packets = 500;
        for (int i = 0; i < packets; i++) {
            SkBuff skb = rig.packets.headers(20, 20, i, i, ACK, 0);
            for (int k = 0; k < 1 + i % 12; k++) {
                rig.packets.putFrag(skb, 0, 100);
            }
            rig.packets.finish(skb, 0);
            rig.core.devQueueXmit(skb, rig.nic.device());
        }
        rig.quiet();
        assertThat(rig.frames).hasSize(packets);
        for (int i = 0; i < packets; i++) {
            assertThat(FrameParser.parse(rig.frames.get(i)).seq()).isEqualTo(i);
        }
        assertThat(rig.nic.device().isQueueStopped()).isFalse();
        assertThat(rig.nic.device().counters().value(Count.TX_STOP_QUEUE)).isPositive();
        assertThat(rig.nic.poll().counters().value(IxgbePoll.Count.TX_RESTART_QUEUE)).isPositive();
        assertThat(rig.nic.device().qdisc().drops()).isZero();
    }

    @Test
    void xmitIntoAFullRingIsBusyAndLeavesThePacketAlone() {
        NetDevice dev = rig.nic.device();
        SkBuff refused = null;
        for (int i = 0; refused == null; i++) {
            SkBuff skb = rig.packets.headers(20, 20, i, i, ACK, 10);
            rig.packets.putLinear(skb, 10);
            rig.packets.finish(skb, 0);
            refused = dev.startXmit(skb) == NetDevice.NETDEV_TX_BUSY ? skb : null;
            assertThat(i).isLessThan(512);
        }
        assertThat(dev.isQueueStopped()).isTrue();
        assertThat(refused.users()).isOne();
        assertThat(rig.nic.device().counters().value(Count.TX_BUSY)).isOne();
        rig.quiet();
        assertThat(dev.isQueueStopped()).isFalse();
        assertThat(dev.startXmit(refused)).isEqualTo(NetDevice.NETDEV_TX_OK);
    }

    @Test
    void onePacketOfEachShapeTakesTheDescriptorsThatTheKernelCounts() {
        long tail = rig.nic.txRegisters().tail().get();
        // TSO: context, headers, three pages
        SkBuff skb = rig.packets.headers(20, 32, 1, 2, ACK, 0);
        for (int i = 0; i < 3; i++) {
            rig.packets.putFrag(skb, 0, 4096);
        }
        rig.packets.finish(skb, 1448);
        send(skb);
        assertThat(rig.nic.txRegisters().tail().get() - tail).isEqualTo(5);
        // linear 40000 bytes: three pieces of at most 16 KiB
        tail = rig.nic.txRegisters().tail().get();
        skb = rig.packets.headers(20, 20, 1, 2, ACK, 40_000);
        rig.packets.putLinear(skb, 40_000 - 54);
        rig.packets.finish(skb, 1000);
        send(skb);
        assertThat(rig.nic.txRegisters().tail().get() - tail).isEqualTo(4);
    }

    @Test
    void anSkbThatSharesItsHeaderGetsAPrivateOneBeforeTheDriverChangesIt() {
        SkBuff skb = rig.packets.headers(20, 20, 1, 2, ACK, 3000);
        rig.packets.fill(rig.packets.putLinear(skb, 3000), 3000, random);
        rig.packets.finish(skb, 1000);
        SkBuff clone = SkbCopy.clone(skb);
        byte[] before = bytes(clone.dataHpa(), 54);
        send(skb);
        assertThat(rig.frames).hasSize(3);
        assertThat(bytes(clone.dataHpa(), 54)).isEqualTo(before);
        clone.kfree();
    }

    @Test
    void hostileHeadersAreDroppedAndNeverReadBeyondTheLinearPart() {
        long seed = 99;
        Random hostile = new Random(seed);
        for (int i = 0; i < 5000; i++) {
            SkBuff skb = rig.pool.alloc(256);
            int linear = 14 + hostile.nextInt(100);
            rig.packets.fill(rig.packets.putLinear(skb, linear), linear, hostile);
            skb.resetMacHeader();
            if (hostile.nextInt(8) > 0) {
                likeTcp(skb, hostile);
            }
            if (hostile.nextBoolean()) {
                rig.packets.putFrag(skb, 0, 1 + hostile.nextInt(4096));
            }
            if (hostile.nextBoolean()) {
                skb.shinfo().gso(SkbSharedInfo.SKB_GSO_TCPV4, 1 + hostile.nextInt(65535));
            }
            skb.checksumPartial(hostile.nextInt(linear + 30), hostile.nextInt(20));
            assertThat(rig.nic.device().startXmit(skb)).as("seed=%d packet=%d", seed, i)
                    .isEqualTo(NetDevice.NETDEV_TX_OK);
            rig.quiet();
        }
        assertThat(rig.nic.device().counters().value(Count.TX_BAD_HEADERS)).isGreaterThan(1000);
        assertThat(rig.frames).hasSizeGreaterThan(100);
    }

    @Test
    void doorbellsOfOneSliceAreOne() {
        for (int i = 0; i < 10; i++) {
            SkBuff skb = rig.packets.headers(20, 20, i, i, ACK, 10);
            rig.packets.putLinear(skb, 10);
            rig.packets.finish(skb, 0);
            rig.core.devQueueXmit(skb, rig.nic.device());
        }
        assertThat(rig.nic.txRegisters().tail().get()).as("nothing is visible before it is settled").isZero();
        rig.quiet();
        assertThat(rig.nic.device().counters().value(Count.DOORBELLS)).isOne();
        assertThat(rig.frames).hasSize(10);
    }

    @Test
    void udpChecksumsAreFinishedToo() {
        SkBuff skb = rig.pool.alloc(256);
        rig.packets.fill(rig.packets.putLinear(skb, 100), 100, random);
        skb.protocol(0x0800);
        skb.checksumPartial(34, 6);
        byte[] before = bytes(skb.dataHpa(), 100);
        send(skb);
        int expected = ~FrameParser.fold(FrameParser.sum(before, 34, 100)) & 0xFFFF;
        assertThat(FrameParser.u16(rig.frames.getFirst(), 40)).isEqualTo(expected);
    }

    private void likeTcp(SkBuff skb, Random hostile) {
        long at = skb.dataHpa();
        skb.protocol(0x0800);
        rig.memory.u8(at + 14, 0x40 | (hostile.nextInt(3) > 0 ? 5 : hostile.nextInt(16)));
        if (skb.len() > 23) {
            rig.memory.u8(at + 23, 6);
        }
        if (skb.len() > 46) {
            rig.memory.u8(at + 46, hostile.nextInt(3) > 0 ? 0x50 : hostile.nextInt());
        }
    }

    private void send(SkBuff skb) {
        rig.core.devQueueXmit(skb, rig.nic.device());
        rig.quiet();
    }

    private byte[] bytes(long hpa, int len) {
        return rig.memory.segment(hpa).asSlice(PhysMem.offset(hpa), len).toArray(ValueLayout.JAVA_BYTE);
    }
}
