package softnic.stress;

import java.lang.foreign.MemorySegment;
import softnic.mm.PhysMem;
import softnic.virtio.Vring;

/** A split ring of four entries on the heap, so light that every sample can have its own. */
public final class LightRing {

    private static final int NUM = 4;
    private static final int AVAIL = NUM * Vring.DESC_SIZE;
    private static final int USED = AVAIL + 16;

    private LightRing() {
    }

    public static Vring make() {
        PhysMem memory = new PhysMem();
        long hpa = memory.addRegion(MemorySegment.ofArray(new long[(USED + Vring.usedSize(NUM)) / Long.BYTES + 1]));
        return new Vring(memory, NUM, hpa, hpa + AVAIL, hpa + USED);
    }
}
