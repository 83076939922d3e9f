package softnic.sched;

/** The live world's clock and accounts: nothing costs anything, what is settled happens at once. */
public final class AtOnce implements Cpu {

    @Override
    public long nowNs() {
        return 0;
    }

    @Override
    public void charge(Cost cost, long units) {
        // real work has its own price
    }

    @Override
    public long delayNs(Cost latency) {
        return 0;
    }

    @Override
    public void settle(Runnable action) {
        action.run();
    }

    /** A wait queue whose waiter is {@code onWake}. */
    public static WaitQueue waiter(Runnable onWake) {
        WaitQueue queue = new WaitQueue();
        queue.bind(onWake::run);
        return queue;
    }
}
