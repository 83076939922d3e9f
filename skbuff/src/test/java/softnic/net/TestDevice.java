package softnic.net;

import java.util.ArrayList;
import java.util.List;
import softnic.skb.SkBuff;

/** A device that keeps what it is given, while it has room. */
final class TestDevice extends NetDevice {

    final List<SkBuff> taken = new ArrayList<>();
    int room = Integer.MAX_VALUE;
    boolean stopsWhenFull = true;
    Runnable beforeBusy = () -> { };

    TestDevice(int features) {
        super("test0", 0x020000000009L, features);
    }

    @Override
    public int startXmit(SkBuff skb) {
        if (room == 0) {
            if (stopsWhenFull) {
                stopQueue();
            }
            beforeBusy.run();
            return NETDEV_TX_BUSY;
        }
        taken.add(skb);
        if (--room == 0 && stopsWhenFull) {
            stopQueue();
        }
        return NETDEV_TX_OK;
    }

    /** Frees what was taken and makes room for {@code n} more. */
    void clean(int n) {
        taken.forEach(SkBuff::consume);
        taken.clear();
        room = n;
        wakeQueue();
    }
}
