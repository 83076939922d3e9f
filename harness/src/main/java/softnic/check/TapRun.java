package softnic.check;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.TreeMap;
import softnic.Behaviour;
import softnic.Edition;
import softnic.host.CheckedRun.Outcome;
import softnic.macvtap.MacvtapSock;
import softnic.macvtap.TapIoctl;
import softnic.macvtap.TapRule;
import softnic.mm.Errno;
import softnic.mm.FaultInjection;
import softnic.mm.FaultPoint;
import softnic.model.PriceFile;
import softnic.net.NetDevice;
import softnic.net.Qdisc;
import softnic.sched.VirtualTimeRunner;
import softnic.skb.SkBuff;
import softnic.trace.Trace;

/** One run of a {@link MacvtapScenario}: step after step, each with all that must hold after it. */
final class TapRun {

    private static final long OTHER = 0x0200_0000_0099L;
    private static final long GROUP = 0x0100_5E00_0001L;
    private static final long EVERYBODY = 0xFFFF_FFFF_FFFFL;
    private static final int BOTH = NetDevice.NETIF_F_SG | NetDevice.NETIF_F_HW_CSUM;
    private static final int FLOOD = MacvtapSock.TUN_READQ_SIZE + 4;

    private final MacvtapScenario scenario;
    private final Edition edition;
    private final FaultInjection faults;
    private final TapBreaches breaches = new TapBreaches();
    private final Trace trace;
    private final TapHost host;
    private final TapWire wire;
    private final TapPort[] ports;
    private final TapTraffic traffic;
    private final TapModel model;
    private final TapJudge judge;
    private final TapListener listener;
    private final TapInspector inspector;
    private final List<TapPacket> lent = new ArrayList<>();
    private int ids = 1;
    private long packets;

    private TapRun(MacvtapScenario scenario, FaultInjection faults, PriceFile prices) {
        this.scenario = scenario;
        this.edition = scenario.edition();
        this.faults = faults;
        VirtualTimeRunner cpu = new VirtualTimeRunner(prices.table());
        trace = new Trace(Trace.Level.FINGERPRINT, cpu, edition.names(), 0);
        host = new TapHost(edition, faults, cpu, trace);
        SplittableRandom random = scenario.step(-1);
        wire = new TapWire(scenario.features(), host.memory, scenario.ring(), random.nextBoolean());
        if (scenario.queue() > 0) {
            wire.qdisc(new Qdisc(host.core, wire, scenario.queue()));
        }
        ports = host.ports(random, wire, scenario.taps(), scenario.sndbuf());
        traffic = new TapTraffic(host.guest);
        model = new TapModel(edition);
        judge = new TapJudge(edition, ports, breaches, this::losses);
        listener = new TapListener(wire, breaches);
        inspector = new TapInspector(edition, host.core, judge, breaches, trace);
        wire.observer(inspector);
    }

    static Outcome of(MacvtapScenario scenario, FaultInjection faults, PriceFile prices) {
        TapRun run = new TapRun(scenario, faults, prices);
        try {
            run.run();
        } catch (VirtualMachineError e) {
            throw e;                        // says nothing about the scenario
        } catch (Throwable e) {
            run.breaches.thrown(e);
        }
        run.host.close();
        Map<String, Long> fired = new TreeMap<>();
        for (FaultPoint point : FaultPoint.values()) {
            fired.put(point.name(), faults.failed(point));
        }
        fired.put(Fault.FULL_RINGS.name(), scenario.isFull() ? 1L : 0L);
        return new Outcome(run.trace.fingerprint(), run.packets, run.breaches.all(), Map.copyOf(fired));
    }

    private void run() {
        faults.arm();
        for (int i = scenario.skip(); i < scenario.steps(); i++) {
            step(scenario.step(i));
        }
        finish();
    }

    private void step(SplittableRandom random) {
        TapPort port = ports[random.nextInt(ports.length)];
        switch (random.nextInt(100)) {
            case 0 -> {
                if (random.nextBoolean()) {
                    features(random);
                } else {
                    listener.toggle();
                }
            }
            case 1 -> {
                if (random.nextInt(4) == 0) {
                    flood(random, port);
                }
            }
            case 2, 3, 4, 5, 6, 7 -> breaches.add("ioctl", port.ioctl(random, ports));
            case 8, 9, 10 -> breaches.add("poll", port.poll());
            case 11, 12 -> port.waitForRoom();
            case 13, 14, 15, 16, 17, 18, 19, 20 -> arrive(random);
            default -> {
                if (random.nextInt(80) < 16) {
                    read(random, port);
                } else if (random.nextInt(64) < 16) {
                    complete(random, 1 + random.nextInt(4));
                } else {
                    send(random, port);
                }
            }
        }
        judge.forgiveLosses();
        host.check(breaches, ports);
        listener.check();
    }

    /** What may have cost a packet: a failure, or that no head was large enough for it to be made linear. */
    private long losses() {
        return failures() + ((wire.features() & BOTH) == BOTH ? 0 : host.drops(wire));
    }

    private long failures() {
        long sum = 0;
        for (FaultPoint point : FaultPoint.values()) {
            sum += point == FaultPoint.TX_BUSY && wire.qdisc() != null ? 0 : faults.failed(point);
        }
        return sum;
    }

    // ---- transmit

    private void send(SplittableRandom random, TapPort port) {
        int slot = host.guest.freeSlot();
        if (slot < 0 || host.isShort()) {
            drain(random);
            slot = host.guest.freeSlot();
        }
        if (slot < 0) {
            return;                                         // a lost completion, which the end will show
        }
        boolean lend = random.nextInt(3) > 0;
        int hdrSz = port.hdrSz();
        int pages = slot;
        int number = index(port);
        TapPacket packet = traffic.next(random, ids++, number, hdrSz, destination(random), lend, slot,
                () -> host.guest.takeBack(pages));
        boolean zerocopy = lend && port.tap.isZerocopy();
        boolean full = port.tap.wmemAlloc() >= port.tap.sndbuf();
        int allowed = model.sendmsg(packet, host.guest, hdrSz, zerocopy, full);
        long failures = failures();
        long shortages = host.shortages();
        long drops = host.drops(wire);
        host.guest.lend(slot);
        judge.sending(packet, port);
        listener.sending(packet);
        long total = host.guest.iov.length();
        int result = lend || random.nextBoolean() ? port.tap.sendmsg(host.guest.iov, (int) total, lend ? packet : null)
                : port.tap.write(host.guest.iov, (int) total);
        packets++;
        trace.mix(result);
        if (host.shortages() > shortages) {
            allowed |= TapModel.NOBUFS;
        }
        if (failures() == failures && (allowed & TapModel.of(result)) == 0 || result > 0 && result != total) {
            breaches.add("errno", packet + " in " + host.guest.iov.count() + " pieces gives "
                    + (result < 0 ? Errno.name(-result) : result) + ", not " + TapModel.text(allowed));
        }
        if (result < 0) {
            refused(packet);
        } else {
            sent(packet, port, drops);
        }
    }

    private void refused(TapPacket packet) {
        judge.refused(packet);
        breaches.add("invariant 9", packet.callbacks == 0 ? null
                : packet + " was completed and refused: its owner has it twice");
        host.guest.takeBack(packet.slot);
    }

    private void sent(TapPacket packet, TapPort port, long drops) {
        if (host.drops(wire) != drops) {
            judge.dropped(packet);
        }
        if (packet.lent && (port.tap.isZerocopy() || edition.has(Behaviour.COPIES_TOO_MANY_PAGES))) {
            lent.add(packet);
        } else {
            breaches.add("invariant 9", packet.callbacks == 0 ? null : packet + " was copied, and is completed");
            host.guest.takeBack(packet.slot);
        }
    }

    private int index(TapPort port) {
        int i = 0;
        while (ports[i] != port) {
            i++;
        }
        return i;
    }

    private long destination(SplittableRandom random) {
        return switch (random.nextInt(8)) {
            case 0, 1 -> ports[random.nextInt(ports.length)].mac();
            case 2 -> random.nextBoolean() ? GROUP : EVERYBODY;
            default -> OTHER;
        };
    }

    // ---- the device

    private void complete(SplittableRandom random, int count) {
        for (int i = 0; i < count; i++) {
            wire.completeOne(random);
        }
        if (random.nextInt(3) > 0) {
            wire.wake();
        }
    }

    private void features(SplittableRandom random) {
        inspector.relabelled(wire.qdisc() != null && wire.qdisc().backlog() > 0);
        wire.setFeatures(random.nextBoolean() ? -1 : random.nextBoolean() ? ~NetDevice.NETIF_F_SG
                : ~(NetDevice.NETIF_F_ALL_TSO | NetDevice.NETIF_F_UFO));
    }

    // ---- receive

    /** A frame from outside. */
    private void arrive(SplittableRandom random) {
        long dest = random.nextInt(3) == 0 ? random.nextBoolean() ? GROUP : EVERYBODY : destination(random);
        int sender = random.nextInt(4 * ports.length);
        long source = sender < ports.length ? ports[sender].mac() : 0x0200L << 32 | ids;
        receive(random, dest, source, TapPacket.ETH + 4 + random.nextInt(random.nextInt(4) > 0 ? 200 : 1500));
    }

    private void receive(SplittableRandom random, long dest, long source, int len) {
        byte[] frame = new byte[len];
        random.nextBytes(frame);
        int id = ids++;
        TapHost.be(frame, 0, dest, 6);
        TapHost.be(frame, 6, source, 6);
        TapHost.be(frame, TapPacket.ETH, id, 4);
        SkBuff skb = host.received(frame);
        if (skb == null) {
            return;
        }
        TapPacket packet = new TapPacket(id, -1, TapPacket.Kind.PLAIN, false, -1, frame, 0, len, null);
        packet.verified = random.nextBoolean();
        skb.ipSummed(packet.verified ? SkBuff.CHECKSUM_UNNECESSARY : SkBuff.CHECKSUM_NONE);
        judge.arriving(packet, dest, source);
        host.core.netifReceiveSkb(skb, wire);
    }

    /** More than a queue takes; 500 of them wait. */
    private void flood(SplittableRandom random, TapPort port) {
        listener.stop();
        drain(random);
        breaches.add("invariant 23", port.stream.end());
        long queued = port.tap.counters().value(MacvtapSock.Count.RX_QUEUED);
        long failures = failures();
        for (int i = 0; i < FLOOD; i++) {
            receive(random, port.mac(), 0x0200L << 32 | ids, TapPacket.ETH + 4);
        }
        long got = port.tap.counters().value(MacvtapSock.Count.RX_QUEUED) - queued;
        if (port.isAttached() && failures() == failures && got != MacvtapSock.TUN_READQ_SIZE) {
            breaches.add("receive queue", "holds " + got + " packets");
        }
        port.stream.keepFirst(MacvtapSock.TUN_READQ_SIZE);
        drain(random);
    }

    private void read(SplittableRandom random, TapPort port) {
        int hdrSz = port.hdrSz();
        int waiting = port.tap.peekHeadLen();
        int room = switch (random.nextInt(12)) {
            case 0 -> random.nextInt(hdrSz + 1);
            case 1 -> hdrSz + random.nextInt(waiting + 1);
            default -> hdrSz + waiting + random.nextInt(100);
        };
        readInto(random, port, room, random.nextBoolean() ? MacvtapSock.MSG_TRUNC : 0);
    }

    /** @return false if there was nothing to read */
    private boolean readInto(SplittableRandom random, TapPort port, int room, int flags) {
        int hdrSz = port.hdrSz();
        int waiting = port.tap.peekHeadLen();
        long failures = failures();
        host.guest.receiveBuffers(random, room);
        int result = port.tap.recvmsg(host.guest.iov, room, flags | MacvtapSock.MSG_DONTWAIT);
        trace.mix(result);
        if (failures() != failures) {
            port.stream.anyMayBeMissing();
            return waiting > 0;
        }
        boolean cut = waiting > 0 && room < hdrSz + waiting;
        int expected = waiting == 0 ? -Errno.EAGAIN : room < hdrSz ? -Errno.EINVAL
                : cut && flags == 0 ? room : hdrSz + waiting;
        if (result != expected) {
            breaches.add("errno", "recvmsg of " + waiting + " bytes into " + room + " gives " + result + ", not " + expected);
        }
        if (cut) {
            port.stream.anyMayBeMissing();      // the reader has only itself to blame
        } else if (result > 0) {
            judge.read(port, host.guest.gather(result), hdrSz);
        }
        return waiting > 0;
    }

    // ---- the end

    /** All that waits goes where it goes. */
    private void drain(SplittableRandom random) {
        for (int i = 0; i < 10_000 && !host.isQuiet(wire); i++) {
            while (!wire.isIdle()) {
                wire.completeOne(random);
            }
            wire.wake();
            if (wire.qdisc() != null) {
                wire.qdisc().run();
            }
        }
        for (TapPort port : ports) {
            while (readInto(random, port, port.hdrSz() + port.tap.peekHeadLen(), 0)) {
                // until there is nothing
            }
        }
    }

    /** The device goes, the tap stays open: what is sent is gone, and its owner hears. */
    private void dellink(TapPort port) {
        port.vlan.dellink();
        port.gone();
        for (int i = -3; i > -6; i--) {
            send(scenario.step(i), port);
            host.check(breaches, ports);
        }
        breaches.add("ioctl", port.tap.ioctl(TapIoctl.TUNGETIFF, 0) == -Errno.ENOLINK ? null
                : "TUNGETIFF names a device that is gone");
        judge.end();
    }

    private void finish() {
        faults.disarm();
        drain(scenario.step(-2));
        host.check(breaches, ports);
        listener.check();
        listener.stop();
        judge.end();
        dellink(ports[0]);
        for (TapPacket packet : lent) {
            if (packet.callbacks != 1) {
                breaches.add("invariant 9", packet + " was completed " + packet.callbacks + " times");
            }
        }
        for (TapPort port : ports) {
            for (TapRule rule : TapRule.values()) {
                if (port.tap.rules().value(rule) > 0) {
                    breaches.add("tap rule " + rule, rule.text());
                }
            }
            port.tap.close();
        }
        host.account(breaches);
    }
}
