package softnic.vhost;

import java.util.Arrays;
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
    private final int[] backend = new int[IoVec.UIO_MAXIOV];            // generation of each slot's backend
    private long taken;
    private long used;
    private int settledHeads;           // given up, or of the time before: outstanding for the ring, not here
    private int begun;                  // slots begun and not reported
    private int generation;
    private int reportedGeneration;
    private int num = IoVec.UIO_MAXIOV;
    private int zerocopyLimit = IoVec.UIO_MAXIOV;
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

    /** The ring's size, and how many zero-copy buffers may be pending when one more begins (invariants 14, 16). */
    void limits(int num, int zerocopyLimit) {
        this.num = num;
        this.zerocopyLimit = zerocopyLimit;
    }

    /** The pending ring starts anew. */
    void slotsReset() {
        Arrays.fill(slots, CLEAR);
        begun = 0;
    }

    /** Another backend: what its predecessor has begun must be reported first (invariant 33). */
    void backendChanged() {
        generation++;
    }

    /** The ring was taken up anew, with so many heads out in its own counting. */
    void restarted(int outstanding) {
        settledHeads = (outstanding - (int) (taken - used)) & Vring.IDX_MASK;
    }

    /** The ring is forgotten: what is out will not come back. */
    void ringReset() {
        Arrays.fill(outstanding, 0);
        used = taken;
        settledHeads = 0;
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
        settledHeads++;
    }

    void headUsed(int head) {
        if (head < 0 || head > Vring.IDX_MASK || outstanding[head] == 0) {
            violations.report(1, "vhost: head " + head + " reported used, but it is not outstanding");
        } else {
            outstanding[head]--;
        }
        int expected = order[(int) used++ & Vring.IDX_MASK];
        if (ordered && expected != head) {
            violations.report(2, "vhost: head " + head + " reported before head " + expected);
        }
    }

    /** A chain was taken: its pieces have as many bytes as its descriptors say (invariant 30). */
    void translated(long descBytes, long iovBytes) {
        if (descBytes != iovBytes) {
            violations.report(30, "vhost: descriptors of " + descBytes + " bytes became pieces of " + iovBytes);
        }
    }

    /** The available index is further ahead than the ring is long, and is believed (invariant 31). */
    void jumpBelieved(int ahead, int num) {
        violations.report(31, "vhost: takes a head though the available index is " + ahead + " ahead in a ring of " + num);
    }

    /** A chain has more descriptors to log than there are entries (invariant 32). */
    void logOverrun() {
        violations.report(32, "vhost: log_num would pass " + IoVec.UIO_MAXIOV);
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
        int again = Math.max(0, (int) (taken - used) - num);        // a guest that posts what it has not got back
        if (pending > Math.min(num + again, IoVec.UIO_MAXIOV - 1)) {
            violations.report(14, "vhost: " + pending + " buffers pending, the ring has " + num);
        }
        if (zerocopy && pending > zerocopyLimit + 1 + (zerocopyLimit == num ? again : 0)) {
            violations.report(16, "vhost: zero-copy with " + pending + " buffers pending, limit " + zerocopyLimit + " + 1");
        }
        backend[slot] = generation;
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

    /** A device goes without waiting: the slot counts as finished. */
    void slotForced(int slot) {
        slots[slot] = FINISHED;
    }

    /** The slot was reported: it must have been finished (invariant 12), and no newer backend's before (33). */
    void slotReported(int slot) {
        if (backend[slot] < reportedGeneration) {
            violations.report(33, "vhost: slot " + slot + " of backend " + backend[slot] + " reported after one of backend "
                    + reportedGeneration);
        }
        reportedGeneration = backend[slot];
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

    /** All is back from the old backend: nothing it has begun may be pending still (invariant 33). */
    void oldBackendReported() {
        for (int i = 0; i < slots.length; i++) {
            if (slots[i] != CLEAR && backend[i] < generation) {
                violations.report(33, "vhost: slot " + i + " of backend " + backend[i] + " is pending after its change");
            }
        }
    }

    /** A put, get or rearm of a {@code vhost_ubuf_ref} that was freed (invariant 11). */
    void ubufsTouchedAfterFree() {
        violations.report(11, "vhost: vhost_ubuf_ref touched after put_and_wait freed it");
    }

    /** A zero-copy packet came home after its device was cleaned up (invariant 34). */
    void callbackAfterCleanup() {
        violations.report(34, "vhost: zero-copy callback after cleanup");
    }

    /** A device was cleaned up: nothing pending, nothing in flight (invariant 34). */
    void cleanedUp(int pending, int references) {
        if (pending != 0 || references != 0) {
            violations.report(34, "vhost: after cleanup " + pending + " buffers pending, vhost_ubuf_ref " + references);
        }
    }

    /** Where the kernel would read or write outside an array or a buffer, and we do not (invariant 29). */
    void outOfBounds(String what) {
        violations.report(29, "vhost: out of bounds: " + what);
    }

    /** Heads taken and not reported, as the ring counts them (invariant 5). For checks between two steps. */
    void checkOutstanding(int outstanding) {
        int expected = (int) (taken - used) + settledHeads & Vring.IDX_MASK;
        if (outstanding != expected) {
            violations.report(5, "vhost: last_avail_idx - last_used_idx is " + outstanding + ", " + expected
                    + " heads are out");
        }
    }

    /** The worker sleeps, though something was posted before it asked for kicks: no kick comes (invariant 25). */
    void sleepsOnWork() {
        violations.report(25, "vhost: the worker sleeps on a ring that is not empty, and no kick will come");
    }

    /** References match the owner's and the sends whose callback has not run (invariant 10). For checks at rest. */
    void checkReferences(int count, int own) {
        int inProgress = 0;
        for (int i = 0; i < slots.length; i++) {
            inProgress += slots[i] == IN_PROGRESS && backend[i] == generation ? 1 : 0;
        }
        if (count != own + inProgress) {
            violations.report(10, "vhost: vhost_ubuf_ref " + count + " with " + inProgress + " sends in flight");
        }
    }
}
