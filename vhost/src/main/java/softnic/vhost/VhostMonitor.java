package softnic.vhost;

import softnic.mm.IoVec;
import softnic.trace.Violations;
import softnic.virtio.Vring;

/**
 * Watches one virtqueue on line: heads, zero-copy slots and kicks do what the invariants say.
 *
 * <p>All but {@link #completed} are the worker's; that one may be any agent's. Costs a few array accesses a
 * packet; a run without monitors has none.
 */
public final class VhostMonitor {

    private final Violations violations;
    private final int goodcopyLen;
    private final int[] outstanding = new int[Vring.IDX_MASK + 1];      // a guest may post a head twice
    private final int[] order = new int[Vring.IDX_MASK + 1];
    private final byte[] slots = new byte[IoVec.UIO_MAXIOV];
    private long taken;
    private long used;
    private int begun;                  // slots begun and not reported
    private boolean ordered;

    private static final byte CLEAR = 0;
    private static final byte IN_PROGRESS = 1;
    private static final byte FINISHED = 2;

    public VhostMonitor(Violations violations) {
        this(violations, HandleTx.VHOST_GOODCOPY_LEN);
    }

    /** @param goodcopyLen packets below it are never lent out (invariant 17) */
    VhostMonitor(Violations violations, int goodcopyLen) {
        this.violations = violations;
        this.goodcopyLen = goodcopyLen;
    }

    /** From now on heads must be reported in the order in which they were taken (invariant 2). */
    void mustBeOrdered(boolean ordered) {
        this.ordered = ordered;
    }

    void headTaken(int head) {
        outstanding[head]++;
        order[(int) taken++ & Vring.IDX_MASK] = head;
    }

    /** The head taken last goes back to the guest's ring unused. */
    void headReturned() {
        outstanding[order[(int) --taken & Vring.IDX_MASK]]--;
    }

    /** The head taken last is given up: the guest made a mistake and will not see it again. */
    void headLost() {
        headReturned();
    }

    void headUsed(int head) {
        if (outstanding[head] == 0) {
            violations.report(1, "vhost: head " + head + " reported used, but it is not outstanding");
        } else {
            outstanding[head]--;
        }
        int expected = order[(int) used++ & Vring.IDX_MASK];
        if (ordered && expected != head) {
            violations.report(2, "vhost: head " + head + " reported before head " + expected);
        }
    }

    /** A packet's pages are about to be lent out: a short one is copied (invariant 17). */
    void zerocopyChosen(int len) {
        if (len < goodcopyLen) {
            violations.report(17, "vhost: zero-copy for a packet of " + len + " bytes, below VHOST_GOODCOPY_LEN "
                    + goodcopyLen);
        }
    }

    /** A slot of the pending ring is filled: CLEAR before (invariants 12, 13), DMA under way or copied. */
    void slotBegun(int slot, boolean zerocopy, int pending) {
        if (slots[slot] != CLEAR) {
            violations.report(12, "vhost: slot " + slot + " begun in state " + slots[slot]);
        }
        slots[slot] = zerocopy ? IN_PROGRESS : FINISHED;
        begun++;
        if (pending != begun) {
            violations.report(15, "vhost: upend_idx - done_idx says " + pending + " buffers pending, there are " + begun);
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
        begun--;
    }

    /** The slot was reported: it must have been finished (invariant 12). */
    void slotReported(int slot) {
        if (slots[slot] != FINISHED) {
            violations.report(12, "vhost: slot " + slot + " reported in state " + slots[slot]);
        }
        slots[slot] = CLEAR;
        begun--;
    }

    /** Outside [doneIdx, upendIdx) every slot and its marker are clear (invariant 13). For checks. */
    void checkClearOutside(int doneIdx, int upendIdx, int[] markers) {
        int pending = upendIdx - doneIdx & IoVec.UIO_MAXIOV - 1;
        for (int i = 0; i < IoVec.UIO_MAXIOV; i++) {
            boolean inside = (i - doneIdx & IoVec.UIO_MAXIOV - 1) < pending;
            if (!inside && (slots[i] != CLEAR || markers[i] != VhostZerocopy.VHOST_DMA_CLEAR_LEN)) {
                violations.report(13, "vhost: slot " + i + " in state " + slots[i] + " with marker " + markers[i]
                        + " outside done=" + doneIdx + " upend=" + upendIdx);
            }
        }
    }

    /** The worker sleeps, though something was posted before it asked for kicks: no kick comes (invariant 25). */
    void sleepsOnWork() {
        violations.report(25, "vhost: the worker sleeps on a ring that is not empty, and no kick will come");
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
