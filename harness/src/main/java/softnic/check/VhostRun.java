package softnic.check;

import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import softnic.host.CheckedRun.Outcome;
import softnic.mm.FaultPoint;
import softnic.vhost.VhostDev;

/**
 * One {@link VhostScenario}: guest, network and owner take turns with the worker, and then all comes to rest.
 *
 * <pre>
 *   rounds --> the guest stops, the network finishes --> all reported? kicks wanted? --> release --> account
 * </pre>
 *
 * <p>Each ring has a {@link DriverRing}, or with {@link Fault#HOSTILE_RING} perhaps a {@link HostileRing}. Some guests
 * fill a ring before anything is finished, post heads twice, or have buffers of few bytes.
 */
final class VhostRun {

    private static final int FLOOD = 600;
    private static final int TINY = ScriptedSock.HDR + 4;
    private static final int MOST_HEADS = 1024;         // of one packet
    private static final int REST_ROUNDS = 2 * VhostScenario.LARGEST_RING;

    private final VhostScenario scenario;
    private final VhostRig rig;
    private final SplittableRandom random;
    private final VhostGuest tx;
    private final VhostGuest rx;
    private final boolean mayFail;
    private ScriptedSock sock;
    private ScriptedSock receives;

    private VhostRun(VhostScenario scenario, Arena arena) {
        this.scenario = scenario;
        rig = new VhostRig(scenario, arena);
        random = scenario.random("run");
        sock = rig.socks[0];
        receives = rig.socks[0];
        boolean hostile = scenario.has(Fault.HOSTILE_RING);
        int which = random.nextInt(4);                  // 0: TX, 1: RX, else both
        tx = new VhostGuest(rig, VhostRig.TX, hostile && which != 1);
        rx = new VhostGuest(rig, VhostRig.RX, hostile && which != 0);
        mayFail = random.nextBoolean();
    }

    static Outcome of(VhostScenario scenario) {
        List<String> violations = new ArrayList<>();
        Map<String, Long> fired = new HashMap<>();
        long fingerprint = 0;
        long packets = 0;
        try (Arena arena = Arena.ofConfined()) {
            VhostRun run = new VhostRun(scenario, arena);
            try {
                run.run();
            } catch (RuntimeException | AssertionError e) {
                violations.add(Outcome.thrown(e));
            }
            violations.addAll(run.rig.violations.kept());
            violations.addAll(run.rig.broken);
            for (FaultPoint point : FaultPoint.values()) {
                fired.put(point.name(), run.rig.faults.failed(point));
            }
            fired.put(Fault.HOSTILE_RING.name(), run.rig.tx.mistakes() + run.rig.rx.mistakes());
            fired.put(Fault.FULL_RINGS.name(), run.sock.full());
            fingerprint = run.rig.fingerprint();
            packets = run.rig.socks[0].moved + run.rig.socks[1].moved;
            run.rig.close();
        }
        return new Outcome(fingerprint, packets, List.copyOf(violations), Map.copyOf(fired));
    }

    private void run() {
        VhostRig.ok(rig.net.setBackend(sock));
        rig.faults.arm();
        first();
        for (int i = 0; i < scenario.rounds(); i++) {
            round();
            switch (random.nextInt(4)) {
                case 0 -> rig.run(random.nextInt(12));
                case 1 -> { }
                default -> rig.runIdle();
            }
            if (i % 4 == 0) {
                rig.net.check();
            }
        }
        rest();
        release();
    }

    /** What needs a full ring, or an empty one. */
    private void first() {
        if (random.nextInt(4) < (scenario.txRing() >= MOST_HEADS ? 3 : 1)) {
            tx.fill();
            rig.runIdle();
        }
        if (scenario.mergeable() && rx.free() > MOST_HEADS) {
            rx.fill(TINY);
            receives.arrive(2, 1 + random.nextInt(64), true);
            receives.arrive((MOST_HEADS - random.nextInt(24)) * TINY - ScriptedSock.HDR, 1, true);
            receives.announce();
            rig.runIdle();
        }
    }

    private void round() {
        switch (random.nextInt(16)) {
            case 0, 1, 2 -> tx.post();
            case 3, 4 -> {
                if (receives.waiting() == 0) {
                    arrive();
                }
                rx.post();
            }
            case 5, 6 -> arrive();
            case 7 -> flood();
            case 8, 9, 10 -> complete();
            case 11 -> {
                if (mayFail) {
                    sock.failNext(1 + random.nextInt(2), random.nextBoolean(), random.nextInt(3) == 0);
                }
            }
            case 12, 13 -> tx.reap();
            case 14 -> rx.reap();
            default -> owner();
        }
    }

    private void arrive() {
        int bytes = random.nextInt(8) == 0 ? 2000 + random.nextInt(30_000) : 1 + random.nextInt(2000);
        receives.arrive(bytes, 1 + random.nextInt(4), true);
        receives.announce();
    }

    /** Packets that cannot be read, more than a turn may handle; or few. */
    private void flood() {
        receives.arrive(1 + random.nextInt(200), random.nextInt(3) == 0 ? FLOOD : random.nextInt(5), random.nextInt(4) == 0);
        receives.announce();
    }

    private void complete() {
        ScriptedSock which = rig.socks[random.nextInt(2)];
        int n = random.nextInt(3) == 0 ? which.inFlight() : random.nextInt(12);
        for (int i = 0; i < n && which.inFlight() > 0; i++) {
            which.completeOne();
        }
    }

    /** An ioctl, which flushes; or the other socket. */
    private void owner() {
        if (random.nextBoolean()) {
            rig.net.ioctl(VhostDev::setOwner, err -> { });     // refused, and flushes as any other
        } else if (!rig.net.isWaiting()) {
            ScriptedSock other = sock == rig.socks[0] ? rig.socks[1] : rig.socks[0];
            rig.net.setBackend(VhostRig.TX, other, err -> sock = err == 0 ? other : sock);
        }
    }

    // ---- the end

    /** The guest stops; the network finishes what it has. */
    private void rest() {
        for (ScriptedSock each : rig.socks) {
            each.behave();
        }
        finishAll();
        tx.atRest();
        rx.atRest();
        rx.mayWait(receives.waiting() > 0);
        rig.net.check();
    }

    private void finishAll() {
        int rounds = 0;
        rig.runIdle();
        while (rig.socks[0].inFlight() + rig.socks[1].inFlight() > 0 && rounds++ < REST_ROUNDS) {
            for (ScriptedSock each : rig.socks) {
                while (each.inFlight() > 0) {
                    each.completeOldest();
                }
            }
            rig.runIdle();
        }
        if (rounds > REST_ROUNDS) {
            rig.violations.report(23, "vhost: does not come to rest");
        }
    }

    /** With packets in the network, often; nothing may come of them later. */
    private void release() {
        if (random.nextBoolean()) {
            tx.post();
            rig.runIdle();
        }
        rig.net.releaseBackend();
        rig.runIdle();
        finishAll();
        receives.dropArrived();
        if (rig.net.isWaiting() || !rig.net.worker().isIdle()) {
            rig.violations.report(34, "vhost: still waits or works after all is home");
        }
        rig.net.check();
        rig.account();
    }
}
