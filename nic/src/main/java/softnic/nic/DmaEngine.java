package softnic.nic;

import java.lang.foreign.MemorySegment;
import softnic.mm.PhysMem;
import softnic.sched.Agent;
import softnic.sched.Cost;
import softnic.sched.Cpu;
import softnic.trace.Counters;
import softnic.wire.FrameSlot;
import softnic.wire.Mac;

/**
 * The transmit half of the silicon: fetches descriptors, reads packets by DMA, segments and checksums them, and
 * puts frames into the on-chip packet buffer (82599 datasheet, 7.2; no kernel counterpart).
 *
 * <pre>
 *   [head, tail) --fetch--> TxPacket --DMA read, segment, checksum--> packet buffer and Mac
 *                                        a few frames a slice
 *   after the last byte was read: DD into the EOP descriptor, head, cause of the vector
 * </pre>
 *
 * <p>One slice is one packet, or {@link #SLICE_FRAMES} frames of a long one. Frames leave amid a slice, each at the time
 * at which its bytes are paid for: the {@link Mac} gives them a time of arrival, before which nobody takes them. A full
 * packet buffer is back-pressure: the engine sleeps until frames have left. Packets are handled strictly in order, one at a time (real hardware has several reads in flight).
 * Whatever the descriptors hold, the engine completes them: a packet it cannot send is counted and dropped.
 */
public final class DmaEngine implements Agent {

    /** What the engine counts. Bytes are those of frames, without FCS. */
    public enum Count {
        TX_PACKETS, TX_FRAMES, TX_BYTES, TSO_PACKETS,
        /** Descriptor fetches over PCIe. */
        TX_FETCHES,
        /** A buffer lies outside memory: the packet is dropped. */
        TX_DMA_FAULT,
        /** An offload names a context that is missing or makes no sense: the packet is dropped. */
        TX_BAD_CONTEXT,
        /** Not an advanced data descriptor, or one that carries too much: the packet is dropped. */
        TX_BAD_DESCRIPTOR,
        /** PAYLEN does not match the buffers, or the frame is too short or too long: the packet is dropped. */
        TX_BAD_LENGTH,
        /** The tail stands in the middle of a packet: the engine waits for the rest. */
        TX_NO_EOP
    }

    /** Descriptors that one fetch brings in, at most. */
    static final int FETCH_BATCH = 32;
    /** Frames of one slice, at most: what is read by the last must not be read much too early. */
    static final int SLICE_FRAMES = 8;

    private final Cpu cpu;
    private final PhysMem memory;
    private final DescRing ring;
    private final Mac mac;
    private final InterruptVector vector;
    private final Counters<Count> counters = Counters.of("nic-tx", Count.class);
    private final TxContext[] contexts = {new TxContext(), new TxContext()};
    private final TxPacket packet;
    private final Runnable writeBack = this::writeBack;

    private long next;                      // sequence of the first descriptor not yet taken
    private long fetched;                   // descriptors below are on the chip
    private boolean empty = true;           // the ring was found empty: the next doorbell starts the engine
    private boolean busy;                   // a packet is being sent
    private long doneEop;                   // what writeBack reports
    private long badTail = -1;

    /**
     * @param mac what frames leave by; this engine is the only one that sends
     * @param vector the queue's interrupt vector
     */
    public DmaEngine(Cpu cpu, PhysMem memory, DescRing ring, Mac mac, InterruptVector vector) {
        this.cpu = cpu;
        this.memory = memory;
        this.ring = ring;
        this.mac = mac;
        this.vector = vector;
        this.packet = new TxPacket(memory, ring.count());
    }

    @Override
    public int doWork() {
        if (!busy && !beginPacket()) {
            return 0;
        }
        if (packet.verdict() != TxPacket.OK) {
            counters.bump(reason(packet.verdict()));
            finishPacket();
            return 1;
        }
        int sent = sendFrames();
        if (packet.hasMore()) {
            return sent;
        }
        counters.bump(Count.TX_PACKETS);
        if (packet.isTso()) {
            counters.bump(Count.TSO_PACKETS);
        }
        finishPacket();
        return sent;
    }

    /** @return how many; less than the packet has left if the slice is full, or the packet buffer */
    private int sendFrames() {
        int sent = 0;
        for (; sent < SLICE_FRAMES && packet.hasMore(); sent++) {
            FrameSlot slot = mac.claim();
            if (slot == null) {
                break;
            }
            int len = packet.nextFrame(slot.memory(), slot.offset());
            slot.len(len);
            counters.bump(Count.TX_FRAMES);
            counters.add(Count.TX_BYTES, len);
            cpu.charge(Cost.PCIE_BYTE, len);    // with TSO the headers are read again for each frame
            mac.send(slot);
        }
        return sent;
    }

    @Override
    public long nextDeadlineNs() {
        return busy ? mac.roomNs() : NO_DEADLINE_NS;
    }

    /**
     * Takes contexts and one packet's descriptors from the ring.
     *
     * @return false if no complete packet is there
     */
    private boolean beginPacket() {
        long tail = ring.tail().get();      // acquire: the descriptors below are written
        if (next == tail) {
            empty = true;
            return false;
        }
        if (empty) {
            empty = false;
            cpu.charge(Cost.PCIE_DOORBELL, 1);
            fetched = next;
        }
        MemorySegment m = ring.memory();
        while (next < tail && TxDesc.isContext(TxDesc.cmdTypeLen(m, ring.at(next)))) {
            fetch(next, tail);
            loadContext(m, ring.at(next));
            next++;
        }
        packet.begin();
        for (long seq = next; seq < tail; seq++) {
            fetch(seq, tail);
            if (packet.add(m, ring.at(seq))) {
                packet.prepare(contexts);
                doneEop = seq;
                busy = true;
                return true;
            }
        }
        if (tail != badTail && next < tail) {
            badTail = tail;
            counters.bump(Count.TX_NO_EOP);
        }
        empty = true;
        return false;
    }

    /** One read request brings in up to {@link #FETCH_BATCH} descriptors. */
    private void fetch(long seq, long tail) {
        if (seq >= fetched) {
            fetched = Math.min(tail, seq + FETCH_BATCH);
            counters.bump(Count.TX_FETCHES);
            cpu.charge(Cost.PCIE_READ, 1);
        }
    }

    private void loadContext(MemorySegment m, long at) {
        int index = TxDesc.idx(TxDesc.mssL4lenIdx(m, at));
        if (index < contexts.length) {
            contexts[index].load(m, at);
        } else {
            counters.bump(Count.TX_BAD_CONTEXT);
        }
    }

    private void finishPacket() {
        busy = false;
        next = doneEop + 1;
        cpu.charge(Cost.PCIE_WRITE, 1);
        cpu.settle(writeBack);
    }

    /** The driver may know. */
    private void writeBack() {
        MemorySegment m = ring.memory();
        long at = ring.at(doneEop);
        boolean reports = (TxDesc.cmdTypeLen(m, at) & TxDesc.IXGBE_ADVTXD_DCMD_RS) != 0;
        if (reports) {
            TxDesc.writeBackRelease(m, at);
        }
        ring.head().set(doneEop + 1);
        if (reports) {
            vector.raise();
        }
    }

    private static Count reason(int verdict) {
        return switch (verdict) {
            case TxPacket.DMA_FAULT -> Count.TX_DMA_FAULT;
            case TxPacket.BAD_CONTEXT -> Count.TX_BAD_CONTEXT;
            case TxPacket.BAD_DESCRIPTOR -> Count.TX_BAD_DESCRIPTOR;
            default -> Count.TX_BAD_LENGTH;
        };
    }

    @Override
    public String roleName() {
        return "nic-tx";
    }

    public Counters<Count> counters() {
        return counters;
    }
}
