package softnic.vhost;

import java.lang.invoke.VarHandle;
import softnic.Behaviour;
import softnic.Edition;
import softnic.Quirk;
import softnic.mm.Errno;
import softnic.mm.GuestMemory;
import softnic.mm.IoVec;
import softnic.mm.PhysMem;
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

    /** What a virtqueue counts, beside the broken rules of {@link VqRule}. */
    public enum Count { HEADS, USED, SIGNALS, SIGNALS_SUPPRESSED, NOTIFY_ENABLED, NOTIFY_RECHECK_HIT }

    private final String name;
    private final Edition edition;
    private final Cpu cpu;
    private final Trace trace;
    private final VhostMonitor monitor;
    private final Counters<Count> counters;
    private final Counters<VqRule> errors;
    private final ChainWalk chain;
    private final DirtyLog dirtyLog;
    private final VringSetup setup;
    private final VhostLog log = new VhostLog();
    private final Runnable publishUsed = this::publishUsed;
    private final Runnable writeUsedFlags = this::writeUsedFlags;
    private final Runnable callGuest = this::callGuest;
    private final Runnable reportError = this::reportError;

    private Vring vring;
    private int num;
    private int lastAvailIdx;
    private int availIdx;                   // cached
    private boolean jumpCached;             // monitor: it was too far ahead when it was read
    private int lastUsedIdx;                // next element to write; published when settled
    private int readyUsedIdx;               // what the next publication covers
    private int publishedUsedIdx;
    private int usedFlags;
    private int signalledUsed;
    private boolean signalledUsedValid;
    private boolean publishPending;
    private boolean errorPending;
    private EventFd called;                 // whom callGuest signals: the owner may take it away meanwhile
    private boolean postedUnannounced;      // monitor: there was news before kicks were asked for

    VhostVirtqueue(String name, Edition edition, Cpu cpu, Trace trace, PhysMem memory, GuestMemory guest,
            boolean eventIdx, EventFd call, VhostMonitor monitor) {
        this(name, edition, cpu, trace, memory, guest, new OwnerMm(memory, guest), eventIdx, call, monitor);
    }

    VhostVirtqueue(String name, Edition edition, Cpu cpu, Trace trace, PhysMem memory, GuestMemory guest, OwnerMm mm,
            boolean eventIdx, EventFd call, VhostMonitor monitor) {
        this.name = name;
        this.edition = edition;
        this.cpu = cpu;
        this.trace = trace;
        this.monitor = monitor;
        this.counters = Counters.of("vhost." + name, Count.class);
        this.errors = Counters.of("vhost." + name + ".error", VqRule.class);
        this.chain = new ChainWalk(edition, memory, this, monitor);
        this.dirtyLog = new DirtyLog(cpu, memory, mm);
        this.setup = new VringSetup(edition, memory, guest, mm, dirtyLog);
        setup.features(eventIdx ? 1L << VhostDev.VIRTIO_RING_F_EVENT_IDX : 0);
        setup.call(call);
    }

    // ---- set-up: the caller is no agent, or the worker is idle

    /** What the owner says of the ring. */
    VringSetup setup() {
        return setup;
    }

    /**
     * Gives the ring its size and place by guest addresses, and takes it up: {@code VHOST_SET_VRING_NUM}, {@code _ADDR}
     * and what {@code VHOST_NET_SET_BACKEND} does with a ring, in one.
     *
     * @return 0; -EINVAL for a size that is no power of two in 1..32768 or a misaligned address; -EFAULT for
     *     parts outside guest memory
     */
    public int setVring(int num, long descGpa, long availGpa, long usedGpa) {
        int err = setup.place(num, descGpa, availGpa, usedGpa);
        return err != 0 ? err : takeUp();
    }

    /** {@code VHOST_SET_VRING_BASE}: the next available entry to take. @return 0; -EBUSY with a backend; -EINVAL */
    int setBase(int base) {
        if (setup.isActive()) {
            return -Errno.EBUSY;
        }
        if ((base & ~Vring.IDX_MASK) != 0) {
            return -Errno.EINVAL;
        }
        lastAvailIdx = base;
        availIdx = base;                    // forget the cached one
        jumpCached = false;
        return 0;
    }

    /** The next available entry ({@code VHOST_GET_VRING_BASE}), for who is between two steps of the worker's. */
    public int base() {
        return lastAvailIdx;
    }

    /** {@code VHOST_SET_VRING_ADDR}, see {@link VringSetup#addr}. With a backend the ring moves at once. */
    int setAddr(int flags, long desc, long used, long avail, long logGuestAddr) {
        int err = setup.addr(flags, desc, used, avail, logGuestAddr);
        if (err == 0 && setup.isActive()) {
            vring = setup.ring();
        }
        return err;
    }

    /**
     * A backend comes: {@code vhost_vq_access_ok} and {@code vhost_init_used}. It takes up the ring where its used index
     * stands.
     *
     * @return 0, or -EFAULT for a ring, memory table or bitmap that is not all there
     */
    int start() {
        int err = takeUp();
        setup.active(err == 0);
        return err;
    }

    /** The backend has gone ({@code private_data} is NULL). */
    void stop() {
        setup.active(false);
    }

    /** {@code vhost_vq_reset}: as before the first ioctl. */
    void reset() {
        setup.reset();
        vring = null;
        num = 0;
        lastAvailIdx = 0;
        availIdx = 0;
        lastUsedIdx = 0;
        readyUsedIdx = 0;
        publishedUsedIdx = 0;
        usedFlags = 0;
        signalledUsed = 0;
        signalledUsedValid = false;
        if (monitor != null) {
            monitor.ringReset();
        }
    }

    private int takeUp() {
        if (!setup.accessOk()) {
            return -Errno.EFAULT;
        }
        vring = setup.ring();
        num = vring.num();
        writeUsedFlags();
        signalledUsedValid = false;
        lastUsedIdx = vring.usedIdxAcquire();
        readyUsedIdx = lastUsedIdx;
        publishedUsedIdx = lastUsedIdx;
        return 0;
    }

    // ---- taking chains

    /** Takes the next chain and logs nothing, see {@link #getVqDesc(int, VhostLog)}. */
    int getVqDesc() {
        return getVqDesc(0, null);
    }

    /**
     * Takes the next chain: its pieces are then in {@link #iov}, from piece {@code seg} on, readable ones first
     * ({@code vhost_get_vq_desc}).
     *
     * @param log gets what is writable, behind what it has ({@link #vqLog}); null: nothing is logged
     * @return the head; {@link #num} if there is none; a negated errno for a ring that breaks a rule, with the
     *     rule counted and ring, pieces and log where they were
     */
    int getVqDesc(int seg, VhostLog log) {
        trace.enter(Tracepoint.GET_VQ_DESC);
        int head = nextHead();
        if (head >= 0 && head < num) {
            int err = chain.walk(vring, setup.memory(), head, seg, log);
            head = err < 0 ? err : head;
            if (err == 0) {
                take(head);
            }
        }
        trace.exit(Tracepoint.GET_VQ_DESC);
        return head;
    }

    private void take(int head) {
        lastAvailIdx = lastAvailIdx + 1 & Vring.IDX_MASK;
        assert (usedFlags & Vring.VRING_USED_F_NO_NOTIFY) != 0 : name + ": notifications are on";
        counters.bump(Count.HEADS);
        if (monitor != null) {
            monitor.headTaken(head);
        }
    }

    private int nextHead() {
        if (!edition.has(Behaviour.AVAIL_IDX_CACHED) || availIdx == lastAvailIdx) {
            int err = readAvailIdx();
            if (err < 0) {
                return err;
            }
        }
        if (availIdx == lastAvailIdx) {
            return num;
        }
        if (monitor != null && jumpCached && ahead(availIdx) > num) {
            monitor.jumpBelieved(ahead(availIdx), num);
        }
        int head = vring.availRing(lastAvailIdx);
        return head >= num ? broken(VqRule.HEAD_OUT_OF_RANGE, -Errno.EINVAL) : head;
    }

    /** {@code vhost_get_avail_idx}. @return 0 with the index cached, or what a jump is answered with */
    private int readAvailIdx() {
        int idx = vring.availIdxAcquire();
        boolean jump = ahead(idx) > num;
        if (!jump || edition.has(Quirk.AVAIL_JUMP_BELIEVED)) {
            availIdx = idx;
            jumpCached = jump;
        }
        return jump ? broken(VqRule.AVAIL_IDX_JUMP,
                edition.has(Behaviour.AVAIL_JUMP_EINVAL) ? -Errno.EINVAL : -Errno.EFAULT) : 0;
    }

    /** How many entries lie between what was taken and an available index. */
    private int ahead(int idx) {
        return idx - lastAvailIdx & Vring.IDX_MASK;
    }

    /** Counts a broken rule and tells the owner ({@code vq_err}). @return {@code errno}, for the caller to return */
    int broken(VqRule rule, int errno) {
        errors.bump(rule);
        if (setup.error() != null && !errorPending) {
            errorPending = true;
            cpu.charge(Cost.SIGNAL, 1);
            cpu.settle(reportError);
        }
        return errno;
    }

    private void reportError() {
        errorPending = false;
        if (setup.error() != null) {
            setup.error().signal();
        }
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

    /** The log for {@link #getVqDesc(int, VhostLog)} of a ring whose buffers the device writes; null if nobody logs. */
    VhostLog vqLog() {
        return setup.has(VhostDev.VHOST_F_LOG_ALL) ? log : null;
    }

    /**
     * Logs the first {@code len} bytes of what {@link #vqLog} holds, and empties it ({@code vhost_log_write}).
     *
     * @return 0; -EFAULT for pages that the bitmap has not; -EINVAL if the chains hold less, where the kernel had BUG()
     */
    int logWrite(long len) {
        int err = dirtyLog.write(log, len);
        log.clear();
        if (err != -Errno.EINVAL) {
            return err;
        }
        return edition.has(Behaviour.LOG_MAY_BE_SHORT) ? 0 : broken(VqRule.LOG_SHORT, err);
    }

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
        dirtyLog.usedPublished(num, old, publishedUsedIdx - old & Vring.IDX_MASK);
        if ((publishedUsedIdx - signalledUsed & Vring.IDX_MASK) < (publishedUsedIdx - old & Vring.IDX_MASK)) {
            signalledUsedValid = false;     // lapped
        }
        if (setup.call() != null && notifyWanted()) {
            counters.bump(Count.SIGNALS);
            cpu.charge(Cost.SIGNAL, 1);
            called = setup.call();
            cpu.settle(callGuest);
        } else {
            counters.bump(Count.SIGNALS_SUPPRESSED);
        }
    }

    private void callGuest() {
        called.signal();
    }

    /** {@code vhost_notify}: does the guest want an interrupt for what was published? */
    private boolean notifyWanted() {
        VarHandle.fullFence();              // index before flags: pairs with the guest's enable_cb
        if (availIdx == lastAvailIdx && setup.has(VhostDev.VIRTIO_F_NOTIFY_ON_EMPTY)) {
            return true;
        }
        if (!setup.hasEventIdx()) {
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
        if (!setup.hasEventIdx()) {
            cpu.settle(writeUsedFlags);
        }
    }

    /** Kicks are not asked for: the worker runs, or waits for something else. */
    boolean isNotifyOff() {
        return (usedFlags & Vring.VRING_USED_F_NO_NOTIFY) != 0;
    }

    private void writeUsedFlags() {
        vring.usedFlags(usedFlags);
        dirtyLog.usedWritten(0, Short.BYTES);
    }

    /**
     * {@code vhost_enable_notify}: asks for kicks, then looks again. Call it settled.
     *
     * @return true if the guest posted something meanwhile, for which no kick may come
     */
    boolean enableNotify() {
        postedUnannounced = monitor != null && isNews(vring.availIdxAcquire());
        if ((usedFlags & Vring.VRING_USED_F_NO_NOTIFY) == 0) {
            return false;
        }
        usedFlags &= ~Vring.VRING_USED_F_NO_NOTIFY;
        counters.bump(Count.NOTIFY_ENABLED);
        if (setup.hasEventIdx()) {
            vring.availEvent(availIdx);
            dirtyLog.usedWritten(Vring.usedElemOffset(num), Short.BYTES);
        } else {
            writeUsedFlags();
        }
        VarHandle.fullFence();              // flag before index: pairs with the guest's kick
        boolean more = lookAgain();
        if (more) {
            counters.bump(Count.NOTIFY_RECHECK_HIT);
        }
        return more;
    }

    private boolean lookAgain() {
        int known = availIdx;
        if (!edition.has(Behaviour.AVAIL_IDX_KEPT_BY_ENABLE)) {
            return vring.availIdxAcquire() != known;
        }
        int idx = vring.availIdxAcquire();
        boolean jump = ahead(idx) > num;
        if (!jump || edition.has(Quirk.AVAIL_JUMP_BELIEVED)) {
            availIdx = idx;
            jumpCached = jump;
        }
        if (jump && edition.has(Behaviour.AVAIL_JUMP_EINVAL)) {
            broken(VqRule.AVAIL_IDX_JUMP, -Errno.EINVAL);
            return false;                   // an error is as good as an empty ring
        }
        return idx != (edition.has(Quirk.ENABLE_SEES_OLD) ? lastAvailIdx : known);
    }

    /** More than is known, by an index that is no jump. */
    private boolean isNews(int idx) {
        return idx != availIdx && ahead(idx) <= num;
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
        return chain.iov();
    }

    /** Readable pieces of it. */
    int out() {
        return chain.out();
    }

    /** Writable pieces of it. */
    int in() {
        return chain.in();
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
        chain.close();
    }
}
