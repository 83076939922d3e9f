package softnic.guest;

import softnic.sched.Agent;
import softnic.sched.Cost;
import softnic.sched.Cpu;
import softnic.sched.WaitQueue;
import softnic.trace.Counters;

/**
 * The guest's interrupts and softirqs: {@code vring_interrupt} (drivers/virtio/virtio_ring.c),
 * {@code virtnet_poll} (drivers/net/virtio_net.c), {@code net_tx_action} (net/core/dev.c), and the timer of
 * a deferred segment.
 *
 * <pre>
 *   txCall -&gt; skb_xmit_done -&gt; qdisc restart, one packet a slice
 *   rxCall -&gt; skb_recv_done -&gt; poll: one packet a slice -&gt; tcp_ack -&gt; tcp_write_xmit, one packet a slice
 *                                     | the process owns the socket
 *                                     +-&gt; backlog
 * </pre>
 */
public final class GuestInterrupt implements Agent {

    private final Cpu cpu;
    private final GuestEventFds eventFds;
    private final GuestTcp tcp;
    private final GuestSocket socket;
    private final GuestDev dev;
    private final GuestVirtioNet driver;
    private final GuestReceiveQueue rx;
    private final NetperfAgent netperf;
    private final Counters<GuestCounter> counters;
    private final WaitQueue waitQueue = new WaitQueue();
    private final Runnable napiComplete = this::napiComplete;
    private final Runnable unlock = this::unlock;
    private final Runnable skbXmitDone = this::skbXmitDone;
    private final Runnable skbRecvDone = this::skbRecvDone;

    private boolean opened;
    private boolean napiScheduled;
    private boolean qdiscScheduled;
    private boolean sending;            // owns the socket and sends what may go

    GuestInterrupt(Cpu cpu, GuestEventFds eventFds, GuestTcp tcp, GuestSocket socket, GuestDev dev,
            GuestVirtioNet driver, GuestReceiveQueue rx, NetperfAgent netperf,
            Counters<GuestCounter> counters) {
        this.cpu = cpu;
        this.eventFds = eventFds;
        this.tcp = tcp;
        this.socket = socket;
        this.dev = dev;
        this.driver = driver;
        this.rx = rx;
        this.netperf = netperf;
        this.counters = counters;
        eventFds.txCall().onSignal(waitQueue::wakeUp);
        eventFds.rxCall().onSignal(waitQueue::wakeUp);
        driver.onIdle(this::scheduleQdisc);
    }

    @Override
    public int doWork() {
        driver.poisonReturned();
        if (takeInterrupt()) {
            return 1;
        }
        if (sending) {
            return send();
        }
        if (qdiscScheduled) {
            return restartQdisc();
        }
        if (napiScheduled) {
            return poll();
        }
        return checkTimer();
    }

    @Override
    public long nextDeadlineNs() {
        return tcp.deferDeadlineNs();
    }

    /** Hard interrupts first, one a slice; the first slice of all opens the device. */
    private boolean takeInterrupt() {
        if (!opened) {
            opened = true;
            rx.fill();
            return true;
        }
        if (eventFds.txCall().read() > 0) {
            cpu.charge(Cost.GUEST_IRQ, 1);
            counters.bump(GuestCounter.TX_INTERRUPTS);
            cpu.settle(skbXmitDone);
            return true;
        }
        if (eventFds.rxCall().read() > 0) {
            cpu.charge(Cost.GUEST_IRQ, 1);
            counters.bump(GuestCounter.RX_INTERRUPTS);
            cpu.settle(skbRecvDone);
            return true;
        }
        return false;
    }

    private void skbXmitDone() {
        driver.skbXmitDone();
        qdiscScheduled = true;
    }

    private void skbRecvDone() {
        rx.disableCb();
        napiScheduled = true;
    }

    /** {@code tcp_data_snd_check}: one packet, or the end of the softirq's turn on the socket. */
    private int send() {
        if (!tcp.writeXmit(GuestTcp.NAGLE, false)) {
            sending = false;
            cpu.settle(unlock);
        }
        return 1;
    }

    private void unlock() {
        boolean wake = socket.unlockSoftirq();
        if (tcp.takeWriteSpace()) {
            netperf.writeSpace();
            wake = true;
        }
        if (wake || tcp.bytesWritten() == 0) {          // the last: who waits for the connection
            netperf.waitQueue().wakeUp();
        }
    }

    /** The driver can take a packet, and one waits ({@code __netif_schedule}). */
    private void scheduleQdisc() {
        if (dev.backlog() > 0 && driver.canXmit()) {
            qdiscScheduled = true;
            waitQueue.wakeUp();
        }
    }

    private int restartQdisc() {
        if (!dev.restart()) {
            qdiscScheduled = false;
        } else if (tcp.isStalled()) {
            beginSending();
        }
        return 1;
    }

    private void beginSending() {
        if (socket.lockSoftirq()) {
            sending = true;
        } else {
            socket.wantPush();
        }
    }

    private int poll() {
        GuestTcpInput packet = rx.poll();
        if (packet != null) {
            receive(packet);
        } else if (rx.isEmptyHanded()) {
            napiScheduled = false;
            cpu.settle(napiComplete);
        }
        return 1;
    }

    private void receive(GuestTcpInput packet) {
        if (socket.lockSoftirq()) {
            cpu.charge(Cost.GUEST_ACK, 1);
            tcp.receive(packet.flags, packet.seq, packet.ackSeq, packet.window, packet.timestamp,
                    packet.windowScale);
            sending = true;
        } else if (socket.addBacklog(packet)) {
            counters.bump(GuestCounter.ACKS_BACKLOGGED);
        } else {
            counters.bump(GuestCounter.RX_BAD);
        }
    }

    private void napiComplete() {
        if (!rx.enableCb()) {
            rx.disableCb();
            napiScheduled = true;
            waitQueue.wakeUp();
        }
    }

    private int checkTimer() {
        if (cpu.nowNs() < tcp.deferDeadlineNs()) {
            return 0;
        }
        tcp.takeDeferDeadline();
        beginSending();
        return 1;
    }

    /** Where it sleeps; for the runner. */
    public WaitQueue waitQueue() {
        return waitQueue;
    }

    @Override
    public String roleName() {
        return "guest-interrupt";
    }
}
