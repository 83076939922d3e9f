package softnic.sched;

import java.util.ArrayList;
import java.util.List;

/**
 * The virtual world: one thread, one event queue, time that passes only by being charged.
 *
 * <pre>
 *   event queue (time, sequence) --> DISPATCH processor  run its first ready agent for one slice
 *                                --> ACTION              a settled action, on the processor that settled it
 *                                --> TIMER               an agent's deadline
 * </pre>
 *
 * <p>A processor runs one slice at a time; what a slice or an action charges keeps it busy. An action
 * settled in a slice runs before the processor's next slice, at the time paid for when it was settled.
 */
public final class VirtualTimeRunner implements Runner, Cpu {

    private static final long PICOS_PER_NANO = 1000;
    private static final int MAX_ACTIONS = 4096;
    private static final int STUCK_SLICES = 1_000_000;

    // payload of an event: kind in the high bits, number of processor, action slot or agent below
    private static final int KIND_SHIFT = 13;
    private static final int KIND_DISPATCH = 0;
    private static final int KIND_ACTION = 1;
    private static final int KIND_TIMER = 2;
    private static final int INDEX_MASK = (1 << KIND_SHIFT) - 1;

    private final CostTable prices;
    private final EventHeap events = new EventHeap();
    private final List<Processor> processors = new ArrayList<>();
    private final List<Slot> slots = new ArrayList<>();

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
        processors.add(new Processor(processors.size(), name, wake, wakeLatency));
        return processors.size() - 1;
    }

    @Override
    public void add(int processor, Agent agent, WaitQueue waitQueue) {
        Slot slot = new Slot(slots.size(), processors.get(processor), agent);
        slots.add(slot);
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
    public void settle(Runnable action) {
        if (freeActionCount == 0) {
            throw new IllegalStateException("sched: more than " + MAX_ACTIONS
                    + " settled actions wait at " + nowNs() + " ns");
        }
        int slot = freeActions[--freeActionCount];
        actions[slot] = action;
        actionProcessor[slot] = current;
        events.push(nowPs, KIND_ACTION << KIND_SHIFT | slot);
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
        for (long spent : processors.get(processor).spentPs) {
            sum += spent;
        }
        return sum / PICOS_PER_NANO;
    }

    /** What a processor has spent on one cost, in nanoseconds. */
    public long spentNs(int processor, Cost cost) {
        return processors.get(processor).spentPs[cost.ordinal()] / PICOS_PER_NANO;
    }

    /** Events handled so far: dispatches, actions and timers. */
    public long eventCount() {
        return handled;
    }

    private void step() {
        long atPs = events.firstTimePs();
        int payload = events.firstPayload();
        events.pop();
        handled++;
        slicesAtThisTime = atPs > nowPs ? 0 : slicesAtThisTime + 1;
        nowPs = atPs;
        int index = payload & INDEX_MASK;
        switch (payload >>> KIND_SHIFT) {
            case KIND_DISPATCH -> dispatch(processors.get(index));
            case KIND_ACTION -> act(index);
            default -> slots.get(index).timerFired(atPs);
        }
    }

    private void act(int slot) {
        Runnable action = actions[slot];
        Processor processor = actionProcessor[slot];
        actions[slot] = null;
        freeActions[freeActionCount++] = slot;
        long atPs = nowPs;
        current = processor;
        action.run();
        current = outside;
        processor.busyUntilPs = Math.max(processor.busyUntilPs, atPs) + (nowPs - atPs);
        nowPs = atPs;
    }

    private void dispatch(Processor processor) {
        if (processor.busyUntilPs > nowPs) {
            events.push(processor.busyUntilPs, processor.index);
            return;
        }
        Slot slot = processor.firstReady();
        if (slot == null) {
            processor.idle = true;
            return;
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
        events.push(endPs, processor.index);
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

        Processor(int index, String name, Cost wake, Cost wakeLatency) {
            this.index = index;
            this.name = name;
            this.wake = wake;
            this.wakeLatency = wakeLatency;
        }

        void add(Slot slot) {
            Slot[] more = java.util.Arrays.copyOf(slots, slots.length + 1);
            more[slots.length] = slot;
            slots = more;
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
