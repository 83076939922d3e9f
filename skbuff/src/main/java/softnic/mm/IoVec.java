package softnic.mm;

/**
 * A scatter list of host addresses: {@code struct iovec[]} with its count (include/linux/uio.h).
 *
 * <p>Made once with its capacity, filled again for each packet. One agent.
 */
public final class IoVec {

    /** {@code UIO_MAXIOV} (include/linux/uio.h): no vector is longer. */
    public static final int UIO_MAXIOV = 1024;

    private final long[] base = new long[UIO_MAXIOV];
    private final int[] len = new int[UIO_MAXIOV];
    private int count;

    public void clear() {
        count = 0;
    }

    /** Forgets all pieces from number {@code count} on. */
    public void truncate(int count) {
        assert count <= this.count : count + " of " + this.count;
        this.count = count;
    }

    /** Appends a piece; the caller has checked that there is room. */
    public void add(long baseHpa, int lenBytes) {
        base[count] = baseHpa;
        len[count++] = lenBytes;
    }

    public int count() {
        return count;
    }

    /** Host address of piece {@code i}. */
    public long base(int i) {
        return base[i];
    }

    /** Bytes of piece {@code i}. */
    public int len(int i) {
        return len[i];
    }

    /** {@code iov_length}: sum of the pieces, in bytes. */
    public long length() {
        return length(0, count);
    }

    /** Bytes in the pieces from {@code first} up to, not including, {@code end}. */
    public long length(int first, int end) {
        long sum = 0;
        for (int i = first; i < end; i++) {
            sum += len[i];
        }
        return sum;
    }

    /** Drops {@code bytes} from the front ({@code iov_iter_advance}); the rest moves to slot 0. */
    public void advance(int bytes) {
        int left = bytes;
        int i = 0;
        while (i < count && left >= len[i]) {
            left -= len[i++];
        }
        int kept = count - i;
        System.arraycopy(base, i, base, 0, kept);
        System.arraycopy(len, i, len, 0, kept);
        count = kept;
        if (kept > 0) {
            base[0] += left;
            len[0] -= left;
        }
    }

    /**
     * Copies bytes out ({@code memcpy_fromiovecend}).
     *
     * @param offset where in the vector to start
     * @return 0, or -EFAULT when the vector is too short, or comes to an address that is no memory
     */
    public int copyTo(PhysMem memory, int offset, long toHpa, int bytes) {
        if (memory.fails(FaultPoint.USERCOPY)) {
            return -Errno.EFAULT;
        }
        int skip = offset;
        int done = 0;
        for (int i = 0; i < count && done < bytes; i++) {
            if (skip >= len[i]) {
                skip -= len[i];
                continue;
            }
            int piece = Math.min(len[i] - skip, bytes - done);
            if (!memory.isMemory(base[i] + skip, piece)) {
                return -Errno.EFAULT;
            }
            memory.copy(base[i] + skip, toHpa + done, piece);
            done += piece;
            skip = 0;
        }
        return done == bytes ? 0 : -Errno.EFAULT;
    }

    /**
     * Copies bytes in ({@code memcpy_toiovecend}).
     *
     * @return 0, or -EFAULT when the vector is too short, or comes to an address that is no memory
     */
    public int copyFrom(PhysMem memory, int offset, long fromHpa, int bytes) {
        if (memory.fails(FaultPoint.USERCOPY)) {
            return -Errno.EFAULT;
        }
        int skip = offset;
        int done = 0;
        for (int i = 0; i < count && done < bytes; i++) {
            if (skip >= len[i]) {
                skip -= len[i];
                continue;
            }
            int piece = Math.min(len[i] - skip, bytes - done);
            if (!memory.isMemory(base[i] + skip, piece)) {
                return -Errno.EFAULT;
            }
            memory.copy(fromHpa + done, base[i] + skip, piece);
            done += piece;
            skip = 0;
        }
        return done == bytes ? 0 : -Errno.EFAULT;
    }
}
