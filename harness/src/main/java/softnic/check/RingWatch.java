package softnic.check;

import java.util.List;
import softnic.Edition;
import softnic.mm.IoVec;
import softnic.trace.Violations;
import softnic.vhost.VhostVirtqueue;
import softnic.vhost.VqRule;
import softnic.virtio.Vring;

/**
 * What one ring of a device owes its guest, counted from outside: which heads it has taken and not reported, and which
 * bytes it may touch.
 */
final class RingWatch {

    private final VhostPlace place;
    private final VhostVirtqueue vq;
    private final int index;
    private final Vring ring;
    private final int num;
    private final Violations violations;
    private final GetVqDescModel model;
    private final int[] takenOf;
    private int base;
    private int usedIdx;
    private boolean lapped;             // a guest that posts what it has not got back: its used ring is too short
    private long out;                   // heads taken and not reported

    RingWatch(VhostPlace place, Edition edition, VhostVirtqueue vq, int index, int num, int base,
            Violations violations) {
        this.place = place;
        this.vq = vq;
        this.index = index;
        this.num = num;
        this.base = base;
        this.violations = violations;
        ring = place.ring(index, num);
        model = new GetVqDescModel(edition.withoutQuirks(), place.memory, place.guest, place.table, num,
                place.descGpa(index), place.availGpa(index));
        takenOf = new int[num];
    }

    private String name() {
        return index == 0 ? "rx" : "tx";
    }

    /** Between two steps: notes what was taken and what was reported. @return true if anything was */
    boolean look() {
        int before = base;
        int now = vq.base();
        for (; base != now && (now - base & Vring.IDX_MASK) <= Short.MAX_VALUE; base = base + 1 & Vring.IDX_MASK) {
            int head = ring.availRing(base);
            if (head < num) {
                takenOf[head]++;
            }
            out++;
        }
        base = now;
        boolean moved = before != base;
        int used = ring.usedIdxAcquire();
        if ((used - usedIdx & Vring.IDX_MASK) > out) {
            violations.report(3, name() + ": used index goes from " + usedIdx + " to " + used + " with " + out + " heads out");
        }
        lapped |= (used - usedIdx & Vring.IDX_MASK) > num;
        moved |= used != usedIdx;
        for (; usedIdx != used; usedIdx = usedIdx + 1 & Vring.IDX_MASK) {
            reported(ring.usedId(usedIdx));
        }
        return moved;
    }

    private void reported(int head) {
        out--;
        if (lapped) {
            return;
        }
        if (head < 0 || head >= num || takenOf[head] == 0) {
            violations.report(1, name() + ": head " + head + " is reported, but was not taken");
        } else {
            takenOf[head]--;
        }
    }

    /** Is it true that the pieces are those of the chains taken in this step, and {@code bytes} no more than they hold? */
    void pieces(IoVec iov, int bytes, boolean writes) {
        model.clear();
        int now = vq.base();
        for (int i = base; i != now; i = i + 1 & Vring.IDX_MASK) {
            int head = ring.availRing(i);
            int err = head < num ? model.walk(head) : -1;
            if (err < 0 || (writes ? model.out() : model.in()) > 0) {
                violations.report(31, name() + ": chain " + head + " is taken, though it breaks a rule");
                return;
            }
        }
        List<GetVqDescModel.Piece> expected = model.pieces();
        long sum = 0;
        for (int i = 0; i < iov.count(); i++) {
            if (i >= expected.size() || place.guest.hpa(expected.get(i).gpa()) != iov.base(i)
                    || expected.get(i).bytes() != iov.len(i)) {
                violations.report(30, name() + ": piece " + i + " of " + iov.len(i) + " bytes is not what the descriptor says");
                return;
            }
            sum += iov.len(i);
        }
        if (iov.count() != expected.size() || (writes ? bytes > sum : bytes != Math.min(sum, Integer.MAX_VALUE))) {
            violations.report(30, name() + ": " + iov.count() + " pieces of " + sum + " bytes for a packet of " + bytes);
        }
    }

    /** The pieces looked at last, in guest addresses. */
    List<GetVqDescModel.Piece> pieces() {
        return model.pieces();
    }

    /** Chains that were taken and are no packet: the guest does not get them back. */
    private long lost() {
        return vq.errors().value(VqRule.TX_HAS_IN) + vq.errors().value(VqRule.TX_EMPTY)
                + vq.errors().value(VqRule.RX_HAS_OUT);
    }

    /** All is home: is all reported? */
    void atRest() {
        if (out != lost()) {
            violations.report(1, name() + ": " + out + " heads are taken and never reported, " + lost() + " given up");
        }
    }

    /** The guest has got something back. */
    boolean hasReported() {
        return usedIdx != 0;
    }

    /** The next entry that the device will take. */
    int base() {
        return base;
    }

    /** Mistakes that the device has seen. */
    long mistakes() {
        long sum = 0;
        for (VqRule rule : VqRule.values()) {
            sum += vq.errors().value(rule);
        }
        return sum;
    }
}
