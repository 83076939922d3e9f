package softnic.host;

import java.lang.foreign.MemorySegment;
import softnic.sched.Agent;
import softnic.wire.FrameRing;
import softnic.wire.FrameSlot;

/**
 * A passive tap in a cable: shows each frame to an observer and passes it on, at once and for nothing.
 *
 * <p>Frames keep their time of arrival, so the far end cannot tell that there is a tap.
 */
final class WireTap implements Agent {

    private final FrameRing from;
    private final FrameRing to;
    private final FrameObserver observer;

    /**
     * @param from its consumer's wait queue must be this agent's
     * @param to its producer's wait queue must be this agent's
     */
    WireTap(FrameRing from, FrameRing to, FrameObserver observer) {
        this.from = from;
        this.to = to;
        this.observer = observer;
    }

    @Override
    public int doWork() {
        FrameSlot slot = from.peek();
        if (slot == null) {
            return 0;
        }
        FrameSlot there = to.claim();
        if (there == null) {
            return 0;
        }
        observer.frame(slot.memory(), slot.offset(), slot.len(), slot.arrivalNs());
        MemorySegment.copy(slot.memory(), slot.offset(), there.memory(), there.offset(), slot.len());
        there.len(slot.len());
        there.arrivalNs(slot.arrivalNs());
        from.release();
        to.publish();
        return 1;
    }

    @Override
    public String roleName() {
        return "wire-tap";
    }
}
