package softnic.nic.driver;

import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import softnic.Edition;
import softnic.mm.PageAllocator;
import softnic.mm.PhysMem;
import softnic.net.NetCore;
import softnic.sched.Agent;
import softnic.sched.Cost;
import softnic.sched.CostTable;
import softnic.sched.Cpu;
import softnic.sched.Runner;
import softnic.sched.VirtualTimeRunner;
import softnic.sched.WaitQueue;
import softnic.skb.SkbPool;
import softnic.trace.Trace;
import softnic.wire.FrameRing;
import softnic.wire.FrameSlot;

/**
 * A port on a bench: driver and device, and a sink that hands each frame to the test.
 *
 * <pre>sender --> device --> engine --> far --> sink</pre>
 */
final class Rig implements AutoCloseable {

    /** Where a frame ends. */
    interface Sink {
        void frame(FrameSlot slot);
    }

    /** Prices near those of a real machine. */
    static final CostTable PRICES = CostTable.free()
            .with(Cost.PCIE_DOORBELL, 300_000).with(Cost.PCIE_READ, 500_000).with(Cost.PCIE_BYTE, 300)
            .with(Cost.PCIE_WRITE, 300_000).with(Cost.WIRE_BYTE, 800).with(Cost.WIRE_DELAY, 1_000_000)
            .with(Cost.NIC_IRQ, 1_500_000).with(Cost.NIC_TX_CLEAN, 300_000).with(Cost.NIC_TX_CLEAN_PAGE, 50_000)
            .with(Cost.NIC_RX, 600_000);

    final PhysMem memory = new PhysMem();
    final PageAllocator pages = new PageAllocator(memory, 16384);
    final SkbPool pool;
    final NetCore core;
    final Cpu cpu;
    final IxgbeAdapter nic;
    final Packets packets;
    final List<byte[]> frames = new ArrayList<>();
    Sink sink = this::keep;

    private final Runner runner;
    private final FrameRing far;
    private final WaitQueue engineQueue = new WaitQueue();
    private final WaitQueue sinkQueue = new WaitQueue();

    Rig(Runner runner, Edition edition, IxgbeAdapter.Options options) {
        this.runner = runner;
        cpu = runner.cpu();
        Trace trace = Trace.off();
        pool = new SkbPool(memory, pages, edition, cpu, trace, 4096);
        core = new NetCore(edition, pool, cpu, trace);
        nic = new IxgbeAdapter("eth0", 0x020000000001L, options, edition, cpu, trace, core, engineQueue, new WaitQueue());
        far = new FrameRing(options.txBufferFrames() * 2, engineQueue, sinkQueue);
        nic.mac().connect(far);
        packets = new Packets(memory, pool, pages);
    }

    static Rig virtual() {
        return virtual(new VirtualTimeRunner(PRICES), IxgbeAdapter.Options.DEFAULT);
    }

    static Rig virtual(VirtualTimeRunner runner, IxgbeAdapter.Options options) {
        Rig rig = new Rig(runner, Edition.V8, options);
        rig.addAll(null);
        return rig;
    }

    /** Puts every agent, and the test's own sender if there is one, on processors; three threads when live. */
    WaitQueue addAll(Agent sender) {
        WaitQueue senderQueue = new WaitQueue();
        if (sender != null) {
            runner.add(runner.addProcessor("sender", "sender", Cost.NONE, Cost.NONE), sender, senderQueue);
        }
        nic.addTo(runner, silicon("engine"), silicon("rx"), silicon("vector"), host("softirq"));
        runner.add(host("sink"), new SinkAgent(), sinkQueue);
        return senderQueue;
    }

    private int silicon(String name) {
        return runner.addProcessor(name, "silicon", Cost.NONE, Cost.NONE);
    }

    private int host(String name) {
        return runner.addProcessor(name, "host", Cost.NONE, Cost.NONE);
    }

    /** Virtual world: until nothing happens any more. */
    void quiet() {
        VirtualTimeRunner world = (VirtualTimeRunner) runner;
        if (!world.runUntilQuiet(world.nowNs() + 10_000_000_000L)) {
            throw new AssertionError("still busy at " + world.nowNs() + " ns");
        }
    }

    /** Skbs that are neither free nor waiting in the receive ring. */
    int skbsOut() {
        return pool.inUse() - nic.poll().rxPosted();
    }

    private void keep(FrameSlot slot) {
        frames.add(slot.memory().asSlice(slot.offset(), slot.len()).toArray(ValueLayout.JAVA_BYTE));
    }

    @Override
    public void close() {
        nic.close();
        far.close();
        pool.close();
        pages.close();
    }

    private final class SinkAgent implements Agent {

        @Override
        public int doWork() {
            FrameSlot slot = far.peek();
            if (slot == null || slot.arrivalNs() > cpu.nowNs()) {
                return 0;
            }
            sink.frame(slot);
            far.release();
            return 1;
        }

        @Override
        public long nextDeadlineNs() {
            FrameSlot slot = far.peek();
            return slot == null ? NO_DEADLINE_NS : slot.arrivalNs();
        }

        @Override
        public String roleName() {
            return "sink";
        }
    }
}
