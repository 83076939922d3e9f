package softnic.vhost;

import softnic.Edition;
import softnic.mm.Errno;
import softnic.net.Sock;
import softnic.sched.Cost;
import softnic.sched.Cpu;
import softnic.trace.Counters;
import softnic.trace.Trace;
import softnic.trace.Tracepoint;

/**
 * Moves packets from the socket to the guest's RX ring: {@code handle_rx} without mergeable buffers
 * (drivers/vhost/net.c). One packet, one buffer, a step.
 */
final class HandleRx implements VhostWork.Step {

    /** What handle_rx counts. */
    enum Count { CALLS, PACKETS, BYTES, NO_BUFFER, DISCARDED, WEIGHT_EXCEEDED }

    private enum State { BEGIN, NEXT, ENABLING }

    private final Edition edition;
    private final Cpu cpu;
    private final Trace trace;
    private final VhostVirtqueue vq;
    private final Runnable pollAgain;
    private final Counters<Count> counters;
    private final HandleTx.SharedTx shared;
    private final Runnable enableNotify = this::enableNotify;
    private State state = State.BEGIN;
    private boolean guestWasFaster;
    private long totalLen;
    private int turns;

    HandleRx(Edition edition, Cpu cpu, Trace trace, VhostVirtqueue vq, Runnable pollAgain, Counters<Count> counters,
            HandleTx.SharedTx shared) {
        this.edition = edition;
        this.cpu = cpu;
        this.trace = trace;
        this.vq = vq;
        this.pollAgain = pollAgain;
        this.counters = counters;
        this.shared = shared;
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
        counters.bump(Count.CALLS);
        if (shared.sock == null) {
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
        Sock sock = shared.sock;
        int packetLen = sock == null ? 0 : sock.peekHeadLen();
        if (packetLen == 0) {
            return end();
        }
        int head = vq.getVqDesc();
        if (head < 0) {
            return end();
        }
        if (head == vq.num()) {
            counters.bump(Count.NO_BUFFER);
            cpu.charge(Cost.VHOST_ENABLE_NOTIFY, 1);
            state = State.ENABLING;
            cpu.settle(enableNotify);
            return true;
        }
        if (vq.out() != 0 || vq.in() == 0) {
            vq.lose(VqRule.RX_HAS_OUT);
            return end();
        }
        return receive(sock, head, packetLen + sock.vnetHdrSz());
    }

    /**
     * A packet that does not fit its one buffer is thrown away whole and the buffer kept; 3.1 believed it to fit
     * (CVE-2014-0077).
     */
    private boolean receive(Sock sock, int head, int wanted) {
        boolean fits = wanted <= vq.iov().length();
        int received = sock.recvmsg(vq.iov(), fits ? wanted : 1);
        cpu.charge(Cost.VHOST_RX, 1);
        if (received != wanted) {
            counters.bump(Count.DISCARDED);
            vq.discardVqDesc(1);
        } else {
            counters.bump(Count.PACKETS);
            counters.add(Count.BYTES, received);
            totalLen += received;
            vq.addUsed(head, received);
            vq.signal();
        }
        return !exceedsWeight() || end();
    }

    /** One turn of the loop more ({@code vhost_exceeds_weight}): enough for one call, the work is queued again. */
    private boolean exceedsWeight() {
        turns++;
        if (totalLen < HandleTx.VHOST_NET_WEIGHT && (edition.packetWeight() == 0 || turns < edition.packetWeight())) {
            return false;
        }
        counters.bump(Count.WEIGHT_EXCEEDED);
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
        return exceedsWeight() ? end() : next();        // else a guest that moves its index to and fro holds the worker
    }

    private boolean end() {
        state = State.BEGIN;
        trace.exit(Tracepoint.HANDLE_RX);
        return false;
    }
}
