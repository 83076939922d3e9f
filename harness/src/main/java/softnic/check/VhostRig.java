package softnic.check;

import java.lang.foreign.Arena;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.SplittableRandom;
import softnic.Behaviour;
import softnic.Edition;
import softnic.mm.FaultInjection;
import softnic.mm.IoVec;
import softnic.mm.PageAllocator;
import softnic.mm.PhysMem;
import softnic.sched.Cost;
import softnic.sched.Cpu;
import softnic.sched.EventFd;
import softnic.sched.WaitQueue;
import softnic.skb.SkbPool;
import softnic.trace.Trace;
import softnic.trace.Tracepoint;
import softnic.trace.Violations;
import softnic.vhost.VhostDev;
import softnic.vhost.VhostNet;
import softnic.virtio.Vring;

/**
 * A vhost device with its worker between {@link VhostPlace} and two {@link ScriptedSock}s, step by step.
 *
 * <p>Between the end of a step and what it settles others may act, as on other processors; and whoever wakes the worker
 * may find that it has run before he goes on.
 */
final class VhostRig implements Cpu, ScriptedSock.Watch {

    static final int RX = VhostNet.VHOST_NET_VQ_RX;
    static final int TX = VhostNet.VHOST_NET_VQ_TX;
    private static final int SMALL_SNDBUF = 16 << 10;
    private static final int MAX_PEND = 128;
    private static final int WEIGHT = 0x80000;          // bytes and turns after which a call ends
    private static final int TURNS = 256;
    private static final int IN_A_CIRCLE = 1200;        // steps in which nothing moved; more than a bounded turn has
    private static final int TRACED = 64;

    final VhostScenario scenario;
    final Edition edition;
    final Violations violations = new Violations();
    final List<String> broken = new ArrayList<>();
    final FaultInjection faults;
    final VhostPlace place;
    final PageAllocator pages;
    final SkbPool pool;
    final EventFd[] kicks = {new EventFd(), new EventFd()};
    final EventFd[] calls = {new EventFd(), new EventFd()};
    final int[] base = new int[2];
    final VhostNet net;
    final RingWatch tx;
    final RingWatch rx;
    final ScriptedSock[] socks = new ScriptedSock[2];
    private final Trace trace = new Trace(Trace.Level.RECORD, this, Tracepoint.Names.KERNEL_3_1, TRACED);
    private final Deque<Runnable> settled = new ArrayDeque<>();
    private final Deque<ScriptedSock.Read> reads = new ArrayDeque<>();
    private final SplittableRandom preempt;
    private final VhostDirt dirt;
    private boolean inWorker;
    private boolean inCircle;
    private int turns;
    private long txBytes;
    private int txPackets;
    private long rxBytes;
    private int rxTurns;
    private long steps;

    VhostRig(VhostScenario scenario, Arena arena) {
        this.scenario = scenario;
        edition = scenario.edition();
        faults = scenario.injection();
        preempt = scenario.random("preempt");
        SplittableRandom random = scenario.random("rig");
        PhysMem memory = new PhysMem(faults);
        place = new VhostPlace(memory, arena, random);
        pages = new PageAllocator(memory, 64);
        pool = new SkbPool(memory, pages, edition, this, Trace.off(), poolSize(scenario));
        net = new VhostNet(edition, this, trace, memory, place.guest, new WaitQueue(), kicks[TX], calls[TX], kicks[RX],
                calls[RX], violations, new VhostNet.Options(true, false, random.nextBoolean() ? 1000 : 0, true));
        setUp(random);
        boolean full = scenario.has(Fault.FULL_RINGS);
        int sndbuf = full ? SMALL_SNDBUF : random.nextInt(4) == 0 ? 16 * SMALL_SNDBUF : Integer.MAX_VALUE;
        int refused = random.nextInt(3) == 0 ? 40 + random.nextInt(100) : 0;
        for (int i = 0; i < socks.length; i++) {
            socks[i] = new ScriptedSock(pool, pages, poolSize(scenario) / 2, sndbuf, scenario.zerocopy(), this, scenario.random("sock" + i), refused);
        }
        tx = new RingWatch(place, edition, net.tx(), TX, scenario.txRing(), base[TX], violations);
        rx = new RingWatch(place, edition, net.rx(), RX, scenario.rxRing(), base[RX], violations);
        dirt = new VhostDirt(this);
    }

    private static int poolSize(VhostScenario scenario) {
        return 2 * Math.min(scenario.txRing(), IoVec.UIO_MAXIOV) + 2 * MAX_PEND;
    }

    private void setUp(SplittableRandom random) {
        VhostDev dev = net.dev();
        long features = (scenario.usesEventIdx() ? 1L << VhostDev.VIRTIO_RING_F_EVENT_IDX : 0)
                | (scenario.mergeable() ? 1L << VhostDev.VIRTIO_NET_F_MRG_RXBUF : 0)
                | (scenario.log() ? 1L << VhostDev.VHOST_F_LOG_ALL : 0)
                | (random.nextInt(4) == 0 ? 1L << VhostDev.VIRTIO_F_NOTIFY_ON_EMPTY : 0);
        ok(dev.setOwner());
        ok(dev.setFeatures(features));
        ok(dev.setMemTable(0, place.regions));
        ok(dev.setLogBase(place.bitmap()));
        for (int i = 0; i < 2; i++) {
            base[i] = random.nextInt(3) == 0 ? Vring.IDX_MASK - random.nextInt(64) : random.nextInt(Vring.IDX_MASK);
            ok(dev.setVringNum(i, i == TX ? scenario.txRing() : scenario.rxRing()));
            ok(dev.setVringBase(i, base[i]));
            ok(dev.setVringAddr(i, scenario.log() ? 1 : 0, place.guest.hpa(place.descGpa(i)),
                    place.guest.hpa(place.usedGpa(i)), place.guest.hpa(place.availGpa(i)), VhostPlace.loggedUsed(i)));
        }
    }

    static void ok(int err) {
        if (err != 0) {
            throw new IllegalStateException("vhost rig: " + err);
        }
    }

    // ---- the worker

    /** Lets the worker go on for so many steps, or until it sleeps. */
    void run(int maxSteps) {
        for (int i = 0; i < maxSteps && step(); i++) {
            if (turns > IN_A_CIRCLE && !inCircle) {
                inCircle = true;
                broken.add("circle: the worker has made " + turns + " steps in which nothing was taken, sent, received or reported");
            }
            if (turns > IN_A_CIRCLE || polls()) {
                turns = 0;
                return;
            }
        }
    }

    /** Until it sleeps, or turns in a circle. */
    void runIdle() {
        run(Integer.MAX_VALUE);
    }

    /** Until 3.8 the worker polls in effect, while too much is pending. */
    private boolean polls() {
        return turns > 32 && edition.has(Behaviour.WAITS_FOR_SNDBUF) && net.pending() > MAX_PEND;
    }

    private boolean step() {
        settleAll();
        long before = socks[0].progress() + socks[1].progress();
        inWorker = true;
        int did = net.worker().doWork();
        inWorker = false;
        steps++;
        trace.forEach((time, context, point, entry) -> callEnds(point, entry));
        if (trace.lost() > 0) {
            callEnds(Tracepoint.HANDLE_RX, false);
        }
        trace.clear();
        turns++;
        look(before != socks[0].progress() + socks[1].progress());
        if (did != 0 && preempt.nextInt(4) > 0) {
            settleAll();
        }
        return did != 0;
    }

    private void callEnds(Tracepoint point, boolean entry) {
        if (!entry && point == Tracepoint.HANDLE_TX) {
            txBytes = 0;
            txPackets = 0;
        } else if (!entry && point == Tracepoint.HANDLE_RX) {
            rxBytes = 0;
            rxTurns = 0;
        }
    }

    private void settleAll() {
        while (!settled.isEmpty()) {
            settled.remove().run();
        }
        look(false);
    }

    private void look(boolean moved) {
        if (tx.look() | rx.look() | moved) {
            turns = 0;
        }
    }

    // ---- what the sockets see

    @Override
    public void sent(IoVec iov, int bytes) {
        tx.pieces(iov, bytes, false);
        if (txBytes >= WEIGHT || edition.has(Behaviour.PKT_WEIGHT) && txPackets >= TURNS) {
            violations.report(48, "vhost: TX goes on after " + txBytes + " bytes and " + txPackets + " packets");
        }
        txBytes += bytes;
        txPackets++;
        if (edition.has(Behaviour.LIMITS_PENDING_IN_LOOP) && net.pending() > MAX_PEND + 2) {
            violations.report(16, "vhost: " + net.pending() + " buffers pending, the limit is VHOST_MAX_PEND");
        }
    }

    @Override
    public void reading(IoVec iov, int bytes) {
        rx.pieces(iov, bytes, true);
        rxBytes += bytes;
        rxTurn(edition.has(Behaviour.PKT_WEIGHT));
        dirt.written(rx.pieces(), bytes);
    }

    @Override
    public void read(ScriptedSock.Read packet) {
        reads.add(packet);
    }

    /** The oldest packet that a driver has not compared yet, or null. */
    ScriptedSock.Read nextRead() {
        return reads.poll();
    }

    @Override
    public void thrownAway() {
        rxTurn(true);
    }

    private void rxTurn(boolean counts) {
        if (rxTurns >= TURNS || rxBytes > WEIGHT + VhostPlace.BUFFERS_SIZE) {
            violations.report(48, "vhost: RX goes on after " + rxTurns + " packets, " + rxBytes + " bytes");
        }
        rxTurns += counts ? 1 : 0;
    }

    // ---- the processor

    @Override
    public long nowNs() {
        return steps;
    }

    @Override
    public long delayNs(Cost latency) {
        return 0;
    }

    @Override
    public void settle(Runnable action) {
        settled.add(action);
    }

    /** Whoever wakes the worker may be slower than the worker. */
    @Override
    public void charge(Cost cost, long units) {
        if (cost == Cost.KICK_WAKE && !inWorker && preempt.nextBoolean()) {
            run(TURNS);
        }
    }

    // ---- at the end

    /** All is home: are all pages, packets and heads back, and the log right? */
    void account() {
        tx.atRest();
        rx.atRest();
        dirt.check();
        expect("skbs", pool.inUse());
        expect("pages", pages.inUse());
        expect("pins", place.guest.pins());
        expect("buffers pending", net.pending());
        expect("sk_wmem_alloc", (long) socks[0].wmemAlloc() + socks[1].wmemAlloc());
    }

    private void expect(String what, long got) {
        if (got != 0) {
            broken.add("balance " + what + ": expected 0, got " + got);
        }
    }

    /** A hash over what happened. */
    long fingerprint() {
        return trace.fingerprint();
    }

    void close() {
        net.close();
        pool.close();
        pages.close();
    }
}
