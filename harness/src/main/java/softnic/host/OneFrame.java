package softnic.host;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import softnic.Edition;
import softnic.mm.GuestMemory;
import softnic.mm.PhysMem;
import softnic.model.PriceFile;
import softnic.net.DummyDevice;
import softnic.net.EthHeader;
import softnic.net.Ipv4Header;
import softnic.net.NetDevice;
import softnic.net.TcpHeader;
import softnic.sched.Llc;
import softnic.sched.VirtualTimeRunner;
import softnic.sched.WaitQueue;
import softnic.trace.Trace;
import softnic.trace.Violations;
import softnic.virtio.VirtioNetHdr;
import softnic.virtio.Vring;

/**
 * One frame, put into the TX ring by hand as the test program of the golden call graphs did: two descriptors, a
 * virtio_net_hdr and the frame, no event index.
 */
public final class OneFrame {

    /** The shortest frame: an Ethernet header. */
    public static final int MIN_FRAME = EthHeader.ETH_HLEN;
    /** The longest frame that is no GSO packet, without FCS. */
    public static final int MAX_PLAIN = 1514;
    /** The longest frame the ring can describe here: 64 KiB. */
    public static final int MAX_FRAME = 65535;

    private static final int RING = 256;
    private static final int RING_GPA = 0x1000;
    private static final int HDR_GPA = 0x8000;
    private static final int FRAME_GPA = 0x10000;
    private static final int RAM_BYTES = 0x40000;
    private static final int GSO_SIZE = 1448;
    private static final int HDR_LEN = EthHeader.ETH_HLEN + Ipv4Header.SIZE + TcpHeader.SIZE;
    private static final int EVENTS = 1 << 16;
    private static final long LIMIT_NS = 1_000_000_000;
    private static final long DUMMY_MAC = 0x0200_0000_0001L;
    private static final long GUEST_MAC = 0x5254_0012_3456L;
    private static final long FAR_MAC = 0x5254_0065_4321L;

    /** Which device carries the frame away. */
    public enum Lower { DUMMY, IXGBE }

    /**
     * What is to be traced.
     *
     * @param frameBytes 14..65535, without FCS; above 1514 a TCPv4 GSO packet of gso_size 1448
     */
    public record Options(int frameBytes, Edition edition, Lower lower, boolean sniffer, boolean sg, boolean zerocopy) {
        public Options {
            if (frameBytes < MIN_FRAME || frameBytes > MAX_FRAME) {
                throw new IllegalArgumentException("frame must be " + MIN_FRAME + ".." + MAX_FRAME
                        + " bytes, got " + frameBytes);
            }
        }
    }

    private OneFrame() {
    }

    /** Runs it in virtual time until all is quiet. @return everything that was called */
    public static Trace run(Options options, PriceFile prices) {
        try (Arena arena = Arena.ofShared()) {
            VirtualTimeRunner runner = new VirtualTimeRunner(prices.table());
            Trace trace = new Trace(Trace.Level.RECORD, runner, options.edition().names(), EVENTS);
            Violations violations = new Violations();
            PhysMem memory = new PhysMem();
            GuestMemory guest = new GuestMemory(memory);
            guest.addRegion(0, arena.allocate(RAM_BYTES, PhysMem.PAGE_SIZE));
            HostKernel.Options host = new HostKernel.Options(options.zerocopy(), false,
                    VirtioNetHdr.SIZE_MRG_RXBUF, 1 << 20, options.sniffer(), 0, true);
            try (HostKernel kernel = new HostKernel(options.edition(), runner, Llc.none(), trace, violations, memory,
                    guest, host)) {
                if (options.lower() == Lower.DUMMY) {
                    send(options, kernel, new DummyDevice("dummy0", DUMMY_MAC, trace), memory, guest, runner, trace);
                } else {
                    try (Port port = new Port(options.edition(), runner, trace, kernel.netCore(), prices.parameter("itr"),
                            new WaitQueue())) {
                        send(options, kernel, port.adapter().device(), memory, guest, runner, trace);
                    }
                }
                if (violations.count() > 0) {
                    throw new IllegalStateException("trace: " + violations.kept().getFirst());
                }
            }
            return trace;
        }
    }

    private static void send(Options options, HostKernel kernel, NetDevice lower, PhysMem memory, GuestMemory guest,
            VirtualTimeRunner runner, Trace trace) {
        if (!options.sg()) {
            lower.setFeatures(lower.features() & ~NetDevice.NETIF_F_SG);
        }
        kernel.attach(lower, GUEST_MAC);
        int used = Vring.legacyUsedOffset(RING, PhysMem.PAGE_SIZE);
        kernel.vhost().tx().setVring(RING, RING_GPA, RING_GPA + RING * Vring.DESC_SIZE, RING_GPA + used);
        kernel.start();
        post(memory, guest, options.frameBytes());
        kernel.txKick().signal();
        runner.runUntilQuiet(LIMIT_NS);
        trace.stopRecording();
    }

    private static void post(PhysMem memory, GuestMemory guest, int frameBytes) {
        long hdr = guest.hpa(HDR_GPA);
        long frame = guest.hpa(FRAME_GPA);
        boolean gso = frameBytes > MAX_PLAIN;
        new VirtioNetHdr().wrap(memory, hdr).set(gso ? VirtioNetHdr.VIRTIO_NET_HDR_F_NEEDS_CSUM : 0,
                gso ? VirtioNetHdr.VIRTIO_NET_HDR_GSO_TCPV4 : 0, gso ? HDR_LEN : 0, gso ? GSO_SIZE : 0,
                gso ? EthHeader.ETH_HLEN + Ipv4Header.SIZE : 0, gso ? TcpHeader.CHECK : 0);
        MemorySegment m = memory.segment(frame);
        long at = PhysMem.offset(frame);
        EthHeader.write(m, at, FAR_MAC, GUEST_MAC, EthHeader.ETH_P_IP);     // what ixgbe takes with fragments, also in 3.1
        if (gso) {
            Ipv4Header.write(m, at + EthHeader.ETH_HLEN, frameBytes - EthHeader.ETH_HLEN, 1, Ipv4Header.IPPROTO_TCP,
                    0x0A000002, 0x0A000001);
            TcpHeader.write(m, at + EthHeader.ETH_HLEN + Ipv4Header.SIZE, 40000, 5001, 1, 1, TcpHeader.SIZE,
                    TcpHeader.ACK | TcpHeader.PSH, 512);
        }
        long desc = guest.hpa(RING_GPA);
        Vring ring = new Vring(memory, RING, desc, desc + RING * Vring.DESC_SIZE,
                desc + Vring.legacyUsedOffset(RING, PhysMem.PAGE_SIZE));
        ring.desc(0, HDR_GPA, VirtioNetHdr.SIZE_MRG_RXBUF, Vring.VRING_DESC_F_NEXT, 1);
        ring.desc(1, FRAME_GPA, frameBytes, 0, 0);
        ring.availRing(0, 0);
        ring.availIdxRelease(1);
    }
}
