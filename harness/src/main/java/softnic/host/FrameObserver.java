package softnic.host;

import java.lang.foreign.MemorySegment;

/** Sees every frame that the adapter put on the wire, on its way to the far end. */
@FunctionalInterface
interface FrameObserver {

    /**
     * One frame, padded, without FCS; called by the tap's agent, in order. The bytes are good until it returns.
     *
     * @param arrivalNs when its last bit reaches the far end, on the world's clock
     */
    void frame(MemorySegment memory, long offset, int len, long arrivalNs);
}
