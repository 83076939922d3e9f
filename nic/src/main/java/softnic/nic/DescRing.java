package softnic.nic;

import com.lmax.disruptor.Sequence;
import java.lang.foreign.MemorySegment;
import softnic.mm.PhysMem;
import softnic.mm.Slab;

/**
 * One queue's descriptor ring in host memory, with the registers through which driver and device share it
 * (82599 datasheet, 8.2.3.9 for transmit, 8.2.3.8 for receive).
 *
 * <pre>
 *         head (TDH, RDH)             tail (TDT, RDT)
 *            v                           v
 *   [ driver | device | device | device  | driver | driver ... ]      16 bytes each
 *
 *   TDBAL/TDBAH, RDBAL/RDBAH  baseHpa()        TDLEN, RDLEN  count() * 16
 * </pre>
 *
 * <p>The device owns [head, tail). Both registers are Disruptor sequences: free-running counters whose low bits
 * are the register's value, so that "full" and "empty" differ. The tail is written by the driver, after the
 * descriptors (release); the head by the device. Deviation: real registers wrap at count.
 */
public final class DescRing implements AutoCloseable {

    /** Bytes of a descriptor. */
    public static final int DESC_SIZE = 16;
    /** {@code IXGBE_MIN_TXD}, {@code IXGBE_MIN_RXD} (drivers/net/ixgbe/ixgbe.h). */
    public static final int MIN_COUNT = 64;
    /** {@code IXGBE_MAX_TXD}, {@code IXGBE_MAX_RXD}. */
    public static final int MAX_COUNT = 4096;

    private final Slab slab;
    private final MemorySegment memory;
    private final long baseHpa;
    private final int count;
    private final Sequence head = new Sequence(0);
    private final Sequence tail = new Sequence(0);

    /** @param count descriptors, a power of two in [{@link #MIN_COUNT}, {@link #MAX_COUNT}] */
    public DescRing(PhysMem physical, int count) {
        if (count < MIN_COUNT || count > MAX_COUNT || Integer.bitCount(count) != 1) {
            throw new IllegalArgumentException("nic: ring of " + count + " descriptors, must be a power of two in ["
                    + MIN_COUNT + ", " + MAX_COUNT + "] [ixgbe_set_ringparam, drivers/net/ixgbe/ixgbe_ethtool.c]");
        }
        this.count = count;
        slab = new Slab((long) count * DESC_SIZE);      // page-aligned, more than the 128 bytes that are needed
        memory = slab.segment();
        baseHpa = physical.addRegion(memory);
    }

    /** Number of descriptors. */
    public int count() {
        return count;
    }

    /** Host-physical address of descriptor 0. */
    public long baseHpa() {
        return baseHpa;
    }

    /** The memory in which the descriptors lie. */
    public MemorySegment memory() {
        return memory;
    }

    /** Where in {@link #memory} the descriptor of a sequence lies, in bytes. */
    public long at(long sequence) {
        return (sequence & count - 1) * DESC_SIZE;
    }

    /** TDH or RDH: the next descriptor the device has not finished. Written by the device. */
    public Sequence head() {
        return head;
    }

    /** TDT or RDT: the first descriptor that is not the device's. Written by the driver. */
    public Sequence tail() {
        return tail;
    }

    @Override
    public void close() {
        slab.close();
    }
}
