package softnic.nic;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import softnic.mm.PhysMem;
import softnic.mm.Slab;
import softnic.nic.DmaEngine.Count;
import softnic.sched.Agent;
import softnic.sched.Cost;
import softnic.sched.WaitQueue;
import softnic.trace.Trace;
import softnic.wire.FrameRing;
import softnic.wire.FrameSlot;
import softnic.wire.Mac;

/** The engine alone, fed with descriptors by hand: right ones, wrong ones, and random bytes. */
class DmaEngineTest {

    private static final int DATA = TxDesc.IXGBE_ADVTXD_DTYP_DATA | TxDesc.IXGBE_ADVTXD_DCMD_DEXT
            | TxDesc.IXGBE_ADVTXD_DCMD_IFCS;
    private static final int LAST = TxDesc.IXGBE_ADVTXD_DCMD_EOP | TxDesc.IXGBE_ADVTXD_DCMD_RS;
    private static final int TSE = TxDesc.IXGBE_ADVTXD_DCMD_TSE;
    private static final int TXSM = 0x200;
    private static final int IXSM = 0x100;
    private static final int TCP4 = TxDesc.IXGBE_ADVTXD_TUCMD_IPV4 | TxDesc.IXGBE_ADVTXD_TUCMD_L4T_TCP;
    private static final int LENS = 14 << TxDesc.IXGBE_ADVTXD_MACLEN_SHIFT | 20;
    private static final int FRAMES = 64;

    private final StepCpu cpu = new StepCpu();
    private final PhysMem memory = new PhysMem();
    private final Slab slab = new Slab(1 << 18);
    private final MemorySegment ram = slab.segment();
    private final long hpa = memory.addRegion(ram);
    private final DescRing ring = new DescRing(memory, 64);
    private final FrameRing far = new FrameRing(FRAMES, new WaitQueue(), new WaitQueue());
    private final Mac mac = new Mac(cpu, Trace.off(), FRAMES);
    private final InterruptVector vector = new InterruptVector(cpu, new WaitQueue(), 0);
    private final DmaEngine engine = new DmaEngine(cpu, memory, ring, mac, vector);
    private long next;

    DmaEngineTest() {
        mac.connect(far);
        Random random = new Random(1);
        for (long i = 0; i < ram.byteSize(); i++) {
            ram.set(ValueLayout.JAVA_BYTE, i, (byte) random.nextInt());
        }
    }

    @AfterEach
    void close() {
        far.close();
        ring.close();
        slab.close();
    }

    @Test
    void gathersAPacketFromManyBuffers() {
        data(hpa + 5, 100, DATA, paylen(1000));
        data(hpa + 4095, 0, DATA, 0);
        data(hpa + 4096, 899, DATA, 0);
        data(hpa + 9000, 1, DATA | LAST, 0);
        doorbell();

        assertThat(run()).hasSize(1);
        assertThat(frames.get(0)).hasSize(1000).startsWith(ram(5, 100)).endsWith(ram(9000, 1));
        assertThat(counter(Count.TX_PACKETS)).isOne();
        assertThat(counter(Count.TX_BYTES)).isEqualTo(1000);
        assertThat(isDone(3)).isTrue();
        assertThat(ring.head().get()).isEqualTo(4);
        assertThat(cpu.charged).containsEntry(Cost.PCIE_BYTE, 1000L).containsEntry(Cost.PCIE_DOORBELL, 1L)
                .containsEntry(Cost.PCIE_READ, 1L).containsEntry(Cost.PCIE_WRITE, 1L);
    }

    @Test
    void reportsDoneOnlyAfterTheLastReadIsPaidFor() {
        // given a packet of 20 frames
        tcpHeader();
        context(LENS, TCP4, 100 << 16 | 20 << 8 | 1 << 4);
        data(hpa, 54 + 2000, DATA | TSE | LAST, paylen(2000) | TXSM | IXSM | 1 << 4);
        doorbell();
        // when
        for (int i = 1; i <= 2; i++) {
            assertThat(engine.doWork()).isEqualTo(DmaEngine.SLICE_FRAMES);
            assertThat(cpu.settled).isEmpty();
            assertThat(far.backlog()).isEqualTo(i * DmaEngine.SLICE_FRAMES);
        }
        assertThat(engine.doWork()).isEqualTo(20 % DmaEngine.SLICE_FRAMES);
        assertThat(far.backlog()).isEqualTo(20);
        assertThat(isDone(1)).as("the last read is not paid for").isFalse();
        assertThat(ring.head().get()).isZero();
        // then
        assertThat(cpu.settled).hasSize(1);
        cpu.settleAll();
        assertThat(isDone(1)).isTrue();
        assertThat(vector.doWork()).as("interrupt cause").isOne();
    }

    @Test
    void waitsWhenTheFarSideIsFullAndGoesOnWhenASlotIsReleased() {
        tcpHeader();
        context(LENS, TCP4, 10 << 16 | 20 << 8 | 1 << 4);
        data(hpa, 54 + 1000, DATA | TSE | LAST, paylen(1000) | TXSM | IXSM | 1 << 4);
        doorbell();
        for (int i = 0; i < FRAMES; i += DmaEngine.SLICE_FRAMES) {
            assertThat(engine.doWork()).isEqualTo(DmaEngine.SLICE_FRAMES);
        }
        assertThat(engine.doWork()).isZero();
        assertThat(engine.nextDeadlineNs()).as("the far side wakes").isEqualTo(Agent.NO_DEADLINE_NS);
        far.release();
        assertThat(engine.doWork()).isOne();
        cpu.settleAll();
        assertThat(engine.doWork()).isZero();
        assertThat(isDone(1)).isFalse();
    }

    @Test
    void insertsTcpAndUdpAndIpChecksums() {
        for (int l4t : new int[] {TxDesc.IXGBE_ADVTXD_TUCMD_L4T_TCP, TxDesc.IXGBE_ADVTXD_TUCMD_L4T_UDP}) {
            int checkAt = 34 + (l4t == TxDesc.IXGBE_ADVTXD_TUCMD_L4T_TCP ? 16 : 6);
            for (int len = 54; len < 300; len++) {
                context(LENS, TxDesc.IXGBE_ADVTXD_TUCMD_IPV4 | l4t, 0);
                data(hpa + len, len, DATA | LAST, paylen(len) | TXSM | IXSM);
                doorbell();
                byte[] frame = run().getLast();
                assertThat(FrameParser.fold(FrameParser.sum(frame, 14, 34))).isEqualTo(0xFFFF);
                // the field held a seed; it is in the sum, so the rest must give the complement of what is there now
                byte[] before = ram(len, len);
                int expected = ~FrameParser.fold(FrameParser.sum(before, 34, len)) & 0xFFFF;
                assertThat(FrameParser.u16(frame, checkAt)).isEqualTo(expected == 0 ? 0xFFFF : expected);
            }
        }
    }

    @Test
    void aBufferOutsideMemoryDropsThePacketAndStillCompletesIt() {
        long[] wild = {0, -1, Long.MIN_VALUE, hpa - 1, hpa + ram.byteSize() - 99, hpa + ram.byteSize(), 77L << 40};
        for (long addr : wild) {
            data(hpa, 60, DATA, paylen(160));
            data(addr, 100, DATA | LAST, 0);
            doorbell();
            run();
            assertThat(ring.head().get()).isEqualTo(next);
            assertThat(isDone(next - 1)).isTrue();
        }
        assertThat(counter(Count.TX_DMA_FAULT)).isEqualTo(wild.length);
        assertThat(frames).isEmpty();
        sendsStill();
    }

    @Test
    void offloadsWithoutASensibleContextAreCountedAndDropped() {
        int mss = 100 << 16 | 20 << 8;
        int tso = TXSM | IXSM;
        // a context that nobody loaded
        bad(TSE, tso);
        bad(0, tso);
        bad(0, tso | 5 << 4);
        // MSS 0; TCP header too short; IP header too short; UDP; IPv4 without its flag; no TXSM; headers + MSS too long
        context(LENS, TCP4, 20 << 8);
        bad(TSE, tso);
        context(LENS, TCP4, 100 << 16 | 16 << 8);
        bad(TSE, tso);
        context(14 << 9 | 16, TCP4, mss);
        bad(TSE, tso);
        context(LENS, TxDesc.IXGBE_ADVTXD_TUCMD_IPV4, mss);
        bad(TSE, tso);
        context(LENS, TxDesc.IXGBE_ADVTXD_TUCMD_L4T_TCP, mss);
        bad(TSE, tso);
        context(LENS, TCP4, mss);
        bad(TSE, IXSM);
        context(LENS, TCP4, 0xFFFF << 16 | 20 << 8);
        bad(TSE, tso);
        // a checksum field behind the end of the packet
        context(127 << 9 | 511, TCP4, mss);
        bad(0, tso);
        // a slot that the device has not
        context(LENS, TCP4, mss | 7 << 4);
        doorbell();
        run();
        assertThat(counter(Count.TX_BAD_CONTEXT)).isEqualTo(12);
        assertThat(frames).isEmpty();
        sendsStill();
    }

    @Test
    void lengthsThatDoNotMatchAreCountedAndDropped() {
        data(hpa, 100, DATA | LAST, paylen(101));
        data(hpa, 16, DATA | LAST, paylen(16));
        data(hpa, FrameSlot.SIZE + 1, DATA | LAST, paylen(FrameSlot.SIZE + 1));
        context(LENS, TCP4, 100 << 16 | 20 << 8);
        data(hpa, 54 + 100, DATA | TSE | LAST, paylen(54 + 100) | TXSM | IXSM);
        data(hpa, 54, DATA | TSE | LAST, TXSM | IXSM);
        doorbell();
        run();
        assertThat(counter(Count.TX_BAD_LENGTH)).isEqualTo(5);
        assertThat(ring.head().get()).isEqualTo(6);
        sendsStill();
    }

    @Test
    void descriptorsThatAreNotAdvancedDataAreCountedAndDropped() {
        data(hpa, 100, LAST, paylen(100));                                          // legacy
        data(hpa, 100, DATA | LAST | TxDesc.IXGBE_ADVTXD_DCMD_VLE, paylen(100));    // VLAN is not offered
        data(hpa, 16385, DATA | LAST, paylen(16385));                               // more than 16 KiB
        data(hpa, 100, DATA, paylen(200));
        context(LENS, TCP4, 0);                                                     // inside a packet
        data(hpa, 100, DATA | LAST, 0);
        context(LENS, TCP4, 100 << 16 | 20 << 8);
        for (int i = 0; i < 6; i++) {                                               // headers over six buffers
            data(hpa + i * 9, i < 5 ? 9 : 1000, DATA | TSE | (i < 5 ? 0 : LAST), paylen(45 + 1000 - 54) | TXSM | IXSM);
        }
        doorbell();
        run();
        assertThat(counter(Count.TX_BAD_DESCRIPTOR)).isEqualTo(5);
        assertThat(ring.head().get()).isEqualTo(next);
        sendsStill();
    }

    @Test
    void aTailInTheMiddleOfAPacketIsCountedAndTheRestAwaited() {
        data(hpa, 100, DATA, paylen(200));
        doorbell();
        run();
        run();
        assertThat(counter(Count.TX_NO_EOP)).isOne();
        assertThat(ring.head().get()).isZero();
        data(hpa, 100, DATA | LAST, 0);
        doorbell();
        assertThat(run()).hasSize(1);
    }

    @Test
    void noDescriptorBytesWhatsoeverMakeTheEngineThrowOrStop() {
        long seed = 42;
        Random random = new Random(seed);
        for (int round = 0; round < 20_000; round++) {
            int n = 1 + random.nextInt(8);
            for (int i = 0; i < n; i++) {
                long addr = random.nextInt(4) == 0 ? random.nextLong() : hpa + random.nextInt(1 << 17);
                int cmd = random.nextInt(3) == 0 ? random.nextInt()
                        : (random.nextInt(4) == 0 ? TxDesc.IXGBE_ADVTXD_DTYP_CTXT : DATA)
                                | TxDesc.IXGBE_ADVTXD_DCMD_DEXT | random.nextInt(2000) | random.nextInt(2) * TSE;
                TxDesc.data(ring.memory(), ring.at(next++), addr, cmd, random.nextInt());
            }
            data(hpa, 60, DATA | LAST, paylen(60));
            doorbell();
            run();
            frames.clear();
            assertThat(ring.head().get()).as("seed=%d round=%d", seed, round).isEqualTo(next);
        }
        sendsStill();
    }

    // ---- by hand

    private final List<byte[]> frames = new ArrayList<>();

    private void data(long addr, int len, int cmd, int olinfo) {
        TxDesc.data(ring.memory(), ring.at(next++), addr, cmd | len, olinfo);
    }

    private void context(int lens, int tucmd, int mssL4lenIdx) {
        TxDesc.context(ring.memory(), ring.at(next++), lens, tucmd, mssL4lenIdx);
    }

    private void doorbell() {
        ring.tail().set(next);
    }

    private static int paylen(int bytes) {
        return bytes << TxDesc.IXGBE_ADVTXD_PAYLEN_SHIFT;
    }

    /** One packet of 154 bytes that must be refused. */
    private void bad(int cmd, int olinfo) {
        long before = counter(Count.TX_BAD_CONTEXT);
        data(hpa, 154, DATA | LAST | cmd, paylen(cmd == TSE ? 100 : 154) | olinfo);
        doorbell();
        run();
        assertThat(counter(Count.TX_BAD_CONTEXT)).isEqualTo(before + 1);
        assertThat(isDone(next - 1)).isTrue();
    }

    private void sendsStill() {
        frames.clear();
        data(hpa, 60, DATA | LAST, paylen(60));
        doorbell();
        assertThat(run()).hasSize(1);
        assertThat(frames.get(0)).isEqualTo(ram(0, 60));
    }

    private void tcpHeader() {
        ram.set(ValueLayout.JAVA_BYTE, 14, (byte) 0x45);
        ram.set(ValueLayout.JAVA_BYTE, 34 + 12, (byte) 0x50);
    }

    /** Lets the engine work until it stops, taking frames out. */
    private List<byte[]> run() {
        for (int slices = 0; engine.doWork() > 0; slices++) {
            assertThat(slices).as("slices").isLessThan(100_000);
            cpu.settleAll();
            for (FrameSlot slot = far.peek(); slot != null; slot = far.peek()) {
                frames.add(slot.memory().asSlice(slot.offset(), slot.len()).toArray(ValueLayout.JAVA_BYTE));
                far.release();
            }
        }
        return frames;
    }

    private boolean isDone(long sequence) {
        return TxDesc.isDoneAcquire(ring.memory(), ring.at(sequence));
    }

    private byte[] ram(long at, int len) {
        return ram.asSlice(at, len).toArray(ValueLayout.JAVA_BYTE);
    }

    private long counter(Count name) {
        return engine.counters().value(name);
    }
}
