package softnic.wire;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.ValueLayout;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import softnic.net.EthHeader;
import softnic.sched.Agent;
import softnic.sched.Cost;
import softnic.sched.CostTable;
import softnic.sched.LiveRunner;
import softnic.sched.VirtualTimeRunner;
import softnic.sched.WaitQueue;
import softnic.trace.Trace;

/** Frames leave one behind the other at the link's rate, and a full packet buffer waits until they have left. */
class MacTest {

    private static final int BUFFER = 8;
    private static final int PS_PER_BYTE = 800;
    private static final int DELAY_NS = 3000;
    private static final int LEN = 1514;
    private static final long FRAME_NS = Math.round((LEN + 24) * 0.8);

    private final VirtualTimeRunner runner = new VirtualTimeRunner(CostTable.free()
            .with(Cost.WIRE_BYTE, PS_PER_BYTE).with(Cost.WIRE_DELAY, DELAY_NS * 1000L));
    private final FrameRing far = new FrameRing(16, new WaitQueue(), new WaitQueue());
    private final Mac mac = new Mac(runner, Trace.off(), BUFFER);

    MacTest() {
        mac.connect(far);
    }

    @AfterEach
    void close() {
        far.close();
    }

    @Test
    void framesArriveAtTheLinksRateAndAfterIdleTimeAtOnce() {
        for (int i = 1; i <= 3; i++) {
            assertThat(send(mac, LEN)).isEqualTo(i * FRAME_NS + DELAY_NS);
        }
        runner.runUntil(1_000_000);
        assertThat(send(mac, LEN)).isEqualTo(1_000_000 + FRAME_NS + DELAY_NS);
        assertThat(mac.frames()).isEqualTo(4);
    }

    @Test
    void aShortFrameIsPaddedWithZeros() {
        FrameSlot slot = mac.claim();
        for (int i = 0; i < 64; i++) {
            slot.memory().set(ValueLayout.JAVA_BYTE, slot.offset() + i, (byte) 0xAA);
        }
        slot.len(50);
        mac.send(slot);
        assertThat(far.peek()).isSameAs(slot);
        assertThat(slot.len()).isEqualTo(EthHeader.ETH_ZLEN);
        for (int i = 0; i < 64; i++) {
            assertThat(slot.memory().get(ValueLayout.JAVA_BYTE, slot.offset() + i)).isEqualTo((byte) (i < 50 || i >= 60 ? 0xAA : 0));
        }
        assertThat(slot.arrivalNs()).isEqualTo(Math.round(84 * 0.8) + DELAY_NS);
    }

    @Test
    void theBufferHoldsWhatHasNotLeftAndAsksToComeBackWhenAQuarterIsFree() {
        for (int i = 0; i < BUFFER; i++) {
            send(mac, LEN);
        }
        assertThat(mac.claim()).as("%d frames have not left", BUFFER).isNull();
        assertThat(mac.roomNs()).isEqualTo((1 + BUFFER / 4) * FRAME_NS);
        runner.runUntil(FRAME_NS - 1);
        assertThat(mac.claim()).isNull();
        runner.runUntil(FRAME_NS);
        send(mac, LEN);
        assertThat(mac.claim()).as("one has left, one has come").isNull();
    }

    @Test
    void theFarSidesFullRingHasNoDeadline() {
        for (int i = 0; i < 16; i++) {
            runner.runUntil((i + 1) * FRAME_NS);
            send(mac, LEN);
        }
        runner.runUntil(1_000_000);
        assertThat(mac.claim()).isNull();
        assertThat(mac.roomNs()).isEqualTo(Agent.NO_DEADLINE_NS);
        far.release();
        assertThat(mac.claim()).isNotNull();
    }

    @Test
    void inTheLiveWorldAFrameHasLeftWhenItIsSent() {
        LiveRunner live = new LiveRunner();
        Mac instant = new Mac(live, Trace.off(), 1);
        instant.connect(far);
        for (int i = 0; i < 16; i++) {
            assertThat(send(instant, LEN)).isLessThanOrEqualTo(live.nowNs());
        }
    }

    private static long send(Mac mac, int len) {
        FrameSlot slot = mac.claim();
        assertThat(slot).isNotNull();
        slot.len(len);
        mac.send(slot);
        return slot.arrivalNs();
    }
}
