package softnic.check;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import softnic.mm.FaultPoint;
import softnic.mm.PhysMem;
import softnic.net.NetDevice;
import softnic.skb.SkBuff;

/**
 * The device under the macvlans: a short ring that completes in any order, much later. It notes each frame when it gets
 * it and reads it again when it is done, as DMA may.
 */
final class TapWire extends NetDevice {

    /** Who looks at what comes out. */
    interface Observer {

        /** @param bytes as they were when the device got them */
        void transmitted(NetDevice dev, SkBuff skb, byte[] bytes);

        /** @param later as they are when the device is done */
        void completed(byte[] bytes, byte[] later);
    }

    private record Slot(SkBuff skb, byte[] bytes) {
    }

    private final PhysMem memory;
    private final int ring;
    private final boolean stopsInTime;
    private final List<Slot> slots = new ArrayList<>();
    private Observer observer;

    /**
     * @param ring frames that it can hold
     * @param stopsInTime it stops its queue when it is full, and not only when one more comes
     */
    TapWire(int features, PhysMem memory, int ring, boolean stopsInTime) {
        super("wire0", 0x0200_0000_0001L, features);
        this.memory = memory;
        this.ring = ring;
        this.stopsInTime = stopsInTime;
    }

    void observer(Observer who) {
        observer = who;
    }

    @Override
    public int startXmit(SkBuff skb) {
        if (slots.size() >= ring || !slots.isEmpty() && memory.fails(FaultPoint.TX_BUSY)) {
            stopQueue();
            return NETDEV_TX_BUSY;
        }
        byte[] bytes = bytes(skb);
        slots.add(new Slot(skb, bytes));
        if (stopsInTime && slots.size() >= ring) {
            stopQueue();
        }
        observer.transmitted(this, skb, bytes);
        return NETDEV_TX_OK;
    }

    boolean isIdle() {
        return slots.isEmpty();
    }

    /** One of them, whichever, has left. */
    void completeOne(SplittableRandom random) {
        if (slots.isEmpty()) {
            return;
        }
        Slot slot = slots.remove(random.nextInt(slots.size()));
        observer.completed(slot.bytes, bytes(slot.skb));
        slot.skb.consume();
    }

    /** There is room again. */
    void wake() {
        if (slots.size() < ring) {
            wakeQueue();
        }
    }

    /** All bytes of a packet. */
    static byte[] bytes(SkBuff skb) {
        byte[] all = new byte[skb.len()];
        PhysMem memory = skb.memory();
        int done = copy(memory, skb.dataHpa(), all, 0, skb.headlen());
        for (int i = 0; i < skb.shinfo().nrFrags(); i++) {
            done = copy(memory, skb.shinfo().frag(i).hpa(), all, done, skb.shinfo().frag(i).size());
        }
        return all;
    }

    private static int copy(PhysMem memory, long hpa, byte[] to, int at, int bytes) {
        MemorySegment.copy(memory.segment(hpa), ValueLayout.JAVA_BYTE, PhysMem.offset(hpa), to, at, bytes);
        return at + bytes;
    }
}
