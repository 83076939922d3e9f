package softnic.vhost;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.Arrays;
import java.util.function.Consumer;
import softnic.Behaviour;
import softnic.Edition;
import softnic.Quirk;
import softnic.mm.IoVec;
import softnic.skb.UbufInfo;
import softnic.trace.Counters;
import softnic.trace.Trace;
import softnic.trace.Tracepoint;

/**
 * The zero-copy buffers of the TX ring that the guest has not got back: {@code heads}, {@code upend_idx},
 * {@code done_idx}, {@code ubuf_info} of {@code struct vhost_virtqueue} (3.1, drivers/vhost/vhost.h;
 * {@code vhost_net_virtqueue} since 3.9).
 *
 * <pre>
 *     doneIdx               upendIdx
 *        v                     v
 *   [ .  D  .  P  D  P  P      .  . ]      heads[i].len: DONE, in progress (P), CLEAR (.)
 *           nothing passes a P
 * </pre>
 *
 * <p>Begun in order, finished by any agent in any order, reported to the guest in order. The marker is stored
 * with release by the callback and read with acquire by the worker; all else is the worker's.
 */
final class VhostZerocopy {

    static final int VHOST_DMA_CLEAR_LEN = 0;

    /** What the pending ring counts. */
    enum Count {
        CALLBACKS, CALLBACKS_COPIED,
        /** upend_idx met done_idx: what was pending is forgotten (3.1). */
        LAPPED,
        /** A head beyond ubuf_info: 3.1 wrote behind the array. */
        HEAD_OUT_OF_BOUNDS,
        /** Callbacks of a backend that did not wait for them. */
        LATE_CALLBACKS
    }

    private static final int MASK = IoVec.UIO_MAXIOV - 1;
    private static final VarHandle LEN = MethodHandles.arrayElementVarHandle(int[].class);

    private final Edition edition;
    private final Trace trace;
    private final VhostMonitor monitor;
    private final Runnable pollTx;
    private final Counters<Count> counters = Counters.shared("vhost.zerocopy", Count.class);
    private final int[] headId = new int[IoVec.UIO_MAXIOV];
    private final int[] headLen = new int[IoVec.UIO_MAXIOV];
    private final Ubuf[] ubufInfo = new Ubuf[IoVec.UIO_MAXIOV];
    private final int startIdx;
    private VhostUbufRef ubufs;         // of the backend that is attached, or that somebody still waits for
    private int upendIdx;
    private int doneIdx;
    private Consumer<Runnable> interruption;        // tests and checks; null: the callback is never interrupted
    private int failed;                 // FAILED entries reported and not counted yet

    /**
     * @param pollTx queues the TX work ({@code vhost_poll_queue}), for editions whose callback does that
     * @param startIdx where both indices start: 0 in the kernel, anything in tests of the wrap
     */
    VhostZerocopy(Edition edition, Trace trace, VhostMonitor monitor, Runnable pollTx, int startIdx) {
        this.edition = edition;
        this.trace = trace;
        this.monitor = monitor;
        this.pollTx = pollTx;
        this.startIdx = startIdx & MASK;
        reset();
    }

    /** From now on every callback is interrupted between its two halves: who does that gets the second one to run. */
    void interruption(Consumer<Runnable> interruption) {
        this.interruption = interruption;
    }

    /** Nothing is pending, and a backend may attach ({@code vhost_vq_reset}). */
    void reset() {
        upendIdx = startIdx;
        doneIdx = startIdx;
        Arrays.fill(headLen, VHOST_DMA_CLEAR_LEN);
        Arrays.setAll(ubufInfo, i -> new Ubuf());       // one that is still out may find its slot taken
        if (monitor != null) {
            monitor.slotsReset();
        }
        attach();
    }

    /** A backend comes: its sends are counted for themselves. @return the counter of the one before */
    VhostUbufRef attach() {
        VhostUbufRef old = ubufs;
        ubufs = new VhostUbufRef(edition, monitor);
        return old;
    }

    /** Takes the next slot for a packet whose pages go to the network. @return whom its skb must call */
    UbufInfo begin(int head, int len) {
        if (monitor != null) {
            monitor.zerocopyChosen(len);
        }
        int slot = upendIdx;
        Ubuf ubuf = ubufInfo[edition.has(Quirk.UBUF_BY_HEAD) ? byHead(head, slot) : slot];
        ubuf.desc = slot;
        ubuf.ctx = ubufs;
        headId[slot] = head;
        LEN.setOpaque(headLen, slot, edition.dmaInProgress() == 0 ? len : edition.dmaInProgress());
        ubufs.get();
        advance(slot, true);
        return ubuf;
    }

    /** Takes the next slot for a copied packet: finished already, but reported in its turn (3.1). */
    void beginCopied(int head) {
        int slot = upendIdx;
        headId[slot] = head;
        LEN.setOpaque(headLen, slot, edition.dmaDone());
        advance(slot, false);
    }

    /** A ring of more than 1024 descriptors has heads that ubuf_info has not; 3.1 did not look. */
    private int byHead(int head, int slot) {
        if (head <= MASK) {
            return head;
        }
        counters.bump(Count.HEAD_OUT_OF_BOUNDS);
        if (monitor != null) {
            monitor.outOfBounds("ubuf_info[" + head + "] of " + IoVec.UIO_MAXIOV);
        }
        return slot;
    }

    private void advance(int slot, boolean zerocopy) {
        upendIdx = upendIdx + 1 & MASK;
        if (upendIdx == doneIdx) {
            counters.bump(Count.LAPPED);
        }
        if (monitor != null) {
            monitor.slotBegun(slot, zerocopy, pending());
        }
    }

    /** The send that began last has failed and will be tried again: its slot is free. */
    void cancelLast(boolean zerocopy) {
        upendIdx = upendIdx - 1 & MASK;
        if (zerocopy && (edition.has(Quirk.UBUF_PUT_TWICE) || !isDone(upendIdx))) {    // else the callback has put it
            ubufs.put();
        }
        LEN.setOpaque(headLen, upendIdx, VHOST_DMA_CLEAR_LEN);
        if (monitor != null) {
            monitor.slotCancelled(upendIdx);
        }
    }

    /** The send that began last has failed for good: the guest gets its buffer back (2023). */
    void finishFailed() {
        int slot = upendIdx - 1 & MASK;
        if (!isDone(slot)) {
            ubufs.put();
            if (monitor != null) {
                monitor.completed(slot);
            }
        }
        LEN.setOpaque(headLen, slot, edition.dmaDone());
    }

    /**
     * Reports the oldest buffer if it is finished ({@code vhost_zerocopy_signal_used} of 3.1, one turn of its
     * loop).
     *
     * @return false when the oldest is not finished, or there is none
     */
    boolean signalOldest(VhostVirtqueue vq) {
        if (!isOldestDone()) {
            return false;
        }
        trace.enter(Tracepoint.ADD_USED_AND_SIGNAL);
        trace.enter(Tracepoint.ADD_USED);
        report(vq);
        trace.exit(Tracepoint.ADD_USED);
        vq.signal();
        trace.exit(Tracepoint.ADD_USED_AND_SIGNAL);
        return true;
    }

    /**
     * Reports all finished buffers up to the first that is not ({@code vhost_zerocopy_signal_used} since 3.12):
     * at most two runs, split where the array ends. Deviation: one index and one signal for both, because a step
     * publishes last.
     *
     * @return how many of them had been copied after all ({@code tx_zcopy_err})
     */
    int signalFinished(VhostVirtqueue vq) {
        boolean any = isOldestDone();
        while (isOldestDone()) {
            trace.enter(Tracepoint.ADD_USED_AND_SIGNAL_N);
            trace.enter(Tracepoint.ADD_USED_N);
            do {
                report(vq);
            } while (doneIdx != 0 && doneIdx != upendIdx && isDone(doneIdx));
            trace.exit(Tracepoint.ADD_USED_N);
            trace.exit(Tracepoint.ADD_USED_AND_SIGNAL_N);
        }
        if (any) {
            vq.signal();
        }
        return takeFailed();
    }

    /** Packets reported since the last call that had been copied after all ({@code VHOST_DMA_FAILED_LEN}). */
    int takeFailed() {
        int n = failed;
        failed = 0;
        return n;
    }

    /**
     * Reports all that is finished, however many turns that takes. For ioctls.
     *
     * @return as {@link #signalFinished}
     */
    int signalAll(VhostVirtqueue vq) {
        while (edition.has(Behaviour.REPORTS_ONE_BY_ONE) && signalOldest(vq)) {
            // report them all
        }
        int copied = signalFinished(vq);
        if (monitor != null) {
            monitor.oldBackendReported();
        }
        return copied;
    }

    /** Reports what is pending, finished or not, and forgets whose it was (the cover letter's shutdown). */
    void signalUnfinished(VhostVirtqueue vq) {
        ubufs.abandon();
        for (int slot = doneIdx; slot != upendIdx; slot = slot + 1 & MASK) {
            LEN.setOpaque(headLen, slot, edition.dmaDone());
            if (monitor != null) {
                monitor.slotForced(slot);
            }
        }
        signalAll(vq);
    }

    /** There is something to report. */
    boolean isOldestDone() {
        return doneIdx != upendIdx && isDone(doneIdx);
    }

    private boolean isDone(int slot) {
        int len = (int) LEN.getAcquire(headLen, slot);
        return edition.dmaInProgress() == 0 ? len == edition.dmaDone() : len >= edition.dmaDone();
    }

    private void report(VhostVirtqueue vq) {
        int slot = doneIdx;
        failed += edition.has(Behaviour.FAILED_MARKER) && (int) LEN.getOpaque(headLen, slot) > edition.dmaDone() ? 1 : 0;
        LEN.setOpaque(headLen, slot, VHOST_DMA_CLEAR_LEN);
        doneIdx = slot + 1 & MASK;
        if (monitor != null) {
            monitor.slotReported(slot);
        }
        vq.addUsed(headId[slot], 0);
    }

    /** One more would make the ring look empty: upend_idx would catch done_idx. */
    boolean isFull() {
        return pending() == MASK;
    }

    /** Buffers begun and not reported. */
    int pending() {
        return upendIdx - doneIdx & MASK;
    }

    /** References of this backend: 1 when nothing is in flight. */
    int references() {
        return ubufs.count();
    }

    /** Whom the sends of this backend are counted by. */
    VhostUbufRef ubufs() {
        return ubufs;
    }

    Counters<Count> counters() {
        return counters;
    }

    void check() {
        if (monitor != null) {
            monitor.checkClearOutside(doneIdx, upendIdx, headLen);
            monitor.checkReferences(ubufs.count(), ubufs.own());
        }
    }

    /** One entry of {@code ubuf_info}: {@code desc} says which slot it stands for, {@code ctx} of which backend. */
    private final class Ubuf implements UbufInfo {

        private int desc;
        private VhostUbufRef ctx;

        /** {@code vhost_zerocopy_callback}. Any agent. */
        @Override
        public void callback(boolean zerocopySuccess) {
            trace.enter(Tracepoint.ZEROCOPY_CALLBACK);
            VhostUbufRef ubufs = ctx;           // once the slot is marked, the worker may use this object again
            if (ubufs.isAbandoned()) {
                late();
            } else {
                int left = begin(ubufs, zerocopySuccess);
                if (interruption == null) {
                    end(ubufs, zerocopySuccess, left);
                } else {
                    ubufs.look();               // who waits may just have been about to sleep
                    interruption.accept(() -> end(ubufs, zerocopySuccess, left));
                }
            }
            trace.exit(Tracepoint.ZEROCOPY_CALLBACK);
        }

        /** Up to where an interrupt tells the most. @return references left */
        private int begin(VhostUbufRef ubufs, boolean zerocopySuccess) {
            if (edition.has(Quirk.POLL_BEFORE_MARK)) {
                int count = ubufs.count();
                poll(count - 1, count);
                return count;
            }
            mark(zerocopySuccess);
            return ubufs.drop();
        }

        private void end(VhostUbufRef ubufs, boolean zerocopySuccess, int left) {
            if (edition.has(Quirk.POLL_BEFORE_MARK)) {
                mark(zerocopySuccess);
                ubufs.put();
                return;
            }
            ubufs.wake(left);
            if (!edition.has(Quirk.CALLBACK_WAKES_NOBODY)) {
                poll(left, left);
            }
        }

        private void mark(boolean zerocopySuccess) {
            if (monitor != null) {
                monitor.completed(desc);
            }
            int mark = zerocopySuccess || edition.dmaInProgress() == 0 ? edition.dmaDone() : edition.dmaDone() + 1;
            LEN.setRelease(headLen, desc, mark);
            counters.bump(zerocopySuccess ? Count.CALLBACKS : Count.CALLBACKS_COPIED);
        }

        /** When one or no buffer will be left, and now and then: the guest may have stopped submitting. */
        private void poll(int left, int count) {
            if (left <= 1 || count % 16 == 0) {
                pollTx.run();
            }
        }

        /** The slot belongs to nobody any more: nothing is touched. */
        private void late() {
            counters.bump(Count.LATE_CALLBACKS);
            if (monitor != null) {
                monitor.callbackAfterCleanup();
            }
        }
    }
}
