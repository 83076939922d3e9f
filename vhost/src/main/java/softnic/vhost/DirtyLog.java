package softnic.vhost;

import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import softnic.mm.Errno;
import softnic.mm.PhysMem;
import softnic.sched.Cpu;
import softnic.sched.EventFd;
import softnic.virtio.Vring;

/**
 * The bitmap of pages that a ring's device has written, for migration: {@code log_base} of {@code struct
 * vhost_virtqueue} with {@code log_write} and {@code log_access_ok} (drivers/vhost/vhost.c).
 *
 * <pre>
 *   guest page p  -->  bit p % 8 of the byte at base + p / 8
 * </pre>
 *
 * <p>The worker sets bits, the owner takes them: both by atomic operations on words.
 */
final class DirtyLog {

    static final int VHOST_PAGE_SIZE = 4096;
    private static final int PAGES_PER_BYTE = 8;
    private static final int PAGE_SHIFT = 12;
    private static final VarHandle WORD = ValueLayout.JAVA_INT.withOrder(ByteOrder.LITTLE_ENDIAN).varHandle();

    private final Cpu cpu;
    private final PhysMem memory;
    private final OwnerMm mm;
    private final Runnable signal = this::signal;
    private long base;                  // user address; 0: none
    private boolean logUsed;
    private long logAddr;
    private EventFd ctx;
    private boolean signalPending;
    private long faults;

    DirtyLog(Cpu cpu, PhysMem memory, OwnerMm mm) {
        this.cpu = cpu;
        this.memory = memory;
        this.mm = mm;
        reset();
    }

    /** Nothing is logged, nobody told. Set-up only, as the next three. */
    void reset() {
        base = 0;
        used(false, -1);
        ctx = null;
    }

    /** Where the bitmap is: a user address. */
    void base(long userAddress) {
        base = userAddress;
    }

    long base() {
        return base;
    }

    /** Whether writes to the used ring are logged, and under which guest address. */
    void used(boolean logUsed, long logAddr) {
        this.logUsed = logUsed;
        this.logAddr = logAddr;
    }

    /** Signalled when pages were logged ({@code log_ctx}); null: nobody is told. */
    void ctx(EventFd ctx) {
        this.ctx = ctx;
    }

    /**
     * Sets the bit of each page of [gpa, gpa + len).
     *
     * @return 0, or -EFAULT where the bitmap has no such bit; pages before it are set
     */
    int write(long gpa, long len) {
        if (len == 0) {
            return 0;
        }
        long page = gpa >>> PAGE_SHIFT;
        long last = gpa + len - 1 >>> PAGE_SHIFT;
        while (setBit(page)) {
            if (page++ == last) {
                return 0;
            }
        }
        return -Errno.EFAULT;
    }

    /** {@code set_bit_to_user}. */
    private boolean setBit(long page) {
        long at = base + (page >>> 3);
        long word = at & -Integer.BYTES;
        if (!mm.accessOk(word, Integer.BYTES)) {
            return false;
        }
        int bit = (int) (at - word) * Byte.SIZE + (int) (page & PAGES_PER_BYTE - 1);
        WORD.getAndBitwiseOr(memory.segment(word), PhysMem.offset(word), 1 << bit);
        return true;
    }

    /**
     * Logs the first {@code len} bytes of the chains that {@code log} holds ({@code vhost_log_write}), when they are
     * written.
     *
     * @return 0; -EFAULT for pages that the bitmap has not; -EINVAL if the chains hold less
     */
    int write(VhostLog log, long len) {
        long left = len;
        for (int i = 0; i < log.num() && left > 0; i++) {
            long bytes = Math.min(log.len(i), left);
            if (write(log.addr(i), bytes) < 0) {
                faults++;
                return -Errno.EFAULT;
            }
            left -= bytes;
        }
        if (ctx != null && !signalPending) {
            signalPending = true;
            cpu.settle(signal);
        }
        return left == 0 ? 0 : -Errno.EINVAL;
    }

    /**
     * Logs a write to the used ring that the guest can see by now ({@code log_used}). What the bitmap has not is counted,
     * no more. Settled.
     */
    void usedWritten(int offset, int bytes) {
        if (logUsed) {
            logUsed(offset, bytes);
            signal();
        }
    }

    /** The same for {@code count} elements from free-running index {@code idx} on, and the index itself. */
    void usedPublished(int num, int idx, int count) {
        if (logUsed) {
            int start = idx & num - 1;
            int run = Math.min(count, num - start);     // at most two: the ring wraps
            logUsed(Vring.usedElemOffset(start), run * Vring.USED_ELEM_SIZE);
            logUsed(Vring.usedElemOffset(0), Math.min(count - run, num) * Vring.USED_ELEM_SIZE);
            logUsed(Vring.IDX, Short.BYTES);
            signal();
        }
    }

    private void logUsed(int offset, int bytes) {
        if (write(logAddr + offset, bytes) < 0) {
            faults++;
        }
    }

    private void signal() {
        signalPending = false;
        if (ctx != null) {
            ctx.signal();
        }
    }

    /** Writes that the bitmap had no bits for. */
    long faults() {
        return faults;
    }

    /** May the used ring be logged, if it is to be, in a bitmap at {@code base}? */
    boolean usedAccessOk(long base, long usedSize) {
        return !logUsed || accessOk(base, logAddr, usedSize);
    }

    /** {@code log_access_ok}: has the bitmap at {@code base} the bits of [gpa, gpa + size)? */
    boolean accessOk(long base, long gpa, long size) {
        long first = gpa >>> PAGE_SHIFT + 3;
        if (Long.compareUnsigned(base + first, base) < 0) {
            return false;
        }
        long bytes = size + VHOST_PAGE_SIZE * PAGES_PER_BYTE - 1 >>> PAGE_SHIFT + 3;
        return mm.accessOk(base + first, bytes);
    }
}
