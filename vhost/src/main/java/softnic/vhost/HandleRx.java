package softnic.vhost;

import softnic.Behaviour;
import softnic.Edition;
import softnic.Quirk;
import softnic.mm.IoVec;
import softnic.net.Sock;
import softnic.sched.Cost;
import softnic.sched.Cpu;
import softnic.trace.Trace;
import softnic.trace.Tracepoint;

/**
 * Moves packets from the socket to the guest's RX ring: {@code handle_rx} (drivers/vhost/net.c). One packet a step,
 * into one buffer, or with mergeable buffers into as many as it needs.
 *
 * <pre>
 *   begin --> length of the next packet --> RxBufs.get --> recvmsg --> num_buffers --> used --+--> again
 *                  |                           |                                              |
 *                  +-- none --> return         +-- too few --> enable notifications, look again
 *                                              +-- too short --> throw the packet away --> again
 * </pre>
 */
final class HandleRx implements VhostWork.Step {

    /** What handle_rx counts. */
    enum Count {
        CALLS, PACKETS, BYTES, MERGED, NO_BUFFER, DISCARDED, WEIGHT_EXCEEDED,
        /** A packet longer than its buffers was taken to fit (CVE-2014-0077). */
        OVERRUN,
        /** An error was taken for a head (CVE-2014-0055). */
        ERRNO_AS_HEAD,
        /** More heads than the array holds (CVE-2018-16880). */
        HEADS_OVERFLOW
    }

    private enum State { BEGIN, NEXT, ENABLING }

    private final Edition edition;
    private final Cpu cpu;
    private final Trace trace;
    private final VhostVirtqueue vq;
    private final Runnable pollAgain;
    private final RxQueue queue;
    private final RxBufs bufs;
    private final Runnable enableNotify = this::enableNotify;
    private State state = State.BEGIN;
    private boolean guestWasFaster;
    private long totalLen;
    private int turns;

    HandleRx(Edition edition, Cpu cpu, Trace trace, VhostVirtqueue vq, Runnable pollAgain, RxQueue queue) {
        this.edition = edition;
        this.cpu = cpu;
        this.trace = trace;
        this.vq = vq;
        this.pollAgain = pollAgain;
        this.queue = queue;
        this.bufs = queue.bufs;
    }

    @Override
    public boolean run() {
        return switch (state) {
            case BEGIN -> begin();
            case NEXT -> next();
            case ENABLING -> enabled();
        };
    }

    private boolean begin() {
        trace.enter(Tracepoint.HANDLE_RX);
        queue.counters.bump(Count.CALLS);
        if (queue.sock == null) {
            cpu.charge(Cost.VHOST_RUN, 1);
            return end();
        }
        vq.disableNotify();                 // the first thing a call does
        cpu.charge(Cost.VHOST_RUN, 1);
        totalLen = 0;
        turns = 0;
        return next();
    }

    private boolean next() {
        state = State.NEXT;
        Sock sock = queue.sock;
        int packetLen = sock.peekHeadLen();
        if (packetLen == 0) {
            return end();
        }
        int wanted = packetLen + sock.vnetHdrSz();
        int heads = bufs.get(wanted, isMergeable() ? IoVec.UIO_MAXIOV : 1);
        if (heads < 0) {
            return end();
        }
        if (heads == 0) {
            queue.counters.bump(Count.NO_BUFFER);
            cpu.charge(Cost.VHOST_ENABLE_NOTIFY, 1);
            state = State.ENABLING;
            cpu.settle(enableNotify);
            return true;
        }
        return receive(sock, heads, wanted);
    }

    /** A packet too long for its buffers is thrown away whole; the buffers are kept, also when reading fails. */
    private boolean receive(Sock sock, int heads, int wanted) {
        int ask = heads == RxBufs.OVERRUN ? 1 : (int) Math.min(wanted, bufs.iov().length());
        int received = sock.recvmsg(bufs.iov(), ask);
        cpu.charge(Cost.VHOST_RX, 1);
        if (heads == RxBufs.OVERRUN || received != ask) {
            queue.counters.bump(Count.DISCARDED);
            if (heads != RxBufs.OVERRUN) {
                vq.discardVqDesc(heads);
            }
            return !exceedsWeight(false) || end();
        }
        if (isMergeable() && bufs.writeNumBuffers(heads) < 0) {
            queue.counters.bump(Count.DISCARDED);
            vq.discardVqDesc(heads);
            return end();
        }
        queue.counters.bump(Count.PACKETS);
        queue.counters.add(Count.BYTES, wanted);
        queue.counters.add(Count.MERGED, heads - 1);
        totalLen += wanted;
        bufs.filled(heads);
        if (!edition.has(Behaviour.RX_IN_BATCHES) || bufs.waiting() > TxQueue.VHOST_NET_BATCH) {
            bufs.signalUsed();
        }
        if (vq.vqLog() != null) {
            vq.logWrite(wanted);
        }
        return !exceedsWeight(true) || end();
    }

    private boolean isMergeable() {
        return vq.setup().has(VhostDev.VIRTIO_NET_F_MRG_RXBUF);
    }

    /** As in {@link HandleTx}: a packet thrown away moves nothing, and counts all the same (CVE-2019-3900). */
    private boolean exceedsWeight(boolean moved) {
        if (moved ? edition.has(Behaviour.PKT_WEIGHT) : !edition.has(Quirk.CONTINUE_SKIPS_WEIGHT)) {
            turns++;
        }
        if (totalLen < HandleTx.VHOST_NET_WEIGHT && turns < HandleTx.VHOST_NET_PKT_WEIGHT) {
            return false;
        }
        queue.counters.bump(Count.WEIGHT_EXCEEDED);
        pollAgain.run();
        return true;
    }

    private void enableNotify() {
        guestWasFaster = vq.enableNotify();
    }

    private boolean enabled() {
        if (!guestWasFaster) {
            vq.sleeps();
            return end();
        }
        vq.disableNotify();
        return exceedsWeight(false) ? end() : next();
    }

    private boolean end() {
        bufs.signalUsed();
        state = State.BEGIN;
        trace.exit(Tracepoint.HANDLE_RX);
        return false;
    }
}
