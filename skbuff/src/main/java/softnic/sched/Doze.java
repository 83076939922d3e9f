package softnic.sched;

import java.lang.invoke.VarHandle;

/**
 * Whether a thread may park, and whether it must be unparked: its own side and that of those who wake it.
 *
 * <pre>
 *   sleeper  parked = true,    fence, signalled?  no: parks
 *   waker    signalled = true, fence, parked?     yes: unparks
 * </pre>
 *
 * <p>At least one of the two sees the other. The sleeper looks for work after {@link #end}, so that a signal which that
 * forgets has been heard all the same.
 */
final class Doze {

    private volatile boolean signalled;
    private volatile boolean parked;

    /** The sleeper. @return true if it may park */
    boolean begin() {
        parked = true;
        VarHandle.fullFence();
        return !signalled;
    }

    /** The sleeper, before it looks for work again. */
    void end() {
        parked = false;
        signalled = false;
    }

    /** Any thread. @return true if the sleeper must be unparked */
    boolean signal() {
        signalled = true;
        VarHandle.fullFence();
        return parked;
    }
}
