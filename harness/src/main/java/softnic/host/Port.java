package softnic.host;

import java.util.List;
import softnic.Edition;
import softnic.net.NetCore;
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
 * One 82599 port on a cable: the adapter, a MAC for each direction, and packet memory at the far end.
 *
 * <pre>
 *   adapter.toWire   --> MAC --> farRx      what the far end receives
 *   adapter.fromWire <-- MAC <-- farTx      what it sends
 * </pre>
 */
final class Port implements AutoCloseable {

    private static final long MAC_ADDRESS = 0x90E2_BA00_0001L;
    private static final int FAR_FRAMES = 128;      // more than arrive in its moderation interval

    private final IxgbeAdapter adapter;
    private final FrameRing onWire;
    private final FrameRing farRx;
    private final FrameRing farTx;
    private final Mac out;
    private final Mac in;
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
        WaitQueue outWait = new WaitQueue();
        WaitQueue inWait = new WaitQueue();
        adapter = new IxgbeAdapter("eth0", MAC_ADDRESS, options, edition, cpu, trace, core, outWait, inWait);
        WaitQueue tapWait = new WaitQueue();
        onWire = new FrameRing(FAR_FRAMES, outWait, observer == null ? farWait : tapWait);
        farRx = observer == null ? onWire : new FrameRing(FAR_FRAMES, tapWait, farWait);
        farTx = new FrameRing(FAR_FRAMES, farWait, inWait);
        out = new Mac("mac-out", cpu, trace, adapter.toWire(), onWire);
        in = new Mac("mac-in", cpu, trace, farTx, adapter.fromWire());
        softirqProcessor = runner.addProcessor("softirq", "softirq", Cost.NONE, Cost.NONE);
        adapter.addTo(runner, silicon(runner, "tx-dma"), silicon(runner, "rx-dma"), silicon(runner, "vector"),
                softirqProcessor);
        runner.add(silicon(runner, "mac-out"), out, outWait);
        runner.add(silicon(runner, "mac-in"), in, inWait);
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

    FrameRing farTx() {
        return farTx;
    }

    /** Frames put on the wire by the adapter. */
    Mac out() {
        return out;
    }

    /** Frames put on the wire by the far end. */
    Mac in() {
        return in;
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
        farTx.close();
    }
}
