package softnic.macvtap;

import softnic.Behaviour;
import softnic.Edition;
import softnic.Quirk;
import softnic.mm.Errno;
import softnic.virtio.VirtioNetHdr;

/**
 * The ioctls of {@code /dev/tapN}: {@code macvtap_ioctl} (drivers/net/macvtap.c), {@code tap_ioctl}
 * (drivers/net/tap.c). Numbers and flags are those of include/linux/if_tun.h and if.h.
 *
 * <p>Off the path. Deviation: what the kernel reads and writes through a pointer is the argument and the result here,
 * so there is no -EFAULT.
 */
public final class TapIoctl {

    public static final int TUNSETIFF = 0x400454CA;
    public static final int TUNGETFEATURES = 0x800454CF;
    public static final int TUNSETOFFLOAD = 0x400454D0;
    public static final int TUNGETIFF = 0x800454D2;
    public static final int TUNGETSNDBUF = 0x800454D3;
    public static final int TUNSETSNDBUF = 0x400454D4;
    public static final int TUNGETVNETHDRSZ = 0x800454D7;
    public static final int TUNSETVNETHDRSZ = 0x400454D8;
    public static final int TUNSETQUEUE = 0x400454D9;
    public static final int TUNSETVNETLE = 0x400454DC;
    public static final int TUNGETVNETLE = 0x800454DD;
    public static final int SIOCSIFHWADDR = 0x8924;
    public static final int SIOCGIFHWADDR = 0x8927;

    public static final int IFF_TAP = 0x0002;
    public static final int IFF_MULTI_QUEUE = 0x0100;
    /** With {@link #TUNSETQUEUE}. */
    public static final int IFF_ATTACH_QUEUE = 0x0200;
    /** With {@link #TUNSETQUEUE}. */
    public static final int IFF_DETACH_QUEUE = 0x0400;
    public static final int IFF_NO_PI = 0x1000;
    public static final int IFF_VNET_HDR = 0x4000;

    public static final int TUN_F_CSUM = 0x01;
    public static final int TUN_F_TSO4 = 0x02;
    public static final int TUN_F_TSO6 = 0x04;
    public static final int TUN_F_TSO_ECN = 0x08;
    public static final int TUN_F_UFO = 0x10;
    public static final int TUN_F_USO4 = 0x20;
    public static final int TUN_F_USO6 = 0x40;

    private static final int OFFLOADS = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN | TUN_F_UFO;

    private final MacvtapSock tap;
    private final Edition edition;
    private boolean vnetLittleEndian;

    TapIoctl(MacvtapSock tap, Edition edition) {
        this.tap = tap;
        this.edition = edition;
    }

    /** @return what was asked for, or 0; a negated errno */
    long ioctl(int cmd, long arg) {
        return switch (cmd) {
            case TUNSETIFF -> setIff((int) arg & 0xFFFF);
            case TUNGETIFF -> tap.vlan() == null ? -Errno.ENOLINK : tap.flags();
            case TUNGETFEATURES -> IFF_TAP | IFF_NO_PI | optional();
            case TUNSETSNDBUF -> setSndbuf((int) arg);
            case TUNGETVNETHDRSZ -> tap.vnetHdrField();
            case TUNSETVNETHDRSZ -> setVnetHdrSz((int) arg);
            case TUNSETOFFLOAD -> setOffload(arg);
            case TUNSETQUEUE -> edition.has(Behaviour.TAP_MULTI_QUEUE) ? setQueue((int) arg & 0xFFFF) : -Errno.EINVAL;
            case TUNGETVNETLE, TUNSETVNETLE, SIOCGIFHWADDR, SIOCSIFHWADDR ->
                edition.has(Behaviour.TAP_HWADDR) ? later(cmd, arg) : -Errno.EINVAL;
            default -> -Errno.EINVAL;
        };
    }

    private int optional() {
        return IFF_VNET_HDR | (edition.has(Behaviour.TAP_MULTI_QUEUE) ? IFF_MULTI_QUEUE : 0);
    }

    /** The name is ignored, the flags are all there is to say. */
    private int setIff(int flags) {
        if ((flags & ~optional()) != (IFF_NO_PI | IFF_TAP)) {
            return -Errno.EINVAL;
        }
        tap.flags(flags);
        return 0;
    }

    private int setSndbuf(int bytes) {
        if (bytes <= 0 && !edition.has(Quirk.SNDBUF_UNCHECKED)) {
            return -Errno.EINVAL;
        }
        tap.sndbuf(bytes);
        return 0;
    }

    private int setVnetHdrSz(int bytes) {
        if (bytes < VirtioNetHdr.SIZE) {
            return -Errno.EINVAL;
        }
        tap.vnetHdrField(bytes);
        return 0;
    }

    /** 3.1 looks and forgets; later kernels remember what the reader can finish itself. */
    private int setOffload(long offloads) {
        int known = edition.has(Behaviour.TAP_USO) ? OFFLOADS | TUN_F_USO4 | TUN_F_USO6 : OFFLOADS;
        if ((offloads & ~(long) known) != 0) {
            return -Errno.EINVAL;
        }
        if (!edition.has(Behaviour.TAP_SETS_OFFLOAD)) {
            return (tap.flags() & IFF_VNET_HDR) == 0 ? -Errno.EINVAL : 0;
        }
        if (tap.vlan() == null) {
            return -Errno.ENOLINK;
        }
        tap.offloads((int) offloads);
        return 0;
    }

    /** {@code macvtap_ioctl_set_queue}: takes a queue off its device and puts it back. */
    private int setQueue(int flags) {
        boolean attach = (flags & IFF_ATTACH_QUEUE) != 0;
        if (tap.vlan() == null || !attach && (flags & IFF_DETACH_QUEUE) == 0 || tap.isEnabled() == attach) {
            return -Errno.EINVAL;
        }
        tap.enable(attach);
        return 0;
    }

    /** What came after 3.14. */
    private long later(int cmd, long arg) {
        switch (cmd) {
            case TUNGETVNETLE:
                return vnetLittleEndian ? 1 : 0;
            case TUNSETVNETLE:
                vnetLittleEndian = arg != 0;        // x86 is little endian anyway
                return 0;
            default:
                Macvlan vlan = tap.vlan();
                if (vlan == null) {
                    return -Errno.ENOLINK;
                }
                return cmd == SIOCGIFHWADDR ? vlan.mac() : vlan.setMac(arg);
        }
    }
}
