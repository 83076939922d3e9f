package softnic.host;

import java.lang.foreign.MemorySegment;
import softnic.Edition;
import softnic.mm.GuestMemory;
import softnic.mm.PhysMem;
import softnic.mm.Slab;
import softnic.net.Checksum;
import softnic.net.EthHeader;
import softnic.net.Ipv4Header;
import softnic.net.TcpHeader;
import softnic.sched.Llc;
import softnic.sched.Runner;
import softnic.sched.WaitQueue;
import softnic.trace.Trace;
import softnic.trace.Violations;
import softnic.virtio.VirtioNetHdr;
import softnic.virtio.Vring;
import softnic.wire.FrameRing;
import softnic.wire.StreamPattern;
import softnic.wire.TcpFlow;

/**
 * One TCP packet that lies in guest memory and is posted again and again: the house's transmit path without a guest's
 * driver and without a far end, for whoever measures it.
 *
 * <pre>
 *   post()   --> TX ring --> vhost --> macvtap --> macvlan --> qdisc --> ixgbe --ring--> 82599 --MAC--> farEnd()
 *   isUsed() <-- used ring <-- callback <-- softirq <------------------- interrupt <-------'
 * </pre>
 *
 * <p>Wiring only. The caller's runner moves the packet; the caller empties {@link #farEnd}. Without throttling
 * of interrupts, so that one packet can be followed by the next at once.
 */
public final class PostedFrame implements AutoCloseable {

    /** TCP payload of a full frame: 1500 MTU, timestamps. */
    public static final int MSS = 1448;
    /** Ethernet, IPv4, TCP with timestamps. */
    public static final int HEADERS = EthHeader.ETH_HLEN + Ipv4Header.SIZE + TcpHeader.SIZE_TIMESTAMPS;
    /** The longest packet: 45 full frames. */
    public static final int MAX_FRAME = HEADERS + 45 * MSS;
    /** Sequence number of the first payload byte, which is stream position 0 of {@link StreamPattern}. */
    public static final int SEQ = 1;

    private static final int IP = EthHeader.ETH_HLEN;
    private static final int TCP = IP + Ipv4Header.SIZE;
    private static final int RING = 256;
    private static final int RING_GPA = 0x1000;
    private static final int HDR_GPA = 0x8000;
    private static final int FRAME_GPA = 0x10000;
    private static final int RAM_BYTES = 0x40000;
    private static final int SNDBUF = 1 << 20;

    private final PhysMem memory = new PhysMem();
    private final GuestMemory guest = new GuestMemory(memory);
    private final Slab ram = new Slab(RAM_BYTES);
    private final HostKernel kernel;
    private final Port port;
    private final Vring ring;
    private final int skbsAtRest;
    private int availIdx;

    /**
     * @param frameBytes without FCS, {@link EthHeader#ETH_ZLEN} to {@link #MAX_FRAME}; a GSO packet if one frame
     *     cannot hold it
     * @param zerocopy {@code experimental_zcopytx}
     */
    public PostedFrame(Edition edition, Runner runner, int frameBytes, boolean zerocopy) {
        if (frameBytes < EthHeader.ETH_ZLEN || frameBytes > MAX_FRAME) {
            throw new IllegalArgumentException("frame must be " + EthHeader.ETH_ZLEN + ".." + MAX_FRAME
                    + " bytes, got " + frameBytes);
        }
        guest.addRegion(0, ram.segment());
        Trace trace = Trace.off();
        kernel = new HostKernel(edition, runner, Llc.none(), trace, new Violations(), memory, guest,
                new HostKernel.Options(zerocopy, false, VirtioNetHdr.SIZE_MRG_RXBUF, SNDBUF, false, 0, false));
        port = new Port(edition, runner, trace, kernel.netCore(), 0, new WaitQueue());
        kernel.attach(port.adapter().device(), TcpFlow.DEFAULT.guestMac());
        long used = Vring.legacyUsedOffset(RING, PhysMem.PAGE_SIZE);
        kernel.vhost().tx().setVring(RING, RING_GPA, RING_GPA + RING * Vring.DESC_SIZE, RING_GPA + used);
        long desc = guest.hpa(RING_GPA);
        ring = new Vring(memory, RING, desc, desc + RING * Vring.DESC_SIZE, desc + used);
        write(frameBytes);
        skbsAtRest = kernel.skbs().inUse();
        kernel.start();
    }

    /** Header, frame, and the two descriptors that name them, as virtio_net 3.1 would leave them. */
    private void write(int frameBytes) {
        boolean gso = frameBytes > HEADERS + MSS;
        int tcpLen = frameBytes >= HEADERS ? TcpHeader.SIZE_TIMESTAMPS : TcpHeader.SIZE;
        int headers = TCP + tcpLen;
        new VirtioNetHdr().wrap(memory, guest.hpa(HDR_GPA)).set(VirtioNetHdr.VIRTIO_NET_HDR_F_NEEDS_CSUM,
                gso ? VirtioNetHdr.VIRTIO_NET_HDR_GSO_TCPV4 : VirtioNetHdr.VIRTIO_NET_HDR_GSO_NONE,
                headers, gso ? MSS : 0, TCP, TcpHeader.CHECK);
        MemorySegment m = ram.segment();
        TcpFlow flow = TcpFlow.DEFAULT;
        EthHeader.write(m, FRAME_GPA, flow.farMac(), flow.guestMac(), EthHeader.ETH_P_IP);
        Ipv4Header.write(m, FRAME_GPA + IP, frameBytes - IP, 1, Ipv4Header.IPPROTO_TCP, flow.guestIp(), flow.farIp());
        TcpHeader.write(m, FRAME_GPA + TCP, flow.guestPort(), flow.farPort(), SEQ, 1, tcpLen, TcpHeader.ACK, 512);
        if (tcpLen == TcpHeader.SIZE_TIMESTAMPS) {
            TcpHeader.writeTimestamps(m, FRAME_GPA + TCP, 1, 1);
        }
        long pseudo = Checksum.pseudoIpv4(m, FRAME_GPA + IP, Ipv4Header.IPPROTO_TCP, frameBytes - TCP);
        Checksum.store(m, FRAME_GPA + TCP + TcpHeader.CHECK, ~Checksum.fold(pseudo) & 0xFFFF);
        StreamPattern.fill(m, FRAME_GPA + headers, frameBytes - headers, 0);

        ring.availFlags(Vring.VRING_AVAIL_F_NO_INTERRUPT);
        ring.desc(0, HDR_GPA, VirtioNetHdr.SIZE_MRG_RXBUF, Vring.VRING_DESC_F_NEXT, 1);
        ring.desc(1, FRAME_GPA, frameBytes, 0, 0);
    }

    /** Posts the packet and kicks. Only when {@link #isUsed}: there is one. */
    public void post() {
        ring.availRing(availIdx, 0);
        availIdx = availIdx + 1 & Vring.IDX_MASK;
        ring.availIdxRelease(availIdx);
        kernel.txKick().signal();
    }

    /** True if the packet is back in the used ring, or was never posted. */
    public boolean isUsed() {
        return ring.usedIdxAcquire() == availIdx;
    }

    /** Where its frames arrive; room for all of one packet. */
    public FrameRing farEnd() {
        return port.farRx();
    }

    /**
     * Releases all memory, when all is quiet.
     *
     * @throws IllegalStateException if a pin or an skb was left behind
     */
    @Override
    public void close() {
        long pins = guest.pins();
        int skbs = kernel.skbs().inUse() - skbsAtRest;
        port.close();
        kernel.close();
        ram.close();
        if (pins != 0 || skbs != 0) {
            throw new IllegalStateException("house: " + pins + " pins and " + skbs + " skbs were left behind");
        }
    }
}
