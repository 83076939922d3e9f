package softnic.vhost;

import java.util.ArrayList;
import java.util.List;
import softnic.Edition;
import softnic.sched.Cost;
import softnic.sched.CostTable;
import softnic.sched.EventFd;
import softnic.sched.VirtualTimeRunner;
import softnic.sched.WaitQueue;
import softnic.trace.Trace;
import softnic.trace.Violations;
import softnic.virtio.Vring;

/** A vhost-net device between a guest's bare memory and a {@link FakeSock}, in virtual time. */
final class Bench implements AutoCloseable {

    static final CostTable PRICES = CostTable.free().with(Cost.VHOST_TX, 1_000_000)
            .with(Cost.VHOST_RUN, 100_000).with(Cost.VHOST_ENABLE_NOTIFY, 200_000)
            .with(Cost.VHOST_RX, 1_000_000).with(Cost.USED_ENTRY, 10_000);

    final VirtualTimeRunner world;
    final Trace trace;
    final int processor;
    final Violations violations = new Violations();
    final Ram ram;
    final EventFd txKick = new EventFd();
    final EventFd txCall = new EventFd();
    final EventFd rxKick = new EventFd();
    final EventFd rxCall = new EventFd();
    final VhostNet net;
    final FakeSock sock;
    final Vring ring;
    private int usedSeen;

    /** @param rx the ring is the RX ring, else TX */
    Bench(Edition edition, int num, boolean zerocopy, boolean rx, int sndbuf) {
        this(edition, num, zerocopy, rx, sndbuf, false, PRICES, Trace.Level.OFF);
    }

    Bench(Edition edition, int num, boolean zerocopy, boolean rx, int sndbuf, boolean mergeable, CostTable prices,
            Trace.Level level) {
        world = new VirtualTimeRunner(prices);
        trace = new Trace(level, world, edition.names(), 10_000);
        ram = new Ram(num);
        ring = ram.ring;
        sock = new FakeSock(sndbuf, zerocopy);
        WaitQueue wait = new WaitQueue();
        net = new VhostNet(edition, world, trace, ram.memory, ram.guest, wait, txKick, txCall, rxKick, rxCall,
                violations, new VhostNet.Options(zerocopy, false, 1020, true));
        net.dev().setOwner();
        if (mergeable) {
            net.rx().setup().features(1L << VhostDev.VIRTIO_NET_F_MRG_RXBUF);
        }
        (rx ? net.rx() : net.tx()).setVring(num, 0, Ram.AVAIL, Ram.USED);
        (rx ? net.tx() : net.rx()).setVring(8, Ram.DATA, Ram.DATA + 256, Ram.DATA + 512);
        processor = world.addProcessor("vhost", "vhost", Cost.NONE, Cost.NONE);
        world.add(processor, net.worker(), wait);
    }

    /** How often a property is tried: {@code n} times, or fewer where each test runs once for every mutant. */
    static int rounds(int n) {
        return Math.max(1, n / Integer.getInteger("softnic.fewer", 1));
    }

    static Bench tx(Edition edition, int num, boolean zerocopy) {
        Bench bench = new Bench(edition, num, zerocopy, false, Integer.MAX_VALUE);
        bench.net.setBackend(bench.sock);
        return bench;
    }

    static Bench rx(Edition edition, int num, boolean mergeable) {
        Bench bench = new Bench(edition, num, true, true, Integer.MAX_VALUE, mergeable, PRICES, Trace.Level.OFF);
        bench.net.setBackend(bench.sock);
        return bench;
    }

    /** Lets everything happen that happens by itself within a millisecond. */
    void run() {
        world.runUntil(world.nowNs() + 1_000_000);
    }

    void kick() {
        if (ring.usedFlags() == 0) {
            txKick.signal();
        }
    }

    /** Heads newly in the used ring. */
    List<Integer> used() {
        List<Integer> heads = new ArrayList<>();
        for (; usedSeen != ring.usedIdxAcquire(); usedSeen = usedSeen + 1 & 0xFFFF) {
            heads.add(ring.usedId(usedSeen));
        }
        return heads;
    }

    long count(HandleTx.Count name) {
        return counter("vhost.handle_tx", name.name());
    }

    long count(VhostZerocopy.Count name) {
        return counter("vhost.zerocopy", name.name());
    }

    /** Does something to the device in use, as a work between two others. */
    void ioctl(Runnable action) {
        assert net.between(action) == 0;
        run();
    }

    long count(HandleRx.Count name) {
        return counter("vhost.handle_rx", name.name());
    }

    private long counter(String room, String name) {
        return net.counters().stream().filter(c -> c.room().equals(room)).findFirst().orElseThrow().asMap()
                .get(name.toLowerCase(java.util.Locale.ROOT));
    }

    @Override
    public void close() {
        net.close();
        ram.close();
    }
}
