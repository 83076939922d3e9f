package softnic.wire;

import java.lang.foreign.ValueLayout;
import softnic.net.EthHeader;
import softnic.sched.Agent;
import softnic.sched.Cost;
import softnic.sched.Cpu;
import softnic.trace.Trace;

/**
 * One direction of a link: takes frames from packet memory, serialises them at the link rate, and delivers
 * them into the other side's packet memory after the propagation delay.
 *
 * <p>On the wire a frame is padded to 60 bytes and carries preamble, gap and FCS (IEEE 802.3 clauses 3 and
 * 4.4); they cost time, the FCS itself is not stored. The bytes stay where the sender put them: the two slots
 * change memory.
 */
public final class Mac implements Agent {

    private final String name;
    private final Cpu cpu;
    private final Trace trace;
    private final FrameRing from;
    private final FrameRing to;
    private final Runnable deliver = this::deliver;
    private boolean delivering;
    private long frames;
    private long bytes;

    public Mac(String name, Cpu cpu, Trace trace, FrameRing from, FrameRing to) {
        this.name = name;
        this.cpu = cpu;
        this.trace = trace;
        this.from = from;
        this.to = to;
    }

    @Override
    public int doWork() {
        FrameSlot slot = from.peek();
        if (slot == null || delivering || to.claim() == null) {
            return 0;
        }
        delivering = true;
        int onWire = Math.max(slot.len(), EthHeader.ETH_ZLEN) + EthHeader.ETH_FCS_LEN + EthHeader.PREAMBLE_AND_GAP;
        cpu.charge(Cost.WIRE_BYTE, onWire);
        cpu.settle(deliver);
        return 1;
    }

    /** The last bit has left. */
    private void deliver() {
        FrameSlot slot = from.peek();
        FrameSlot there = to.claim();
        int len = Math.max(slot.len(), EthHeader.ETH_ZLEN);
        for (int i = slot.len(); i < len; i++) {
            slot.memory().set(ValueLayout.JAVA_BYTE, slot.offset() + i, (byte) 0);
        }
        there.swapMemory(slot);
        there.len(len);
        there.arrivalNs(cpu.nowNs() + cpu.delayNs(Cost.WIRE_DELAY));
        frames++;
        bytes += len;
        trace.mix(cpu.nowNs() << 16 ^ len);
        from.release();
        to.publish();
        delivering = false;
    }

    @Override
    public String roleName() {
        return name;
    }

    /** Frames delivered. */
    public long frames() {
        return frames;
    }

    /** Bytes delivered, padding included, without FCS. */
    public long bytes() {
        return bytes;
    }
}
