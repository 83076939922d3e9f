package softnic.vhost;

import java.util.List;
import java.util.function.BooleanSupplier;
import softnic.Behaviour;
import softnic.Edition;
import softnic.mm.Errno;
import softnic.mm.VhostMemory;
import softnic.sched.EventFd;

/**
 * A vhost device to its owner: {@code struct vhost_dev} with {@code vhost_dev_ioctl} and {@code vhost_vring_ioctl}
 * (drivers/vhost/vhost.c), one method an ioctl.
 *
 * <p>Every method returns 0 or a negated errno, and changes nothing if it fails. Without an owner all but
 * {@link #setOwner} and the features are -EPERM; a ring that the device has not is -ENOBUFS; while a work runs or another
 * ioctl waits it is -EBUSY, where the kernel would wait for the mutex. By who sets the device up; on one in use through
 * {@link VhostNet#ioctl}.
 */
public final class VhostDev {

    /** Feature bits (include/linux/vhost.h, virtio_ring.h, virtio_net.h). */
    public static final int VIRTIO_NET_F_MRG_RXBUF = 15;
    public static final int VIRTIO_F_NOTIFY_ON_EMPTY = 24;
    public static final int VHOST_F_LOG_ALL = 26;
    public static final int VHOST_NET_F_VIRTIO_NET_HDR = 27;
    public static final int VIRTIO_RING_F_INDIRECT_DESC = 28;
    public static final int VIRTIO_RING_F_EVENT_IDX = 29;

    /**
     * One region of the table ({@code struct vhost_memory_region}).
     *
     * @param guestPhysAddr where the guest sees it
     * @param memorySize bytes; a region of 0 bytes has no address
     * @param userspaceAddr where the owner has it, see {@link OwnerMm}
     * @param flagsPadding nobody looks at it
     */
    public record Region(long guestPhysAddr, long memorySize, long userspaceAddr, long flagsPadding) {
    }

    private final Edition edition;
    private final BooleanSupplier busy;
    private final VhostVirtqueue[] vqs;
    private boolean owned;
    private boolean ofDevice;           // the ioctl that runs was not of one ring

    /** @param busy the mutexes are not free */
    VhostDev(Edition edition, BooleanSupplier busy, VhostVirtqueue... vqs) {
        this.edition = edition;
        this.busy = busy;
        this.vqs = vqs;
    }

    void beginIoctl() {
        ofDevice = false;
    }

    /** Since {@link #beginIoctl}, something was said of the whole device. */
    boolean isOfDevice() {
        return ofDevice;
    }

    boolean hasOwner() {
        return owned;
    }

    /** May an ioctl of the whole device go on? */
    private int check() {
        ofDevice = true;
        return busy.getAsBoolean() ? -Errno.EBUSY : owned ? 0 : -Errno.EPERM;
    }

    // ---- owner and features

    /** {@code VHOST_SET_OWNER}. @return 0, or -EBUSY if there is one */
    public int setOwner() {
        if (check() != -Errno.EPERM) {
            return -Errno.EBUSY;
        }
        owned = true;
        return 0;
    }

    /**
     * {@code VHOST_RESET_OWNER}, the half that is vhost's ({@code vhost_dev_reset_owner}): rings as before the first
     * ioctl, no memory, no owner. The net half stops and flushes before.
     */
    void forgetOwner() {
        for (VhostVirtqueue vq : vqs) {
            vq.reset();
            vq.setup().memory(VhostMemory.EMPTY);
        }
        owned = false;
    }

    /** {@code VHOST_GET_FEATURES}: what is offered; a bit each. */
    public long features() {
        return 1L << VIRTIO_NET_F_MRG_RXBUF | 1L << VIRTIO_F_NOTIFY_ON_EMPTY | 1L << VHOST_F_LOG_ALL
                | 1L << VHOST_NET_F_VIRTIO_NET_HDR | 1L << VIRTIO_RING_F_INDIRECT_DESC
                | (edition.has(Behaviour.EVENT_IDX) ? 1L << VIRTIO_RING_F_EVENT_IDX : 0);
    }

    /**
     * {@code VHOST_SET_FEATURES}.
     *
     * @return 0; -EOPNOTSUPP for a bit that is not offered; -EFAULT if all writes shall be logged and the bitmap of a ring
     *     with a backend has not all bits
     */
    public int setFeatures(long acked) {
        if (check() == -Errno.EBUSY) {
            return -Errno.EBUSY;
        }
        if ((acked & ~features()) != 0) {
            return -Errno.EOPNOTSUPP;
        }
        for (VhostVirtqueue vq : vqs) {
            if (!vq.setup().featuresOk(acked)) {
                return -Errno.EFAULT;
            }
        }
        for (VhostVirtqueue vq : vqs) {
            vq.setup().features(acked);
        }
        return 0;
    }

    // ---- memory and log

    /**
     * {@code VHOST_SET_MEM_TABLE}.
     *
     * @return 0; -EOPNOTSUPP if {@code padding} is not 0; -E2BIG for more than 64 regions; -EFAULT if a ring with a backend
     *     could not use the table, for memory or bits of the log that are not there
     */
    public int setMemTable(int padding, List<Region> regions) {
        int err = check();
        if (err != 0) {
            return err;
        }
        if (padding != 0) {
            return -Errno.EOPNOTSUPP;
        }
        if (regions.size() > VhostMemory.VHOST_MEMORY_MAX_NREGIONS) {
            return -Errno.E2BIG;
        }
        VhostMemory table = VhostMemory.EMPTY;
        for (Region r : regions) {
            table = table.with(r.guestPhysAddr(), r.memorySize(), r.userspaceAddr());
        }
        for (VhostVirtqueue vq : vqs) {
            if (!vq.setup().memoryOk(table)) {
                return -Errno.EFAULT;
            }
        }
        for (VhostVirtqueue vq : vqs) {
            vq.setup().memory(table);
        }
        return 0;
    }

    /**
     * {@code VHOST_SET_LOG_BASE}: user address of the dirty bitmap.
     *
     * @return 0, or -EFAULT if it is too small for a ring with a backend, which keeps its own; the others have the new one
     */
    public int setLogBase(long base) {
        int err = check();
        if (err == 0) {
            for (VhostVirtqueue vq : vqs) {
                err = Math.min(err, vq.setup().logBase(base));
            }
        }
        return err;
    }

    /** {@code VHOST_SET_LOG_FD}: signalled when pages were logged; null for none. */
    public int setLogFd(EventFd log) {
        int err = check();
        for (int i = 0; i < vqs.length && err == 0; i++) {
            vqs[i].setup().logCtx(log);
        }
        return err;
    }

    // ---- rings; an index and a number are unsigned

    /** {@code VHOST_SET_VRING_NUM}: 1..32768, a power of two, else -EINVAL; -EBUSY with a backend. */
    public int setVringNum(int index, int num) {
        int err = check(index);
        return err != 0 ? err : vqs[index].setup().num(num);
    }

    /** {@code VHOST_SET_VRING_BASE}: next available entry, 0..65535, else -EINVAL; -EBUSY with a backend. */
    public int setVringBase(int index, int base) {
        int err = check(index);
        return err != 0 ? err : vqs[index].setBase(base);
    }

    /** {@code VHOST_GET_VRING_BASE}. @return the next available entry, or a negated errno */
    public int vringBase(int index) {
        int err = check(index);
        return err != 0 ? err : vqs[index].base();
    }

    /** {@code VHOST_SET_VRING_ADDR}: user addresses, and the used ring's guest address for the log. See {@link VringSetup#addr}. */
    public int setVringAddr(int index, int flags, long desc, long used, long avail, long logGuestAddr) {
        int err = check(index);
        return err != 0 ? err : vqs[index].setAddr(flags, desc, used, avail, logGuestAddr);
    }

    /** {@code VHOST_SET_VRING_KICK}: null is the kernel's -1. */
    public int setVringKick(int index, EventFd kick) {
        int err = check(index);
        if (err == 0) {
            vqs[index].setup().kick(kick);
        }
        return err;
    }

    /** {@code VHOST_SET_VRING_CALL}: null is the kernel's -1. */
    public int setVringCall(int index, EventFd call) {
        int err = check(index);
        if (err == 0) {
            vqs[index].setup().call(call);
        }
        return err;
    }

    /** {@code VHOST_SET_VRING_ERR}: null is the kernel's -1. */
    public int setVringErr(int index, EventFd error) {
        int err = check(index);
        if (err == 0) {
            vqs[index].setup().error(error);
        }
        return err;
    }

    private int check(int index) {
        if (busy.getAsBoolean()) {
            return -Errno.EBUSY;
        }
        if (!owned) {
            return -Errno.EPERM;
        }
        return index < 0 || index >= vqs.length ? -Errno.ENOBUFS : 0;
    }
}
