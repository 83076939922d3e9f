package softnic.vhost;

import softnic.Edition;
import softnic.Quirk;
import softnic.mm.Errno;
import softnic.mm.IoVec;
import softnic.mm.PhysMem;
import softnic.mm.Slab;
import softnic.trace.Counters;
import softnic.virtio.VirtioNetHdr;

/**
 * The guest's buffers for one packet, and those filled but not yet reported: {@code get_rx_bufs} with
 * {@code vq->heads} of the RX ring (drivers/vhost/net.c).
 *
 * <pre>
 *   heads   [ filled, not reported | this packet's        |  ]      1024 + VHOST_NET_BATCH + 1
 *           0                      done                done + n
 * </pre>
 *
 * <p>The worker's.
 */
final class RxBufs {

    /** What {@link #get} answers for a packet that is longer than all buffers it may have. */
    static final int OVERRUN = IoVec.UIO_MAXIOV + 1;

    private static final int NUM_BUFFERS = VirtioNetHdr.SIZE;       // where the field lies in the header

    private final Edition edition;
    private final PhysMem memory;
    private final VhostVirtqueue vq;
    private final VhostMonitor monitor;
    private final Counters<HandleRx.Count> counters;
    private final int[] heads = new int[IoVec.UIO_MAXIOV + TxQueue.VHOST_NET_BATCH + 1];
    private final int[] lens = new int[heads.length];
    private final Slab scratch = new Slab(PhysMem.PAGE_SIZE);
    private final long scratchHpa;
    private int done;
    private int lastPieces;             // of the chain taken last

    RxBufs(Edition edition, PhysMem memory, VhostVirtqueue vq, VhostMonitor monitor,
            Counters<HandleRx.Count> counters) {
        this.edition = edition;
        this.memory = memory;
        this.vq = vq;
        this.monitor = monitor;
        this.counters = counters;
        this.scratchHpa = memory.addRegion(scratch.segment());
    }

    /**
     * Takes buffers until {@code bytes} fit; the last is said to hold only what is left for it.
     *
     * @param quota how many it may take
     * @return how many it took, their pieces in {@link #iov}; 0 if the ring has too few; {@link #OVERRUN} if the packet
     *     does not fit in its quota; a negated errno for a bad ring. In the last three cases none is taken
     */
    int get(int bytes, int quota) {
        VhostLog log = vq.vqLog();
        if (log != null) {
            log.clear();
        }
        long left = bytes;
        int n = 0;
        int seg = 0;
        while (left > 0 && n < quota) {
            int head = overflows(n) ? -Errno.ENOBUFS : vq.getVqDesc(seg, log);
            if (head == vq.num()) {
                return giveBack(n, 0);
            }
            if (head < 0 && !takesForHead(n, seg)) {
                return giveBack(n, head);
            }
            if (head >= 0 && (vq.out() != 0 || vq.in() == 0)) {
                vq.lose(VqRule.RX_HAS_OUT);
                return giveBack(n, -Errno.EINVAL);
            }
            heads[done + n] = head;
            lens[done + n] = (int) Math.min(vq.iov().length(seg, vq.iov().count()), Integer.MAX_VALUE);
            left -= lens[done + n++];
            lastPieces = vq.iov().count() - seg;
            seg += lastPieces;
        }
        if (left < 0) {
            lens[done + n - 1] += (int) left;
        }
        return left > 0 ? overrun(n, left) : n;
    }

    private int giveBack(int n, int answer) {
        vq.discardVqDesc(n);
        return answer;
    }

    /** The packet is longer than its buffers. Until 3.13 nobody looked, and the last one seemed to hold all the rest. */
    private int overrun(int n, long left) {
        if (!edition.has(Quirk.RX_OVERRUN_TAKEN)) {
            return giveBack(n, OVERRUN);
        }
        counters.bump(HandleRx.Count.OVERRUN);
        if (monitor != null) {
            monitor.outOfBounds(left + " bytes of a packet behind its buffers (CVE-2014-0077)");
        }
        lens[done + n - 1] += (int) left;
        return n;
    }

    /** An error that an unsigned variable holds is no error; the pieces are those that the chain before it left there. */
    private boolean takesForHead(int n, int seg) {
        if (!edition.has(Quirk.RX_ERRNO_AS_HEAD) || n == 0 || seg + lastPieces > IoVec.UIO_MAXIOV) {
            return false;
        }
        IoVec iov = vq.iov();
        for (int i = seg - lastPieces; i < seg; i++) {
            iov.add(iov.base(i), iov.len(i));
        }
        counters.bump(HandleRx.Count.ERRNO_AS_HEAD);
        return true;
    }

    /** 4.20 had 1024 entries, took up to 1024 heads a packet, and kept up to 65 in front of them. */
    private boolean overflows(int n) {
        if (!edition.has(Quirk.RX_HEADS_OVERFLOW) || done + n < IoVec.UIO_MAXIOV) {
            return false;
        }
        counters.bump(HandleRx.Count.HEADS_OVERFLOW);
        if (monitor != null) {
            monitor.outOfBounds("heads[" + (done + n) + "] of " + IoVec.UIO_MAXIOV + " (CVE-2018-16880)");
        }
        return true;
    }

    /** How many buffers the packet has, into its header. @return 0 or -EFAULT */
    int writeNumBuffers(int n) {
        memory.le16(scratchHpa, n);
        return vq.iov().copyFrom(memory, NUM_BUFFERS, scratchHpa, 2);
    }

    /** The packet is in its buffers: they wait for {@link #signalUsed}. */
    void filled(int n) {
        done += n;
    }

    /** Buffers filled and not reported. */
    int waiting() {
        return done;
    }

    /** Reports what is filled ({@code vhost_net_signal_used}, {@code vhost_add_used_and_signal_n}). */
    void signalUsed() {
        if (done > 0) {
            for (int i = 0; i < done; i++) {
                vq.addUsed(heads[i], lens[i]);
            }
            done = 0;
            vq.signal();
        }
    }

    /** The pieces of the buffers last taken. */
    IoVec iov() {
        return vq.iov();
    }

    void close() {
        scratch.close();
    }
}
