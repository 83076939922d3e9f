package softnic.vhost;

import softnic.mm.IoVec;
import softnic.trace.Violations;
import softnic.virtio.Vring;

/**
 * Watches one TX virtqueue on line: heads and zero-copy slots do what the invariants say.
 *
 * <p>All but {@link #completed} are the worker's; that one may be any agent's. Costs a few array accesses a
 * packet; a run without monitors has none.
 */
public final class VhostMonitor {

    private final Violations violations;
    private final boolean[] outstanding = new boolean[Vring.IDX_MASK + 1];
    private final int[] order = new int[Vring.IDX_MASK + 1];
    private final byte[] slots = new byte[IoVec.UIO_MAXIOV];
    private long taken;
    private long used;
    private boolean ordered;

    private static final byte CLEAR = 0;
    private static final byte IN_PROGRESS = 1;
    private static final byte FINISHED = 2;

    public VhostMonitor(Violations violations) {
        this.violations = violations;
    }

    /** From now on heads must be reported in the order in which they were taken (invariant 2). */
    void mustBeOrdered(boolean ordered) {
        this.ordered = ordered;
    }

    void headTaken(int head) {
        if (outstanding[head]) {
            violations.report(1, "vhost: head " + head + " taken while it is outstanding");
        }
        outstanding[head] = true;
        order[(int) taken++ & Vring.IDX_MASK] = head;
    }

    /** The head taken last goes back to the guest's ring unused. */
    void headReturned() {
        outstanding[order[(int) --taken & Vring.IDX_MASK]] = false;
    }

    void headUsed(int head) {
        if (!outstanding[head]) {
            violations.report(1, "vhost: head " + head + " reported used, but it is not outstanding");
        }
        outstanding[head] = false;
        int expected = order[(int) used++ & Vring.IDX_MASK];
        if (ordered && expected != head) {
            violations.report(2, "vhost: head " + head + " reported before head " + expected);
        }
    }

    /** A slot of the pending ring is filled: CLEAR before (invariants 12, 13), DMA under way or copied. */
    void slotBegun(int slot, boolean zerocopy, int pending, int limit) {
        if (slots[slot] != CLEAR) {
            violations.report(12, "vhost: slot " + slot + " begun in state " + slots[slot]);
        }
        slots[slot] = zerocopy ? IN_PROGRESS : FINISHED;
        if (pending < 0 || pending > limit) {
            violations.report(15, "vhost: " + pending + " buffers pending, limit " + limit);
        }
    }

    /** The callback of a slot: exactly once for each zero-copy send (invariant 9). */
    void completed(int slot) {
        if (slots[slot] != IN_PROGRESS) {
            violations.report(9, "vhost: callback for slot " + slot + " in state " + slots[slot]);
        }
        slots[slot] = FINISHED;
    }

    /** The send failed: the slot is empty again. */
    void slotCancelled(int slot) {
        slots[slot] = CLEAR;
    }

    /** The slot was reported: it must have been finished (invariant 12). */
    void slotReported(int slot) {
        if (slots[slot] != FINISHED) {
            violations.report(12, "vhost: slot " + slot + " reported in state " + slots[slot]);
        }
        slots[slot] = CLEAR;
    }

    /** Outside [doneIdx, upendIdx) every slot is clear (invariant 13). For checks. */
    void checkClearOutside(int doneIdx, int upendIdx) {
        int pending = upendIdx - doneIdx & IoVec.UIO_MAXIOV - 1;
        for (int i = 0; i < IoVec.UIO_MAXIOV; i++) {
            boolean inside = (i - doneIdx & IoVec.UIO_MAXIOV - 1) < pending;
            if (!inside && slots[i] != CLEAR) {
                violations.report(13, "vhost: slot " + i + " in state " + slots[i] + " outside done=" + doneIdx
                        + " upend=" + upendIdx);
            }
        }
    }

    /** References match the sends whose callback has not run (invariant 10). For checks at rest. */
    void checkReferences(int count) {
        int inProgress = 0;
        for (byte slot : slots) {
            inProgress += slot == IN_PROGRESS ? 1 : 0;
        }
        if (count != 1 + inProgress) {
            violations.report(10, "vhost: vhost_ubuf_ref " + count + " with " + inProgress + " sends in flight");
        }
    }
}
