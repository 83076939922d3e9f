package softnic.guest;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import softnic.net.Checksum;
import softnic.net.EthHeader;
import softnic.net.Ipv4Header;
import softnic.net.TcpHeader;
import softnic.sched.Agent;
import softnic.sched.Cost;
import softnic.sched.Cpu;
import softnic.sched.WaitQueue;
import softnic.virtio.Vring;
import softnic.wire.FrameRing;
import softnic.wire.FrameSlot;

/**
 * A host in one agent, for tests: takes packets from the guest's TX ring, copies them, segments GSO packets
 * in software, finishes checksums, hands frames to the far end, and puts the far end's frames into the RX
 * ring. Nothing of it is shared with the real host.
 */
final class LoopbackDevice implements Agent {

    private static final ValueLayout.OfShort LE16 =
            ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfInt LE32 =
            ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfLong LE64 =
            ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final int L4 = EthHeader.ETH_HLEN + Ipv4Header.SIZE;

    private final Cpu cpu;
    private final MemorySegment ram;
    private final Ring tx;
    private final Ring rx;
    private final int hdrLen;
    private final FrameRing toFar;
    private final FrameRing fromFar;
    private final MemorySegment packet = Arena.ofAuto().allocate(1 << 17);
    private final Runnable publishFrame = this::publishFrame;
    private final Piece readPiece = this::readPiece;
    private final Piece writePiece = this::writePiece;

    /** The payload is read again after the buffer was returned: what zero-copy must never do. */
    boolean readsLate;
    /** How many packets are held before their buffers are returned, all at once and last first. */
    int returnsInBatchesOf = 1;

    int packets;
    int gsoPackets;
    int largestPacket;
    private final int[] held = new int[1024];
    private int heldCount;

    private FrameSlot received;
    private int pieces;
    private long payloadGpa;            // third piece of the packet read last
    private int len;                    // of the packet being segmented, virtio_net_hdr left out
    private int done;                   // payload bytes already on the wire
    private int headerLen;
    private int gsoSize;

    LoopbackDevice(Cpu cpu, GuestRam ram, GuestOptions options, boolean event, GuestEventFds fds,
            FrameRing toFar, FrameRing fromFar, WaitQueue waitQueue) {
        this.cpu = cpu;
        this.ram = ram.segment();
        this.tx = new Ring(ram.txVring(), event, fds.txCall()::signal);
        this.rx = new Ring(ram.rxVring(), event, fds.rxCall()::signal);
        this.hdrLen = options.vnetHdrLen();
        this.toFar = toFar;
        this.fromFar = fromFar;
        fds.txKick().onSignal(waitQueue::wakeUp);
        fds.rxKick().onSignal(waitQueue::wakeUp);
    }

    @Override
    public int doWork() {
        if (headerLen > 0) {
            return sendFrame();
        }
        boolean hasArrived = arrivalNs() <= cpu.nowNs();
        if (hasArrived && rx.isMore()) {
            receive(fromFar.peek());
            return 1;
        }
        if (tx.isMore()) {
            take();
            return 1;
        }
        flushHeld();
        return tx.enableNotify() | (hasArrived && rx.enableNotify()) ? 1 : 0;
    }

    private long arrivalNs() {
        FrameSlot frame = fromFar.peek();
        return frame == null ? NO_DEADLINE_NS : frame.arrivalNs();
    }

    @Override
    public long nextDeadlineNs() {
        return arrivalNs() > cpu.nowNs() ? arrivalNs() : NO_DEADLINE_NS;    // else a kick wakes us
    }

    /** One packet out of the ring, and its buffer back. */
    private void take() {
        cpu.charge(Cost.VHOST_TX, 1);
        int head = tx.pop();
        if (readsLate) {
            read(head);
            tx.push(head, 0);
            tx.settle();
            cpu.charge(Cost.VHOST_TX, 100);
            long payload = payloadGpa;
            cpu.settle(() -> readPayloadAgain(payload));
            return;
        }
        read(head);
        headerLen = headersOf();
        held[heldCount++] = head;
        if (heldCount >= returnsInBatchesOf) {
            flushHeld();
        }
    }

    private void flushHeld() {
        if (heldCount == 0) {
            return;
        }
        while (heldCount > 0) {
            tx.push(held[--heldCount], 0);
        }
        tx.settle();
    }

    private void read(int head) {
        len = -hdrLen;
        pieces = 0;
        tx.walk(head, readPiece);
        packets++;
        largestPacket = Math.max(largestPacket, len);
        gsoSize = Short.toUnsignedInt(packet.get(LE16, 4));
        done = 0;
        if (gsoSize > 0) {
            gsoPackets++;
        }
    }

    /** The payload lies in one piece: the stream has not come to the end of the send buffer yet. */
    private void readPayloadAgain(long gpa) {
        headerLen = headersOf();
        MemorySegment.copy(ram, gpa, packet, hdrLen + headerLen, len - headerLen);
    }

    private void readPiece(long gpa, int bytes) {
        MemorySegment.copy(ram, gpa, packet, len + hdrLen, bytes);
        payloadGpa = pieces++ == 2 ? gpa : payloadGpa;
        len += bytes;
    }

    private int headersOf() {
        return L4 + TcpHeader.headerLen(packet, hdrLen + L4);
    }

    /** Cuts the next frame off the packet. */
    private int sendFrame() {
        FrameSlot slot = toFar.claim();
        if (slot == null) {
            return 0;
        }
        int payload = len - headerLen;
        int bytes = gsoSize > 0 ? Math.min(gsoSize, payload - done) : payload;
        MemorySegment m = slot.memory();
        long at = slot.offset();
        MemorySegment.copy(packet, hdrLen, m, at, headerLen);
        MemorySegment.copy(packet, hdrLen + headerLen + done, m, at + headerLen, bytes);
        slot.len(headerLen + bytes);
        boolean isLast = done + bytes >= payload;
        finishHeaders(m, at, bytes, isLast);
        done += bytes;
        headerLen = isLast ? 0 : headerLen;
        cpu.charge(Cost.WIRE_BYTE, slot.len() + EthHeader.ETH_FCS_LEN + EthHeader.PREAMBLE_AND_GAP);
        slot.arrivalNs(cpu.nowNs());
        cpu.settle(publishFrame);
        return 1;
    }

    private void finishHeaders(MemorySegment m, long at, int bytes, boolean isLast) {
        long ip = at + EthHeader.ETH_HLEN;
        long tcp = at + L4;
        int tcpLen = headerLen - L4 + bytes;
        if (gsoSize > 0) {
            Ipv4Header.totLen(m, ip, Ipv4Header.SIZE + tcpLen);
            Ipv4Header.id(m, ip, Ipv4Header.id(m, ip) + done / gsoSize);
            Ipv4Header.updateCheck(m, ip, Ipv4Header.SIZE);
            TcpHeader.seq(m, tcp, TcpHeader.seq(m, tcp) + done);
            if (!isLast) {
                TcpHeader.flags(m, tcp, TcpHeader.flags(m, tcp) & ~TcpHeader.PSH);
            }
            long pseudo = Checksum.pseudoIpv4(m, ip, Ipv4Header.IPPROTO_TCP, tcpLen);
            Checksum.store(m, tcp + TcpHeader.CHECK, ~Checksum.fold(pseudo) & 0xFFFF);
        }
        Checksum.store(m, tcp + TcpHeader.CHECK, Checksum.fold(Checksum.partial(m, tcp, tcpLen, 0)));
    }

    private void publishFrame() {
        toFar.publish();
    }

    private void receive(FrameSlot frame) {
        int head = rx.pop();
        received = frame;
        rx.walk(head, writePiece);
        rx.push(head, hdrLen + frame.len());
        fromFar.release();
        rx.settle();
    }

    private void writePiece(long gpa, int bytes) {
        if (bytes == hdrLen) {
            for (int i = 0; i < hdrLen; i++) {
                ram.set(ValueLayout.JAVA_BYTE, gpa + i, (byte) 0);
            }
        } else {
            MemorySegment.copy(received.memory(), received.offset(), ram, gpa, received.len());
        }
    }

    @Override
    public String roleName() {
        return "loopback-device";
    }

    Ring tx() {
        return tx;
    }

    interface Piece {
        void at(long gpa, int bytes);
    }

    /** The device's side of one ring. */
    final class Ring {

        private final Vring vring;
        private final boolean event;
        private final Runnable signal;
        private final Runnable publish = this::publish;
        private int lastAvail;
        private int usedIdx;
        private int published;

        Ring(Vring vring, boolean event, Runnable signal) {
            this.vring = vring;
            this.event = event;
            this.signal = signal;
        }

        boolean isMore() {
            boolean more = vring.availIdxAcquire() != lastAvail;
            if (more && !event) {
                vring.usedFlags(Vring.VRING_USED_F_NO_NOTIFY);
            }
            return more;
        }

        /** Asks for a kick; true if something has come meanwhile. */
        boolean enableNotify() {
            if (event) {
                vring.availEvent(lastAvail);
            } else {
                vring.usedFlags(0);
            }
            VarHandle.fullFence();
            return vring.availIdxAcquire() != lastAvail;
        }

        int pop() {
            int head = vring.availRing(lastAvail);
            lastAvail = lastAvail + 1 & Vring.IDX_MASK;
            return head;
        }

        void walk(int head, Piece piece) {
            int flags = vring.descFlags(head);
            if ((flags & Vring.VRING_DESC_F_INDIRECT) != 0) {
                long table = vring.descAddr(head);
                for (long at = table; at < table + vring.descLen(head); at += Vring.DESC_SIZE) {
                    piece.at(ram.get(LE64, at), ram.get(LE32, at + Vring.DESC_LEN));
                }
                return;
            }
            int i = head;
            piece.at(vring.descAddr(i), vring.descLen(i));
            while ((vring.descFlags(i) & Vring.VRING_DESC_F_NEXT) != 0) {
                i = vring.descNext(i);
                piece.at(vring.descAddr(i), vring.descLen(i));
            }
        }

        void push(int head, int bytes) {
            vring.usedElem(usedIdx, head, bytes);
            usedIdx = usedIdx + 1 & Vring.IDX_MASK;
        }

        void settle() {
            cpu.settle(publish);
        }

        private void publish() {
            int old = published;
            published = usedIdx;
            vring.usedIdxRelease(usedIdx);
            VarHandle.fullFence();
            boolean wanted = event ? Vring.needEvent(vring.usedEvent(), usedIdx, old)
                    : (vring.availFlags() & Vring.VRING_AVAIL_F_NO_INTERRUPT) == 0;
            if (wanted) {
                signal.run();
            }
        }
    }
}
