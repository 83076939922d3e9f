package softnic.vhost;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicReference;
import softnic.Edition;
import softnic.mm.Errno;
import softnic.mm.GuestMemory;
import softnic.mm.PhysMem;
import softnic.net.FileTable;
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
 *
 * <p>Wiring; {@link VhostBackend} is what its ioctls do.
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

        /** What a kernel does when nobody sets a module parameter, with a guest that negotiates nothing. */
        public static Options defaults(Edition edition) {
            return new Options(edition.zcopytxByDefault(), false, 0, false);
        }
    }

    /** Index of the RX ring, for {@link #setBackend(int, Sock)} ({@code VHOST_NET_VQ_RX}). */
    public static final int VHOST_NET_VQ_RX = 0;
    /** Index of the TX ring ({@code VHOST_NET_VQ_TX}). */
    public static final int VHOST_NET_VQ_TX = 1;

    private static final int NO_FILE = -1;
    private static final Runnable NOTHING = () -> { };

    private final Cpu cpu;
    private final VhostWorker worker;
    private final VhostDev dev;
    private final VhostVirtqueue tx;
    private final VhostVirtqueue rx;
    private final VhostZerocopy zcopies;
    private final VhostMonitor txMonitor;
    private final VhostMonitor rxMonitor;
    private final TxQueue txQueue = new TxQueue();
    private final RxQueue rxQueue;
    private final VhostBackend backend;
    private final AtomicReference<Runnable> ioctl = new AtomicReference<>();
    private final VhostWork ioctlWork = new VhostWork("ioctl", this::runIoctl);

    /**
     * @param workerWait where the worker's agent waits
     * @param txKick the guest signals it, and {@code rxKick}, through ioeventfds
     * @param txCall signalled to interrupt the guest, as {@code rxCall}, through irqfds
     */
    public VhostNet(Edition edition, Cpu cpu, Trace trace, PhysMem memory, GuestMemory guest, WaitQueue workerWait,
            EventFd txKick, EventFd txCall, EventFd rxKick, EventFd rxCall, Violations violations, Options options) {
        this.cpu = cpu;
        worker = new VhostWorker(cpu, trace, workerWait);
        txMonitor = options.monitored() ? new VhostMonitor(violations, options.goodcopyLen()) : null;
        rxMonitor = options.monitored() ? new VhostMonitor(violations) : null;
        OwnerMm mm = new OwnerMm(memory, guest);
        tx = new VhostVirtqueue("tx", edition, cpu, trace, memory, guest, mm, options.eventIdx(), txCall, txMonitor);
        rx = new VhostVirtqueue("rx", edition, cpu, trace, memory, guest, mm, options.eventIdx(), rxCall, rxMonitor);
        dev = new VhostDev(edition, rx, tx);
        txQueue.zerocopyTx = options.zerocopyTx();
        txQueue.goodcopyLen = options.goodcopyLen();
        Counters<HandleRx.Count> rxCounters = Counters.of("vhost.handle_rx", HandleRx.Count.class);
        rxQueue = new RxQueue(rxCounters, new RxBufs(edition, memory, rx, rxMonitor, rxCounters));

        VhostWork[] works = new VhostWork[4];       // a work and what queues it need each other
        Runnable pollTx = () -> worker.queue(works[0]);
        Runnable pollRx = () -> worker.queue(works[2]);
        zcopies = new VhostZerocopy(edition, trace, txMonitor, pollTx, options.startIdx());
        TxPoll txPoll = new TxPoll(() -> worker.queue(works[1]));
        works[0] = new VhostWork("tx kick", new HandleTx(edition, cpu, trace, tx, zcopies, txPoll, pollTx,
                Tracepoint.HANDLE_TX_KICK, txQueue));
        works[1] = new VhostWork("tx net", new HandleTx(edition, cpu, trace, tx, zcopies, txPoll, pollTx,
                Tracepoint.HANDLE_TX_NET, txQueue));
        works[2] = new VhostWork("rx kick", new HandleRx(edition, cpu, trace, rx, pollRx, rxQueue));
        works[3] = new VhostWork("rx net", new HandleRx(edition, cpu, trace, rx, pollRx, rxQueue));
        backend = new VhostBackend(edition, worker, ioctlWork, tx, rx, txQueue, rxQueue, zcopies, txPoll, txMonitor,
                rxMonitor, pollTx, () -> worker.queue(works[3]));
        tx.setup().onKick(pollTx);
        rx.setup().onKick(pollRx);
        tx.setup().kick(txKick);
        rx.setup().kick(rxKick);
    }

    /**
     * {@code VHOST_NET_SET_BACKEND} for one ring. For set-up before the worker runs; later from {@link #ioctl}.
     *
     * @param index {@link #VHOST_NET_VQ_RX} or {@link #VHOST_NET_VQ_TX}
     * @param sock the socket to serve, or null for none (fd -1)
     * @return 0; -ENOBUFS for another index; -EFAULT if the ring has no place yet; -EBUSY while a work runs or another
     *     ioctl waits. With packets of the old backend in the network the ioctl goes on: {@link #isWaiting}
     */
    public int setBackend(int index, Sock sock) {
        return backend.set(index, sock);
    }

    /**
     * {@link #setBackend(int, Sock)} as the owner calls it, by the number of a file.
     *
     * @param fd a tap or a raw packet socket, or -1 for none
     * @return as there, and -ENOTSOCK for anything else
     */
    public int setBackend(int index, FileTable files, int fd) {
        if (index != VHOST_NET_VQ_RX && index != VHOST_NET_VQ_TX) {
            return -Errno.ENOBUFS;
        }
        if (!(index == VHOST_NET_VQ_TX ? tx : rx).setup().accessOk()) {
            return -Errno.EFAULT;
        }
        Sock sock = fd == NO_FILE ? null : GetSocket.of(files, fd);
        return sock == null && fd != NO_FILE ? -Errno.ENOTSOCK : setBackend(index, sock);
    }

    /** {@link #setBackend(int, Sock)} for both rings. @return 0, or the first error */
    public int setBackend(Sock sock) {
        int rxErr = backend.set(VHOST_NET_VQ_RX, sock);
        int txErr = backend.set(VHOST_NET_VQ_TX, sock);
        return rxErr != 0 ? rxErr : txErr;
    }

    /**
     * {@code vhost_net_flush}: waits for all zero-copy packets in the network, as before memory changes. When as
     * {@link #setBackend(int, Sock)}.
     *
     * @param then what comes after that; at once if none is out
     * @return 0 or -EBUSY
     */
    public int flush(Runnable then) {
        return backend.flush(then);
    }

    /**
     * The backends go ({@code vhost_net_release}): once the network has given back all, the guest gets what was not
     * reported. When as {@link #setBackend(int, Sock)}.
     *
     * @return zero-copy sends still in flight: 0, or it goes on by itself when the last one is back; -EBUSY as for
     *     {@link #setBackend(int, Sock)}, and nothing was done
     */
    public int releaseBackend() {
        return backend.release(NOTHING);
    }

    /**
     * {@code VHOST_RESET_OWNER}: as {@link #releaseBackend}, and then rings, memory and owner are forgotten.
     *
     * @return as there
     */
    public int resetOwner() {
        return backend.release(() -> cpu.settle(dev::resetOwner));      // what it reported is published before
    }

    /** An ioctl waits for packets to come home; the last one lets it go on. */
    public boolean isWaiting() {
        return backend.isWaiting();
    }

    /**
     * Runs an ioctl on a device in use: as a work of the worker's, between two others, where the kernel would take the
     * mutex of a ring. Any agent.
     *
     * @return 0, or -EBUSY if another one has not begun yet
     */
    public int ioctl(Runnable action) {
        if (!ioctl.compareAndSet(null, action)) {
            return -Errno.EBUSY;
        }
        worker.queue(ioctlWork);
        return 0;
    }

    private boolean runIoctl() {
        ioctl.getAndSet(null).run();
        return false;
    }

    /** The agent to put on the worker's processor. */
    public VhostWorker worker() {
        return worker;
    }

    /** The device's other ioctls: owner, features, memory, log, rings. Those that change memory want a {@link #flush}. */
    public VhostDev dev() {
        return dev;
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
        if (txMonitor != null) {
            txMonitor.checkOutstanding(tx.outstanding());
            rxMonitor.checkOutstanding(rx.outstanding());
        }
    }

    /** All counters of the device. */
    public List<Counters<?>> counters() {
        List<Counters<?>> all = new ArrayList<>();
        all.add(txQueue.counters);
        all.add(zcopies.counters());
        all.add(rxQueue.counters);
        all.add(tx.counters());
        all.add(rx.counters());
        all.add(tx.errors());
        all.add(rx.errors());
        return all;
    }

    /** Zero-copy sends that succeeded. */
    public long zerocopySends() {
        return txQueue.counters.value(HandleTx.Count.ZEROCOPY);
    }

    /** Zero-copy sends whose callback has run. */
    public long callbacks() {
        return zcopies.counters().value(VhostZerocopy.Count.CALLBACKS)
                + zcopies.counters().value(VhostZerocopy.Count.CALLBACKS_COPIED)
                + zcopies.counters().value(VhostZerocopy.Count.LATE_CALLBACKS);
    }

    public void close() {
        tx.close();
        rx.close();
        rxQueue.bufs.close();
    }
}
