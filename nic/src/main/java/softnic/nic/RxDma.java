package softnic.nic;

import java.lang.foreign.MemorySegment;
import softnic.mm.PhysMem;
import softnic.sched.Agent;
import softnic.sched.Cost;
import softnic.sched.Cpu;
import softnic.trace.Counters;
import softnic.wire.FrameRing;
import softnic.wire.FrameSlot;

/**
 * The receive half of the silicon: writes frames that came in from the link into the driver's buffers, verifies
 * their checksums and reports them (82599 datasheet, 7.1; no kernel counterpart).
 *
 * <pre>
 *   link --> packet buffer (fromWire) --DMA write--> buffer of descriptor [head]
 *                                       then length, status, head, cause of the vector
 * </pre>
 *
 * <p>One slice is one frame, not before its last bit is there. Without a descriptor the frame is missed.
 */
public final class RxDma implements Agent {

    /** What the receiver counts. Bytes are those of frames, without FCS. */
    public enum Count {
        RX_PACKETS, RX_BYTES,
        /** No descriptor was free (MPC, {@code rx_missed_errors}). */
        RX_MISSED,
        /** A buffer lies outside memory: the frame is dropped. */
        RX_DMA_FAULT,
        /** Frames whose IPv4 or L4 checksum is wrong; they are delivered and marked. */
        RX_CSUM_ERRORS
    }

    private final Cpu cpu;
    private final PhysMem memory;
    private final DescRing ring;
    private final FrameRing fromWire;
    private final InterruptVector vector;
    private final Counters<Count> counters = Counters.of("nic-rx", Count.class);
    private final Runnable writeBack = this::writeBack;
    private final Runnable missed = this::missed;
    private int len;                        // what writeBack reports
    private int statusError;

    /** @param fromWire the receive packet buffer, of which this agent is the consumer */
    public RxDma(Cpu cpu, PhysMem memory, DescRing ring, FrameRing fromWire, InterruptVector vector) {
        this.cpu = cpu;
        this.memory = memory;
        this.ring = ring;
        this.fromWire = fromWire;
        this.vector = vector;
    }

    @Override
    public int doWork() {
        FrameSlot slot = fromWire.peek();
        if (slot == null || slot.arrivalNs() > cpu.nowNs()) {
            return 0;
        }
        long head = ring.head().get();
        if (head == ring.tail().get()) {    // acquire: the descriptors below are written
            counters.bump(Count.RX_MISSED);
            cpu.settle(missed);
            return 1;
        }
        len = slot.len();
        long hpa = RxDesc.pktAddr(ring.memory(), ring.at(head));
        if (memory.isMemory(hpa, len)) {
            receive(slot, hpa);
        } else {
            counters.bump(Count.RX_DMA_FAULT);
            len = 0;
            statusError = RxDesc.IXGBE_RXD_STAT_DD | RxDesc.IXGBE_RXD_STAT_EOP;
        }
        cpu.charge(Cost.PCIE_WRITE, 1);
        cpu.settle(writeBack);
        return 1;
    }

    private void receive(FrameSlot slot, long hpa) {
        MemorySegment frame = slot.memory();
        MemorySegment.copy(frame, slot.offset(), memory.segment(hpa), PhysMem.offset(hpa), len);
        int checks = RxChecksum.verify(frame, slot.offset(), len);
        if ((checks & (RxDesc.IXGBE_RXDADV_ERR_IPE | RxDesc.IXGBE_RXDADV_ERR_TCPE)) != 0) {
            counters.bump(Count.RX_CSUM_ERRORS);
        }
        statusError = RxDesc.IXGBE_RXD_STAT_DD | RxDesc.IXGBE_RXD_STAT_EOP | checks;
        counters.bump(Count.RX_PACKETS);
        counters.add(Count.RX_BYTES, len);
        cpu.charge(Cost.PCIE_BYTE, len);
    }

    private void writeBack() {
        long head = ring.head().get();
        RxDesc.writeBackRelease(ring.memory(), ring.at(head), len, statusError);
        ring.head().set(head + 1);
        fromWire.release();
        vector.raise();
    }

    private void missed() {
        fromWire.release();
        vector.raise();                     // EICR bit 17, RX Miss: the driver may find buffers now
    }

    @Override
    public long nextDeadlineNs() {
        FrameSlot slot = fromWire.peek();
        return slot == null ? NO_DEADLINE_NS : slot.arrivalNs();
    }

    @Override
    public String roleName() {
        return "nic-rx";
    }

    public Counters<Count> counters() {
        return counters;
    }
}
