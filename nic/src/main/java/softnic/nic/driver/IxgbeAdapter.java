package softnic.nic.driver;

import softnic.Edition;
import softnic.mm.PhysMem;
import softnic.net.NetCore;
import softnic.net.Qdisc;
import softnic.nic.DescRing;
import softnic.nic.DmaEngine;
import softnic.nic.InterruptVector;
import softnic.nic.RxDma;
import softnic.sched.Cpu;
import softnic.sched.Runner;
import softnic.sched.WaitQueue;
import softnic.trace.Trace;
import softnic.trace.Violations;
import softnic.wire.FrameRing;
import softnic.wire.Mac;

/**
 * One port with its driver, ready to be plugged into a link: {@code struct ixgbe_adapter} after {@code ixgbe_probe}
 * and {@code ixgbe_open} (drivers/net/ixgbe/ixgbe_main.c).
 *
 * <pre>
 *   device() --> TX ring --> engine() --> mac()      --> far side's FrameRing
 *      ^                       |
 *      | wake                  v
 *   poll() <-- interrupt <-- vector()
 *      |                       ^
 *      v                       |
 *   NetCore  <-- RX ring <-- rxDma() <--- fromWire() <-- far side's Mac
 * </pre>
 */
public final class IxgbeAdapter implements AutoCloseable {

    /**
     * @param txRing transmit descriptors, a power of two in [64, 4096]
     * @param rxRing receive descriptors, likewise
     * @param itrNs throttling interval of the vector, in nanoseconds
     * @param txBufferFrames frames that the transmit packet buffer holds, a power of two
     * @param rxBufferFrames frames that the receive packet buffer holds, a power of two
     * @param txQueueLen packets that wait in the qdisc ({@code tx_queue_len})
     */
    public record Options(int txRing, int rxRing, long itrNs, int txBufferFrames, int rxBufferFrames,
            int txQueueLen) {

        /** As the driver comes up; packet buffers in 2 KiB slots: 128 of the 160 KiB, and 512 KiB. */
        public static final Options DEFAULT = new Options(512, 512, 100_000, 64, 256, 1000);

        public Options {
            if (itrNs < 0 || txQueueLen < 1 || Integer.bitCount(txBufferFrames) != 1
                    || Integer.bitCount(rxBufferFrames) != 1) {
                throw new IllegalArgumentException("nic: itrNs=" + itrNs + " must be >= 0, txQueueLen=" + txQueueLen
                        + " >= 1, txBufferFrames=" + txBufferFrames + " and rxBufferFrames=" + rxBufferFrames
                        + " powers of two");
            }
        }
    }

    private final DescRing txDesc;
    private final DescRing rxDesc;
    private final IxgbeRxRing rxRing;
    private final Mac mac;
    private final FrameRing fromWire;
    private final Ixgbe device;
    private final DmaEngine engine;
    private final RxDma rxDma;
    private final InterruptVector vector;
    private final IxgbePoll poll;
    private final WaitQueue engineQueue;
    private final WaitQueue rxDmaQueue = new WaitQueue();
    private final WaitQueue vectorQueue = new WaitQueue();
    private final WaitQueue pollQueue = new WaitQueue();

    /**
     * @param address the port's address, 48 bits, first byte highest
     * @param core where received packets go; its pool gives the receive buffers
     * @param engineQueue where the engine waits for doorbells, and for room at the far side
     * @param farQueue where the sender at the far side waits for room in {@link #fromWire}
     */
    public IxgbeAdapter(String name, long address, Options options, Edition edition, Cpu cpu, Trace trace, NetCore core,
            WaitQueue engineQueue, WaitQueue farQueue) {
        this.engineQueue = engineQueue;
        PhysMem memory = core.pool().memory();
        txDesc = new DescRing(memory, options.txRing());
        rxDesc = new DescRing(memory, options.rxRing());
        mac = new Mac(cpu, trace, options.txBufferFrames());
        fromWire = new FrameRing(options.rxBufferFrames(), farQueue, rxDmaQueue);
        vector = new InterruptVector(cpu, vectorQueue, options.itrNs());
        engine = new DmaEngine(cpu, memory, txDesc, mac, vector);
        rxDma = new RxDma(cpu, memory, rxDesc, fromWire, vector);
        IxgbeTxRing txRing = new IxgbeTxRing(txDesc);
        rxRing = new IxgbeRxRing(rxDesc, core.pool());
        device = new Ixgbe(name, address, edition, cpu, trace, memory, txRing, engineQueue);
        device.qdisc(new Qdisc(core, device, options.txQueueLen()));
        poll = new IxgbePoll(edition, cpu, trace, core, device, txRing, rxRing, vector, pollQueue);
        vector.handler(poll::schedule);
        if (!rxRing.allocRxBuffers(rxRing.unused())) {
            throw new IllegalArgumentException("nic: the skb pool cannot fill a receive ring of " + options.rxRing()
                    + " descriptors [ixgbe_alloc_rx_buffers, drivers/net/ixgbe/ixgbe_main.c]");
        }
    }

    /** Puts the four agents on processors; the silicon's three should each have one of their own. */
    public void addTo(Runner runner, int engineProcessor, int rxDmaProcessor, int vectorProcessor,
            int softirqProcessor) {
        runner.add(engineProcessor, engine, engineQueue);
        runner.add(rxDmaProcessor, rxDma, rxDmaQueue);
        runner.add(vectorProcessor, vector, vectorQueue);
        runner.add(softirqProcessor, poll, pollQueue);
    }

    /** The network device, with a qdisc in front. */
    public Ixgbe device() {
        return device;
    }

    /** Transmit silicon. */
    public DmaEngine engine() {
        return engine;
    }

    /** Receive silicon. */
    public RxDma rxDma() {
        return rxDma;
    }

    /** The interrupt vector of the queue pair. */
    public InterruptVector vector() {
        return vector;
    }

    /** The host softirq. */
    public IxgbePoll poll() {
        return poll;
    }

    public WaitQueue engineQueue() {
        return engineQueue;
    }

    public WaitQueue rxDmaQueue() {
        return rxDmaQueue;
    }

    public WaitQueue vectorQueue() {
        return vectorQueue;
    }

    public WaitQueue pollQueue() {
        return pollQueue;
    }

    /** The transmit packet buffer and what is behind it, to be connected to the far side's ring. */
    public Mac mac() {
        return mac;
    }

    /** The receive packet buffer, to which the far side's MAC is connected. */
    public FrameRing fromWire() {
        return fromWire;
    }

    /** The transmit queue's registers. */
    public DescRing txRegisters() {
        return txDesc;
    }

    /** The receive queue's registers. */
    public DescRing rxRegisters() {
        return rxDesc;
    }

    /** Checks what must hold between any two steps of the virtual world (35, 37, 38). */
    public void check(Violations violations) {
        device.check(violations);
        if (rxDesc.tail().get() - rxDesc.head().get() >= rxDesc.count()) {
            violations.report(35, "nic: receive tail " + rxDesc.tail().get() + " overtook head " + rxDesc.head().get());
        }
    }

    /** Frees receive buffers and memory; all agents have stopped and nothing is in flight. */
    @Override
    public void close() {
        rxRing.clean();
        fromWire.close();
        txDesc.close();
        rxDesc.close();
    }
}
