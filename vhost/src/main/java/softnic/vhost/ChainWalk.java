package softnic.vhost;

import softnic.Edition;
import softnic.Quirk;
import softnic.mm.Errno;
import softnic.mm.IoVec;
import softnic.mm.PhysMem;
import softnic.mm.Slab;
import softnic.mm.VhostMemory;
import softnic.virtio.Vring;

/**
 * From a head to the pieces of its chain: the loop of {@code vhost_get_vq_desc}, with {@code get_indirect}
 * (drivers/vhost/vhost.c).
 *
 * <pre>
 *   head --> desc --NEXT--> desc --NEXT--> desc          readable ones first, then writable ones
 *                             |
 *                         INDIRECT --> | desc | desc | desc |     read in sequence; only their NEXT flags count
 * </pre>
 *
 * <p>Each descriptor is read once: the guest may change it. At most num + 65536 are. The worker's.
 */
final class ChainWalk {

    static final int MAX_INDIRECT = 65536;

    private final PhysMem memory;
    private final VhostVirtqueue vq;
    private final VhostMonitor monitor;
    private final boolean wholeLength;
    private final boolean logsEmpty;
    private final IoVec iov = new IoVec();
    private final IoVec indirect = new IoVec();
    private final Slab scratch = new Slab(PhysMem.PAGE_SIZE);
    private final long scratchHpa;
    private VhostMemory table;
    private VhostLog log;
    private int out;
    private int in;
    private long bytes;
    private int indirectLeft;               // descriptors of indirect tables that this chain may still have

    ChainWalk(Edition edition, PhysMem memory, VhostVirtqueue vq, VhostMonitor monitor) {
        this.memory = memory;
        this.vq = vq;
        this.monitor = monitor;
        wholeLength = edition.has(Quirk.TRANSLATES_WHOLE_LENGTH);
        logsEmpty = edition.has(Quirk.LOGS_EMPTY_DESCS);
        scratchHpa = memory.addRegion(scratch.segment());
    }

    /**
     * Fills {@link #iov} from piece {@code seg} on, and {@code log} if there is one.
     *
     * @return 0, or a negated errno with the broken rule counted and {@code iov} and {@code log} as before
     */
    int walk(Vring vring, VhostMemory table, int head, int seg, VhostLog log) {
        this.table = table;
        this.log = log;
        iov.truncate(seg);
        out = 0;
        in = 0;
        bytes = 0;
        indirectLeft = MAX_INDIRECT;
        int logged = log == null ? 0 : log.num();
        int err = chain(vring, head);
        if (err < 0) {
            iov.truncate(seg);
            out = 0;
            in = 0;
            if (log != null) {
                log.truncate(logged);
            }
        } else if (monitor != null) {
            monitor.translated(bytes, iov.length(seg, iov.count()));
        }
        return err;
    }

    private int chain(Vring vring, int head) {
        int num = vring.num();
        int i = head;
        int found = 0;
        while (true) {
            if (i >= num) {
                return vq.broken(VqRule.NEXT_OUT_OF_RANGE, -Errno.EINVAL);
            }
            if (++found > num) {
                return vq.broken(VqRule.CHAIN_LOOP, -Errno.EINVAL);
            }
            long addr = vring.descAddr(i);
            long len = Integer.toUnsignedLong(vring.descLen(i));
            int flags = vring.descFlags(i);
            int next = vring.descNext(i);
            int err = (flags & Vring.VRING_DESC_F_INDIRECT) != 0
                    ? indirect(addr, len) : addPieces(addr, len, flags);
            if (err < 0) {
                return err;
            }
            if ((flags & Vring.VRING_DESC_F_NEXT) == 0) {
                return 0;
            }
            i = next;
        }
    }

    /**
     * {@code get_indirect}: a table of its own, read in sequence; only its NEXT flags count. Deviation: all tables of
     * a chain together have at most 65536 descriptors, else one chain could keep the worker for num times as many.
     */
    private int indirect(long addr, long len) {
        if (len == 0 || len % Vring.DESC_SIZE != 0) {
            return vq.broken(VqRule.INDIRECT_LEN, -Errno.EINVAL);
        }
        indirect.clear();
        int err = table.translate(addr, len, indirect, IoVec.UIO_MAXIOV, wholeLength);
        if (err < 0) {
            return vq.broken(VqRule.INDIRECT_OUTSIDE_MEMORY, err);
        }
        if (len / Vring.DESC_SIZE > MAX_INDIRECT) {
            return vq.broken(VqRule.INDIRECT_TOO_BIG, -Errno.E2BIG);
        }
        int count = (int) Math.min(len / Vring.DESC_SIZE, indirectLeft);
        for (int found = 0; found < count; found++) {
            indirectLeft--;
            long at = indirectDesc(found);
            if (at == 0) {
                return vq.broken(VqRule.INDIRECT_UNREADABLE, -Errno.EINVAL);
            }
            long descAddr = memory.le64(at);
            long descLen = Integer.toUnsignedLong(memory.le32(at + Vring.DESC_LEN));
            int flags = memory.le16(at + Vring.DESC_FLAGS);
            if ((flags & Vring.VRING_DESC_F_INDIRECT) != 0) {
                return vq.broken(VqRule.INDIRECT_NESTED, -Errno.EINVAL);
            }
            err = addPieces(descAddr, descLen, flags);
            if (err < 0 || (flags & Vring.VRING_DESC_F_NEXT) == 0) {
                return Math.min(err, 0);
            }
        }
        return vq.broken(VqRule.INDIRECT_LOOP, -Errno.EINVAL);
    }

    /** Where descriptor {@code i} of the indirect table can be read: in place, or copied out across regions; 0: nowhere. */
    private long indirectDesc(int i) {
        if (indirect.count() == 1) {
            return indirect.base(0) + (long) i * Vring.DESC_SIZE;
        }
        return indirect.copyTo(memory, i * Vring.DESC_SIZE, scratchHpa, Vring.DESC_SIZE) < 0 ? 0 : scratchHpa;
    }

    private int addPieces(long addr, long len, int flags) {
        int pieces = table.translate(addr, len, iov, IoVec.UIO_MAXIOV, wholeLength);
        if (pieces < 0) {
            return vq.broken(pieces == -Errno.ENOBUFS ? VqRule.TOO_MANY_PIECES : VqRule.DESC_OUTSIDE_MEMORY, pieces);
        }
        bytes += len;
        if ((flags & Vring.VRING_DESC_F_WRITE) != 0) {
            in += pieces;
            return log == null || pieces == 0 && !logsEmpty ? 0 : log(addr, len);
        }
        if (in != 0) {
            return vq.broken(VqRule.OUT_AFTER_IN, -Errno.EINVAL);
        }
        out += pieces;
        return 0;
    }

    private int log(long addr, long len) {
        if (log.add(addr, len)) {
            return 0;
        }
        if (monitor != null) {
            monitor.logOverrun();
        }
        return vq.broken(VqRule.LOG_OVERRUN, -Errno.ENOBUFS);       // the kernel wrote behind its array
    }

    IoVec iov() {
        return iov;
    }

    int out() {
        return out;
    }

    int in() {
        return in;
    }

    void close() {
        scratch.close();
    }
}
