package softnic.sched;

import java.util.Arrays;

/**
 * The virtual world: one thread, one event queue, time that passes only by being charged.
 *
 * <pre>
 *   event queue (time, sequence) --> DISPATCH processor  what its last slice settled at its end, then
 *                                                        its first ready agent for one slice
 *                                --> ACTION              what was settled amid a slice, on its processor
 *                                --> TIMER               an agent's deadline
 * </pre>
 *
 * <p>A processor runs one slice at a time; what a slice or an action charges keeps it busy. An action
 * settled in a slice runs before the processor's next slice, at the time paid for when it was settled. Most
 * are settled last in a slice, so they cost no event of their own.
 */
public final class VirtualTimeRunner implements Runner, Cpu {

    private static final long PICOS_PER_NANO = 1000;
    private static final int MAX_ACTIONS = 4096;
    private static final int MAX_SETTLED = 64;
    private static final long NEVER = Long.MAX_VALUE;
    private static final int STUCK_SLICES = 1_000_000;

    // payload of an event: kind in the high bits, number of processor, action slot or agent below
    private static final int KIND_SHIFT = 13;
    private static final int KIND_DISPATCH = 0;
    private static final int KIND_ACTION = 1;
    private static final int KIND_TIMER = 2;
    private static final int INDEX_MASK = (1 << KIND_SHIFT) - 1;

    private final CostTable prices;
    private final EventHeap events = new EventHeap();
    private Processor[] processors = {};
    private Slot[] slots = {};

    private final Runnable[] actions = new Runnable[MAX_ACTIONS];
    private final Processor[] actionProcessor = new Processor[MAX_ACTIONS];
    private final int[] freeActions = new int[MAX_ACTIONS];
    private int freeActionCount = MAX_ACTIONS;

    private final Processor outside = new Processor(-1, "outside", Cost.NONE, Cost.NONE);
    private Processor current = outside;
    private long nowPs;
    private long slicesAtThisTime;
    private long handled;

    public VirtualTimeRunner(CostTable prices) {
        this.prices = prices;
        for (int i = 0; i < MAX_ACTIONS; i++) {
            freeActions[i] = MAX_ACTIONS - 1 - i;
        }
    }

    @Override
    public Cpu cpu() {
        return this;
    }

    @Override
    public int addProcessor(String name, String thread, Cost wake, Cost wakeLatency) {
        int index = processors.length;
        processors = Arrays.copyOf(processors, index + 1);
        processors[index] = new Processor(index, name, wake, wakeLatency);
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
        if (current == outside) {
            pushAction(outside, action, nowPs);
        } else {
            current.settle(action, nowPs);
        }
    }

    /** Makes an event of what {@code processor} settled before {@code endPs}; the rest waits for its dispatch. */
    private void pushSettled(Processor processor, long endPs) {
        int kept = 0;
        for (int i = 0; i < processor.settledCount; i++) {
            Runnable action = processor.settled[i];
            long atPs = processor.settledAtPs[i];
            if (atPs == endPs) {
                processor.settled[kept++] = action;
            } else {
                pushAction(processor, action, atPs);
            }
        }
        processor.settledCount = kept;
    }

    private void pushAction(Processor processor, Runnable action, long atPs) {
        if (freeActionCount == 0) {
            throw new IllegalStateException("sched: more than " + MAX_ACTIONS
                    + " settled actions wait at " + nowNs() + " ns");
        }
        int slot = freeActions[--freeActionCount];
        actions[slot] = action;
        actionProcessor[slot] = processor;
        events.push(atPs, KIND_ACTION << KIND_SHIFT | slot);
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
     * Runs until nothing is left to happen.
     *
     * @return true if so, false if {@code limitNs} came first
     */
    public boolean runUntilQuiet(long limitNs) {
        long limitPs = picos(limitNs);
        while (!events.isEmpty() && events.firstTimePs() <= limitPs) {
            step();
        }
        return events.isEmpty();
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

    /** Events handled so far: dispatches, actions and timers. */
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
        if (payload >>> KIND_SHIFT == KIND_ACTION) {
            act(index);
        } else {
            slots[index].timerFired(atPs);
        }
    }

    private void act(int slot) {
        Runnable action = actions[slot];
        Processor processor = actionProcessor[slot];
        actions[slot] = null;
        freeActions[freeActionCount++] = slot;
        long atPs = nowPs;
        int waiting = processor.settledCount;       // for the end of the slice amid which this one runs
        current = processor;
        action.run();
        current = outside;
        for (int i = waiting; i < processor.settledCount; i++) {
            pushAction(processor, processor.settled[i], processor.settledAtPs[i]);
        }
        processor.settledCount = waiting;
        processor.busyUntilPs = Math.max(processor.busyUntilPs, atPs) + (nowPs - atPs);
        nowPs = atPs;
    }

    /** Runs what the last slice settled at its end, one after the other; what they charge comes behind it. */
    private void actAtEnd(Processor processor) {
        long startPs = nowPs;
        Runnable[] due = processor.takeSettled();
        int count = processor.settledCount;
        processor.settledCount = 0;
        current = processor;
        for (int i = 0; i < count; i++) {
            due[i].run();
        }
        current = outside;
        processor.busyUntilPs = nowPs;
        pushSettled(processor, nowPs);
        nowPs = startPs;
    }

    /** @return when the processor wants to be dispatched again, or {@link #NEVER}: it is idle */
    private long dispatch(Processor processor) {
        if (processor.busyUntilPs > nowPs) {
            return processor.busyUntilPs;
        }
        if (processor.settledCount > 0) {
            actAtEnd(processor);
            if (processor.busyUntilPs > nowPs || processor.settledCount > 0) {
                return processor.busyUntilPs;
            }
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
        pushSettled(processor, endPs);
        nowPs = startPs;
        if (endPs == startPs && processor.settledCount == 0 && processor.firstReady() == null) {
            processor.idle = true;          // nothing done, nothing paid: no need to look again
            return NEVER;
        }
        return endPs;
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

        // what the slice that runs, or ran last, has settled
        Runnable[] settled = new Runnable[MAX_SETTLED];
        private Runnable[] due = new Runnable[MAX_SETTLED];
        final long[] settledAtPs = new long[MAX_SETTLED];
        int settledCount;

        Processor(int index, String name, Cost wake, Cost wakeLatency) {
            this.index = index;
            this.name = name;
            this.wake = wake;
            this.wakeLatency = wakeLatency;
        }

        void settle(Runnable action, long atPs) {
            if (settledCount == MAX_SETTLED) {
                throw new IllegalStateException("sched: a slice on " + name + " settled more than " + MAX_SETTLED
                        + " actions");
            }
            settled[settledCount] = action;
            settledAtPs[settledCount++] = atPs;
        }

        /** The settled actions, in an array that settling does not touch until the next take. */
        Runnable[] takeSettled() {
            Runnable[] taken = settled;
            settled = due;
            due = taken;
            return taken;
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
