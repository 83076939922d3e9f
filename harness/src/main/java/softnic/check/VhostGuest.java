package softnic.check;

import java.util.SplittableRandom;

/** The guest of one ring of a {@link VhostRun}: a driver, or one that is hostile. */
final class VhostGuest {

    private final VhostRig rig;
    private final VhostScenario scenario;
    private final int index;
    private final int num;
    private final SplittableRandom random;
    private final DriverRing driver;            // null: hostile
    private final HostileRing hostile;
    private final VhostReader reader;           // of what a driver receives
    private final boolean twice;

    VhostGuest(VhostRig rig, int index, boolean isHostile) {
        this.rig = rig;
        this.index = index;
        scenario = rig.scenario;
        num = index == VhostRig.TX ? scenario.txRing() : scenario.rxRing();
        random = scenario.random("guest" + index);
        twice = index == VhostRig.TX && random.nextInt(4) == 0;
        if (isHostile) {
            HostileRing.Place place = new HostileRing.Place(num, rig.place.descGpa(index), rig.place.availGpa(index),
                    VhostPlace.SCRATCH, VhostPlace.SCRATCH_SIZE);
            hostile = new HostileRing(rig.place.memory, rig.place.guest, random, place, index == VhostRig.RX,
                    random.nextBoolean() ? 2 : 16, favourite());
            hostile.startAt(rig.base[index]);
            hostile.repair();
            hostile.fill();
            driver = null;
            reader = null;
        } else {
            hostile = null;
            driver = new DriverRing(rig.place, index, num, index == VhostRig.RX, scenario.usesEventIdx(), rig.kicks[index],
                    rig.calls[index], random, rig.base[index]);
            reader = index == VhostRig.RX ? new VhostReader(rig, driver) : null;
        }
    }

    /** The mistake that this guest makes more often than any other. */
    private HostileRing.Mistake favourite() {
        HostileRing.Mistake[] all = HostileRing.Mistake.values();
        boolean logged = index == VhostRig.RX && scenario.log();
        return logged && random.nextBoolean() ? HostileRing.Mistake.MANY_EMPTY : all[random.nextInt(all.length)];
    }

    /** Descriptors that a driver has; none of a hostile guest can be counted on. */
    int free() {
        return driver == null ? 0 : driver.free();
    }

    private boolean canPost() {
        return driver.free() > 0 && driver.hasRoom();
    }

    /** All that there is room for, in packets of one descriptor about. */
    void fill() {
        if (driver != null && index == VhostRig.TX) {
            while (canPost()) {
                driver.packet(300);
            }
            driver.publish();
        }
    }

    void fill(int bytes) {
        while (canPost()) {
            driver.buffer(bytes);
        }
        driver.publish();
    }

    /** Some more; a hostile guest kicks whether it was asked to or not, and takes back mistakes now and then. */
    void post() {
        if (driver == null) {
            postHostile();
            return;
        }
        int few = random.nextInt(4) == 0 ? num : 1 + random.nextInt(12);
        int size = random.nextInt(3) == 0 ? 1 + random.nextInt(200) : driver.slotBytes();
        for (int i = 0; i < few && canPost(); i++) {
            if (index == VhostRig.RX) {
                driver.buffer(size);
            } else {
                driver.packet(few > 64 ? 60 + random.nextInt(400) : DriverRing.packetBytes(random));
            }
            if (twice && random.nextInt(3) == 0 && driver.hasRoom()) {
                driver.again();
            }
        }
        driver.publish();
    }

    private void postHostile() {
        if (random.nextInt(3) == 0) {
            hostile.fill();
        }
        if (random.nextInt(3) > 0) {
            hostile.repair();
            hostile.unblock(watch().base());
        }
        if (random.nextBoolean()) {
            hostile.change();
        }
        hostile.post(Math.min(num, 16));
        rig.kicks[index].signal();
    }

    private RingWatch watch() {
        return index == VhostRig.TX ? rig.tx : rig.rx;
    }

    /** Takes back what is reported, and asks for an interrupt. */
    void reap() {
        if (driver == null) {
            rig.calls[index].read();
            return;
        }
        do {
            while (driver.hasUsed()) {
                if (reader != null) {
                    reader.read();
                } else {
                    driver.takeBack();
                }
            }
        } while (driver.wantInterrupt());
    }

    private boolean isOrdinary() {
        return driver != null && !scenario.has(Fault.COPY);
    }

    /** Nothing moves any more: was the guest told, has it all back, and would it be heard? */
    void atRest() {
        if (!isOrdinary()) {
            return;
        }
        if (driver.hasUsed() && !rig.calls[index].isSignalled()) {
            rig.violations.report(26, "vhost: buffers are reported, but the guest that asked for it has no interrupt");
        }
        reap();
        if (index == VhostRig.TX) {
            if (watch().base() != driver.availIdx()) {
                rig.violations.report(23, "vhost: packets stay in the TX ring for ever");
            } else if (driver.free() < num) {
                rig.violations.report(23, "vhost: " + (num - driver.free())
                        + " descriptors are finished, but the guest will not hear of them before it posts more");
            }
            if (!driver.isKickWanted()) {
                rig.violations.report(24, "vhost: the worker sleeps with notifications off, and no kick will come");
            }
        }
    }

    /** Packets wait: it must be for buffers. More pieces than UIO_MAXIOV are a mistake too, and stop the ring. */
    void mayWait(boolean waits) {
        if (isOrdinary() && waits && rig.rx.mistakes() == 0 && !driver.isKickWanted()) {
            rig.violations.report(24, "vhost: packets wait for buffers with notifications off, and no kick will come");
        }
    }
}
