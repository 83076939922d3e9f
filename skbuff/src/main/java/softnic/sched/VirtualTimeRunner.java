package softnic.sched;

import java.util.Arrays;

/**
 * The virtual world: one thread, one event queue, time that passes only by being charged.
 *
 * <pre>
 *   event queue (time, sequence) --> DISPATCH processor  what its last slice settled for this time; once all that is
 *                                                        done, its first ready agent for one slice
 *                                --> TIMER               an agent's deadline
 *                                --> OUTSIDE             what was settled between two runs, by no agent
 * </pre>
 *
 * <p>A processor runs one slice at a time; what a slice or an action charges keeps it busy. An action
 * settled in a slice runs before the processor's next slice, at the time paid for when it was settled. A processor
 * that is not idle has one event in the queue: the next of its actions, or the end of its slice.
 */
public final class VirtualTimeRunner implements Runner, Cpu {

    private static final long PICOS_PER_NANO = 1000;
    private static final int MAX_SETTLED = 64;
    private static final int MAX_SETTLED_OUTSIDE = 4096;
    private static final long NEVER = Long.MAX_VALUE;
    private static final int STUCK_SLICES = 1_000_000;

    // payload of an event: kind in the high bits, number of processor or agent below
    private static final int KIND_SHIFT = 13;
    private static final int KIND_DISPATCH = 0;
    private static final int KIND_TIMER = 1;
    private static final int KIND_OUTSIDE = 2;
    private static final int INDEX_MASK = (1 << KIND_SHIFT) - 1;

    private final CostTable prices;
    private final EventHeap events = new EventHeap();
    private Processor[] processors = {};
    private Slot[] slots = {};

    private final Processor outside = new Processor(-1, "outside", Cost.NONE, Cost.NONE, MAX_SETTLED_OUTSIDE);
    private Processor current = outside;
    private long nowPs;
    private long slicesAtThisTime;
    private long handled;

    public VirtualTimeRunner(CostTable prices) {
        this.prices = prices;
    }

    @Override
    public Cpu cpu() {
        return this;
    }

    @Override
    public int addProcessor(String name, String thread, Cost wake, Cost wakeLatency) {
        int index = processors.length;
        processors = Arrays.copyOf(processors, index + 1);
        processors[index] = new Processor(index, name, wake, wakeLatency, MAX_SETTLED);
        return index;
    }

    @Override
    public void add(int processor, Agent agent, WaitQueue waitQueue) {
        Slot slot = new Slot(slots.length, processors[processor], agent);
        slots = Arrays.copyOf(slots, slots.length + 1);
        slots[slot.index] = slot;
        slot.processor.add(slot);
        waitQueue.bind(slot);
        slot.wake();
    }

    @Override
    public long nowNs() {
        return nowPs / PICOS_PER_NANO;
    }

    @Override
    public void charge(Cost cost, long units) {
        assert units >= 0 : cost + " units=" + units;
        long picos = prices.picos(cost) * units;
        nowPs += picos;
        current.spentPs[cost.ordinal()] += picos;
    }

    @Override
    public long delayNs(Cost latency) {
        return prices.picos(latency) / PICOS_PER_NANO;
    }

    @Override
    public long delayNs(Cost latency, long units) {
        return (prices.picos(latency) * units + PICOS_PER_NANO / 2) / PICOS_PER_NANO;
    }

    @Override
    public void settle(Runnable action) {
        current.settle(action, nowPs);
        if (current == outside) {
            events.push(nowPs, KIND_OUTSIDE << KIND_SHIFT);
        }
    }

    /** Runs until virtual time {@code untilNs}; events at that very time wait for the next call. */
    public void runUntil(long untilNs) {
        long untilPs = picos(untilNs);
        while (!events.isEmpty() && events.firstTimePs() < untilPs) {
            step();
        }
        nowPs = Math.max(nowPs, untilPs);
    }

    /**
     * Runs until nothing is left to happen, or until {@code limitNs}.
     *
     * @return true if nothing is left but deadlines that their agents have given up, false if {@code limitNs} came first
     */
    public boolean runUntilQuiet(long limitNs) {
        long limitPs = picos(limitNs);
        while (!events.isEmpty() && events.firstTimePs() <= limitPs) {
            step();
        }
        for (int i = 0; i < events.size(); i++) {
            if (!isGivenUp(events.payload(i), events.timePs(i))) {
                return false;
            }
        }
        return true;
    }

    private boolean isGivenUp(int payload, long atPs) {
        return payload >>> KIND_SHIFT == KIND_TIMER && slots[payload & INDEX_MASK].timerAtPs != atPs;
    }

    private static long picos(long nanos) {
        return nanos > Long.MAX_VALUE / PICOS_PER_NANO ? Long.MAX_VALUE : nanos * PICOS_PER_NANO;
    }

    /** Busy time of a processor, in nanoseconds: the sum of all its charges. */
    public long busyNs(int processor) {
        long sum = 0;
        for (long spent : processors[processor].spentPs) {
            sum += spent;
        }
        return sum / PICOS_PER_NANO;
    }

    /** What a processor has spent on one cost, in nanoseconds. */
    public long spentNs(int processor, Cost cost) {
        return processors[processor].spentPs[cost.ordinal()] / PICOS_PER_NANO;
    }

    /** Events handled so far, of all kinds. */
    public long eventCount() {
        return handled;
    }

    private void step() {
        long atPs = events.firstTimePs();
        int payload = events.firstPayload();
        handled++;
        slicesAtThisTime = atPs > nowPs ? 0 : slicesAtThisTime + 1;
        nowPs = atPs;
        int index = payload & INDEX_MASK;
        if (payload >>> KIND_SHIFT == KIND_DISPATCH) {
            long againPs = dispatch(processors[index]);     // while this event is still the first
            if (againPs != NEVER) {
                events.postponeFirst(againPs);
            } else {
                events.pop();
            }
            return;
        }
        events.pop();
        if (payload >>> KIND_SHIFT == KIND_TIMER) {
            slots[index].timerFired(atPs);
        } else {
            act(outside);
        }
    }

    /** Runs what a processor has settled for this time, one after the other; what they charge comes behind its slice. */
    private void act(Processor processor) {
        long startPs = nowPs;
        current = processor;
        while (processor.nextActionPs() <= startPs) {
            processor.takeAction().run();
        }
        current = outside;
        processor.busyUntilPs = Math.max(processor.busyUntilPs, startPs) + (nowPs - startPs);
        nowPs = startPs;
    }

    /** @return when the processor wants to be dispatched again, or {@link #NEVER}: it is idle */
    private long dispatch(Processor processor) {
        if (processor.nextActionPs() <= nowPs) {
            act(processor);
        }
        if (processor.busyUntilPs > nowPs) {
            return processor.nextPs();
        }
        Slot slot = processor.firstReady();
        if (slot == null) {
            processor.idle = true;
            return NEVER;
        }
        if (slicesAtThisTime > STUCK_SLICES) {
            throw new IllegalStateException("sched: agent " + slot.agent.roleName() + " has run "
                    + STUCK_SLICES + " slices without time passing, at " + nowNs() + " ns");
        }
        long startPs = nowPs;
        current = processor;
        if (processor.waking) {
            processor.waking = false;
            charge(processor.wake, 1);
        }
        slot.ready = false;
        int workCount = slot.agent.doWork();
        long endPs = nowPs;
        processor.busyUntilPs = endPs;
        if (workCount > 0) {
            slot.ready = true;
        } else if (!slot.ready) {
            slot.armTimer(slot.agent.nextDeadlineNs());
        }
        current = outside;
        nowPs = startPs;
        if (endPs == startPs && processor.nextActionPs() == NEVER && processor.firstReady() == null) {
            processor.idle = true;          // nothing done, nothing paid: no need to look again
            return NEVER;
        }
        return processor.nextPs();
    }

    /** One CPU and its account. */
    private static final class Processor {

        final int index;
        final String name;
        final Cost wake;
        final Cost wakeLatency;
        final long[] spentPs = new long[Cost.COUNT];
        Slot[] slots = new Slot[0];
        long busyUntilPs;
        boolean idle = true;
        boolean waking;

        // what the slice that runs, or ran last, has settled and what has not run yet, by time
        private final Runnable[] settled;
        private final long[] settledAtPs;
        private int firstSettled;
        private int endSettled;

        Processor(int index, String name, Cost wake, Cost wakeLatency, int maxSettled) {
            this.index = index;
            this.name = name;
            this.wake = wake;
            this.wakeLatency = wakeLatency;
            settled = new Runnable[maxSettled];
            settledAtPs = new long[maxSettled];
        }

        void settle(Runnable action, long atPs) {
            if (endSettled == settled.length) {
                throw new IllegalStateException("sched: a slice on " + name + " settled more than " + settled.length
                        + " actions");
            }
            int i = endSettled++;
            for (; i > firstSettled && settledAtPs[i - 1] > atPs; i--) {        // an action amid a slice settles again
                settled[i] = settled[i - 1];
                settledAtPs[i] = settledAtPs[i - 1];
            }
            settled[i] = action;
            settledAtPs[i] = atPs;
        }

        /** When the next settled action runs; {@link #NEVER} if there is none. */
        long nextActionPs() {
            return firstSettled < endSettled ? settledAtPs[firstSettled] : NEVER;
        }

        Runnable takeAction() {
            Runnable action = settled[firstSettled++];
            if (firstSettled == endSettled) {
                firstSettled = 0;
                endSettled = 0;
            }
            return action;
        }

        /** When this processor has to be dispatched next, if it is not idle: actions never come behind the slice. */
        long nextPs() {
            return Math.min(nextActionPs(), busyUntilPs);
        }

        void add(Slot slot) {
            slots = Arrays.copyOf(slots, slots.length + 1);
            slots[slots.length - 1] = slot;
        }

        Slot firstReady() {
            for (Slot slot : slots) {
                if (slot.ready) {
                    return slot;
                }
            }
            return null;
        }
    }

    /** One agent on its processor. */
    private final class Slot implements WaitQueue.Sleeper {

        final int index;
        final Processor processor;
        final Agent agent;
        boolean ready;
        long timerAtPs = Long.MAX_VALUE;

        Slot(int index, Processor processor, Agent agent) {
            this.index = index;
            this.processor = processor;
            this.agent = agent;
        }

        @Override
        public void wake() {
            ready = true;
            if (processor.idle) {
                processor.idle = false;
                processor.waking = true;
                long latencyPs = prices.picos(processor.wakeLatency);
                events.push(Math.max(nowPs, processor.busyUntilPs) + latencyPs, processor.index);
            }
        }

        void armTimer(long deadlineNs) {
            if (deadlineNs == Agent.NO_DEADLINE_NS) {
                timerAtPs = Long.MAX_VALUE;
                return;
            }
            long atPs = Math.max(picos(deadlineNs), nowPs);
            if (atPs != timerAtPs) {
                timerAtPs = atPs;
                events.push(atPs, KIND_TIMER << KIND_SHIFT | index);
            }
        }

        void timerFired(long atPs) {
            if (atPs == timerAtPs) {
                timerAtPs = Long.MAX_VALUE;
                wake();
            }
        }
    }
}
