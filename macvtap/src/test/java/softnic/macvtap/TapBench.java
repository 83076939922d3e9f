package softnic.macvtap;

import java.lang.foreign.Arena;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import softnic.Edition;
import softnic.mm.GuestMemory;
import softnic.mm.IoVec;
import softnic.mm.PageAllocator;
import softnic.mm.PhysMem;
import softnic.net.NetCore;
import softnic.net.NetDevice;
import softnic.sched.CostTable;
import softnic.sched.Cpu;
import softnic.sched.Llc;
import softnic.sched.VirtualTimeRunner;
import softnic.skb.SkBuff;
import softnic.skb.SkbPool;
import softnic.skb.UbufInfo;
import softnic.trace.Trace;
import softnic.virtio.VirtioNetHdr;

/** A tap on a macvlan on a device that keeps what it is sent; guest memory to send from. */
final class TapBench implements AutoCloseable {

    static final int HDR = 12;
    static final int PAGES = 64;
    static final long MAC = 0x020000000042L;
    private static final int RAM_PAGES = 96;
    /** Takes every kind of packet as it is. */
    static final int ALL = NetDevice.NETIF_F_SG | NetDevice.NETIF_F_HW_CSUM | NetDevice.NETIF_F_HIGHDMA
            | NetDevice.NETIF_F_GSO | NetDevice.NETIF_F_ALL_TSO | NetDevice.NETIF_F_GSO_ROBUST | 1 << 17;

    /** Keeps packets until the test frees them. */
    static final class Keeper extends NetDevice {
        final List<SkBuff> taken = new ArrayList<>();

        Keeper(int features) {
            super("keeper0", 1, features);
        }

        @Override
        public int startXmit(SkBuff skb) {
            taken.add(skb);
            return NETDEV_TX_OK;
        }

        void clean() {
            taken.forEach(SkBuff::consume);
            taken.clear();
        }
    }

    /** Whose pages were sent. */
    static final class Owner implements UbufInfo {
        int callbacks;
        boolean success;
        Runnable then = () -> { };

        @Override
        public void callback(boolean zerocopySuccess) {
            callbacks++;
            success = zerocopySuccess;
            then.run();
        }
    }

    /** What takes long to make; a bench that ends clean leaves it to the next of its edition. */
    private record Pools(PhysMem memory, PageAllocator pages, Cpu cpu, SkbPool pool, boolean shared) {

        private static final Map<Edition, Deque<Pools>> IDLE = new HashMap<>();

        /** Pools whose every function is traced and every charge paid; nobody else gets them. */
        static Pools traced(Edition edition, Cpu cpu, Trace trace) {
            PhysMem memory = new PhysMem();
            PageAllocator pages = new PageAllocator(memory, PAGES);
            return new Pools(memory, pages, cpu, new SkbPool(memory, pages, edition, cpu, trace, 64, 8), false);
        }

        static Pools of(Edition edition) {
            Pools idle = IDLE.computeIfAbsent(edition, e -> new ArrayDeque<>()).poll();
            if (idle != null) {
                return idle;
            }
            PhysMem memory = new PhysMem();
            PageAllocator pages = new PageAllocator(memory, PAGES);
            Cpu cpu = new VirtualTimeRunner(CostTable.free());
            return new Pools(memory, pages, cpu, new SkbPool(memory, pages, edition, cpu, Trace.off(), 600), true);
        }

        void close(Edition edition) {
            if (pool.inUse() == 0 && pages.inUse() == 0 && shared) {
                IDLE.get(edition).add(this);
            } else {
                pool.close();
                pages.close();
            }
        }
    }

    private final Pools pools;
    final PhysMem memory;
    final GuestMemory guest;
    final PageAllocator pages;
    final Cpu cpu;
    final SkbPool pool;
    final NetCore core;
    final Edition edition;
    final Keeper dev;
    final Macvlan vlan;
    final MacvtapSock tap;
    final IoVec iov = new IoVec();
    private final Arena arena = Arena.ofConfined();

    TapBench(Edition edition, int features, int sndbuf) {
        this(edition, features, sndbuf, Pools.of(edition), Trace.off());
    }

    /** One whose functions and charges are written down. */
    TapBench(Edition edition, int features, Cpu cpu, Trace trace) {
        this(edition, features, Integer.MAX_VALUE, Pools.traced(edition, cpu, trace), trace);
    }

    private TapBench(Edition edition, int features, int sndbuf, Pools pools, Trace trace) {
        this.edition = edition;
        this.pools = pools;
        memory = pools.memory();
        pages = pools.pages();
        cpu = pools.cpu();
        pool = pools.pool();
        guest = new GuestMemory(memory);
        guest.addRegion(0, arena.allocate(RAM_PAGES * 4096L, 4096));
        core = new NetCore(edition, pool, cpu, trace);
        dev = new Keeper(features);
        vlan = new Macvlan("macvtap0", MAC, dev, edition, core, trace);
        tap = new MacvtapSock(vlan, edition, core, cpu, Llc.none(), trace, memory, guest, pages,
                new MacvtapSock.Options(HDR, sndbuf));
    }

    static TapBench of(Edition edition) {
        return new TapBench(edition, ALL, Integer.MAX_VALUE);
    }

    /** The packet's first piece: its virtio_net_hdr, in page 0. */
    TapBench header(int flags, int gsoType, int hdrLen, int gsoSize, int csumStart, int csumOffset) {
        iov.clear();
        new VirtioNetHdr().wrap(memory, guest.hpa(0)).set(flags, gsoType, hdrLen, gsoSize, csumStart, csumOffset);
        iov.add(guest.hpa(0), HDR);
        return this;
    }

    TapBench plain(int hdrLen) {
        return header(0, 0, hdrLen, 0, 0, 0);
    }

    /** One more piece, {@code len} bytes at {@code gpa}, filled at random. */
    TapBench piece(Random random, long gpa, int len) {
        for (int i = 0; i < len; i++) {
            memory.u8(guest.hpa(gpa + i), random.nextInt());
        }
        iov.add(guest.hpa(gpa), len);
        return this;
    }

    int send(UbufInfo ubuf) {
        return tap.sendmsg(iov, (int) iov.length(), ubuf);
    }

    /** The frame as the guest wrote it. */
    byte[] frame() {
        byte[] all = new byte[(int) iov.length() - HDR];
        int at = 0;
        for (int p = 1; p < iov.count(); p++) {
            for (int i = 0; i < iov.len(p); i++) {
                all[at++] = memory.u8(iov.base(p) + i);
            }
        }
        return all;
    }

    byte[] content(SkBuff skb) {
        byte[] all = new byte[skb.len()];
        int at = 0;
        for (; at < skb.headlen(); at++) {
            all[at] = memory.u8(skb.dataHpa() + at);
        }
        for (int f = 0; f < skb.shinfo().nrFrags(); f++) {
            for (int i = 0; i < skb.shinfo().frag(f).size(); i++) {
                all[at++] = memory.u8(skb.shinfo().frag(f).hpa() + i);
            }
        }
        return all;
    }

    /** Pins, charges, skbs and pages that should not be there, or nothing. */
    String wrong() {
        return (guest.pins() == pool.guestFrags() ? "" : guest.pins() + " pins, " + pool.guestFrags() + " frags ")
                + (tap.wmemAlloc() == pool.chargedTo(tap) ? "" : tap.wmemAlloc() + " charged, " + pool.chargedTo(tap));
    }

    /** What is not back home, or nothing. */
    String missing() {
        return wrong() + (pool.inUse() == 0 ? "" : pool.inUse() + " skbs ")
                + (pages.inUse() == 0 ? "" : pages.inUse() + " pages ")
                + (guest.pins() == 0 ? "" : guest.pins() + " pins ")
                + (tap.wmemAlloc() == 0 ? "" : tap.wmemAlloc() + " bytes charged");
    }

    @Override
    public void close() {
        tap.close();
        pools.close(edition);
        arena.close();
    }
}
