package softnic.vhost;

import static org.assertj.core.api.Assertions.assertThat;
import static softnic.virtio.Vring.VRING_DESC_F_WRITE;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.MethodSource;
import softnic.Edition;
import softnic.mm.Errno;

/** From the socket to the guest's RX ring: one packet, one buffer, or none. */
@ParameterizedClass
@MethodSource("editions")
class HandleRxTest {

    private static final int NUM = 256;

    private final Edition edition;
    private final Bench bench;

    HandleRxTest(Edition edition) {
        this.edition = edition;
        bench = Bench.rx(edition, NUM, false);
    }

    static Iterable<Edition> editions() {
        return Edition.ALL;
    }

    @AfterEach
    void close() {
        assertThat(bench.violations.kept()).isEmpty();
        bench.close();
    }

    private void refill(int head, int len) {
        bench.ram.post(head, len, VRING_DESC_F_WRITE);
    }

    @Test
    void aPacketFillsOneBufferAndSaysHowLongItIs() {
        refill(3, 1514 + FakeSock.HDR);
        bench.sock.arrive(100);
        bench.run();
        assertThat(bench.used()).containsExactly(3);
        assertThat(bench.ring.usedLen(0)).isEqualTo(100 + FakeSock.HDR);
        assertThat(bench.rxCall.read()).isEqualTo(1);
        assertThat(bench.count(HandleRx.Count.BYTES)).isEqualTo(112);
    }

    @Test
    void withoutABufferPacketsWaitForTheGuestsKick() {
        bench.sock.arrive(100);
        bench.run();
        assertThat(bench.count(HandleRx.Count.NO_BUFFER)).isPositive();
        assertThat(bench.sock.arrived).hasSize(1);
        assertThat(bench.ring.usedFlags()).isZero();
        refill(3, 2000);
        bench.rxKick.signal();
        bench.run();
        assertThat(bench.used()).containsExactly(3);
    }

    @Test
    void aPacketThatCannotBeReadIsLostAndTheNextIsServed() {
        refill(3, 2000);
        bench.sock.recvError = Errno.EFAULT;
        bench.sock.arrived.add(100);
        bench.sock.arrived.add(100);
        bench.sock.arrive(100);
        bench.run();
        assertThat(bench.count(HandleRx.Count.DISCARDED)).isEqualTo(3);
        bench.sock.recvError = 0;
        bench.sock.arrive(100);
        bench.run();
        assertThat(bench.used()).containsExactly(3);
    }

    @Test
    void aReadableOrEmptyBufferIsRefusedAndCounted() {
        bench.ram.post(1, 2000, 0);
        bench.ram.post(2, 0, VRING_DESC_F_WRITE);
        refill(3, 2000);
        for (int i = 0; i < 3; i++) {
            bench.sock.arrive(100);
            bench.run();
        }
        assertThat(bench.net.rx().errors().value(VqRule.RX_HAS_OUT)).isEqualTo(2);
        assertThat(bench.used()).containsExactly(3);
    }

    @Test
    void aBadChainStopsItUntilTheNextKick() {
        bench.ram.post(1, 2000, VRING_DESC_F_WRITE);
        bench.ring.desc(1, Ram.SIZE, 2000, VRING_DESC_F_WRITE, 0);
        bench.sock.arrive(100);
        bench.run();
        assertThat(bench.net.rx().errors().value(VqRule.DESC_OUTSIDE_MEMORY)).isEqualTo(1);
        assertThat(bench.net.worker().isIdle()).isTrue();
        bench.ring.desc(1, Ram.DATA, 2000, VRING_DESC_F_WRITE, 0);
        bench.rxKick.signal();
        bench.run();
        assertThat(bench.used()).containsExactly(1);
    }

    @Test
    void manyPacketsAreServedInTurnsThatMakeRoomForOthers() {
        int head = 0;
        int served = 0;
        for (int round = 0; round < 3; round++) {
            for (int i = 1; i < NUM; i++) {
                refill(head++ % NUM, 4000);
                bench.sock.arrived.add(3000);
            }
            refill(head++ % NUM, 4000);
            bench.sock.arrive(3000);
            bench.run();
            served += bench.used().size();
            bench.rxKick.signal();
            bench.run();
            served += bench.used().size();
        }
        assertThat(served).isEqualTo(3 * NUM);
        assertThat(bench.count(HandleRx.Count.WEIGHT_EXCEEDED)).isPositive();
    }
}
