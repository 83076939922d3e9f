package softnic.bench;

import java.lang.foreign.MemorySegment;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OperationsPerInvocation;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;
import softnic.Edition;
import softnic.host.PostedFrame;
import softnic.mm.PageAllocator;
import softnic.mm.PhysMem;
import softnic.net.Checksum;
import softnic.net.EthHeader;
import softnic.net.Gso;
import softnic.net.Ipv4Header;
import softnic.net.NetDevice;
import softnic.net.TcpHeader;
import softnic.nic.DescRing;
import softnic.nic.DmaEngine;
import softnic.nic.InterruptVector;
import softnic.nic.TxDesc;
import softnic.sched.WaitQueue;
import softnic.skb.SkBuff;
import softnic.skb.SkbPool;
import softnic.skb.SkbSharedInfo;
import softnic.trace.Trace;
import softnic.wire.FrameRing;
import softnic.wire.FrameSlot;
import softnic.wire.Mac;
import softnic.wire.StreamPattern;

/**
 * Who should cut a 64 KB packet into frames?
 *
 * <p>Measured: one TCP packet of 65160 bytes in 16 pages becomes 45 frames of 1448: by the device
 * ({@link DmaEngine}: TSO), and by the stack ({@link Gso}) for a device that still gathers and checksums, and for one
 * that can do neither. The figure is per frame; a packet is 45 times that.
 *
 * <p>Why it matters: TSO is why a packet of 64 KB goes down the stack as one. Without it the host makes 45 skbs, and
 * without scatter/gather it also copies each byte, which is the end of zero-copy.
 *
 * <p>What you should see, CPU ns a frame (2 CPUs of a cloud machine, JDK 25):
 * <pre>
 *   deviceTso                127    copies 1514 bytes and sums them: all that reaches the wire, 0.08 ns a byte
 *   softwareGsoSharesPages    99    an skb and 66 header bytes; payload untouched, frames and sums are still to come
 *   softwareGsoCopies        196    the same, and all bytes copied and summed
 * </pre>
 * So compare the first with the third: they do the same work, and the third's is the host's CPU. The second is what
 * the stack pays before a device that gathers does the first's work without segmenting. No garbage in any.
 *
 * <p>How to run: {@code ./softnic bench B04}
 */
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@State(Scope.Thread)
@Fork(3)
@Warmup(iterations = 5, time = 100, timeUnit = TimeUnit.MILLISECONDS)
@Measurement(iterations = 15, time = 40, timeUnit = TimeUnit.MILLISECONDS)
public class B04_Segmentation {

    private static final int FRAMES = 45;
    private static final int MSS = PostedFrame.MSS;
    private static final int HEADERS = PostedFrame.HEADERS;
    private static final int PAYLOAD = FRAMES * MSS;
    private static final int IP = EthHeader.ETH_HLEN;
    private static final int TCP = IP + Ipv4Header.SIZE;
    private static final int HEADROOM = 64;

    private static final int SG_AND_CSUM = NetDevice.NETIF_F_SG | NetDevice.NETIF_F_IP_CSUM;
    private static final int NOTHING = 0;

    private static final int TSO_CONTEXT = 1 << TxDesc.IXGBE_ADVTXD_IDX_SHIFT;
    private static final int DATA = TxDesc.IXGBE_ADVTXD_DTYP_DATA | TxDesc.IXGBE_ADVTXD_DCMD_IFCS
            | TxDesc.IXGBE_ADVTXD_DCMD_DEXT | TxDesc.IXGBE_ADVTXD_DCMD_TSE;
    private static final int LAST = TxDesc.IXGBE_ADVTXD_DCMD_EOP | TxDesc.IXGBE_ADVTXD_DCMD_RS;
    private static final int OLINFO = PAYLOAD << TxDesc.IXGBE_ADVTXD_PAYLEN_SHIFT | TSO_CONTEXT
            | (TxDesc.IXGBE_TXD_POPTS_TXSM | TxDesc.IXGBE_TXD_POPTS_IXSM) << TxDesc.IXGBE_ADVTXD_POPTS_SHIFT;

    private final OneThread cpu = new OneThread();
    private final PhysMem memory = new PhysMem();
    private final PageAllocator pages = new PageAllocator(memory, 64);
    private final SkbPool pool = new SkbPool(memory, pages, Edition.V6_1, cpu, Trace.off(), 256);
    private final Gso gso = new Gso(pool, cpu, Trace.off());
    private final DescRing ring = new DescRing(memory, 512);
    private final FrameRing far = new FrameRing(64, new WaitQueue(), new WaitQueue());
    private final Mac mac = new Mac(cpu, Trace.off(), 64);
    private final InterruptVector vector = new InterruptVector(cpu, new WaitQueue(), 0);
    private final DmaEngine engine = new DmaEngine(cpu, memory, ring, mac, vector);
    private long nextToUse;
    private SkBuff packet;

    @Setup
    public void open() {
        mac.connect(far);
        packet = packet();
        postDescriptors();
        while (engine.doWork() > 0) {
            // all frames stay at the far end
        }
        Frames.check(far, PAYLOAD);
    }

    @TearDown
    public void close() {
        packet.consume();
        if (pool.inUse() != 0 || pages.inUse() != 0) {
            throw new IllegalStateException("bench: " + pool.inUse() + " skbs and " + pages.inUse()
                    + " pages were left behind");
        }
        far.close();
        ring.close();
        pool.close();
        pages.close();
    }

    /** The device: 18 descriptors, DMA reads, and a checksum over every byte of 45 frames. */
    @Benchmark
    @OperationsPerInvocation(FRAMES)
    public int deviceTso() {
        postDescriptors();
        int bytes = 0;
        while (engine.doWork() > 0) {
            for (FrameSlot slot = far.peek(); slot != null; slot = far.peek()) {
                bytes += slot.len();
                far.release();
            }
        }
        return bytes;
    }

    /** The stack, for a device that gathers and checksums: 45 skbs with headers of their own and shared pages. */
    @Benchmark
    @OperationsPerInvocation(FRAMES)
    public int softwareGsoSharesPages() {
        return segment(SG_AND_CSUM);
    }

    /** The stack, for a device that can do nothing: 45 skbs with copies of all bytes, and their checksums. */
    @Benchmark
    @OperationsPerInvocation(FRAMES)
    public int softwareGsoCopies() {
        return segment(NOTHING);
    }

    private int segment(int features) {
        int err = gso.segment(packet, features);
        int bytes = 0;
        SkBuff segment = packet.next();
        packet.next(null);
        while (segment != null) {
            SkBuff next = segment.next();
            segment.next(null);
            bytes += segment.len();
            segment.consume();
            segment = next;
        }
        if (bytes != FRAMES * HEADERS + PAYLOAD) {
            throw new IllegalStateException("bench: " + bytes + " bytes in segments, errno " + -err);
        }
        return bytes;
    }

    /** What {@code ixgbe_tso} and {@code ixgbe_tx_map} write, and the doorbell. */
    private void postDescriptors() {
        MemorySegment m = ring.memory();
        TxDesc.context(m, ring.at(nextToUse++), IP << TxDesc.IXGBE_ADVTXD_MACLEN_SHIFT | Ipv4Header.SIZE,
                TxDesc.IXGBE_ADVTXD_TUCMD_IPV4 | TxDesc.IXGBE_ADVTXD_TUCMD_L4T_TCP,
                MSS << TxDesc.IXGBE_ADVTXD_MSS_SHIFT
                        | TcpHeader.SIZE_TIMESTAMPS << TxDesc.IXGBE_ADVTXD_L4LEN_SHIFT | TSO_CONTEXT);
        TxDesc.data(m, ring.at(nextToUse++), packet.dataHpa(), DATA | HEADERS, OLINFO);
        SkbSharedInfo shinfo = packet.shinfo();
        int last = shinfo.nrFrags() - 1;
        for (int i = 0; i <= last; i++) {
            int cmd = DATA | shinfo.frag(i).size() | (i == last ? LAST : 0);
            TxDesc.data(m, ring.at(nextToUse++), shinfo.frag(i).hpa(), cmd, OLINFO);
        }
        ring.tail().set(nextToUse);
    }

    /** Headers as {@code ixgbe_tso} leaves them, and the payload in 16 pages. */
    private SkBuff packet() {
        SkBuff skb = pool.alloc(HEADROOM + HEADERS);
        skb.reserve(HEADROOM);
        skb.put(HEADERS);
        MemorySegment m = memory.segment(skb.dataHpa());
        long at = PhysMem.offset(skb.dataHpa());
        EthHeader.write(m, at, 2, 1, EthHeader.ETH_P_IP);
        Ipv4Header.write(m, at + IP, 0, 1, Ipv4Header.IPPROTO_TCP, 0x0A000001, 0x0A000002);
        TcpHeader.write(m, at + TCP, 40000, 12865, PostedFrame.SEQ, 1, TcpHeader.SIZE_TIMESTAMPS, TcpHeader.ACK, 512);
        TcpHeader.writeTimestamps(m, at + TCP, 1, 1);
        long pseudo = Checksum.pseudoIpv4(m, at + IP, Ipv4Header.IPPROTO_TCP, 0);
        Checksum.store(m, at + TCP + TcpHeader.CHECK, ~Checksum.fold(pseudo) & 0xFFFF);
        skb.resetMacHeader();
        skb.protocol(EthHeader.ETH_P_IP);
        skb.checksumPartial(TCP, TcpHeader.CHECK);
        SkbSharedInfo shinfo = skb.shinfo();
        for (int done = 0; done < PAYLOAD; done += PhysMem.PAGE_SIZE) {
            int bytes = Math.min(PhysMem.PAGE_SIZE, PAYLOAD - done);
            shinfo.frag(shinfo.nrFrags()).alloc(pages);
            shinfo.addFrag(0, bytes);
            long hpa = shinfo.frag(shinfo.nrFrags() - 1).hpa();
            StreamPattern.fill(memory.segment(hpa), PhysMem.offset(hpa), bytes, done);
        }
        skb.addFragBytes(PAYLOAD, PAYLOAD);
        shinfo.gso(SkbSharedInfo.SKB_GSO_TCPV4, MSS);
        return skb;
    }
}
