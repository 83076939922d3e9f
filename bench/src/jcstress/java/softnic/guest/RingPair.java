package softnic.guest;

import softnic.mm.GuestMemory;
import softnic.mm.PhysMem;
import softnic.mm.Slab;
import softnic.trace.Violations;
import softnic.vhost.HostSide;
import softnic.virtio.Vring;

/** One ring with both of its sides, the driver's and vhost's, which have met a thousand times and meet again. */
final class RingPair {

    private static final int NUM = 4;
    private static final int AVAIL = NUM * Vring.DESC_SIZE;
    private static final int USED = 128;
    private static final int DATA = 2048;
    private static final int RAM = 4096;

    private final GuestVirtqueue guest;
    private final HostSide host;
    private final GuestSg sg = new GuestSg();

    RingPair(boolean eventIdx) {
        PhysMem memory = new PhysMem();
        Slab ram = new Slab(RAM);           // never released: the fork ends soon
        GuestMemory guestMemory = new GuestMemory(memory);
        guestMemory.addRegion(0, ram.segment());
        long hpa = guestMemory.hpa(0);
        guest = new GuestVirtqueue("tx", ram.segment(), new Vring(memory, NUM, hpa, hpa + AVAIL, hpa + USED), 0, eventIdx,
                0, new Violations());
        host = new HostSide(memory, guestMemory, NUM, AVAIL, USED, eventIdx);
        sg.add(DATA, 60);
    }

    GuestVirtqueue guest() {
        return guest;
    }

    HostSide host() {
        return host;
    }

    /** Nothing is out, and neither side wants to hear of anything. */
    void rest() {
        host.drain();
        guest.disableCb();
        while (guest.getBuf() != GuestVirtqueue.NONE) {
            // take all back
        }
    }

    /** A packet is in the ring; the host does not see it before {@code publish(1)}. */
    void add() {
        if (guest.addBuf(sg, 1, 0, 0) < 0) {
            throw new IllegalStateException("stress: the ring did not come to rest");
        }
    }
}
