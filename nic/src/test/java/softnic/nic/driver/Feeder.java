package softnic.nic.driver;

import softnic.sched.Agent;
import softnic.skb.SkBuff;

/** A sender: hands packets to the stack, one a slice, while the qdisc has room. */
final class Feeder implements Agent {

    /** Makes the packet with this number. */
    interface Maker {
        SkBuff make(long number);
    }

    private static final int ROOM = 500;
    private static final long RETRY_NS = 2_000;

    private final Rig rig;
    private final Maker maker;
    volatile long sent;
    volatile long wanted;

    Feeder(Rig rig, Maker maker) {
        this.rig = rig;
        this.maker = maker;
    }

    @Override
    public int doWork() {
        if (sent >= wanted || rig.nic.device().qdisc().backlog() > ROOM || rig.skbsOut() > ROOM) {
            return 0;
        }
        rig.core.devQueueXmit(maker.make(sent), rig.nic.device());
        sent = sent + 1;
        return 1;
    }

    @Override
    public long nextDeadlineNs() {
        return sent < wanted ? rig.cpu.nowNs() + RETRY_NS : NO_DEADLINE_NS;
    }

    @Override
    public String roleName() {
        return "feeder";
    }
}
