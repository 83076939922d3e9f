package softnic.nic;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import softnic.mm.PhysMem;
import softnic.mm.Slab;
import softnic.net.Checksum;
import softnic.net.EthHeader;
import softnic.net.Ipv4Header;
import softnic.net.TcpHeader;
import softnic.nic.RxDma.Count;
import softnic.sched.WaitQueue;
import softnic.wire.FrameRing;
import softnic.wire.FrameSlot;

/** The receiver alone: frames put into its packet buffer by hand. */
class RxDmaTest {

    private static final int GOOD = RxDesc.IXGBE_RXD_STAT_DD | RxDesc.IXGBE_RXD_STAT_EOP;
    private static final int CHECKED = GOOD | RxDesc.IXGBE_RXD_STAT_IPCS | RxDesc.IXGBE_RXD_STAT_L4CS;

    private final StepCpu cpu = new StepCpu();
    private final PhysMem memory = new PhysMem();
    private final Slab slab = new Slab(1 << 16);
    private final long hpa = memory.addRegion(slab.segment());
    private final DescRing ring = new DescRing(memory, 64);
    private final FrameRing fromWire = new FrameRing(8, new WaitQueue(), new WaitQueue());
    private final RxDma rx = new RxDma(cpu, memory, ring, fromWire, new InterruptVector(cpu, new WaitQueue(), 0));

    @AfterEach
    void close() {
        fromWire.close();
        ring.close();
        slab.close();
    }

    @Test
    void writesAFrameIntoThePostedBufferAndReportsIt() {
        post(hpa + 2048);
        tcpFrame(101);
        assertThat(receive()).isEqualTo(CHECKED);
        assertThat(RxDesc.length(ring.memory(), 0)).isEqualTo(155);
        assertThat(slab.segment().asSlice(2048, 155).mismatch(fromWireMemory().asSlice(0, 155))).isEqualTo(-1);
        assertThat(ring.head().get()).isOne();
        assertThat(fromWire.peek()).isNull();
    }

    @Test
    void doesNotTakeAFrameBeforeItsLastBitIsThere() {
        post(hpa);
        FrameSlot slot = tcpFrame(10);
        slot.arrivalNs(500);
        assertThat(rx.doWork()).isZero();
        assertThat(rx.nextDeadlineNs()).isEqualTo(500);
        cpu.nowNs = 500;
        assertThat(rx.doWork()).isOne();
    }

    @Test
    void missesAFrameForWhichNoBufferIsPosted() {
        tcpFrame(10);
        assertThat(rx.doWork()).isOne();
        cpu.settleAll();
        assertThat(fromWire.peek()).isNull();
        assertThat(rx.counters().value(Count.RX_MISSED)).isOne();
    }

    @Test
    void marksAWrongIpHeaderAndAWrongTcpChecksum() {
        post(hpa);
        FrameSlot slot = tcpFrame(100);
        flip(slot, 14 + 8);                                 // ttl
        assertThat(receive()).isEqualTo(GOOD | RxDesc.IXGBE_RXD_STAT_IPCS | RxDesc.IXGBE_RXDADV_ERR_IPE);

        post(hpa);
        slot = tcpFrame(100);
        flip(slot, 60);                                     // payload
        assertThat(receive()).isEqualTo(CHECKED | RxDesc.IXGBE_RXDADV_ERR_TCPE);
        assertThat(rx.counters().value(Count.RX_CSUM_ERRORS)).isEqualTo(2);
    }

    @Test
    void leavesUnmarkedWhatItCannotParse() {
        post(hpa);
        flip(tcpFrame(100), 13);                            // ethertype
        assertThat(receive()).isEqualTo(GOOD);

        post(hpa);
        FrameSlot fragment = tcpFrame(100);
        fragment.memory().set(ValueLayout.JAVA_BYTE, fragment.offset() + 14 + 7, (byte) 5);
        Ipv4Header.updateCheck(fragment.memory(), fragment.offset() + 14, 20);
        assertThat(receive()).isEqualTo(GOOD | RxDesc.IXGBE_RXD_STAT_IPCS);

        for (int len = 0; len < 54; len++) {                // truncated anywhere
            post(hpa);
            tcpFrame(0).len(len);
            assertThat(receive() & RxDesc.IXGBE_RXD_STAT_L4CS).isZero();
        }
    }

    @Test
    void aBufferOutsideMemoryIsCountedAndReportedEmpty() {
        post(99L << 40);
        tcpFrame(100);
        assertThat(receive()).isEqualTo(GOOD);
        assertThat(RxDesc.length(ring.memory(), 0)).isZero();
        assertThat(rx.counters().value(Count.RX_DMA_FAULT)).isOne();
    }

    private void post(long buffer) {
        long tail = ring.tail().get();
        RxDesc.post(ring.memory(), ring.at(tail), buffer);
        ring.tail().set(tail + 1);
    }

    private int receive() {
        long at = ring.at(ring.head().get());
        assertThat(rx.doWork()).isOne();
        assertThat(RxDesc.statusErrorAcquire(ring.memory(), at)).as("before it is paid for").isZero();
        cpu.settleAll();
        return RxDesc.statusErrorAcquire(ring.memory(), at);
    }

    private FrameSlot tcpFrame(int payload) {
        FrameSlot slot = fromWire.claim();
        MemorySegment m = slot.memory();
        long at = slot.offset();
        EthHeader.write(m, at, 1, 2, EthHeader.ETH_P_IP);
        Ipv4Header.write(m, at + 14, 40 + payload, 1, Ipv4Header.IPPROTO_TCP, 3, 4);
        TcpHeader.write(m, at + 34, 5, 6, 7, 8, 20, TcpHeader.ACK, 9);
        for (int i = 0; i < payload; i++) {
            m.set(ValueLayout.JAVA_BYTE, at + 54 + i, (byte) i);
        }
        long sum = Checksum.partial(m, at + 34, 20 + payload,
                Checksum.pseudoIpv4(m, at + 14, Ipv4Header.IPPROTO_TCP, 20 + payload));
        Checksum.store(m, at + 34 + TcpHeader.CHECK, Checksum.fold(sum));
        slot.len(54 + payload);
        slot.arrivalNs(0);
        fromWire.publish();
        return slot;
    }

    private MemorySegment fromWireMemory() {
        return fromWire.claim().memory();
    }

    private static void flip(FrameSlot slot, int at) {
        long position = slot.offset() + at;
        slot.memory().set(ValueLayout.JAVA_BYTE, position, (byte) ~slot.memory().get(ValueLayout.JAVA_BYTE, position));
    }
}
