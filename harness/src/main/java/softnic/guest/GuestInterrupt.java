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
    private final GuestStream[] streams;
    private final GuestDev dev;
    private final GuestVirtioNet driver;
    private final GuestReceiveQueue rx;
    private final Counters<GuestCounter> counters;
    private final WaitQueue waitQueue = new WaitQueue();
    private final Runnable napiComplete = this::napiComplete;
    private final Runnable unlock = this::unlock;
    private final Runnable skbXmitDone = this::skbXmitDone;
    private final Runnable skbRecvDone = this::skbRecvDone;

    private boolean opened;
    private boolean napiScheduled;
    private boolean qdiscScheduled;
    private GuestStream sending;        // owns its socket and sends what may go, or null
    private GuestStream unlocking;
    private int lastStalled;

    GuestInterrupt(Cpu cpu, GuestEventFds eventFds, GuestStream[] streams, GuestDev dev, GuestVirtioNet driver,
            GuestReceiveQueue rx, Counters<GuestCounter> counters) {
        this.cpu = cpu;
        this.eventFds = eventFds;
        this.streams = streams;
        this.dev = dev;
        this.driver = driver;
        this.rx = rx;
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
        if (sending != null) {
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
        return firstTimer().tcp.deferDeadlineNs();
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
        if (!sending.tcp.writeXmit(GuestTcp.NAGLE, false)) {
            unlocking = sending;
            sending = null;
            cpu.settle(unlock);
        }
        return 1;
    }

    private void unlock() {
        GuestStream stream = unlocking;
        boolean wake = stream.socket.unlockSoftirq();
        if (stream.tcp.takeWriteSpace()) {
            stream.netperf.writeSpace();
            wake = true;
        }
        if (wake || stream.tcp.bytesWritten() == 0) {   // the last: who waits for the connection
            stream.netperf.waitQueue().wakeUp();
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
        } else {
            resumeStalled();
        }
        return 1;
    }

    /** One stream that found the qdisc full may go on, each in its turn. */
    private void resumeStalled() {
        for (int tried = 0; tried < streams.length; tried++) {
            lastStalled = lastStalled + 1 < streams.length ? lastStalled + 1 : 0;
            if (streams[lastStalled].tcp.isStalled()) {
                beginSending(streams[lastStalled]);
                return;
            }
        }
    }

    private void beginSending(GuestStream stream) {
        if (stream.socket.lockSoftirq()) {
            sending = stream;
        } else {
            stream.socket.wantPush();
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
        GuestStream stream = streams[packet.stream];
        if (stream.socket.lockSoftirq()) {
            cpu.charge(Cost.GUEST_ACK, 1);
            stream.tcp.receive(packet.flags, packet.seq, packet.ackSeq, packet.window, packet.timestamp,
                    packet.windowScale);
            sending = stream;
        } else if (stream.socket.addBacklog(packet)) {
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
        GuestStream first = firstTimer();
        if (cpu.nowNs() < first.tcp.deferDeadlineNs()) {
            return 0;
        }
        first.tcp.takeDeferDeadline();
        beginSending(first);
        return 1;
    }

    /** The stream whose deferred segment must go first. */
    private GuestStream firstTimer() {
        GuestStream first = streams[0];
        for (int i = 1; i < streams.length; i++) {
            first = streams[i].tcp.deferDeadlineNs() < first.tcp.deferDeadlineNs() ? streams[i] : first;
        }
        return first;
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
