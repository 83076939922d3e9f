package softnic.sched;

/** A world: it runs the agents of one house, in real threads or in virtual time. */
public interface Runner {

    /** The one {@link Cpu} that every room of the house is given. */
    Cpu cpu();

    /**
     * Adds a processor.
     *
     * @param name as accounts and messages show it
     * @param thread live world: processors of the same thread name share one thread
     * @param wake charged when the processor leaves idle (HLT exit, context switch)
     * @param wakeLatency time from a wake-up to the first instruction, on nobody's account
     * @return the processor's number
     */
    int addProcessor(String name, String thread, Cost wake, Cost wakeLatency);

    /**
     * Puts an agent on a processor. Agents of one processor run by order of registration: the first
     * one that is ready goes first (hard interrupt, softirq, process).
     */
    void add(int processor, Agent agent, WaitQueue waitQueue);
}
