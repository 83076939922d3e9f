package softnic.bench;

import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;
import softnic.Edition;
import softnic.host.PostedFrame;
import softnic.net.EthHeader;
import softnic.net.Ipv4Header;
import softnic.net.TcpHeader;
import softnic.wire.FrameRing;
import softnic.wire.FrameSlot;

/**
 * What does one packet cost on its whole way, and when does zero-copy pay?
 *
 * <p>Measured: a packet is posted in the split ring, the host is kicked, and all real code runs until the frames are
 * at the far end and the buffer is back in the used ring: {@code HandleTx}, {@code MacvtapSock}, {@code Macvlan},
 * {@code Qdisc}, {@code Ixgbe}, {@code DmaEngine}, {@code Mac}, then the interrupt, {@code IxgbePoll} and the callback.
 * All bytes move: by the host's copy or not, then by the NIC's DMA, then over the wire. Edition 6.1, no event index,
 * no throttling; one packet at a time, so nothing is shared between packets: this is the worst case.
 *
 * <p>Why it matters: copying costs by the byte, pinning by the page and by the packet. The published table has its
 * turning point between 4K and 16K; here is the same trade-off, in another currency.
 *
 * <p>What you should see, CPU ns a packet (2 CPUs of a cloud machine, JDK 25):
 * <pre>
 *   frame bytes    copy   zero-copy
 *            60    1000         940    below VHOST_GOODCOPY_LEN: both copy
 *          1514    1050        1500    + 450: pin, pending ring, callback, worker woken once more
 *          4162    1890        1980    three frames by TSO
 *         16450    4420        4180
 *         65226   14140       11850    - 2300: 64 KB not copied, 16 pages pinned instead
 * </pre>
 * The rest of the 64K row is neither: the NIC copies, segments and checksums 45 frames, about 0.18 ns
 * a byte, see {@link B04_Segmentation}. In the kernel those are silicon's time and nobody's CPU, which is why these
 * figures are not the table's. No garbage: what {@code B/op} shows, below 1, is JMH's own.
 *
 * <p>It needs its warm-up: before C2 has compiled the whole way a packet takes ten times as long.
 *
 * <p>How to run: {@code ./softnic bench B03}, one row {@code ./softnic bench B03 -p frameBytes=65226 -p mode=ZEROCOPY}
 */
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@State(Scope.Thread)
@Fork(3)
@Warmup(iterations = 5, time = 100, timeUnit = TimeUnit.MILLISECONDS)
@Measurement(iterations = 15, time = 40, timeUnit = TimeUnit.MILLISECONDS)
public class B03_FrameToWire {

    /** The transmit modes of vhost-net: {@code experimental_zcopytx=0} and {@code 1}. */
    public enum Transmit { COPY, ZEROCOPY }

    @Param({"60", "1514", "4162", "16450", "65226"})
    int frameBytes;

    @Param
    Transmit mode;

    private final OneThread world = new OneThread();
    private PostedFrame frame;

    @Setup
    public void open() {
        frame = new PostedFrame(Edition.V6_1, world, frameBytes, mode == Transmit.ZEROCOPY);
        int headers = frameBytes >= PostedFrame.HEADERS ? PostedFrame.HEADERS
                : EthHeader.ETH_HLEN + Ipv4Header.SIZE + TcpHeader.SIZE;
        send();
        Frames.check(frame.farEnd(), frameBytes - headers);
    }

    @TearDown
    public void close() {
        frame.close();
    }

    /** Post, kick, run until quiet: frames at the far end, the buffer back in the used ring. */
    @Benchmark
    public int post() {
        send();
        return drain(frame.farEnd());
    }

    private void send() {
        frame.post();
        world.runUntilQuiet();
        if (!frame.isUsed()) {
            throw new IllegalStateException("bench: the frame did not come back");
        }
    }

    private static int drain(FrameRing farEnd) {
        int bytes = 0;
        for (FrameSlot slot = farEnd.peek(); slot != null; slot = farEnd.peek()) {
            bytes += slot.len();
            farEnd.release();
        }
        return bytes;
    }
}
