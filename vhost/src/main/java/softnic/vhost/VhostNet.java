package softnic.vhost;

import java.util.ArrayList;
import java.util.List;
import softnic.Behaviour;
import softnic.Edition;
import softnic.mm.GuestMemory;
import softnic.mm.PhysMem;
import softnic.net.Sock;
import softnic.sched.Cpu;
import softnic.sched.EventFd;
import softnic.sched.WaitQueue;
import softnic.trace.Counters;
import softnic.trace.Trace;
import softnic.trace.Tracepoint;
import softnic.trace.Violations;

/**
 * A vhost-net device: {@code struct vhost_net} (drivers/vhost/net.c), one RX and one TX ring, one worker.
 *
 * <pre>
 *   guest kick  --> EventFd --> txKick work --> HandleTx --> Sock.sendmsg
 *   socket room --> POLLOUT --> txNet work  --^
 *   socket data --> POLLIN  --> rxNet work  --> HandleRx --> Sock.recvmsg
 *   guest refill -> EventFd --> rxKick work --^
 * </pre>
 */
public final class VhostNet {

    /** Shorter packets, virtio_net_hdr included, are copied ({@code VHOST_GOODCOPY_LEN}). */
    public static final int VHOST_GOODCOPY_LEN = HandleTx.VHOST_GOODCOPY_LEN;

    /**
     * How a device is set up.
     *
     * @param zerocopyTx the module parameter {@code experimental_zcopytx}
     * @param eventIdx VIRTIO_RING_F_EVENT_IDX was negotiated
     * @param startIdx where upend_idx and done_idx start, for tests of the wrap; 0 in the kernel
     * @param monitored invariants are watched on line
     * @param goodcopyLen shorter packets are copied: {@link #VHOST_GOODCOPY_LEN} in the kernel
     */
    public record Options(boolean zerocopyTx, boolean eventIdx, int startIdx, boolean monitored, int goodcopyLen) {

        /** With the kernel's {@link #VHOST_GOODCOPY_LEN}. */
        public Options(boolean zerocopyTx, boolean eventIdx, int startIdx, boolean monitored) {
            this(zerocopyTx, eventIdx, startIdx, monitored, VHOST_GOODCOPY_LEN);
        }
    }

    private final Edition edition;
    private final VhostWorker worker;
    private final VhostVirtqueue tx;
    private final VhostVirtqueue rx;
    private final VhostZerocopy zcopies;
    private final VhostMonitor monitor;
    private final TxPoll txPoll;
    private final VhostWork rxNet;
    private final Runnable pollTx;
    private final HandleTx.SharedTx shared = new HandleTx.SharedTx();
    private final Counters<HandleRx.Count> rxCounters = Counters.of("vhost.handle_rx", HandleRx.Count.class);

    /**
     * @param workerWait where the worker's agent waits
     * @param txKick the guest signals it, and {@code rxKick}, through ioeventfds
     * @param txCall signalled to interrupt the guest, as {@code rxCall}, through irqfds
     */
    public VhostNet(Edition edition, Cpu cpu, Trace trace, PhysMem memory, GuestMemory guest, WaitQueue workerWait,
            EventFd txKick, EventFd txCall, EventFd rxKick, EventFd rxCall, Violations violations, Options options) {
        this.edition = edition;
        worker = new VhostWorker(cpu, trace, workerWait);
        monitor = options.monitored() ? new VhostMonitor(violations, options.goodcopyLen()) : null;
        tx = new VhostVirtqueue("tx", edition, cpu, trace, memory, guest, options.eventIdx(), txCall, monitor);
        rx = new VhostVirtqueue("rx", edition, cpu, trace, memory, guest, options.eventIdx(), rxCall,
                options.monitored() ? new VhostMonitor(violations) : null);
        shared.zerocopyTx = options.zerocopyTx();
        shared.goodcopyLen = options.goodcopyLen();

        VhostWork[] works = new VhostWork[3];       // a work and what queues it need each other
        Runnable pollTx = () -> worker.queue(works[0]);
        Runnable pollRx = () -> worker.queue(works[2]);
        zcopies = new VhostZerocopy(edition, trace, monitor, pollTx, options.startIdx());
        txPoll = new TxPoll(() -> worker.queue(works[1]));
        works[0] = new VhostWork("tx kick", new HandleTx(edition, cpu, trace, tx, zcopies, txPoll, pollTx,
                Tracepoint.HANDLE_TX_KICK, shared));
        works[1] = new VhostWork("tx net", new HandleTx(edition, cpu, trace, tx, zcopies, txPoll, pollTx,
                Tracepoint.HANDLE_TX_NET, shared));
        works[2] = new VhostWork("rx kick", new HandleRx(edition, cpu, trace, rx, pollRx, rxCounters, shared));
        rxNet = new VhostWork("rx net", new HandleRx(edition, cpu, trace, rx, pollRx, rxCounters, shared));
        this.pollTx = pollTx;
        txKick.onSignal(pollTx);
        rxKick.onSignal(pollRx);
    }

    /** {@code VHOST_NET_SET_BACKEND}: the socket to serve. Set-up, before the worker runs. */
    public void setBackend(Sock sock) {
        shared.sock = sock;
        if (monitor != null) {
            monitor.mustBeOrdered(shared.isZerocopy() && edition.has(Behaviour.COPIED_TAKE_SLOT));
        }
        sock.pollIn(() -> worker.queue(rxNet));
        if (sock.peekHeadLen() > 0) {
            worker.queue(rxNet);
        }
        if (tx.hasAvail()) {
            pollTx.run();                   // kicked while there was no backend
        }
    }

    /**
     * The backend goes, once the network is quiet: what finished and was not reported goes back to the guest
     * ({@code vhost_net_set_backend} with -1, {@code vhost_zerocopy_signal_used}). Call it with the worker idle.
     *
     * @return zero-copy sends still in flight: 0, or the caller must wait and drain again
     */
    public int releaseBackend() {
        int inFlight = zcopies.references() - 1;
        if (inFlight > 0) {
            return inFlight;
        }
        shared.sock.pollIn(null);
        txPoll.stop();
        if (edition.has(Behaviour.COPIED_TAKE_SLOT)) {
            while (zcopies.signalOldest(tx)) {
                // report them all
            }
        } else {
            zcopies.signalFinished(tx);
        }
        zcopies.check();
        zcopies.putBackend();
        shared.sock = null;
        return 0;
    }

    /** The agent to put on the worker's processor. */
    public VhostWorker worker() {
        return worker;
    }

    public VhostVirtqueue tx() {
        return tx;
    }

    public VhostVirtqueue rx() {
        return rx;
    }

    /** Zero-copy buffers begun and not reported to the guest. */
    public int pending() {
        return zcopies.pending();
    }

    /** Checks the invariants that hold between any two steps. */
    public void check() {
        zcopies.check();
    }

    /** All counters of the device. */
    public List<Counters<?>> counters() {
        List<Counters<?>> all = new ArrayList<>();
        all.add(shared.counters);
        all.add(zcopies.counters());
        all.add(rxCounters);
        all.add(tx.counters());
        all.add(rx.counters());
        all.add(tx.errors());
        all.add(rx.errors());
        return all;
    }

    /** Zero-copy sends begun. */
    public long zerocopySends() {
        return shared.counters.value(HandleTx.Count.ZEROCOPY);
    }

    /** Zero-copy sends whose callback has run. */
    public long callbacks() {
        return zcopies.counters().value(VhostZerocopy.Count.CALLBACKS)
                + zcopies.counters().value(VhostZerocopy.Count.CALLBACKS_COPIED);
    }

    public void close() {
        tx.close();
        rx.close();
    }
}
