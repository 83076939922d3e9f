package softnic.bench;

import com.lmax.disruptor.RingBuffer;
import com.lmax.disruptor.Sequence;
import com.lmax.disruptor.YieldingWaitStrategy;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OperationsPerInvocation;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;
import softnic.sched.WaitQueue;
import softnic.wire.FrameRing;
import softnic.wire.FrameSlot;

/**
 * What does it cost to hand a frame from the NIC to the far end?
 *
 * <p>Measured: one slot of {@link FrameRing}, the NIC's packet memory on a Disruptor ring, claimed, published, peeked
 * and released by one thread; beside it the bare Disruptor doing the same.
 *
 * <p>Why it matters: each frame crosses such a ring on its way from the engine to the far end, and a 64 KB packet is
 * 45 frames. What the ring costs is paid 45 times for it.
 *
 * <p>What you should see: the bare ring takes about 7 ns a frame, ours about 13 (2 CPUs of a cloud machine, JDK 25).
 * The difference is what makes sleeping possible: {@code release} gives room back and then, behind a full fence, asks
 * whether the producer waits for it; {@code publish} wakes the consumer. Bursts change little: the fence is paid a
 * frame. No garbage: slots are made once. The memory copy of a frame is not in here, see {@link B03_FrameToWire}.
 *
 * <p>Not seen: two threads. Then a slot's cache line moves from core to core, tens of nanoseconds a frame, and on a
 * machine with few cores the scheduler decides.
 *
 * <p>How to run: {@code ./softnic bench B01}
 */
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@State(Scope.Thread)
@Fork(3)
@Warmup(iterations = 5, time = 100, timeUnit = TimeUnit.MILLISECONDS)
@Measurement(iterations = 15, time = 40, timeUnit = TimeUnit.MILLISECONDS)
public class B01_RingPublishConsume {

    /** Slots: the 82599's transmit packet buffer has so many. */
    private static final int SLOTS = 64;
    /** Frames of a burst; a 64 KB packet makes three of them. */
    private static final int BURST = 16;
    private static final int LEN = 1514;

    /** A slot of the bare ring. */
    private static final class Event {
        private int len;
    }

    private final FrameRing frames = new FrameRing(SLOTS, new WaitQueue(), new WaitQueue());
    private final RingBuffer<Event> bare =
            RingBuffer.createSingleProducer(Event::new, SLOTS, new YieldingWaitStrategy());
    private final Sequence taken = new Sequence();

    public B01_RingPublishConsume() {
        bare.addGatingSequences(taken);     // without one the producer never waits, and overwrites
    }

    @TearDown
    public void close() {
        frames.close();
    }

    /** A frame in, a frame out. */
    @Benchmark
    public int frameRing() {
        publish();
        return consume();
    }

    /** Sixteen in, then sixteen out: what happens when producer and consumer take turns. */
    @Benchmark
    @OperationsPerInvocation(BURST)
    public int frameRingBurst() {
        for (int i = 0; i < BURST; i++) {
            publish();
        }
        int sum = 0;
        for (int i = 0; i < BURST; i++) {
            sum += consume();
        }
        return sum;
    }

    private void publish() {
        frames.claim().len(LEN);
        frames.publish();
    }

    private int consume() {
        FrameSlot slot = frames.peek();
        int len = slot.len();
        frames.release();
        return len;
    }

    /** The same on a bare Disruptor ring: no question who waits, no wake-up, no fence. */
    @Benchmark
    public int disruptor() {
        long sequence = bare.next();
        bare.get(sequence).len = LEN;
        bare.publish(sequence);
        return takeBare();
    }

    /** Claimed and published sixteen at a time, as a driver with one doorbell for many packets does. */
    @Benchmark
    @OperationsPerInvocation(BURST)
    public int disruptorBurst() {
        long last = bare.next(BURST);
        long first = last - (BURST - 1);
        for (long sequence = first; sequence <= last; sequence++) {
            bare.get(sequence).len = LEN;
        }
        bare.publish(first, last);
        int sum = 0;
        for (int i = 0; i < BURST; i++) {
            sum += takeBare();
        }
        return sum;
    }

    private int takeBare() {
        long next = taken.get() + 1;
        if (next > bare.getCursor()) {
            throw new IllegalStateException("bench: nothing was published");
        }
        int len = bare.get(next).len;
        taken.set(next);
        return len;
    }
}
