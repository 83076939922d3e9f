package softnic.check;

import java.util.BitSet;
import java.util.List;
import softnic.mm.PhysMem;
import softnic.virtio.Vring;

/** Which pages a device has written, against the bitmap in which it logs them (invariant 32). */
final class VhostDirt {

    private final VhostRig rig;
    private final BitSet pages = new BitSet();

    VhostDirt(VhostRig rig) {
        this.rig = rig;
    }

    /** The first {@code bytes} of these pieces are written. */
    void written(List<GetVqDescModel.Piece> pieces, int bytes) {
        long left = bytes;
        for (int i = 0; rig.scenario.log() && i < pieces.size() && left > 0; i++) {
            long n = Math.min(left, pieces.get(i).bytes());
            mark(pages, pieces.get(i).gpa(), n);
            left -= n;
        }
    }

    private static void mark(BitSet set, long gpa, long bytes) {
        if (bytes > 0) {
            set.set((int) (gpa >> PhysMem.PAGE_SHIFT), (int) (gpa + bytes - 1 >> PhysMem.PAGE_SHIFT) + 1);
        }
    }

    /** Each page written has its bit, and no other; with failing copies a page may be half written and not logged. */
    void check() {
        BitSet may = (BitSet) pages.clone();
        if (rig.scenario.log()) {
            mark(may, VhostPlace.loggedUsed(VhostRig.TX), Vring.usedSize(rig.scenario.txRing()));
            mark(may, VhostPlace.loggedUsed(VhostRig.RX), Vring.usedSize(rig.scenario.rxRing()));
            mark(pages, VhostPlace.loggedUsed(VhostRig.TX), rig.tx.hasReported() ? 1 : 0);
            mark(pages, VhostPlace.loggedUsed(VhostRig.RX), rig.rx.hasReported() ? 1 : 0);
        }
        BitSet dirty = rig.place.dirty();
        pages.andNot(dirty);
        dirty.andNot(may);
        report(dirty, "is logged, but was not written");
        if (!rig.scenario.has(Fault.COPY)) {
            report(pages, "was written, and is not logged");
        }
    }

    private void report(BitSet wrong, String what) {
        if (!wrong.isEmpty()) {
            rig.violations.report(32, "vhost: page 0x" + Integer.toHexString(wrong.nextSetBit(0)) + ' ' + what);
        }
    }
}
