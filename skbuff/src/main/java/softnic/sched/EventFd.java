package softnic.sched;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;

/**
 * A counter that wakes: {@code eventfd_ctx} (fs/eventfd.c). Guest kicks and guest interrupts travel by it.
 *
 * <p>Any agent signals; one reads. A signal that finds the reader awake is not lost: it looks again.
 */
public final class EventFd {

    private static final VarHandle COUNT;

    static {
        try {
            COUNT = MethodHandles.lookup().findVarHandle(EventFd.class, "count", long.class);
        } catch (ReflectiveOperationException e) {
            throw new ExceptionInInitializerError(e);
        }
    }

    private volatile long count;
    private volatile Runnable onSignal = () -> { };

    /** What a signal does at once, on the signaller's CPU (the wait queue's wake function). By ioctl. */
    public void onSignal(Runnable action) {
        onSignal = action;
    }

    /** Adds one and wakes ({@code eventfd_signal}). */
    public void signal() {
        COUNT.getAndAdd(this, 1L);
        onSignal.run();
    }

    /** True if there is a count to take ({@code eventfd_poll}, POLLIN). */
    public boolean isSignalled() {
        return count != 0;
    }

    /** Takes the count and leaves 0 ({@code eventfd_read}). */
    public long read() {
        return count == 0 ? 0 : (long) COUNT.getAndSet(this, 0L);
    }
}
