package softnic.wire;

import java.lang.foreign.MemorySegment;

/** Room for one frame in a {@link FrameRing}: an entry of on-chip packet memory. */
public final class FrameSlot {

    /** Bytes a slot can hold: a frame of 1500 MTU with VLAN tag, without FCS, and to spare. */
    public static final int SIZE = 2048;

    MemorySegment memory;
    long offset;
    int len;
    long arrivalNs;

    /** The memory in which the frame lies at {@link #offset}. */
    public MemorySegment memory() {
        return memory;
    }

    public long offset() {
        return offset;
    }

    /** Bytes of the frame without FCS. */
    public int len() {
        return len;
    }

    public void len(int bytes) {
        assert bytes >= 0 && bytes <= SIZE : "frame of " + bytes + " bytes";
        len = bytes;
    }

    /** When the last bit is there, on the clock of the world. */
    public long arrivalNs() {
        return arrivalNs;
    }

    public void arrivalNs(long ns) {
        arrivalNs = ns;
    }
}
