package softnic.vhost;

import softnic.Behaviour;
import softnic.Edition;
import softnic.Quirk;
import softnic.mm.Errno;
import softnic.mm.IoVec;
import softnic.net.Sock;
import softnic.sched.Cost;
import softnic.sched.Cpu;
import softnic.skb.UbufInfo;
import softnic.trace.Counters;
import softnic.trace.Trace;
import softnic.trace.Tracepoint;

/**
 * Moves packets from the guest's TX ring to the socket: {@code handle_tx} (drivers/vhost/net.c), 3.1 to 6.18.
 *
 * <pre>
 *   begin --> SEND: report what is finished, take a chain, send it, report --+--> again, one packet a step
 *                |                                                           |
 *                +-- ring empty --> enable notifications, look again --------+--> return
 *                +-- socket full, bad ring, enough for one turn --------------> return
 * </pre>
 *
 * <p>The kernel's loop, cut into steps of one packet so that virtual time passes between them. A call begins
 * with notifications off and ends with them on only if the ring was found empty.
 */
final class HandleTx implements VhostWork.Step {

    /** Bytes after which a call makes room for others ({@code VHOST_NET_WEIGHT}). */
    static final int VHOST_NET_WEIGHT = 0x80000;
    /** Turns after which it does ({@code VHOST_NET_PKT_WEIGHT}, 4.17). */
    static final int VHOST_NET_PKT_WEIGHT = 256;
    /** Buffers that may be pending ({@code VHOST_MAX_PEND}). */
    static final int VHOST_MAX_PEND = 128;
    /** Shorter packets, virtio_net_hdr included, are copied ({@code VHOST_GOODCOPY_LEN}). */
    static final int VHOST_GOODCOPY_LEN = 256;
    /** What handle_tx counts. */
    enum Count {
        CALLS, PACKETS, BYTES, ZEROCOPY, COPIED, SMALL_COPIED, PENDING_EXCEEDED, ZCOPY_ERR, SEND_RETRIED, SEND_FAILED,
        HEAD_LOST, SNDBUF_WAIT, PENDING_WAIT, WEIGHT_EXCEEDED
    }

    private enum State { BEGIN, SIGNAL, NEXT, ENABLING }

    private final Edition edition;
    private final Cpu cpu;
    private final Trace trace;
    private final VhostVirtqueue vq;
    private final VhostZerocopy zcopies;
    private final TxPoll txPoll;
    private final Runnable pollAgain;
    private final Tracepoint work;
    private final TxQueue shared;
    private final Runnable enableNotify = this::enableNotify;
    private boolean guestWasFaster;

    HandleTx(Edition edition, Cpu cpu, Trace trace, VhostVirtqueue vq, VhostZerocopy zcopies, TxPoll txPoll,
            Runnable pollAgain, Tracepoint work, TxQueue shared) {
        this.edition = edition;
        this.cpu = cpu;
        this.trace = trace;
        this.vq = vq;
        this.zcopies = zcopies;
        this.txPoll = txPoll;
        this.pollAgain = pollAgain;
        this.work = work;
        this.shared = shared;
    }

    private State state = State.BEGIN;
    private long totalLen;
    private int turns;
    private boolean lastReport;         // enough for this call, but for what is finished

    @Override
    public boolean run() {
        return switch (state) {
            case BEGIN -> begin();
            case SIGNAL -> signalOne();
            case NEXT -> next();
            case ENABLING -> enabled();
        };
    }

    // ---- steps; each returns true while the call goes on

    private boolean begin() {
        trace.enter(work);
        trace.enter(Tracepoint.HANDLE_TX);
        shared.counters.bump(Count.CALLS);
        if (shared.sock == null || edition.has(Behaviour.WAITS_FOR_SNDBUF) && txPoll.stopIfFull(shared.sock)) {
            cpu.charge(Cost.VHOST_RUN, 1);
            trace.exit(Tracepoint.HANDLE_TX);
            trace.exit(work);
            return false;
        }
        vq.disableNotify();                 // the first thing a call does
        cpu.charge(Cost.VHOST_RUN, 1);
        if (!edition.has(Behaviour.WAITS_FOR_SNDBUF) && !edition.has(Behaviour.POLLS_SOCKET_ALWAYS)) {
            txPoll.stop();                  // vhost_net_disable_vq
        }
        trace.enter(variant());
        totalLen = 0;
        turns = 0;
        lastReport = false;
        return again();
    }

    private Tracepoint variant() {
        return shared.isZerocopy() ? Tracepoint.HANDLE_TX_ZEROCOPY : Tracepoint.HANDLE_TX_COPY;
    }

    /** The loop goes on: first report what is finished, then take more. */
    private boolean again() {
        state = State.SIGNAL;
        if (!shared.isZerocopy()) {
            return next();
        }
        trace.enter(Tracepoint.ZEROCOPY_SIGNAL_USED);
        return signalOne();
    }

    private boolean signalOne() {
        if (edition.has(Behaviour.REPORTS_ONE_BY_ONE)) {
            if (zcopies.signalOldest(vq)) {
                countFailures(zcopies.takeFailed());
                return true;                // one buffer, one index, one signal a turn
            }
            trace.exit(Tracepoint.ZEROCOPY_SIGNAL_USED);
            return lastReport ? end() : next();
        }
        boolean reported = zcopies.isOldestDone();
        reportFinished();
        trace.exit(Tracepoint.ZEROCOPY_SIGNAL_USED);
        if (reported) {
            state = State.NEXT;             // a step publishes last: the next packet is the next step's
            return true;
        }
        return next();
    }

    private void reportFinished() {
        countFailures(zcopies.signalFinished(vq));
    }

    private void countFailures(int failed) {
        shared.select.failures(failed);
        shared.counters.add(Count.ZCOPY_ERR, failed);
    }

    private boolean next() {
        state = State.NEXT;
        if (shared.copiedCount == TxQueue.VHOST_NET_BATCH) {
            signalCopied();
            return true;                    // a step publishes last
        }
        if (exceedsMaxPend()) {
            shared.counters.bump(Count.PENDING_WAIT);
            return end();                   // a callback goes on
        }
        if (edition.has(Behaviour.COPIED_TAKE_SLOT) && zcopies.isFull() && !edition.has(Quirk.PENDING_RING_LAPS)) {
            return waitForPending();
        }
        int head = vq.getVqDesc();
        if (head < 0) {
            return end();
        }
        if (head == vq.num()) {
            return nothingNew();
        }
        long bytes = vq.iov().length(0, vq.out());
        if (vq.in() != 0 || bytes == 0) {
            vq.lose(vq.in() != 0 ? VqRule.TX_HAS_IN : VqRule.TX_EMPTY);
            return end();
        }
        // 1024 pieces may name 4 TiB; what is cut here is too long in any case
        return send(head, (int) Math.min(bytes, Integer.MAX_VALUE));
    }

    /** 3.12 to 4.14 stop before any packet when too many are pending; their formula meets the limit at one value only. */
    private boolean exceedsMaxPend() {
        if (!edition.has(Behaviour.LIMITS_PENDING_IN_LOOP)) {
            return false;
        }
        return edition.has(Quirk.PENDING_LIMIT_FORMULA)
                ? zcopies.pending() == (VHOST_MAX_PEND - vq.num() & IoVec.UIO_MAXIOV - 1)
                : zcopies.pending() > VHOST_MAX_PEND;
    }

    private boolean nothingNew() {
        if (edition.has(Behaviour.FLUSHES_BEFORE_NOTIFY) && shared.copiedCount > 0) {
            signalCopied();
            return true;                    // a step publishes last
        }
        if (edition.has(Behaviour.WAITS_FOR_SNDBUF)) {
            if (txPoll.startIfNearlyFull(shared.sock)) {
                shared.counters.bump(Count.SNDBUF_WAIT);
                return end();
            }
            if (zcopies.pending() > VHOST_MAX_PEND) {
                return waitForPending();
            }
        }
        cpu.charge(Cost.VHOST_ENABLE_NOTIFY, 1);
        state = State.ENABLING;
        cpu.settle(enableNotify);
        return true;
    }

    /** The socket, which normally has room, wakes: in effect the worker polls until fewer are pending. */
    private boolean waitForPending() {
        shared.counters.bump(Count.PENDING_WAIT);
        shared.sock.wantSpace();
        txPoll.start(shared.sock);
        return end();
    }

    /** Settled: from here on the guest kicks, unless it has already posted. */
    private void enableNotify() {
        guestWasFaster = vq.enableNotify();
    }

    private boolean enabled() {
        if (!guestWasFaster) {
            vq.sleeps();
            return end();
        }
        vq.disableNotify();
        return exceedsWeight(false) ? end() : again();
    }

    /**
     * One turn of the loop more ({@code vhost_exceeds_weight}): enough for one call, the work is queued again. A turn
     * that moves nothing counts as well, else a guest that moves its index to and fro holds the worker (CVE-2019-3900).
     */
    private boolean exceedsWeight(boolean moved) {
        if (moved ? edition.has(Behaviour.PKT_WEIGHT) : !edition.has(Quirk.CONTINUE_SKIPS_WEIGHT)) {
            turns++;
        }
        if (totalLen < VHOST_NET_WEIGHT && turns < VHOST_NET_PKT_WEIGHT) {
            return false;
        }
        shared.counters.bump(Count.WEIGHT_EXCEEDED);
        pollAgain.run();
        return true;
    }

    private boolean send(int head, int len) {
        boolean zerocopy = wantsZerocopy(len);
        boolean slot = zerocopy || takesSlot(len);
        UbufInfo ubuf = null;
        if (zerocopy) {
            cpu.charge(Cost.VHOST_ZC, 1);
            ubuf = zcopies.begin(head, len);
        } else if (slot) {
            zcopies.beginCopied(head);
        }
        cpu.charge(Cost.VHOST_TX, 1);
        int err = shared.sock.sendmsg(vq.iov(), len, ubuf);
        if (err < 0) {
            if (!failed(err, zerocopy, slot)) {
                return end();
            }
        } else {
            count(len, zerocopy);
        }
        shared.select.packet();
        report(head, zerocopy, slot);
        totalLen += len;
        if (!exceedsWeight(true)) {
            return againAfterPacket();
        }
        lastReport = slot && edition.has(Behaviour.REPORTS_ONE_BY_ONE) && edition.has(Behaviour.REPORTS_AFTER_SEND);
        return lastReport ? againAfterPacket() : end();
    }

    /** While copied packets keep the order of zero-copy ones, they take a slot too; a short one only behind others. */
    private boolean takesSlot(int len) {
        if (!shared.isZerocopy() || !edition.has(Behaviour.COPIED_TAKE_SLOT)) {
            return false;
        }
        return !edition.has(Behaviour.SMALL_SKIPS_EMPTY_RING) || !isSmall(len) || zcopies.pending() > 0;
    }

    /** As {@link #again}, but the next look belongs to the next step: this one has had its packet. */
    private boolean againAfterPacket() {
        if (shared.isZerocopy()) {
            trace.enter(Tracepoint.ZEROCOPY_SIGNAL_USED);
            state = State.SIGNAL;
        } else {
            state = State.NEXT;
        }
        return true;
    }

    private boolean wantsZerocopy(int len) {
        if (!shared.isZerocopy()) {
            return false;
        }
        if (isSmall(len)) {
            shared.counters.bump(Count.SMALL_COPIED);
            return false;
        }
        if (pendingExceeded()) {
            shared.counters.bump(Count.PENDING_EXCEEDED);
            return false;
        }
        return edition.has(Behaviour.SELECTS_ZEROCOPY) ? shared.select.isOn() : !shared.select.isFlushing();
    }

    /** Too many pending for one more: this one is copied. One slot stays free, else the ring would look empty. */
    private boolean pendingExceeded() {
        if (edition.has(Behaviour.COPIES_WHEN_PENDING_EXCEEDED)) {
            return zcopies.pending() > maxPend(vq.num());
        }
        return !edition.has(Behaviour.COPIED_TAKE_SLOT) && zcopies.isFull();
    }

    /** Zero-copy buffers that may be pending when one more begins, since 4.15. */
    static int maxPend(int num) {
        return Math.min(VHOST_MAX_PEND, num >> 2);
    }

    private boolean isSmall(int len) {
        return len < shared.goodcopyLen;
    }

    /** @return true if the packet is given up and reported, false if it stays in the ring to be tried again */
    private boolean failed(int err, boolean zerocopy, boolean slot) {
        boolean mayPass = err == -Errno.EAGAIN || err == -Errno.ENOMEM || err == -Errno.ENOBUFS;
        if (mayPass || edition.has(Quirk.BAD_PACKET_BLOCKS)) {
            shared.counters.bump(Count.SEND_RETRIED);
            if (slot) {
                zcopies.cancelLast(zerocopy);
            }
            vq.discardVqDesc(1);
            if (wakesAfter(err)) {
                txPoll.start(shared.sock);
            }
            return false;
        }
        shared.counters.bump(Count.SEND_FAILED);
        if (zerocopy && edition.has(Quirk.FAILED_SLOT_REVERTED)) {
            shared.counters.bump(Count.HEAD_LOST);
            zcopies.cancelLast(true);
        } else if (zerocopy) {
            zcopies.finishFailed();
        }
        return true;
    }

    /** Kicks are off: without the socket nobody would wake the worker to try again. */
    private boolean wakesAfter(int err) {
        return !edition.has(Quirk.NO_WAKE_AFTER_ERROR)
                || edition.has(Behaviour.WAITS_FOR_SNDBUF) && (err == -Errno.EAGAIN || err == -Errno.ENOBUFS);
    }

    private void count(int len, boolean zerocopy) {
        shared.counters.bump(Count.PACKETS);
        shared.counters.add(Count.BYTES, len);
        shared.counters.bump(zerocopy ? Count.ZEROCOPY : Count.COPIED);
    }

    /** A copied packet goes back at once, or in its turn where it has a slot; a zero-copy one when finished. */
    private void report(int head, boolean zerocopy, boolean slot) {
        if (slot) {
            if (!edition.has(Behaviour.REPORTS_ONE_BY_ONE)) {
                trace.enter(Tracepoint.ZEROCOPY_SIGNAL_USED);
                reportFinished();
                trace.exit(Tracepoint.ZEROCOPY_SIGNAL_USED);
            }
        } else if (!shared.isZerocopy() && edition.has(Behaviour.COPIED_IN_BATCHES)) {
            shared.copiedHeads[shared.copiedCount++] = head;
        } else {
            addUsedAndSignal(head);
        }
    }

    private void addUsedAndSignal(int head) {
        trace.enter(Tracepoint.ADD_USED_AND_SIGNAL);
        trace.enter(Tracepoint.ADD_USED);
        trace.enter(Tracepoint.ADD_USED_N);
        vq.addUsed(head, 0);
        trace.exit(Tracepoint.ADD_USED_N);
        trace.exit(Tracepoint.ADD_USED);
        vq.signal();
        trace.exit(Tracepoint.ADD_USED_AND_SIGNAL);
    }

    /** {@code vhost_net_signal_used}: what handle_tx_copy has collected. */
    private void signalCopied() {
        if (shared.copiedCount > 0) {
            trace.enter(Tracepoint.ADD_USED_AND_SIGNAL_N);
            trace.enter(Tracepoint.ADD_USED_N);
            for (int i = 0; i < shared.copiedCount; i++) {
                vq.addUsed(shared.copiedHeads[i], 0);
            }
            shared.copiedCount = 0;
            trace.exit(Tracepoint.ADD_USED_N);
            vq.signal();
            trace.exit(Tracepoint.ADD_USED_AND_SIGNAL_N);
        }
    }

    private boolean end() {
        signalCopied();
        state = State.BEGIN;
        trace.exit(variant());
        trace.exit(Tracepoint.HANDLE_TX);
        trace.exit(work);
        return false;
    }
}
