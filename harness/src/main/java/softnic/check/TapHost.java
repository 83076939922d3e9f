package softnic.check;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.SplittableRandom;
import net.openhft.chronicle.core.io.ReferenceOwner;
import softnic.Edition;
import softnic.macvtap.Macvlan;
import softnic.macvtap.Macvlan.Mode;
import softnic.macvtap.MacvtapCdev;
import softnic.macvtap.MacvtapSock;
import softnic.mm.FaultInjection;
import softnic.mm.Page;
import softnic.mm.PageAllocator;
import softnic.mm.PhysMem;
import softnic.net.NetCore;
import softnic.sched.Cpu;
import softnic.sched.Llc;
import softnic.skb.SkBuff;
import softnic.skb.SkbPool;
import softnic.trace.Trace;

/** The kernel around the taps of a {@link TapRun}: memory, full of poison, skbs, the stack; and the accounts of all that. */
final class TapHost {

    /** What kernel memory holds that nobody has written. */
    private static final byte POISON = (byte) 0xA5;
    private static final int RUN_OF_POISON = 6;
    private static final int SKBS = 640;            // a full receive queue, and some
    private static final int FEWER_HEADS = 16;
    private static final int PAGES = 192;
    private static final int PAGES_OF_A_SEND = 40;
    private static final int SKBS_OF_A_SEND = 60;

    final PhysMem memory;
    final PageAllocator pages;
    final SkbPool pool;
    final NetCore core;
    final TapGuest guest;
    private final Edition edition;
    private final Cpu cpu;
    private final Trace trace;

    TapHost(Edition edition, FaultInjection faults, Cpu cpu, Trace trace) {
        this.edition = edition;
        this.cpu = cpu;
        this.trace = trace;
        memory = new PhysMem(faults);
        pages = new PageAllocator(memory, PAGES);
        pool = new SkbPool(memory, pages, edition, cpu, trace, SKBS, FEWER_HEADS);
        core = new NetCore(edition, pool, cpu, trace);
        guest = new TapGuest(memory);
        poison();
    }

    private void poison() {
        SkBuff skb = pool.alloc(1);
        memory.segment(skb.dataHpa()).fill(POISON);
        skb.consume();
        Page page = pages.alloc(ReferenceOwner.INIT);
        memory.segment(page.hpa()).fill(POISON);
        page.put(ReferenceOwner.INIT);
    }

    /** Taps on macvlans of any modes that go together. */
    TapPort[] ports(SplittableRandom random, TapWire wire, int count, int sndbuf) {
        TapPort[] ports = new TapPort[count];
        MacvtapCdev cdev = new MacvtapCdev(edition);
        for (int i = 0; i < count; i++) {
            Mode mode = count == 1 && random.nextInt(4) == 0 ? Mode.PASSTHRU
                    : new Mode[] {Mode.BRIDGE, Mode.BRIDGE, Mode.BRIDGE, Mode.VEPA, Mode.PRIVATE}[random.nextInt(5)];
            Macvlan vlan = new Macvlan("macvtap" + i, TapPort.MACS + i, wire, mode, edition, core, trace);
            MacvtapSock.Options options = new MacvtapSock.Options(random.nextBoolean() ? 12 : 10, sndbuf);
            cdev.device(i, vlan);
            ports[i] = new TapPort(edition, vlan, cdev.open(i, dev -> new MacvtapSock(dev, edition, core, cpu, Llc.none(),
                    trace, memory, guest.memory(), pages, options)));
        }
        return ports;
    }

    /** A frame as a driver hands it up, or null without memory. */
    SkBuff received(byte[] frame) {
        SkBuff skb = pool.alloc(frame.length);
        if (skb != null) {
            skb.put(frame.length);
            MemorySegment.copy(frame, 0, memory.segment(skb.dataHpa()), ValueLayout.JAVA_BYTE,
                    PhysMem.offset(skb.dataHpa()), frame.length);
            skb.resetMacHeader();
            skb.protocol(TapPacket.be16(frame, 12));
            skb.pull(TapPacket.ETH);
        }
        return skb;
    }

    /** How often a head of the size that was wanted had run out, with half of the pool in use or more. */
    long shortages() {
        return pool.inUse() > SKBS / 2 ? pool.counters().value(SkbPool.Count.ALLOC_FAILED) : 0;
    }

    /** So little is left that a packet may rightly find nothing. */
    boolean isShort() {
        return pages.inUse() > PAGES - PAGES_OF_A_SEND || pool.inUse() > SKBS - SKBS_OF_A_SEND;
    }

    boolean isQuiet(TapWire wire) {
        return wire.isIdle() && (wire.qdisc() == null || wire.qdisc().backlog() == 0);
    }

    /** Packets that the stack has dropped, and counted. */
    long drops(TapWire wire) {
        return core.counters().value(NetCore.Count.TX_DROPPED) + (wire.qdisc() == null ? 0 : wire.qdisc().drops());
    }

    /** True if kernel memory that nobody has written has come into a frame. */
    static boolean isPoison(byte[] seen, byte[] sent) {
        int run = 0;
        for (int i = 0; i < seen.length; i++) {
            run = seen[i] == POISON && (i >= sent.length || sent[i] != POISON) ? run + 1 : 0;
            if (run == RUN_OF_POISON) {
                return true;
            }
        }
        return false;
    }

    static void be(byte[] to, int at, long value, int bytes) {
        for (int i = 0; i < bytes; i++) {
            to[at + i] = (byte) (value >> 8 * (bytes - 1 - i));
        }
    }

    /** What holds after every step. */
    void check(TapBreaches breaches, TapPort[] ports) {
        pool.check(breaches.numbered());
        long pins = guest.memory().pins();
        long frags = pool.guestFrags();
        if (pins != frags) {
            breaches.add("invariant 7", pins + " pins of guest pages, of which packets hold " + frags);
        }
        long charged = 0;
        for (TapPort port : ports) {
            long owned = pool.chargedTo(port.tap);
            if (port.tap.wmemAlloc() != owned) {
                breaches.add("invariant 21", "sk_wmem_alloc " + port.tap.wmemAlloc() + ", packets of " + owned);
            }
            charged += port.tap.wmemAlloc();
            breaches.add("invariant 39", port.woken());
        }
        if (charged < frags * PhysMem.PAGE_SIZE) {
            breaches.add("invariant 21", "packets hold " + frags + " guest pages and are charged " + charged + " bytes");
        }
    }

    /** What holds when all is over. */
    void account(TapBreaches breaches) {
        balance(breaches, "pins", guest.memory().pins());
        balance(breaches, "skbs", pool.inUse());
        balance(breaches, "kernel pages", pages.inUse());
    }

    private static void balance(TapBreaches breaches, String what, long left) {
        breaches.add("balance " + what, left == 0 ? null : "expected 0, got " + left);
    }

    void close() {
        pool.close();
        pages.close();
        guest.close();
    }
}
