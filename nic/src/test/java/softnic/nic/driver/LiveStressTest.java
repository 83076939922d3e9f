package softnic.nic.driver;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import softnic.Edition;
import softnic.mm.PhysMem;
import softnic.net.TcpHeader;
import softnic.nic.FrameParser;
import softnic.nic.RxDma;
import softnic.sched.LiveRunner;
import softnic.skb.SkBuff;
import softnic.wire.FrameSlot;

/** Three threads (sender, silicon, host) and a ring that is always on the edge: races show here or nowhere. */
class LiveStressTest {

    private static final int PACKETS = 200_000;
    private static final IxgbeAdapter.Options EDGY = new IxgbeAdapter.Options(64, 64, 20_000, 8, 8, 1000);

    private final AtomicReference<String> wrong = new AtomicReference<>();
    private volatile long arrived;

    @Test
    @Timeout(300)
    void everyPacketArrivesOnceInOrderWithItsBytes() throws InterruptedException {
        LiveRunner runner = new LiveRunner();
        try (Rig rig = new Rig(runner, Edition.V6_1, EDGY)) {
            Feeder feeder = new Feeder(rig, number -> packet(rig, number));
            rig.sink = this::check;
            rig.addAll(feeder);
            feeder.wanted = PACKETS;
            runner.start();
            while (runner.isRunning() && wrong.get() == null
                    && (arrived < PACKETS || rig.skbsOut() > 0)) {
                Thread.sleep(5);
            }
            runner.stop();
            assertThat(wrong.get()).isNull();
            assertThat(arrived).isEqualTo(PACKETS);
            assertThat(rig.nic.poll().txInFlight()).isZero();
            assertThat(rig.skbsOut()).isZero();
            assertThat(rig.pages.inUse()).isZero();
            assertThat(rig.nic.poll().counters().value(IxgbePoll.Count.TX_PACKETS)).isEqualTo(PACKETS);
            assertThat(rig.nic.device().counters().value(Ixgbe.Count.TX_STOP_QUEUE)).as("queue stops").isPositive();
            assertThat(rig.nic.rxDma().counters().value(RxDma.Count.RX_PACKETS)).isZero();
        }
    }

    /** Edition 6.1 keeps the destructor until the free. Bytes follow from the number; when the skb is freed they are overwritten, so a late read would show. */
    private static SkBuff packet(Rig rig, long number) {
        int linear = (int) (number * 7 % 200);
        int inFrag = number % 3 == 0 ? 1 + (int) (number % 500) : 0;
        SkBuff skb = rig.packets.headers(20, 20, (int) number, (int) number, TcpHeader.ACK, linear);
        long at = rig.packets.putLinear(skb, linear);
        write(rig, at, linear, number);
        if (inFrag > 0) {
            write(rig, rig.packets.putFrag(skb, 3, inFrag), inFrag, number + linear);
        }
        rig.packets.finish(skb, number % 5 == 0 && linear + inFrag > 50 ? linear + inFrag : 0);
        skb.destructor(LiveStressTest::poison);
        return skb;
    }

    private static void write(Rig rig, long hpa, int bytes, long first) {
        MemorySegment m = rig.memory.segment(hpa);
        for (int i = 0; i < bytes; i++) {
            m.set(ValueLayout.JAVA_BYTE, PhysMem.offset(hpa) + i, (byte) (first + i));
        }
    }

    private static void poison(SkBuff skb) {
        long hpa = skb.dataHpa();
        skb.memory().segment(hpa).asSlice(PhysMem.offset(hpa), skb.headlen()).fill((byte) 0xAA);
        for (int i = 0; i < skb.shinfo().nrFrags(); i++) {
            long frag = skb.shinfo().frag(i).hpa();
            skb.memory().segment(frag).asSlice(PhysMem.offset(frag), skb.shinfo().frag(i).size()).fill((byte) 0xAA);
        }
    }

    private void check(FrameSlot slot) {
        long number = arrived;
        FrameParser f = FrameParser.parse(
                slot.memory().asSlice(slot.offset(), slot.len()).toArray(ValueLayout.JAVA_BYTE));
        boolean ok = f.seq() == (int) number && f.tcpCheckValid() && f.ipCheckValid()
                && f.payload().length == (int) (number * 7 % 200) + (number % 3 == 0 ? 1 + (int) (number % 500) : 0);
        for (int i = 0; ok && i < f.payload().length; i++) {
            ok = f.payload()[i] == (byte) (number + i);
        }
        if (!ok) {
            wrong.compareAndSet(null, "packet " + number + " arrived as " + f);
        }
        arrived = number + 1;
    }
}
