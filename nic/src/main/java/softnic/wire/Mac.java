package softnic.wire;

import java.lang.foreign.ValueLayout;
import softnic.net.EthHeader;
import softnic.sched.Agent;
import softnic.sched.Cost;
import softnic.sched.Cpu;
import softnic.trace.Trace;

/**
 * One direction of a link: a packet buffer, and behind it the serialisation at the link rate and the propagation delay.
 *
 * <pre>
 *   claim() - fill - send()          room for bufferFrames that have not left
 *                      |
 *                      v
 *   leaves(i)  = max(leaves(i - 1), now) + WIRE_BYTE for each byte
 *   arrives(i) = leaves(i) + WIRE_DELAY  --> FrameSlot.arrivalNs(): the far side takes it then, not sooner
 * </pre>
 *
 * <p>Nothing decides on the way, so no agent works here: when a frame leaves is known when it is sent. Frames lie in the
 * far side's {@link FrameRing} from the beginning; the full buffer is arithmetic over the times at which they leave.
 * Called by the agent that sends. In the live world a frame leaves at once.
 *
 * <p>On the wire a frame is padded to 60 bytes and carries preamble, gap and FCS (IEEE 802.3 clauses 3 and 4.4); they
 * cost time, the FCS itself is not stored.
 */
public final class Mac {

    private final Cpu cpu;
    private final Trace trace;
    private final long[] leavesNs;          // of the last bufferFrames frames
    private FrameRing far;
    private long lastLeavesNs;
    private long frames;

    /** @param bufferFrames frames that the packet buffer holds, a power of two */
    public Mac(Cpu cpu, Trace trace, int bufferFrames) {
        assert Integer.bitCount(bufferFrames) == 1 : "packet buffer of " + bufferFrames + " frames";
        this.cpu = cpu;
        this.trace = trace;
        leavesNs = new long[bufferFrames];
    }

    /** Plugs the cable in: set-up only. The ring's producer is the agent that sends. */
    public void connect(FrameRing far) {
        this.far = far;
    }

    /** Where to build the next frame; null while the packet buffer, or the far side's, is full. */
    public FrameSlot claim() {
        return leaves(0) <= cpu.nowNs() ? far.claim() : null;
    }

    /**
     * When to claim again after {@link #claim} gave null: once a quarter of the packet buffer is free, not for every
     * frame. No deadline if it is the far side that is full: its ring wakes the sender.
     */
    public long roomNs() {
        return leaves(0) <= cpu.nowNs() ? Agent.NO_DEADLINE_NS : leaves(leavesNs.length / 4);
    }

    /** When the frame leaves that is the {@code i}-th oldest of a full buffer. */
    private long leaves(int i) {
        return leavesNs[(int) (frames + i) & leavesNs.length - 1];
    }

    /** The claimed slot's frame is complete, now. */
    public void send(FrameSlot slot) {
        int len = Math.max(slot.len(), EthHeader.ETH_ZLEN);
        for (int i = slot.len(); i < len; i++) {
            slot.memory().set(ValueLayout.JAVA_BYTE, slot.offset() + i, (byte) 0);
        }
        slot.len(len);
        int onWire = len + EthHeader.ETH_FCS_LEN + EthHeader.PREAMBLE_AND_GAP;
        lastLeavesNs = Math.max(lastLeavesNs, cpu.nowNs()) + cpu.delayNs(Cost.WIRE_BYTE, onWire);
        leavesNs[(int) frames++ & leavesNs.length - 1] = lastLeavesNs;
        slot.arrivalNs(lastLeavesNs + cpu.delayNs(Cost.WIRE_DELAY, 1));
        trace.mix(lastLeavesNs << 16 ^ len);
        far.publish();
    }

    /** Frames sent. */
    public long frames() {
        return frames;
    }
}
