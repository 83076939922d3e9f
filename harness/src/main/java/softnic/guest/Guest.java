package softnic.guest;

import softnic.Edition;
import softnic.sched.Cpu;
import softnic.sched.Llc;
import softnic.sched.WaitQueue;
import softnic.trace.Counters;
import softnic.trace.Trace;
import softnic.trace.Violations;

/**
 * One guest with its rings, driver, TCP and netperfs, ready to be put on one or two processors.
 *
 * <pre>
 *   Guest guest = new Guest(cpu, ram, edition, options, eventFds, llc, trace, violations);
 *   runner.add(vcpu1, guest.interrupt(), guest.interrupt().waitQueue());   first: it has priority
 *   runner.add(vcpu0, guest.netperf(), guest.netperf().waitQueue());
 *   guest.start();
 * </pre>
 *
 * <p>On one vCPU, or in the live world where both share a thread, the interrupt agent is added first.
 */
public final class Guest {

    private final Counters<GuestCounter> counters = Counters.of("guest", GuestCounter.class);
    private final GuestStream[] streams;
    private final GuestVirtioNet driver;
    private final GuestReceiveQueue rx;
    private final GuestDev dev;
    private final GuestSkbPool pool;
    private final NetperfAgent netperf;
    private final GuestInterrupt interrupt;

    /**
     * @param ram the guest's memory, already added to its {@code GuestMemory}
     * @param eventFds kicks that vhost waits for, calls that it signals
     * @param llc whose lines the guest's copies bring in
     */
    public Guest(Cpu cpu, GuestRam ram, Edition edition, GuestOptions options, GuestEventFds eventFds,
            Llc llc, Trace trace, Violations violations) {
        pool = new GuestSkbPool(ram);
        driver = new GuestVirtioNet(cpu, ram, edition, options, eventFds, pool, trace, violations, counters);
        rx = new GuestReceiveQueue(cpu, ram, edition, options, eventFds, violations, counters);
        dev = new GuestDev(driver, counters);
        GuestPages pages = new GuestPages(ram);
        WaitQueue processWait = new WaitQueue();
        streams = new GuestStream[options.streams()];
        for (int i = 0; i < streams.length; i++) {
            streams[i] = new GuestStream(i, cpu, llc, ram, pages, options, pool, dev, processWait, counters);
        }
        netperf = new NetperfAgent(driver, streams, processWait);
        interrupt = new GuestInterrupt(cpu, eventFds, streams, dev, driver, rx, counters);
    }

    /** The netperfs: process context. */
    public NetperfAgent netperf() {
        return netperf;
    }

    /** Interrupts and softirqs. */
    public GuestInterrupt interrupt() {
        return interrupt;
    }

    /** netperf connects and sends. Any thread. */
    public void start() {
        netperf.start();
    }

    /** netperf sends no further message; what is queued drains. Any thread. */
    public void stopSending() {
        netperf.stop();
    }

    /** True when all that netperf has written is acknowledged and it will write no more. */
    public boolean isDrained() {
        return netperf.isStopped() && bytesAcked() == bytesWritten();
    }

    /**
     * The driver lets go of its device, which is about to be reset ({@code virtnet_freeze}).
     *
     * @return false amid a packet: ask again
     */
    public boolean detach() {
        return rx.isPublished() && driver.detach();
    }

    /** The device was reset: what it had is the guest's again, and both rings are new. After {@link #detach}. */
    public void reset() {
        driver.reset();
        rx.reset();
    }

    /** The device is set up again, and the driver goes on ({@code virtnet_restore}). */
    public void attach() {
        rx.fill();
        driver.attach();
    }

    /** Packets posted that the host never gave back, because the device was reset. */
    public long packetsForgotten() {
        return driver.forgotten();
    }

    /** Stream bytes written into the socket. */
    public long bytesWritten() {
        return counters.value(GuestCounter.BYTES_WRITTEN);
    }

    /** Stream bytes acknowledged by the far end. */
    public long bytesAcked() {
        return counters.value(GuestCounter.BYTES_ACKED);
    }

    /** Stream bytes that the {@code i}-th netperf has written. */
    public long bytesWritten(int i) {
        return streams[i].tcp.bytesWritten();
    }

    /** Packets put into the TX ring. */
    public long packetsPosted() {
        return counters.value(GuestCounter.PACKETS_POSTED);
    }

    /** TX buffers taken back. */
    public long headsUsed() {
        return counters.value(GuestCounter.HEADS_USED);
    }

    /** TX buffers that the host has, or that have come back and were not taken yet. */
    public long headsOutstanding() {
        return packetsPosted() - headsUsed();
    }

    /** Packets that came back in the used ring, taken or not: invariant 1 at quiescence. */
    public long headsReturned() {
        GuestVirtqueue tx = driver.queue();
        return headsUsed() + (tx.usedIdx() - tx.lastUsedIdx() & 0xFFFF);
    }

    /** True after the host has returned something that was not outstanding. */
    public boolean isBroken() {
        return driver.queue().isBroken() || rx.queue().isBroken();
    }

    /** Packets that wait in front of the driver. */
    public int qdiscBacklog() {
        return dev.backlog();
    }

    public Counters<GuestCounter> counters() {
        return counters;
    }

    /** Checks what must hold between any two steps of the virtual world (28). */
    public void check() {
        driver.queue().check();
        rx.queue().check();
    }

    /** The host wants to hear of the next TX buffer. For checks at rest. */
    public boolean isKickArmed() {
        return driver.queue().isKickArmed();
    }

    /** The TX queue is stopped though buffers are back: nobody has woken it. For checks at rest. */
    public boolean isAsleepOnNews() {
        return driver.isQueueStopped() && driver.queue().hasNews();
    }

    /** Monitor: overwrites what the host has returned by now, whether or not the driver looks. */
    public void poisonReturned() {
        driver.poisonReturned();
    }

    GuestTcp tcp() {
        return streams[0].tcp;
    }

    GuestSkbPool pool() {
        return pool;
    }

    SendBuffer sendBuffer() {
        return streams[0].buffer;
    }

    GuestVirtioNet driver() {
        return driver;
    }
}
