package softnic.guest;

import softnic.Behaviour;
import softnic.Edition;
import softnic.mm.GuestMemory;
import softnic.mm.PhysMem;
import softnic.sched.Cost;
import softnic.sched.CostTable;
import softnic.sched.Llc;
import softnic.sched.VirtualTimeRunner;
import softnic.sched.WaitQueue;
import softnic.trace.Trace;
import softnic.trace.Violations;
import softnic.wire.FrameRing;
import softnic.wire.Mac;
import softnic.wire.RemoteHost;
import softnic.wire.RemoteHostCounter;
import softnic.wire.RemoteHostOptions;

/** Guest, {@link LoopbackDevice} and far end in virtual time, for tests. */
final class LoopbackHouse implements AutoCloseable {

    /** Round prices, in the order of magnitude of the real ones. */
    static final CostTable SIMPLE_PRICES = CostTable.free()
            .with(Cost.GUEST_SEND_CALL, 300_000)
            .with(Cost.GUEST_COPY, 400)
            .with(Cost.GUEST_XMIT, 500_000)
            .with(Cost.GUEST_FREE, 100_000)
            .with(Cost.VM_EXIT_KICK, 2_000_000)
            .with(Cost.GUEST_IRQ, 3_000_000)
            .with(Cost.GUEST_ACK, 600_000)
            .with(Cost.GUEST_PROCESS_WAKE, 1_500_000)
            .with(Cost.VHOST_TX, 500_000)
            .with(Cost.WIRE_BYTE, 800)
            .with(Cost.FAR_RX, 1_000_000);

    final VirtualTimeRunner runner;
    final Violations violations = new Violations();
    final GuestEventFds eventFds = GuestEventFds.create();
    final GuestRam ram;
    final Guest guest;
    final LoopbackDevice device;
    final RemoteHost far;
    final Llc llc = new Llc(8 << 20);
    private final FrameRing toFar;
    private final FrameRing fromFar;

    LoopbackHouse(GuestOptions options, Edition edition, CostTable prices, boolean oneProcessor) {
        this(options, edition, prices, oneProcessor, RemoteHostOptions.DEFAULT.withModerationNs(30_000));
    }

    LoopbackHouse(GuestOptions options, Edition edition, CostTable prices, boolean oneProcessor,
            RemoteHostOptions farOptions) {
        runner = new VirtualTimeRunner(prices);
        PhysMem memory = new PhysMem();
        ram = new GuestRam(memory, new GuestMemory(memory), options);
        guest = new Guest(runner, ram, edition, options, eventFds, llc, Trace.off(), violations);
        WaitQueue deviceQueue = new WaitQueue();
        WaitQueue farQueue = new WaitQueue();
        toFar = new FrameRing(1024, deviceQueue, farQueue);
        fromFar = new FrameRing(256, farQueue, deviceQueue);
        device = new LoopbackDevice(runner, ram, options, edition.has(Behaviour.EVENT_IDX), eventFds, toFar, fromFar,
                deviceQueue);
        Mac farMac = new Mac(runner, Trace.off(), 256);
        farMac.connect(fromFar);
        far = new RemoteHost(runner, toFar, farMac, farOptions, violations);
        int vcpu1 = runner.addProcessor("vcpu1", "guest", Cost.NONE, Cost.NONE);
        int vcpu0 = oneProcessor ? vcpu1 : runner.addProcessor("vcpu0", "guest", Cost.NONE, Cost.NONE);
        runner.add(vcpu1, guest.interrupt(), guest.interrupt().waitQueue());
        runner.add(vcpu0, guest.netperf(), guest.netperf().waitQueue());
        int deviceCpu = runner.addProcessor("device", "device", Cost.NONE, Cost.NONE);
        runner.add(deviceCpu, device, deviceQueue);
        int farCpu = runner.addProcessor("far", "far", Cost.NONE, Cost.NONE);
        runner.add(farCpu, far, farQueue);
    }

    /** Runs in steps until so many bytes are acknowledged, or {@code limitNs} is reached. */
    void runUntilAcked(long bytes, long limitNs) {
        for (long ns = runner.nowNs(); guest.bytesAcked() < bytes && ns < limitNs; ns += 1_000_000) {
            runner.runUntil(ns);
        }
    }

    /** Stops netperf and lets everything come home. */
    boolean drain() {
        guest.stopSending();
        return runner.runUntilQuiet(runner.nowNs() + 10_000_000_000L);
    }

    long farCount(RemoteHostCounter name) {
        return far.counters().value(name);
    }

    @Override
    public void close() {
        toFar.close();
        fromFar.close();
        ram.close();
    }
}
