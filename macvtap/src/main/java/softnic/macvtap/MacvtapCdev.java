package softnic.macvtap;

import java.util.HashMap;
import java.util.Map;
import softnic.Behaviour;
import softnic.Edition;
import softnic.mm.Errno;
import softnic.net.NetDevice;

/**
 * The character devices {@code /dev/tap0}, {@code /dev/tap1}, ...: {@code macvtap_open} (drivers/net/macvtap.c).
 *
 * <p>Up to 3.1 a minor number is the ifindex of any device; since 3.2 only macvtaps have one. Set-up only. Deviation:
 * no -ENOMEM; a JVM that has no room for a socket ends.
 */
public final class MacvtapCdev {

    /** {@code MACVTAP_NUM_DEVS}. */
    public static final int MACVTAP_NUM_DEVS = 65536;

    /** Makes the socket of a queue, once it may be opened. */
    @FunctionalInterface
    public interface Opener {
        MacvtapSock open(Macvlan vlan);
    }

    private final Edition edition;
    private final Map<Integer, NetDevice> devices = new HashMap<>();
    private int error;

    public MacvtapCdev(Edition edition) {
        this.edition = edition;
    }

    /** A device comes under a number below {@link #MACVTAP_NUM_DEVS}; null: it goes. */
    public void device(int ifindex, NetDevice dev) {
        if (ifindex < 0 || ifindex >= MACVTAP_NUM_DEVS) {
            throw new IllegalArgumentException("macvtap: minor must be 0.." + (MACVTAP_NUM_DEVS - 1) + ", got " + ifindex);
        }
        devices.put(ifindex, dev);
    }

    /**
     * Opens one more queue.
     *
     * @return null with {@link #error}: in this order -ENODEV no such device, -EINVAL it is no macvtap (-ENODEV since
     *     3.2), -EBUSY it has all the queues it can have
     */
    public MacvtapSock open(int minor, Opener opener) {
        NetDevice dev = devices.get(minor);
        if (dev == null) {
            error = -Errno.ENODEV;
        } else if (!(dev instanceof Macvlan vlan)) {
            error = edition.has(Behaviour.MINOR_IS_IFINDEX) ? -Errno.EINVAL : -Errno.ENODEV;
        } else if (!vlan.hasRoom()) {
            error = -Errno.EBUSY;
        } else {
            error = 0;
            return opener.open(vlan);
        }
        return null;
    }

    /** Why the last {@link #open} gave null, 0 if it did not. */
    public int error() {
        return error;
    }
}
