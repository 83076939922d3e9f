package softnic.sched;

/**
 * An active thing: a kernel thread, a NAPI poll, a piece of silicon, a vCPU.
 *
 * <p>Kernel counterpart: the function of a kthread ({@code vhost_worker}, drivers/vhost/vhost.c) or
 * of a softirq ({@code net_rx_action}, net/core/dev.c). A runner calls it; it never blocks, sleeps
 * or reads a clock of its own.
 */
public interface Agent {

    /** "Nothing to do until somebody wakes me." */
    long NO_DEADLINE_NS = Long.MAX_VALUE;

    /**
     * Does one bounded slice of work, at most one packet.
     *
     * @return how many things were done; 0 means the agent may sleep
     */
    int doWork();

    /** When to run again, though nobody wakes it; asked after a slice that did nothing. */
    default long nextDeadlineNs() {
        return NO_DEADLINE_NS;
    }

    /** The name that messages and accounts show, for example {@code vhost-worker}. */
    String roleName();
}
