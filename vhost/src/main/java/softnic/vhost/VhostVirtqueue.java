package softnic.vhost;

import java.lang.invoke.VarHandle;
import softnic.Behaviour;
import softnic.Edition;
import softnic.mm.Errno;
import softnic.mm.GuestMemory;
import softnic.mm.IoVec;
import softnic.mm.PhysMem;
import softnic.mm.Slab;
import softnic.sched.Cost;
import softnic.sched.Cpu;
import softnic.sched.EventFd;
import softnic.trace.Counters;
import softnic.trace.Trace;
import softnic.trace.Tracepoint;
import softnic.virtio.Vring;

/**
 * One ring as the host sees it: {@code struct vhost_virtqueue} with {@code vhost_get_vq_desc},
 * {@code vhost_add_used} and the notification handshake (drivers/vhost/vhost.c).
 *
 * <p>The worker's agent only. What the guest can see leaves through {@link Cpu#settle}: elements are written
 * at once, the index that covers them is published, and the guest signalled, when the work is paid for.
 */
public final class VhostVirtqueue {

    private static final int MAX_INDIRECT = 65536;

    /** What a virtqueue counts, beside the broken rules of {@link VqRule}. */
    public enum Count { HEADS, USED, SIGNALS, SIGNALS_SUPPRESSED, NOTIFY_ENABLED, NOTIFY_RECHECK_HIT }

    private final String name;
    private final Edition edition;
    private final Cpu cpu;
    private final Trace trace;
    private final PhysMem memory;
    private final GuestMemory guest;
    private final boolean eventIdx;
    private final VhostMonitor monitor;
    private final Counters<Count> counters;
    private final Counters<VqRule> errors;
    private final IoVec iov = new IoVec();
    private final IoVec indirect = new IoVec();
    private final Slab scratch = new Slab(PhysMem.PAGE_SIZE);
    private final long scratchHpa;
    private final Runnable publishUsed = this::publishUsed;
    private final Runnable writeUsedFlags = this::writeUsedFlags;
    private final Runnable callGuest;

    private Vring vring;
    private int num;
    private int lastAvailIdx;
    private int availIdx;                   // cached
    private int lastUsedIdx;                // next element to write; published when settled
    private int readyUsedIdx;               // what the next publication covers
    private int publishedUsedIdx;
    private int usedFlags;
    private int signalledUsed;
    private boolean signalledUsedValid;
    private boolean publishPending;
    private boolean postedUnannounced;      // monitor: there was work before kicks were asked for
    private int out;
    private int in;
    private int indirectLeft;               // descriptors of indirect tables that this chain may still have

    VhostVirtqueue(String name, Edition edition, Cpu cpu, Trace trace, PhysMem memory, GuestMemory guest,
            boolean eventIdx, EventFd call, VhostMonitor monitor) {
        this.name = name;
        this.edition = edition;
        this.cpu = cpu;
        this.trace = trace;
        this.memory = memory;
        this.guest = guest;
        this.eventIdx = eventIdx;
        this.monitor = monitor;
        this.counters = Counters.of("vhost." + name, Count.class);
        this.errors = Counters.of("vhost." + name + ".error", VqRule.class);
        this.callGuest = call::signal;
        this.scratchHpa = memory.addRegion(scratch.segment());
    }

    /**
     * Gives the ring its size and place ({@code VHOST_SET_VRING_NUM}, {@code _ADDR}). Deviation: at most 1024, as
     * many as there are zero-copy slots; 3.1 took 32768 and then wrote behind its arrays.
     *
     * @return 0; -EINVAL for a size that is no power of two in 1..1024 or a misaligned address; -EFAULT for
     *     parts outside guest memory
     */
    public int setVring(int num, long descGpa, long availGpa, long usedGpa) {
        if (num < 1 || num > IoVec.UIO_MAXIOV || Integer.bitCount(num) != 1) {
            return -Errno.EINVAL;
        }
        if ((descGpa & 15) != 0 || (availGpa & 1) != 0 || (usedGpa & 3) != 0) {
            return -Errno.EINVAL;
        }
        long desc = onePiece(descGpa, num * Vring.DESC_SIZE);
        long avail = onePiece(availGpa, Vring.availSize(num));
        long used = onePiece(usedGpa, Vring.usedSize(num));
        if (desc == 0 || avail == 0 || used == 0) {
            return -Errno.EFAULT;
        }
        this.num = num;
        this.vring = new Vring(memory, num, desc, avail, used);
        initUsed();
        return 0;
    }

    /** The ring has a place in guest memory ({@code vhost_vq_access_ok}). */
    boolean accessOk() {
        return vring != null;
    }

    /** {@code vhost_init_used}: takes up the ring where its used index stands. Between two works only. */
    void initUsed() {
        vring.usedFlags(usedFlags);
        signalledUsedValid = false;
        lastUsedIdx = vring.usedIdxAcquire();
        readyUsedIdx = lastUsedIdx;
        publishedUsedIdx = lastUsedIdx;
    }

    private long onePiece(long gpa, int len) {
        iov.clear();
        return guest.translate(gpa, len, iov, 1) == 1 && iov.len(0) == len ? iov.base(0) : 0;
    }

    // ---- taking chains

    /**
     * Takes the next chain: its pieces are then in {@link #iov}, readable ones first ({@code vhost_get_vq_desc}).
     *
     * @return the head; {@link #num} if there is none; a negated errno for a ring that breaks a rule, with the
     *     rule counted and the ring where it was
     */
    int getVqDesc() {
        trace.enter(Tracepoint.GET_VQ_DESC);
        int head = nextHead();
        if (head >= 0 && head < num) {
            int err = walk(head);
            head = err < 0 ? err : head;
            if (err == 0) {
                lastAvailIdx = lastAvailIdx + 1 & Vring.IDX_MASK;
                assert (usedFlags & Vring.VRING_USED_F_NO_NOTIFY) != 0 : name + ": notifications are on";
                counters.bump(Count.HEADS);
                if (monitor != null) {
                    monitor.headTaken(head);
                }
            }
        }
        trace.exit(Tracepoint.GET_VQ_DESC);
        return head;
    }

    private int nextHead() {
        if (!edition.has(Behaviour.AVAIL_IDX_CACHED) || availIdx == lastAvailIdx) {
            int idx = vring.availIdxAcquire();
            if ((idx - lastAvailIdx & Vring.IDX_MASK) > num) {
                return broken(VqRule.AVAIL_IDX_JUMP, -Errno.EFAULT);
            }
            availIdx = idx;
        }
        if (availIdx == lastAvailIdx) {
            return num;
        }
        int head = vring.availRing(lastAvailIdx);
        return head >= num ? broken(VqRule.HEAD_OUT_OF_RANGE, -Errno.EINVAL) : head;
    }

    private int walk(int head) {
        iov.clear();
        out = 0;
        in = 0;
        indirectLeft = MAX_INDIRECT;
        int i = head;
        int found = 0;
        while (true) {
            if (i >= num) {
                return broken(VqRule.NEXT_OUT_OF_RANGE, -Errno.EINVAL);
            }
            if (++found > num) {
                return broken(VqRule.CHAIN_LOOP, -Errno.EINVAL);
            }
            long addr = vring.descAddr(i);
            long len = Integer.toUnsignedLong(vring.descLen(i));
            int flags = vring.descFlags(i);
            int next = vring.descNext(i);
            int err = (flags & Vring.VRING_DESC_F_INDIRECT) != 0
                    ? walkIndirect(addr, len) : addPieces(addr, len, flags);
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
    private int walkIndirect(long addr, long len) {
        if (len == 0 || len % Vring.DESC_SIZE != 0) {
            return broken(VqRule.INDIRECT_LEN, -Errno.EINVAL);
        }
        indirect.clear();
        int err = guest.translate(addr, len, indirect, IoVec.UIO_MAXIOV);
        if (err < 0) {
            return broken(VqRule.INDIRECT_OUTSIDE_MEMORY, err);
        }
        if (len / Vring.DESC_SIZE > MAX_INDIRECT) {
            return broken(VqRule.INDIRECT_TOO_BIG, -Errno.E2BIG);
        }
        int count = (int) Math.min(len / Vring.DESC_SIZE, indirectLeft);
        for (int found = 0; found < count; found++) {
            indirectLeft--;
            long at = indirectDesc(found);
            long descAddr = memory.le64(at);
            long descLen = Integer.toUnsignedLong(memory.le32(at + Vring.DESC_LEN));
            int flags = memory.le16(at + Vring.DESC_FLAGS);
            if ((flags & Vring.VRING_DESC_F_INDIRECT) != 0) {
                return broken(VqRule.INDIRECT_NESTED, -Errno.EINVAL);
            }
            err = addPieces(descAddr, descLen, flags);
            if (err < 0 || (flags & Vring.VRING_DESC_F_NEXT) == 0) {
                return Math.min(err, 0);
            }
        }
        return broken(VqRule.INDIRECT_LOOP, -Errno.EINVAL);
    }

    /** Where descriptor {@code i} of the indirect table can be read: in place, or copied out across regions. */
    private long indirectDesc(int i) {
        if (indirect.count() == 1) {
            return indirect.base(0) + (long) i * Vring.DESC_SIZE;
        }
        indirect.copyTo(memory, i * Vring.DESC_SIZE, scratchHpa, Vring.DESC_SIZE);
        return scratchHpa;
    }

    private int addPieces(long addr, long len, int flags) {
        int pieces = guest.translate(addr, len, iov, IoVec.UIO_MAXIOV);
        if (pieces < 0) {
            return broken(pieces == -Errno.ENOBUFS ? VqRule.TOO_MANY_PIECES : VqRule.DESC_OUTSIDE_MEMORY, pieces);
        }
        if ((flags & Vring.VRING_DESC_F_WRITE) != 0) {
            in += pieces;
        } else if (in != 0) {
            return broken(VqRule.OUT_AFTER_IN, -Errno.EINVAL);
        } else {
            out += pieces;
        }
        return 0;
    }

    /** Counts a broken rule ({@code vq_err}). @return {@code errno}, for the caller to return */
    int broken(VqRule rule, int errno) {
        errors.bump(rule);
        return errno;
    }

    /** The chain taken last is not what its device can use: as in the kernel, the guest never gets it back. */
    void lose(VqRule rule) {
        broken(rule, -Errno.EINVAL);
        if (monitor != null) {
            monitor.headLost();
        }
    }

    /** Puts the last {@code n} chains back ({@code vhost_discard_vq_desc}). */
    void discardVqDesc(int n) {
        lastAvailIdx = lastAvailIdx - n & Vring.IDX_MASK;
        counters.add(Count.HEADS, -n);
        for (int i = 0; monitor != null && i < n; i++) {
            monitor.headReturned();
        }
    }

    /** True if there is a ring with more in it than was taken ({@code vhost_vq_avail_empty}, negated). */
    boolean hasAvail() {
        return vring != null && vring.availIdxAcquire() != lastAvailIdx;
    }

    // ---- giving them back

    /** Writes one used element; the guest sees it when what was charged is paid ({@code vhost_add_used}). */
    void addUsed(int head, int len) {
        vring.usedElem(lastUsedIdx, head, len);
        lastUsedIdx = lastUsedIdx + 1 & Vring.IDX_MASK;
        cpu.charge(Cost.USED_ENTRY, 1);
        counters.bump(Count.USED);
        if (monitor != null) {
            monitor.headUsed(head);
        }
    }

    /**
     * Publishes the elements written so far, and signals the guest if it wants to hear ({@code vhost_signal}). The
     * last act of a step: what is added later is paid for later, and needs a signal of its own.
     */
    void signal() {
        readyUsedIdx = lastUsedIdx;
        if (!publishPending) {
            publishPending = true;
            cpu.settle(publishUsed);
        }
    }

    private void publishUsed() {
        publishPending = false;
        int old = publishedUsedIdx;
        publishedUsedIdx = readyUsedIdx;
        vring.usedIdxRelease(publishedUsedIdx);
        trace.mix(publishedUsedIdx);
        if ((publishedUsedIdx - signalledUsed & Vring.IDX_MASK) < (publishedUsedIdx - old & Vring.IDX_MASK)) {
            signalledUsedValid = false;     // lapped
        }
        if (notifyWanted()) {
            counters.bump(Count.SIGNALS);
            cpu.charge(Cost.SIGNAL, 1);
            cpu.settle(callGuest);
        } else {
            counters.bump(Count.SIGNALS_SUPPRESSED);
        }
    }

    /** {@code vhost_notify}: does the guest want an interrupt for what was published? */
    private boolean notifyWanted() {
        VarHandle.fullFence();              // index before flags: pairs with the guest's enable_cb
        if (!eventIdx) {
            return (vring.availFlags() & Vring.VRING_AVAIL_F_NO_INTERRUPT) == 0;
        }
        int old = signalledUsed;
        boolean valid = signalledUsedValid;
        signalledUsed = publishedUsedIdx;
        signalledUsedValid = true;
        return !valid || Vring.needEvent(vring.usedEvent(), publishedUsedIdx, old);
    }

    // ---- kicks

    /** {@code vhost_disable_notify}: no kicks while the worker runs; with event index the stale event does it. */
    void disableNotify() {
        if ((usedFlags & Vring.VRING_USED_F_NO_NOTIFY) != 0) {
            return;
        }
        usedFlags |= Vring.VRING_USED_F_NO_NOTIFY;
        if (!eventIdx) {
            cpu.settle(writeUsedFlags);
        }
    }

    private void writeUsedFlags() {
        vring.usedFlags(usedFlags);
    }

    /**
     * {@code vhost_enable_notify}: asks for kicks, then looks again. Call it settled.
     *
     * @return true if the guest posted something meanwhile, for which no kick may come
     */
    boolean enableNotify() {
        postedUnannounced = monitor != null && hasAvail();
        if ((usedFlags & Vring.VRING_USED_F_NO_NOTIFY) == 0) {
            return false;
        }
        usedFlags &= ~Vring.VRING_USED_F_NO_NOTIFY;
        counters.bump(Count.NOTIFY_ENABLED);
        if (eventIdx) {
            vring.availEvent(availIdx);
        } else {
            vring.usedFlags(usedFlags);
        }
        VarHandle.fullFence();              // flag before index: pairs with the guest's kick
        boolean more = vring.availIdxAcquire() != availIdx;
        if (more) {
            counters.bump(Count.NOTIFY_RECHECK_HIT);
        }
        return more;
    }

    /** The worker has asked for kicks, found nothing, and leaves this ring alone until one comes. */
    void sleeps() {
        if (postedUnannounced) {
            monitor.sleepsOnWork();
        }
    }

    // ----

    int num() {
        return num;
    }

    /** The pieces of the chain last taken. */
    IoVec iov() {
        return iov;
    }

    /** Readable pieces of it. */
    int out() {
        return out;
    }

    /** Writable pieces of it. */
    int in() {
        return in;
    }

    /** Heads taken and not yet written to the used ring (invariant 5). */
    public int outstanding() {
        return lastAvailIdx - lastUsedIdx & Vring.IDX_MASK;
    }

    public Counters<Count> counters() {
        return counters;
    }

    public Counters<VqRule> errors() {
        return errors;
    }

    void close() {
        scratch.close();
    }
}
