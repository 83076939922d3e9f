package softnic.vhost;

import softnic.Edition;
import softnic.mm.GuestMemory;
import softnic.mm.PhysMem;
import softnic.mm.Slab;
import softnic.sched.AtOnce;
import softnic.sched.EventFd;
import softnic.trace.Trace;

/** The host's side of one ring: the calls of vhost's worker, without the worker. */
public final class HostSide {

    private final EventFd call = new EventFd();
    private final VhostVirtqueue vq;

    public HostSide(PhysMem memory, GuestMemory guest, int num, long availGpa, long usedGpa, boolean eventIdx) {
        vq = new VhostVirtqueue("tx", Edition.V6_1, new AtOnce(), Trace.off(), memory, guest, eventIdx, call, null);
        int err = vq.setVring(num, 0, availGpa, usedGpa);
        if (err != 0) {
            throw new IllegalStateException("stress: ring refused, " + err);
        }
        vq.disableNotify();
    }

    /** A ring of its own, at rest. */
    static HostSide alone() {
        PhysMem memory = new PhysMem();
        GuestMemory guest = new GuestMemory(memory);
        guest.addRegion(0, new Slab(PhysMem.PAGE_SIZE).segment());
        return new HostSide(memory, guest, 4, 64, 128, false);
    }

    /** Reports what is finished. */
    void report(VhostZerocopy ring) {
        ring.signalFinished(vq);
    }

    public void disableNotify() {
        vq.disableNotify();
    }

    /** @return true if it found a packet */
    public boolean enableNotify() {
        return vq.enableNotify();
    }

    /** Takes all that is there, and gives it back at once. */
    public void drain() {
        disableNotify();
        for (int head = vq.getVqDesc(); head != vq.num(); head = vq.getVqDesc()) {
            use(head);
        }
        call.read();
    }

    /** Takes the packet that is there. */
    public int take() {
        return vq.getVqDesc();
    }

    /** Gives a packet back. @return true if the guest was called */
    public boolean use(int head) {
        vq.addUsed(head, 0);
        vq.signal();
        return call.read() != 0;
    }
}
