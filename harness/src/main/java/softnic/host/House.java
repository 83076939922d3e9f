package softnic.host;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import softnic.Behaviour;
import softnic.Edition;
import softnic.guest.Guest;
import softnic.guest.GuestEventFds;
import softnic.guest.GuestOptions;
import softnic.guest.GuestRam;
import softnic.host.RunResult.Balance;
import softnic.mm.GuestMemory;
import softnic.mm.Page;
import softnic.mm.PhysMem;
import softnic.model.PriceFile;
import softnic.sched.Cost;
import softnic.sched.Cpu;
import softnic.sched.Llc;
import softnic.sched.Runner;
import softnic.sched.WaitQueue;
import softnic.trace.Counters;
import softnic.trace.Trace;
import softnic.trace.Violations;
import softnic.vhost.VhostNet;
import softnic.vhost.VhostVirtqueue;
import softnic.virtio.VirtioNetHdr;
import softnic.virtio.Vring;
import softnic.wire.RemoteHost;
import softnic.wire.RemoteHostCounter;
import softnic.wire.RemoteHostOptions;
import softnic.wire.TcpFlow;

/**
 * The whole house: one guest, its host's kernel, one 82599 port, a cable, and the far end.
 *
 * <pre>
 *   guest --ring--> vhost --> macvtap --> macvlan --> ixgbe --ring--> 82599 --MAC--> far end
 *     ^--ring-- vhost <-- tap queue <-- macvlan <-- softirq <--ring-- 82599 <--MAC-- ACKs
 *
 *   processors: vcpu0, vcpu1, vhost, softirq, far end, and one for each piece of silicon
 *   live threads: guest | vhost | softirq | nic (silicon, cable, far end)
 * </pre>
 *
 * <p>Wiring only; {@link Runs} runs it.
 */
final class House implements AutoCloseable {

    private final TcpFlow flow;
    private final HouseOptions options;
    private final Violations violations = new Violations();
    private final Trace trace;
    private final GuestMemory guestMemory;
    private final GuestRam ram;
    private final HostKernel kernel;
    private final Port port;
    private final Guest guest;
    private final RemoteHost far;
    private final int vcpu0;
    private final int vcpu1;
    private final int skbsAtRest;
    private InterruptFaults interruptFaults;        // null: none
    private CallbackInterrupts callbackInterrupts;  // null: none
    private Vmm vmm;                                // null: it does nothing
    private final Map<Page, Integer> holders = new LinkedHashMap<>();       // of a check; reported in order

    /** A house of the usual size, in which nothing goes wrong. */
    House(Scenario scenario, Runner runner, Trace trace, Llc llc, PriceFile prices, FrameObserver observer) {
        this(scenario, HouseOptions.DEFAULT, runner, trace, llc, prices, observer);
    }

    /** @param observer sees each frame on the wire to the far end, or null */
    House(Scenario scenario, HouseOptions options, Runner runner, Trace trace, Llc llc, PriceFile prices,
            FrameObserver observer) {
        this.options = options;
        this.trace = trace;
        Cpu cpu = runner.cpu();
        Edition edition = scenario.edition();
        Scenario.Variant variant = scenario.variant();
        boolean eventIdx = variant.eventIdx() && edition.has(Behaviour.EVENT_IDX);
        int hdrLen = edition.has(Behaviour.EVENT_IDX) ? VirtioNetHdr.SIZE_MRG_RXBUF : VirtioNetHdr.SIZE;
        flow = flow(scenario.seed());
        trace.mix(flow.guestPort());            // what the seed chose is part of the run, though no event shows it
        GuestOptions guestOptions = GuestOptions.DEFAULT.withMessageBytes(scenario.messageBytes())
                .withSndbufBytes(orElse(options.guestSndbuf(), prices, "tcp_sndbuf")).withIndirect(scenario.indirect())
                .withRingSize(options.ringSize()).withVnetHdrLen(hdrLen).withPoison(scenario.monitored())
                .withFlow(flow).withEventIdx(eventIdx).withStreams(variant.streams()).withMixed(variant.isMixed())
                .withNodelay(variant.nodelay());

        PhysMem memory = new PhysMem(options.faults());
        guestMemory = new GuestMemory(memory);
        ram = new GuestRam(memory, guestMemory, guestOptions);
        kernel = new HostKernel(edition, runner, llc, trace, violations, memory, guestMemory,
                new HostKernel.Options(scenario.zerocopy(), eventIdx, hdrLen,
                        orElse(options.hostSndbuf(), prices, "host_sndbuf"), false, scenario.pendingStart(),
                        scenario.monitored(), options.smaller(), variant.goodcopyLen()));
        WaitQueue farWait = new WaitQueue();
        port = new Port(edition, runner, trace, kernel.netCore(), prices.parameter("itr"), options.nicRing(),
                farWait, observer);
        kernel.attach(port.adapter().device(), flow.guestMac());
        far = new RemoteHost(cpu, port.farRx(), port.farTx(),
                RemoteHostOptions.DEFAULT.withWindowBytes((int) prices.parameter("tcp_window"))
                        .withModerationNs(prices.parameter("far_itr")).withFlow(flow)
                        .withStreams(variant.streams()).withLossy(options.lossy()), violations);
        runner.add(runner.addProcessor("far end", "nic", Cost.NONE, Cost.NONE), far, farWait);

        guest = new Guest(cpu, ram, edition, guestOptions, new GuestEventFds(kernel.txKick(), kernel.txCall(),
                kernel.rxKick(), kernel.rxCall()), llc, trace, violations);
        vcpu1 = runner.addProcessor("vcpu1", "guest", Cost.VCPU_HLT, Cost.VCPU_HLT_LATENCY);
        vcpu0 = runner.addProcessor("vcpu0", "guest", Cost.VCPU_HLT, Cost.VCPU_HLT_LATENCY);
        runner.add(vcpu1, guest.interrupt(), guest.interrupt().waitQueue());
        runner.add(vcpu0, guest.netperf(), guest.netperf().waitQueue());

        if (options.interrupts() != null) {
            WaitQueue faultWait = new WaitQueue();
            interruptFaults = new InterruptFaults(cpu, port.adapter().vector(), faultWait, options.interrupts());
            runner.add(runner.addProcessor("interrupt faults", "nic", Cost.NONE, Cost.NONE), interruptFaults, faultWait);
        }

        if (options.callbackIrq() != null) {
            WaitQueue wait = new WaitQueue();
            callbackInterrupts = new CallbackInterrupts(cpu, kernel.vhost(), wait, options.callbackIrq());
            runner.add(runner.addProcessor("callback interrupts", "nic", Cost.NONE, Cost.NONE), callbackInterrupts, wait);
        }
        if (!options.orders().isEmpty()) {
            WaitQueue vmmWait = new WaitQueue();
            vmm = new Vmm(cpu, this, guestMemory, ram, eventIdx, vmmWait, options.orders());
            runner.add(runner.addProcessor("vmm", "guest", Cost.NONE, Cost.NONE), vmm, vmmWait);
        }

        setVring(kernel.vhost().tx(), guestOptions.ringSize(), ram.txRingGpa());
        setVring(kernel.vhost().rx(), guestOptions.ringSize(), ram.rxRingGpa());
        skbsAtRest = kernel.skbs().inUse();
        kernel.start();
    }

    private static int orElse(int option, PriceFile prices, String parameter) {
        return option > 0 ? option : (int) prices.parameter(parameter);
    }

    private static void setVring(VhostVirtqueue vq, int num, long gpa) {
        int err = vq.setVring(num, gpa, gpa + (long) num * Vring.DESC_SIZE,
                gpa + Vring.legacyUsedOffset(num, GuestRam.VIRTIO_PCI_VRING_ALIGN));
        if (err != 0) {
            throw new IllegalStateException("house: vring at 0x" + Long.toHexString(gpa) + ": errno " + -err);
        }
    }

    /** The client's port is what a real host would choose at random: 32768..61000. */
    private static TcpFlow flow(long seed) {
        TcpFlow d = TcpFlow.DEFAULT;
        int clientPort = 32768 + (int) Math.floorMod(seed * 7919, 28233L);
        return new TcpFlow(d.guestMac(), d.farMac(), d.guestIp(), d.farIp(), clientPort, d.farPort());
    }

    /** netperf begins. */
    void start() {
        guest.start();
    }

    void stopSending() {
        guest.stopSending();
    }

    /**
     * True when all that was written is verified and acknowledged, and {@link #isNetworkQuiet}. Any thread: asked again
     * until true.
     */
    boolean isDrained() {
        return guest.isDrained() && isNetworkQuiet();
    }

    /**
     * True when the worker has taken all that was posted (a handshake is never acknowledged), and the network holds no
     * guest page and no packet of either direction.
     */
    boolean isNetworkQuiet() {
        VhostNet vhost = kernel.vhost();
        long neverTaken = vmm == null ? 0 : vmm.neverTaken();
        return vhost.tx().counters().value(VhostVirtqueue.Count.HEADS) + neverTaken == guest.packetsPosted()
                && vhost.callbacks() == vhost.zerocopySends()
                && kernel.wmemAlloc() == 0 && skbsBesideReceiveBuffers() == 0;
    }

    /** A refill that failed leaves the receive ring with fewer, until the next poll. */
    private long skbsBesideReceiveBuffers() {
        return kernel.skbs().inUse() - (options.faults() == null ? skbsAtRest : port.adapter().poll().rxPosted());
    }

    /** Packets that the guest's driver threw away, for lack of descriptors: the letter's "TX overrun". */
    long guestDrops() {
        return guest.counters().value(softnic.guest.GuestCounter.TX_DROPPED);
    }

    /** Packets for which the device's queue had no room, or no memory. */
    long qdiscDrops() {
        return port.adapter().device().qdisc().drops();
    }

    /** TX buffers that the host has not given back, though nothing of them is under way. */
    long unreported() {
        return guest.packetsPosted() - guest.packetsForgotten() - guest.headsReturned();
    }

    /** Grows with each buffer that comes back and each byte that arrives. */
    long moved() {
        return guest.headsReturned() + bytesVerified();
    }

    /** How often the guest's ring was full, and how often each interrupt fault happened. */
    Map<String, Long> fired() {
        Map<String, Long> fired = new LinkedHashMap<>();
        fired.put("FULL_RINGS", guest.counters().value(softnic.guest.GuestCounter.TX_QUEUE_STOPS));
        if (interruptFaults != null) {
            fired.put("LATE_IRQ", interruptFaults.late());
            fired.put("LOST_IRQ", interruptFaults.lost());
            fired.put("SPURIOUS_IRQ", interruptFaults.spurious());
        }
        if (callbackInterrupts != null) {
            fired.put("CALLBACK_IRQ", callbackInterrupts.interrupted());
        }
        if (vmm != null) {
            for (Vmm.Deed deed : Vmm.Deed.values()) {
                fired.put(deed.name(), vmm.done(deed));
            }
        }
        return fired;
    }

    /** The device was reset: what was on its way between guest and host is gone, and nobody sends it again. */
    boolean wasReset() {
        return vmm != null && vmm.done(Vmm.Deed.RESET_GUEST) > 0;
    }

    /** The guest's next packet would be heard of (invariant 24, at rest). */
    boolean isKickArmed() {
        return guest.isKickArmed();
    }

    /** The guest sleeps on a full queue and will not hear that buffers are back (invariant 27, at rest). */
    boolean isGuestAsleepOnNews() {
        return guest.isAsleepOnNews();
    }

    /** Bytes of the stream that the far end missed, because something after them came. */
    long gaps() {
        return far.counters().value(RemoteHostCounter.BAD_SEQUENCE_LOST);
    }

    /** The backend goes, when all is quiet: what finished and was not reported goes back to the guest. */
    void releaseBackend() {
        kernel.vhost().worker().finish();           // live: the threads may have stopped amid a work
        int inFlight = kernel.vhost().releaseBackend();
        if (inFlight < 0) {
            violations.report(34, "house: the device cannot be released: errno " + -inFlight);
        } else if (inFlight > 0) {
            violations.report(9, "house: " + inFlight + " zero-copy sends have not completed after the network drained");
        }
    }

    /** Checks what must hold between any two steps of the virtual world (5, 7, 8, 13, 18, 20, 21, 28, 35, 37, 38). */
    void check() {
        kernel.vhost().check();
        kernel.skbs().check(violations);
        guest.check();
        port.adapter().check(violations);
        checkPins();
        long charged = kernel.charged();
        if (charged != kernel.wmemAlloc()) {
            violations.report(21, "macvtap: sk_wmem_alloc " + kernel.wmemAlloc() + ", but its skbs add up to "
                    + charged);
        }
    }

    private void checkPins() {
        long pins = guestMemory.pins();
        long frags = kernel.skbs().guestFrags();
        if (pins != frags) {
            violations.report(7, "mm: " + pins + " pins, but " + frags + " fragments hold guest pages");
        }
        holders.clear();
        kernel.skbs().forEachGuestFrag(page -> holders.merge(page, 1, Integer::sum));
        holders.forEach((page, count) -> {
            if (page.holders() < count) {
                violations.report(8, "mm: page 0x" + Long.toHexString(page.hpa()) + " is pinned " + page.holders()
                        + " times, but " + count + " fragments hold it");
            }
        });
    }

    /**
     * Checks that a packet is charged at least the pages it keeps the guest from using (21: truesize is what a packet
     * costs). An edition with PINNED_BY_BYTES fails it.
     */
    void checkCharge() {
        long held = kernel.skbs().guestFrags() * PhysMem.PAGE_SIZE;
        if (kernel.wmemAlloc() < held) {
            violations.report(21, "macvtap: packets hold " + held + " bytes of guest pages, but are charged "
                    + kernel.wmemAlloc());
        }
    }

    /** What came in must have gone out; when all is quiet and the backend is gone. */
    List<Balance> conservation() {
        List<Balance> all = new ArrayList<>();
        all.add(new Balance("posted=used", guest.packetsPosted() - guest.packetsForgotten(), guest.headsReturned()));
        all.add(new Balance("zero-copy sends=callbacks", kernel.vhost().zerocopySends(), kernel.vhost().callbacks()));
        all.add(new Balance("pins", 0, guestMemory.pins()));
        all.add(new Balance("bytes sent=verified", guest.bytesWritten(), far.counters().value(RemoteHostCounter.BYTES_VERIFIED)));
        all.add(new Balance("bytes acked", guest.bytesWritten(), guest.bytesAcked()));
        all.add(new Balance("sk_wmem_alloc", 0, kernel.wmemAlloc()));
        all.add(new Balance("kernel pages", 0, kernel.pages().inUse()));
        all.add(new Balance("skbs beside receive buffers", 0, skbsBesideReceiveBuffers()));
        all.add(new Balance("qdisc backlog", 0, port.adapter().device().qdisc().backlog() + guest.qdiscBacklog()));
        return all;
    }

    TcpFlow flow() {
        return flow;
    }

    HostKernel kernel() {
        return kernel;
    }

    Port port() {
        return port;
    }

    Guest guest() {
        return guest;
    }

    Violations violations() {
        return violations;
    }

    Trace trace() {
        return trace;
    }

    long bytesVerified() {
        return far.counters().value(RemoteHostCounter.BYTES_VERIFIED);
    }

    /** Pages of the guest that the host holds. */
    long pins() {
        return guestMemory.pins();
    }

    /** Payload bytes of the {@code i}-th stream that the far end found right. */
    long bytesVerified(int i) {
        return far.bytesVerified(i);
    }

    /** Packets that the guest has put into its TX ring. */
    long packets() {
        return guest.packetsPosted();
    }

    /** Frames that left the adapter. */
    long frames() {
        return port.adapter().mac().frames();
    }

    long ioExits() {
        return guest.counters().value(softnic.guest.GuestCounter.TX_KICKS)
                + guest.counters().value(softnic.guest.GuestCounter.RX_KICKS);
    }

    /** The processors whose time is counted, by the name that accounts show. */
    Map<String, Integer> processors() {
        Map<String, Integer> all = new LinkedHashMap<>();
        all.put("vcpu0", vcpu0);
        all.put("vcpu1", vcpu1);
        all.put("vhost", kernel.workerProcessor());
        all.put("softirq", port.softirqProcessor());
        return all;
    }

    /** Every counter of every room. */
    Map<String, Map<String, Long>> counters() {
        List<Counters<?>> rooms = new ArrayList<>();
        rooms.add(guest.counters());
        rooms.addAll(kernel.counters());
        rooms.addAll(port.counters());
        rooms.add(far.counters());
        Map<String, Map<String, Long>> all = new LinkedHashMap<>();
        rooms.forEach(room -> all.put(room.room(), room.asMap()));
        return all;
    }

    @Override
    public void close() {
        port.close();
        kernel.close();
        ram.close();
    }
}
