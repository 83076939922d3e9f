package softnic.vhost;

import softnic.Behaviour;
import softnic.Edition;
import softnic.mm.Errno;
import softnic.mm.GuestMemory;
import softnic.mm.PhysMem;
import softnic.mm.VhostMemory;
import softnic.sched.EventFd;
import softnic.virtio.Vring;

/**
 * What the owner said of one ring: size, places, logging, eventfds, features, memory. The ring's part of
 * {@code vhost_vring_ioctl} with {@code vq_access_ok}, {@code vq_log_access_ok} and {@code vq_memory_access_ok}
 * (drivers/vhost/vhost.c).
 *
 * <p>Addresses may be nonsense as long as there is no backend: they are looked at when one comes, and from then on
 * with each change. Set-up only: the caller is no agent, or the worker is idle.
 */
final class VringSetup {

    /** Bit of the flags of {@code VHOST_SET_VRING_ADDR}: writes to the used ring are logged ({@code VHOST_VRING_F_LOG}). */
    static final int VHOST_VRING_F_LOG = 1;

    private static final int MAX_NUM = 0xFFFF;
    private static final int AVAIL_ALIGN = 2;
    private static final Runnable NOTHING = () -> { };

    private final PhysMem physMem;
    private final GuestMemory guest;
    private final OwnerMm mm;
    private final DirtyLog dirtyLog;
    private final int usedAlign;
    private Runnable handleKick;
    private VhostMemory memory;             // null: all of the guest's RAM
    private long ackedFeatures;
    private boolean active;                 // private_data: there is a backend
    private int num = 1;
    private long desc;
    private long avail;
    private long used;
    private EventFd kick;
    private EventFd call;
    private EventFd error;

    VringSetup(Edition edition, PhysMem physMem, GuestMemory guest, OwnerMm mm, DirtyLog dirtyLog) {
        this.physMem = physMem;
        this.guest = guest;
        this.mm = mm;
        this.dirtyLog = dirtyLog;
        usedAlign = edition.has(Behaviour.USED_ALIGN_4) ? 4 : 8;
    }

    /** {@code vhost_vq_reset}, and the eventfds are let go of. Features and memory are {@link VhostDev}'s to forget. */
    void reset() {
        active = false;
        num = 1;
        desc = 0;
        avail = 0;
        used = 0;
        dirtyLog.reset();
        kick(null);
        call = null;
        error = null;
    }

    // ---- size and place

    /**
     * {@code VHOST_SET_VRING_NUM}.
     *
     * @param num unsigned
     * @return 0; -EBUSY with a backend; -EINVAL unless it is a power of two in 1..32768
     */
    int num(int num) {
        if (active) {
            return -Errno.EBUSY;
        }
        if (num <= 0 || num > MAX_NUM || Integer.bitCount(num) != 1) {
            return -Errno.EINVAL;
        }
        this.num = num;
        return 0;
    }

    /**
     * {@code VHOST_SET_VRING_ADDR}: user addresses of the ring, and where it lies in guest memory, for the log.
     *
     * @return 0; -EOPNOTSUPP for other flags; -EINVAL for misaligned addresses, and with a backend for memory or bits of
     *     the log that are not there
     */
    int addr(int flags, long desc, long used, long avail, long logGuestAddr) {
        if ((flags & ~VHOST_VRING_F_LOG) != 0) {
            return -Errno.EOPNOTSUPP;
        }
        if ((avail & AVAIL_ALIGN - 1) != 0 || (used & usedAlign - 1) != 0 || (logGuestAddr & usedAlign - 1) != 0) {
            return -Errno.EINVAL;
        }
        boolean logs = (flags & VHOST_VRING_F_LOG) != 0;
        if (active && !(ringOk(desc, avail, used, hasEventIdx())
                && (!logs || dirtyLog.accessOk(dirtyLog.base(), logGuestAddr, usedSize(hasEventIdx()))))) {
            return -Errno.EINVAL;
        }
        this.desc = desc;
        this.avail = avail;
        this.used = used;
        dirtyLog.used(logs, logGuestAddr);
        return 0;
    }

    /** Size and place by guest addresses. @return 0 or -EINVAL; whether memory is there, {@link #accessOk} tells */
    int place(int num, long descGpa, long availGpa, long usedGpa) {
        int err = num(num);
        VhostMemory table = memory();
        return err != 0 ? err : addr(0, table.hpa(descGpa), table.hpa(usedGpa), table.hpa(availGpa), 0);
    }

    /** The ring, after {@link #accessOk}. */
    Vring ring() {
        return new Vring(physMem, num, desc, avail, used);
    }

    // ---- eventfds; null: none

    /** What a kick does: queues the ring's work ({@code vhost_poll_init}). */
    void onKick(Runnable handleKick) {
        this.handleKick = handleKick;
    }

    /** {@code VHOST_SET_VRING_KICK}. One that was signalled before counts ({@code vhost_poll_start}). */
    void kick(EventFd kick) {
        if (kick == this.kick) {
            return;
        }
        if (this.kick != null) {
            this.kick.onSignal(NOTHING);
        }
        this.kick = kick;
        if (kick != null && handleKick != null) {
            kick.onSignal(handleKick);
            if (kick.isSignalled()) {
                handleKick.run();
            }
        }
    }

    /** {@code VHOST_SET_VRING_CALL}. Without one nobody is signalled, nor asked whether he wants to be. */
    void call(EventFd call) {
        this.call = call;
    }

    EventFd call() {
        return call;
    }

    /** {@code VHOST_SET_VRING_ERR}: signalled for each broken rule. */
    void error(EventFd error) {
        this.error = error;
    }

    EventFd error() {
        return error;
    }

    /** {@code VHOST_SET_LOG_FD}: signalled when pages were logged. */
    void logCtx(EventFd logCtx) {
        dirtyLog.ctx(logCtx);
    }

    // ---- what the device has in common

    /** {@code VHOST_SET_LOG_BASE}. @return 0, or -EFAULT if there is a backend and the bitmap is too small for it */
    int logBase(long base) {
        if (active && !logOk(base)) {
            return -Errno.EFAULT;
        }
        dirtyLog.base(base);
        return 0;
    }

    /** {@code acked_features}, bits as in {@link VhostDev}. */
    void features(long acked) {
        ackedFeatures = acked;
    }

    boolean has(int feature) {
        return (ackedFeatures >>> feature & 1) != 0;
    }

    boolean hasEventIdx() {
        return has(VhostDev.VIRTIO_RING_F_EVENT_IDX);
    }

    /**
     * May the features change to these ({@code vhost_log_access_ok})? Deviation: nor may the ring's two event fields lie
     * outside memory; the kernel notices when it uses them.
     */
    boolean featuresOk(long acked) {
        boolean logs = (acked >>> VhostDev.VHOST_F_LOG_ALL & 1) != 0;
        boolean events = (acked >>> VhostDev.VIRTIO_RING_F_EVENT_IDX & 1) != 0;
        return !active || (!logs || memoryOk(dirtyLog.base(), memory(), true))
                && (!events || ringOk(desc, avail, used, true));
    }

    /** May the memory table change to this one ({@code memory_access_ok})? With no backend it is not looked at. */
    boolean memoryOk(VhostMemory table) {
        return !active || memoryOk(dirtyLog.base(), table, has(VhostDev.VHOST_F_LOG_ALL));
    }

    void memory(VhostMemory table) {
        memory = table;
    }

    VhostMemory memory() {
        return memory != null ? memory : guest.table();
    }

    void active(boolean active) {
        this.active = active;
    }

    boolean isActive() {
        return active;
    }

    // ---- is all that there?

    /** {@code vhost_vq_access_ok}: may a backend use this ring? */
    boolean accessOk() {
        return ringOk(desc, avail, used, hasEventIdx()) && logOk(dirtyLog.base());
    }

    /** {@code vq_access_ok}. */
    private boolean ringOk(long desc, long avail, long used, boolean eventIdx) {
        return mm.accessOk(desc, (long) num * Vring.DESC_SIZE)
                && mm.accessOk(avail, Vring.availSize(num) - (eventIdx ? 0 : Short.BYTES))
                && mm.accessOk(used, usedSize(eventIdx));
    }

    private long usedSize(boolean eventIdx) {
        return Vring.usedSize(num) - (eventIdx ? 0 : Short.BYTES);
    }

    /** {@code vq_log_access_ok}: is {@code base} a bitmap for all that this ring's device can write? */
    private boolean logOk(long base) {
        return memoryOk(base, memory(), has(VhostDev.VHOST_F_LOG_ALL))
                && dirtyLog.usedAccessOk(base, usedSize(hasEventIdx()));
    }

    /** {@code vq_memory_access_ok}: are all regions the owner's, and has the bitmap at {@code base} their bits? */
    private boolean memoryOk(long base, VhostMemory table, boolean logAll) {
        for (int i = 0; i < table.regions(); i++) {
            if (!mm.accessOk(table.userspaceAddr(i), table.memorySize(i))
                    || logAll && !dirtyLog.accessOk(base, table.guestPhysAddr(i), table.memorySize(i))) {
                return false;
            }
        }
        return true;
    }
}
