package softnic.vhost;

import softnic.Behaviour;
import softnic.Edition;
import softnic.Quirk;
import softnic.mm.Errno;
import softnic.net.Sock;

/**
 * The sockets behind the two rings, as they come, change and go: {@code vhost_net_set_backend},
 * {@code vhost_net_flush}, {@code vhost_net_release} with {@code vhost_dev_cleanup} (drivers/vhost/net.c, vhost.c).
 *
 * <pre>
 *   set     swap ubufs and socket, take up the ring --> [wait for the old packets] --> report them
 *   flush   no more zero-copy                       --> [wait for all packets]     --> zero-copy again
 *   release no socket                               --> [wait for all packets]     --> report them, forget the ring
 * </pre>
 *
 * <p>Called between two works of the worker, which is when {@code vq->mutex} is free: by the worker itself
 * ({@link VhostNet#ioctl}), or by who set the device up while the worker does not run. What waits does not block
 * ({@link UbufWait}).
 */
final class VhostBackend {

    private final Edition edition;
    private final VhostWorker worker;
    private final VhostWork ioctl;
    private final VhostVirtqueue tx;
    private final VhostVirtqueue rx;
    private final TxQueue txQueue;
    private final RxQueue rxQueue;
    private final VhostZerocopy zcopies;
    private final TxPoll txPoll;
    private final VhostMonitor txMonitor;
    private final VhostMonitor rxMonitor;
    private final Runnable pollTx;
    private final Runnable pollRxNet;
    private final UbufWait wait;
    private boolean releasing;              // the one who waits is release()

    VhostBackend(Edition edition, VhostWorker worker, VhostWork ioctl, VhostVirtqueue tx, VhostVirtqueue rx,
            TxQueue txQueue, RxQueue rxQueue, VhostZerocopy zcopies, TxPoll txPoll, VhostMonitor txMonitor, VhostMonitor rxMonitor,
            Runnable pollTx, Runnable pollRxNet) {
        this.edition = edition;
        this.worker = worker;
        this.ioctl = ioctl;
        this.tx = tx;
        this.rx = rx;
        this.txQueue = txQueue;
        this.rxQueue = rxQueue;
        this.zcopies = zcopies;
        this.txPoll = txPoll;
        this.txMonitor = txMonitor;
        this.rxMonitor = rxMonitor;
        this.pollTx = pollTx;
        this.pollRxNet = pollRxNet;
        this.wait = new UbufWait(worker);
    }

    /**
     * {@code VHOST_NET_SET_BACKEND}.
     *
     * @param index {@link VhostNet#VHOST_NET_VQ_RX} or {@link VhostNet#VHOST_NET_VQ_TX}
     * @param sock the new backend, or null for none (fd -1)
     * @param then what comes after the old one's packets are back and reported; at once if none is out; not after an error
     * @return 0; -ENOBUFS for another index; -EFAULT if the ring has no place; -EBUSY while another ioctl waits or a
     *     work runs, where the kernel would wait for the mutex
     */
    int set(int index, Sock sock, Runnable then) {
        if (index != VhostNet.VHOST_NET_VQ_RX && index != VhostNet.VHOST_NET_VQ_TX) {
            return -Errno.ENOBUFS;
        }
        if (isBusy()) {
            return -Errno.EBUSY;
        }
        boolean isTx = index == VhostNet.VHOST_NET_VQ_TX;
        if (!(isTx ? tx : rx).setup().accessOk()) {
            return -Errno.EFAULT;
        }
        if (isTx && sock != txQueue.sock) {
            setTx(sock, then);
            return 0;
        }
        if (!isTx && sock != rxQueue.sock) {
            setRx(sock);
        }
        then.run();
        return 0;
    }

    private void setTx(Sock sock, Runnable then) {
        Sock oldSock = txQueue.sock;
        boolean waits = oldSock != null && txQueue.isZerocopy();
        VhostUbufRef old = zcopies.attach();
        txPoll.stop();                              // vhost_net_disable_vq
        txQueue.sock = sock;
        txQueue.select.reset();
        if (sock != null) {
            start(tx, txMonitor);
            if (edition.has(Behaviour.POLLS_SOCKET_ALWAYS)) {
                txPoll.start(sock);                 // vhost_net_enable_vq
            } else if (tx.hasAvail() || tx.isNotifyOff()) {
                pollTx.run();       // kicked while there was no backend; or the old one's room was waited for, not kicks
            }
        } else {
            tx.stop();
        }
        watch(sock);
        if (!waits) {
            then.run();
            return;
        }
        wait.start(old, () -> {
            old.free();
            reportOld();
            then.run();
        });
    }

    private void watch(Sock sock) {
        if (txMonitor != null) {
            txMonitor.backendChanged();
            txMonitor.mustBeOrdered(sock != null && txQueue.isZerocopy() && edition.has(Behaviour.COPIED_TAKE_SLOT)
                    && !edition.has(Behaviour.SMALL_SKIPS_EMPTY_RING));
            boolean limited = edition.has(Behaviour.COPIES_WHEN_PENDING_EXCEEDED);
            txMonitor.limits(tx.num(), limited ? HandleTx.maxPend(tx.num()) : tx.num());
        }
    }

    private static void start(VhostVirtqueue vq, VhostMonitor monitor) {
        int err = vq.start();
        assert err == 0 : "was accessible a moment ago";
        if (monitor != null) {
            monitor.restarted(vq.outstanding());
        }
    }

    /** All packets of the old backend are back: the guest gets what they held (c047e5f3170c). */
    private void reportOld() {
        txQueue.select.failures(zcopies.signalAll(tx));
    }

    private void setRx(Sock sock) {
        if (rxQueue.sock != null) {
            rxQueue.sock.pollIn(null);
        }
        rxQueue.sock = sock;
        if (sock != null) {
            start(rx, rxMonitor);
            sock.pollIn(pollRxNet);
            if (sock.peekHeadLen() > 0) {
                pollRxNet.run();
            }
        } else {
            rx.stop();
        }
    }

    /**
     * {@code vhost_net_flush}: before memory goes away or changes.
     *
     * @param then what comes after the last zero-copy packet is back; at once if none is out
     * @return 0, or -EBUSY as {@link #set}
     */
    int flush(Runnable then) {
        if (isBusy()) {
            return -Errno.EBUSY;
        }
        if (txQueue.sock == null || !txQueue.isZerocopy() || edition.has(Quirk.TABLE_CHANGE_RACES_DMA)) {
            then.run();
            return 0;
        }
        txQueue.select.flushing(true);
        VhostUbufRef ubufs = zcopies.ubufs();
        wait.start(ubufs, () -> {
            if (edition.has(Quirk.FLUSH_USES_FREED_UBUFS)) {
                ubufs.free();
            }
            ubufs.rearm();
            txQueue.select.flushing(false);
            then.run();
        });
        return 0;
    }

    /**
     * {@code vhost_net_release}: no packet moves any more, and once none is out, the guest has all its TX buffers back.
     *
     * @param then what comes after that
     * @return zero-copy packets it waits for, also when asked again; 0 when the device is clean; -EBUSY as {@link #set}
     */
    int release(Runnable then) {
        if (releasing) {
            return wait.inFlight();
        }
        if (isBusy()) {
            return -Errno.EBUSY;
        }
        if (txQueue.sock == null && rxQueue.sock == null && zcopies.pending() == 0) {
            then.run();
            return 0;
        }
        setRx(null);
        txPoll.stop();
        txQueue.sock = null;
        tx.stop();
        tx.setup().kick(null);
        rx.setup().kick(null);
        if (edition.has(Quirk.RELEASES_UNFINISHED)) {
            zcopies.signalUnfinished(tx);
            zcopies.reset();
            then.run();
            return 0;
        }
        releasing = true;
        wait.start(zcopies.ubufs(), () -> {
            releasing = false;
            cleanUp();
            then.run();
        });
        return wait.inFlight();
    }

    /** {@code vhost_dev_cleanup} of the TX ring, after the wait. */
    private void cleanUp() {
        zcopies.signalAll(tx);
        zcopies.check();
        if (txMonitor != null) {
            txMonitor.cleanedUp(zcopies.pending(), zcopies.references());
        }
        zcopies.ubufs().free();
        zcopies.reset();
    }

    /** The mutexes are not free: a work runs, or an ioctl waits. */
    boolean isBusy() {
        return wait.isWaiting() || !worker.isBetweenWorks(ioctl);
    }

    /** An ioctl waits for packets to come home. */
    boolean isWaiting() {
        return wait.isWaiting();
    }
}
