package softnic.host;

import java.util.ArrayList;
import java.util.List;
import softnic.Edition;
import softnic.macvtap.Macvlan;
import softnic.macvtap.MacvtapSock;
import softnic.mm.GuestMemory;
import softnic.mm.PageAllocator;
import softnic.mm.PhysMem;
import softnic.net.NetCore;
import softnic.net.NetDevice;
import softnic.net.PacketSock;
import softnic.sched.Cost;
import softnic.sched.Cpu;
import softnic.sched.EventFd;
import softnic.sched.Llc;
import softnic.sched.Runner;
import softnic.sched.WaitQueue;
import softnic.skb.SkbPool;
import softnic.trace.Counters;
import softnic.trace.Trace;
import softnic.trace.Violations;
import softnic.vhost.VhostNet;

/**
 * The host's kernel around one guest: memory, skbs, the stack, macvtap over a lower device, and vhost-net.
 *
 * <p>Wiring only. The lower device is made by the caller, between {@link #HostKernel} and {@link #attach}.
 */
public final class HostKernel implements AutoCloseable {

    private static final int SNIFFER_RCVBUF = 212_992;      // net.core.rmem_default

    /**
     * What a host is set up with.
     *
     * @param zerocopy the module parameter {@code experimental_zcopytx}
     * @param eventIdx VIRTIO_RING_F_EVENT_IDX is negotiated
     * @param vnetHdrLen bytes of virtio_net_hdr, 10 or 12
     * @param sndbuf sk_sndbuf of the tap, in bytes
     * @param sniffer a packet socket listens on the lower device
     * @param pendingStart where the pending ring's indices start: 0 in the kernel
     * @param monitored invariants are watched on line
     * @param smaller by what the kernel's memory is divided, for runs that shall begin at once
     * @param goodcopyLen shorter packets are copied: VHOST_GOODCOPY_LEN in the kernel
     */
    public record Options(boolean zerocopy, boolean eventIdx, int vnetHdrLen, int sndbuf, boolean sniffer,
            int pendingStart, boolean monitored, int smaller, int goodcopyLen) {

        /** Skbs that may live at once, and pages for copied packets: 64 MiB. */
        private static final int SKBS = 8192;
        private static final int PAGES = 16384;

        /** A host of the usual size, with the kernel's VHOST_GOODCOPY_LEN. */
        public Options(boolean zerocopy, boolean eventIdx, int vnetHdrLen, int sndbuf, boolean sniffer,
                int pendingStart, boolean monitored) {
            this(zerocopy, eventIdx, vnetHdrLen, sndbuf, sniffer, pendingStart, monitored, 1,
                    VhostNet.VHOST_GOODCOPY_LEN);
        }

        int skbs() {
            return SKBS / smaller;
        }

        int pages() {
            return PAGES / smaller;
        }
    }

    private final Edition edition;
    private final Runner runner;
    private final Cpu cpu;
    private final Llc llc;
    private final Trace trace;
    private final Violations violations;
    private final Options options;
    private final PhysMem memory;
    private final GuestMemory guest;
    private final PageAllocator pages;
    private final SkbPool skbs;
    private final NetCore netCore;
    private final EventFd txKick = new EventFd();
    private final EventFd txCall = new EventFd();
    private final EventFd rxKick = new EventFd();
    private final EventFd rxCall = new EventFd();
    private NetDevice lowerdev;
    private Macvlan macvlan;
    private MacvtapSock tap;
    private MacvtapSock otherTap;           // null: not open
    private VhostNet vhost;
    private PacketSock sniffer;
    private int workerProcessor;

    public HostKernel(Edition edition, Runner runner, Llc llc, Trace trace, Violations violations, PhysMem memory,
            GuestMemory guest, Options options) {
        this.edition = edition;
        this.runner = runner;
        this.cpu = runner.cpu();
        this.llc = llc;
        this.trace = trace;
        this.violations = violations;
        this.options = options;
        this.memory = memory;
        this.guest = guest;
        pages = new PageAllocator(memory, options.pages());
        skbs = new SkbPool(memory, pages, edition, cpu, trace, options.skbs(), options.smaller());
        netCore = new NetCore(edition, skbs, cpu, trace);
    }

    /** Puts macvtap on the device, vhost-net on macvtap, and the worker on its processor. */
    public void attach(NetDevice lowerdev, long guestMac) {
        this.lowerdev = lowerdev;
        if (options.sniffer()) {
            sniffer = new PacketSock(SNIFFER_RCVBUF);
            lowerdev.addTap(sniffer);
        }
        macvlan = new Macvlan("macvtap0", guestMac, lowerdev, edition, netCore, trace);
        tap = open(macvlan);
        WaitQueue workerWait = new WaitQueue();
        vhost = new VhostNet(edition, cpu, trace, memory, guest, workerWait, txKick, txCall, rxKick, rxCall,
                violations, new VhostNet.Options(options.zerocopy(), options.eventIdx(), options.pendingStart(),
                        options.monitored(), options.goodcopyLen()));
        workerProcessor = runner.addProcessor("vhost", "vhost", Cost.VHOST_WAKE, Cost.VHOST_WAKE_LATENCY);
        runner.add(workerProcessor, vhost.worker(), workerWait);
        vhost.dev().setOwner();
    }

    private MacvtapSock open(Macvlan device) {
        return new MacvtapSock(device, edition, netCore, cpu, llc, trace, memory, guest, pages,
                new MacvtapSock.Options(options.vnetHdrLen(), options.sndbuf()));
    }

    /** A tap of a second macvtap on the same lower device, opened when first asked for. Frames for the guest do not come here. */
    MacvtapSock otherTap() {
        if (otherTap == null) {
            otherTap = open(new Macvlan("macvtap1", macvlan.mac() ^ 1, lowerdev, edition, netCore, trace));
        }
        return otherTap;
    }

    /** {@code sk_wmem_alloc} of all taps. */
    int wmemAlloc() {
        return tap.wmemAlloc() + (otherTap == null ? 0 : otherTap.wmemAlloc());
    }

    /** Sum of truesize of the packets charged to them. */
    long charged() {
        return skbs.chargedTo(tap) + (otherTap == null ? 0 : skbs.chargedTo(otherTap));
    }

    /** The tap becomes the backend: from here on packets move. */
    public void start() {
        vhost.setBackend(tap);
    }

    public NetCore netCore() {
        return netCore;
    }

    public SkbPool skbs() {
        return skbs;
    }

    public PageAllocator pages() {
        return pages;
    }

    public MacvtapSock tap() {
        return tap;
    }

    public NetDevice lowerdev() {
        return lowerdev;
    }

    public VhostNet vhost() {
        return vhost;
    }

    public PacketSock sniffer() {
        return sniffer;
    }

    public EventFd txKick() {
        return txKick;
    }

    public EventFd txCall() {
        return txCall;
    }

    public EventFd rxKick() {
        return rxKick;
    }

    public EventFd rxCall() {
        return rxCall;
    }

    /** The processor of the vhost worker. */
    public int workerProcessor() {
        return workerProcessor;
    }

    /** Counters of every room of the kernel. */
    public List<Counters<?>> counters() {
        List<Counters<?>> all = new ArrayList<>(vhost.counters());
        all.add(tap.counters());
        all.add(tap.rules());
        all.add(macvlan.counters());
        all.add(netCore.counters());
        all.add(skbs.counters());
        all.add(skbs.drops());
        return all;
    }

    @Override
    public void close() {
        if (vhost != null) {
            vhost.close();
            tap.close();
        }
        if (otherTap != null) {
            otherTap.close();
        }
        skbs.close();
        pages.close();
    }
}
