package softnic.host;

import java.util.List;
import softnic.Edition;
import softnic.net.DevWatchdog;
import softnic.net.NetCore;
import softnic.net.NetTxAction;
import softnic.nic.driver.IxgbeAdapter;
import softnic.sched.Cost;
import softnic.sched.Cpu;
import softnic.sched.Runner;
import softnic.sched.WaitQueue;
import softnic.trace.Counters;
import softnic.trace.Trace;
import softnic.wire.FrameRing;
import softnic.wire.Mac;

/**
 * One 82599 port on a cable: the adapter, and the far end's packet memory and MAC.
 *
 * <pre>
 *   adapter.mac      --> farRx      what the far end receives
 *   adapter.fromWire <-- farTx      what it sends
 * </pre>
 */
final class Port implements AutoCloseable {

    private static final long MAC_ADDRESS = 0x90E2_BA00_0001L;
    private static final int FAR_FRAMES = 256;      // a full packet buffer, and more than arrive in its moderation interval
    private static final int FAR_TX_FRAMES = 128;

    private final IxgbeAdapter adapter;
    private final FrameRing onWire;
    private final FrameRing farRx;
    private final Mac farTx;
    private final int softirqProcessor;

    /** A port whose cable nobody taps, with the rings that the driver comes up with. */
    Port(Edition edition, Runner runner, Trace trace, NetCore core, long itrNs, WaitQueue farWait) {
        this(edition, runner, trace, core, itrNs, IxgbeAdapter.Options.DEFAULT.txRing(), farWait, null);
    }

    /**
     * @param ring descriptors of each of the adapter's rings
     * @param farWait where the far end waits for frames, and for room to send
     * @param observer sees each frame between MAC and far end, or null
     */
    Port(Edition edition, Runner runner, Trace trace, NetCore core, long itrNs, int ring, WaitQueue farWait,
            FrameObserver observer) {
        Cpu cpu = runner.cpu();
        IxgbeAdapter.Options d = IxgbeAdapter.Options.DEFAULT;
        IxgbeAdapter.Options options = new IxgbeAdapter.Options(ring, ring, itrNs, d.txBufferFrames(),
                d.rxBufferFrames(), d.txQueueLen());
        WaitQueue engineWait = new WaitQueue();
        adapter = new IxgbeAdapter("eth0", MAC_ADDRESS, options, edition, cpu, trace, core, engineWait, farWait);
        WaitQueue tapWait = new WaitQueue();
        onWire = new FrameRing(FAR_FRAMES, engineWait, observer == null ? farWait : tapWait);
        farRx = observer == null ? onWire : new FrameRing(FAR_FRAMES, tapWait, farWait);
        adapter.mac().connect(onWire);
        farTx = new Mac(cpu, trace, FAR_TX_FRAMES);
        farTx.connect(adapter.fromWire());
        softirqProcessor = runner.addProcessor("softirq", "softirq", Cost.NONE, Cost.NONE);
        NetTxAction netTx = new NetTxAction(adapter.device().qdisc(), trace);
        runner.add(softirqProcessor, netTx, netTx.waitQueue());
        DevWatchdog watchdog = new DevWatchdog(adapter.device(), core, cpu, DevWatchdog.WATCHDOG_TIMEO_NS);
        runner.add(softirqProcessor, watchdog, watchdog.waitQueue());
        adapter.addTo(runner, silicon(runner, "tx-dma"), silicon(runner, "rx-dma"), silicon(runner, "vector"),
                softirqProcessor);
        if (observer != null) {
            runner.add(silicon(runner, "wire-tap"), new WireTap(onWire, farRx, observer), tapWait);
        }
    }

    /** A piece of hardware: it works beside all others and is nobody's CPU. */
    private static int silicon(Runner runner, String name) {
        return runner.addProcessor(name, "nic", Cost.NONE, Cost.NONE);
    }

    IxgbeAdapter adapter() {
        return adapter;
    }

    FrameRing farRx() {
        return farRx;
    }

    Mac farTx() {
        return farTx;
    }

    /** Counters of driver and silicon. */
    List<Counters<?>> counters() {
        return List.of(adapter.device().counters(), adapter.poll().counters(), adapter.engine().counters(),
                adapter.rxDma().counters(), adapter.vector().counters());
    }

    int softirqProcessor() {
        return softirqProcessor;
    }

    @Override
    public void close() {
        adapter.close();
        if (farRx != onWire) {
            farRx.close();
        }
        onWire.close();
    }
}
