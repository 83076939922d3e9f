package softnic.guest;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import softnic.Behaviour;
import softnic.Edition;
import softnic.sched.Cost;
import softnic.sched.Cpu;
import softnic.trace.Counters;
import softnic.trace.Violations;
import softnic.virtio.VirtioNetHdr;

/**
 * The receive half of the guest's network driver: {@code skb_recv_done}, {@code virtnet_poll},
 * {@code add_recvbuf_small} and {@code try_fill_recv} (drivers/net/virtio_net.c, 2.6.39).
 *
 * <pre>
 *   RX buffer slot   +------------------+------------------------------+
 *                    | virtio_net_hdr   | frame, at most 1518 bytes    |
 *                    +------------------+------------------------------+
 *                      descriptor 1       descriptor 2       both written by the host
 * </pre>
 *
 * <p>The interrupt agent only.
 */
final class GuestReceiveQueue {

    private static final int DATA_OFFSET = 16;
    private static final int MAX_PACKET_LEN = 1518;

    private final Cpu cpu;
    private final GuestVirtqueue rx;
    private final GuestEventFds eventFds;
    private final Counters<GuestCounter> counters;
    private final MemorySegment ram;
    private final long buffersGpa;
    private final int vnetHdrLen;
    private final int max;
    private final int[] freeBuffers;
    private final GuestSg sg = new GuestSg();
    private final GuestTcpInput input;
    private final Runnable publish = this::publish;
    private final Runnable kick = this::kick;
    private int freeCount;
    private int added;
    private boolean emptyHanded;

    GuestReceiveQueue(Cpu cpu, GuestRam ram, Edition edition, GuestOptions options, GuestEventFds eventFds,
            Violations violations, Counters<GuestCounter> counters) {
        this.cpu = cpu;
        this.rx = new GuestVirtqueue("guest rx", ram.segment(), ram.rxVring(),
                options.indirect() ? ram.rxIndirectGpa() : 0, options.eventIdx() && edition.has(Behaviour.EVENT_IDX), 0, violations);
        this.eventFds = eventFds;
        this.counters = counters;
        this.ram = ram.segment();
        this.buffersGpa = ram.rxBuffersGpa();
        this.vnetHdrLen = options.vnetHdrLen();
        this.max = options.indirect() ? options.ringSize() : options.ringSize() / 2;
        this.freeBuffers = new int[max];
        this.input = new GuestTcpInput(options.flow(), options.streams());
        for (int i = 0; i < max; i++) {
            freeBuffers[i] = max - 1 - i;
        }
        freeCount = max;
    }

    /** The device is opened: all buffers go to the host ({@code try_fill_recv}). */
    void fill() {
        while (freeCount > 0) {
            int buffer = freeBuffers[--freeCount];
            long at = buffersGpa + (long) buffer * GuestRam.RX_BUFFER_SIZE;
            sg.clear();
            sg.add(at, vnetHdrLen);
            sg.add(at + DATA_OFFSET, MAX_PACKET_LEN);
            int room = rx.addBuf(sg, 0, 2, buffer);
            assert room >= 0 : "rx ring full with " + freeCount + " buffers left";
            added++;
        }
        if (added > 0) {
            cpu.settle(publish);
        }
    }

    /** Nothing is on its way to the host. */
    boolean isPublished() {
        return added == 0;
    }

    /** The device was reset: all buffers come back, whatever is in them, and there is a new ring. */
    void reset() {
        assert added == 0 : added + " buffers on their way to the host";
        for (int buffer = rx.detachUnusedBuf(); buffer != GuestVirtqueue.NONE; buffer = rx.detachUnusedBuf()) {
            freeBuffers[freeCount++] = buffer;
        }
        rx.reset();
    }

    private void publish() {
        int chains = added;
        added = 0;
        rx.publish(chains);
        if (rx.isKickWanted(chains)) {
            cpu.charge(Cost.VM_EXIT_KICK, 1);
            cpu.settle(kick);
        }
    }

    private void kick() {
        counters.bump(GuestCounter.RX_KICKS);
        eventFds.rxKick().signal();
    }

    /**
     * Takes one packet ({@code virtnet_poll}'s loop) and gives its buffer back.
     *
     * @return the packet's fields, valid until the next call; null if it was damaged or there was none: see
     *     {@link #isEmptyHanded}
     */
    GuestTcpInput poll() {
        int buffer = rx.getBuf();
        emptyHanded = buffer == GuestVirtqueue.NONE;
        if (emptyHanded) {
            return null;
        }
        counters.bump(GuestCounter.RX_PACKETS);
        boolean ok = receiveBuf(buffer, rx.usedLen() - vnetHdrLen);
        freeBuffers[freeCount++] = buffer;
        if (freeCount > max / 2) {
            fill();
        }
        return ok ? input : null;
    }

    /** The last {@link #poll} found nothing at all. */
    boolean isEmptyHanded() {
        return emptyHanded;
    }

    private boolean receiveBuf(int buffer, int len) {
        long at = buffersGpa + (long) buffer * GuestRam.RX_BUFFER_SIZE;
        if (len < 0 || len > MAX_PACKET_LEN) {
            counters.bump(GuestCounter.RX_BAD);
            return false;
        }
        int flags = ram.get(ValueLayout.JAVA_BYTE, at);
        int vouched = VirtioNetHdr.VIRTIO_NET_HDR_F_NEEDS_CSUM | VirtioNetHdr.VIRTIO_NET_HDR_F_DATA_VALID;
        if (!input.parse(ram, at + DATA_OFFSET, len, (flags & vouched) != 0)) {
            counters.bump(GuestCounter.RX_BAD);
            return false;
        }
        return true;
    }

    /** No interrupts while polling ({@code skb_recv_done}). */
    void disableCb() {
        rx.disableCb();
    }

    /** {@code napi_complete}, then interrupts again; false if something has come meanwhile. */
    boolean enableCb() {
        return rx.enableCb();
    }

    GuestVirtqueue queue() {
        return rx;
    }
}
