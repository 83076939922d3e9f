package softnic.sched;

/**
 * Where one agent waits: {@code wait_queue_head_t} (include/linux/wait.h) with one waiter.
 *
 * <p>A wake-up is a hint: the agent looks again. Any agent may wake; nobody waits on it by blocking.
 */
public final class WaitQueue {

    /** What a runner hangs in: makes the agent ready. */
    interface Sleeper {
        void wake();
    }

    private Sleeper sleeper;

    void bind(Sleeper sleeper) {
        assert this.sleeper == null : "wait queue already has a waiter";
        this.sleeper = sleeper;
    }

    /** Makes the waiting agent ready ({@code wake_up}); before it was registered, nothing. */
    public void wakeUp() {
        if (sleeper != null) {
            sleeper.wake();
        }
    }
}
