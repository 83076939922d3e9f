package softnic.vhost;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;
import java.util.function.IntConsumer;
import java.util.function.ToIntFunction;
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
 * <p>Wiring, and the door for the owner's ioctls ({@code vhost_net_ioctl}). On a device in use they go through
 * {@link #ioctl}, {@link #setBackend(int, Sock, IntConsumer)} and {@link #resetOwner}: any agent, any time, one at a
 * time. Each runs as a work of the worker's, between two others, which is when the mutexes of the rings are free, and
 * says when the kernel's would return. What sets a device up before its worker runs is called directly.
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

    /** An ioctl that has been asked for, until it returns. */
    private record Ioctl(Runnable call, IntConsumer done) {
    }

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
    private final AtomicReference<Ioctl> ioctl = new AtomicReference<>();
    private final VhostWork ioctlWork = new VhostWork("ioctl", this::runIoctl);
    private final Runnable returns = this::returns;
    private final Runnable forgetAndReturn = this::forgetAndReturn;
    private int result;                 // of the ioctl that runs

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
        dev = new VhostDev(edition, this::isBusy, rx, tx);
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
        backend = new VhostBackend(edition, dev::hasOwner, worker, ioctlWork, tx, rx, txQueue, rxQueue, zcopies, txPoll,
                txMonitor, rxMonitor, pollTx, () -> worker.queue(works[3]));
        tx.setup().onKick(pollTx);
        rx.setup().onKick(pollRx);
        tx.setup().kick(txKick);
        rx.setup().kick(rxKick);
    }

    // ---- on a device in use

    /**
     * An ioctl of {@link VhostDev}: {@code vhost_dev_ioctl} or {@code vhost_vring_ioctl}, under the mutexes. One of memory
     * or log ends with {@code vhost_net_flush}: since 3.8 it returns when no zero-copy packet is in the network any more
     * that was sent before it, so the owner may take old memory away.
     *
     * @param call one method of {@link VhostDev}; runs on the worker's agent
     * @param done gets what it answered, when the ioctl returns; on the worker's agent
     * @return 0, or -EBUSY while another one has not returned, where the kernel would wait for {@code dev->mutex}
     */
    public int ioctl(ToIntFunction<VhostDev> call, IntConsumer done) {
        return leave(() -> {
            dev.beginIoctl();
            result = call.applyAsInt(dev);
            if (!dev.wantsFlush() || backend.flush(this::settleReturn) != 0) {
                settleReturn();
            }
        }, done);
    }

    /**
     * {@code VHOST_NET_SET_BACKEND} for one ring. It returns when the old backend's packets are back and reported; the
     * new one is served at once.
     *
     * @param done gets what {@link #setBackend(int, Sock)} would answer; as in {@link #ioctl}
     * @return as {@link #ioctl}
     */
    public int setBackend(int index, Sock sock, IntConsumer done) {
        return leave(() -> {
            result = backend.set(index, sock, this::settleReturn);
            if (result != 0) {
                settleReturn();
            }
        }, done);
    }

    /**
     * {@code VHOST_RESET_OWNER} ({@code vhost_net_reset_owner}): no packet moves any more; once none is in the network and
     * the guest has its TX buffers back, rings, memory and owner are forgotten.
     *
     * @param done gets 0, or -EPERM if the device has no owner; as in {@link #ioctl}
     * @return as {@link #ioctl}
     */
    public int resetOwner(IntConsumer done) {
        return leave(() -> {
            result = backend.isBusy() ? -Errno.EBUSY : dev.hasOwner() ? 0 : -Errno.EPERM;
            if (result != 0) {
                settleReturn();
            } else {
                backend.release(() -> cpu.settle(forgetAndReturn));     // what it reported is published before
            }
        }, done);
    }

    private int leave(Runnable call, IntConsumer done) {
        if (!ioctl.compareAndSet(null, new Ioctl(call, done))) {
            return -Errno.EBUSY;
        }
        worker.queue(ioctlWork);
        return 0;
    }

    private boolean runIoctl() {
        ioctl.get().call().run();
        return false;
    }

    private void settleReturn() {
        cpu.settle(returns);
    }

    private void forgetAndReturn() {
        dev.forgetOwner();
        returns();
    }

    private void returns() {
        ioctl.getAndSet(null).done().accept(result);
    }

    private boolean isBusy() {
        return backend.isBusy();
    }

    /** Runs something between two works, where the mutexes are free. For tests. @return as {@link #ioctl} */
    int between(Runnable action) {
        return leave(() -> {
            ioctl.set(null);
            action.run();
        }, err -> { });
    }

    // ---- before the worker runs, and after

    /**
     * An interrupt may come between the two halves of a zero-copy callback. For checks in the virtual world, at set-up.
     *
     * @param interruption gets the second half, to be run some time; not asked when the worker itself completes a packet
     */
    public void interruptCallbacks(Consumer<Runnable> interruption) {
        zcopies.interruption(rest -> {
            if (worker.isStepping()) {
                rest.run();
            } else {
                interruption.accept(rest);
            }
        });
    }

    /**
     * {@code VHOST_NET_SET_BACKEND} for one ring, at set-up.
     *
     * @param index {@link #VHOST_NET_VQ_RX} or {@link #VHOST_NET_VQ_TX}
     * @param sock the socket to serve, or null for none (fd -1)
     * @return 0; -EBUSY while a work runs or an ioctl waits; -EPERM without an owner; -ENOBUFS for another index; -EFAULT
     *     if the ring has no place yet
     */
    public int setBackend(int index, Sock sock) {
        return backend.set(index, sock, NOTHING);
    }

    /**
     * {@link #setBackend(int, Sock)} as the owner calls it, by the number of a file.
     *
     * @param fd a tap or a raw packet socket, or -1 for none
     * @return as there, and -ENOTSOCK for anything else
     */
    public int setBackend(int index, FileTable files, int fd) {
        int err = backend.mayChange(index);
        if (err != 0) {
            return err;
        }
        Sock sock = fd == NO_FILE ? null : GetSocket.of(files, fd);
        return sock == null && fd != NO_FILE ? -Errno.ENOTSOCK : setBackend(index, sock);
    }

    /** {@link #setBackend(int, Sock)} for both rings. @return 0, or the first error */
    public int setBackend(Sock sock) {
        int rxErr = setBackend(VHOST_NET_VQ_RX, sock);
        int txErr = setBackend(VHOST_NET_VQ_TX, sock);
        return rxErr != 0 ? rxErr : txErr;
    }

    /** {@code vhost_net_flush}, between two works. For tests. @return 0 or -EBUSY */
    int flush(Runnable then) {
        return backend.flush(then);
    }

    /**
     * The backends go ({@code vhost_net_release}): once the network has given back all, the guest gets what was not
     * reported. By who has stopped the worker between two works, or as one.
     *
     * @return zero-copy sends still in flight: 0, or it goes on by itself when the last one is back; -EBUSY as for
     *     {@link #setBackend(int, Sock)}, and nothing was done
     */
    public int releaseBackend() {
        return backend.release(NOTHING);
    }

    /** An ioctl waits for packets to come home; the last one lets it go on. */
    public boolean isWaiting() {
        return backend.isWaiting();
    }

    /** The agent to put on the worker's processor. */
    public VhostWorker worker() {
        return worker;
    }

    /** The device's other ioctls, for set-up: owner, features, memory, log, rings. */
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
