package softnic.vhost;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;

/**
 * Something the worker is to do: {@code struct vhost_work} (drivers/vhost/vhost.h). It is on the list at most
 * once; queueing it while it runs queues it again.
 */
public final class VhostWork {

    /** One bounded step of a work function. */
    public interface Step {
        /** @return true while the function has not returned yet */
        boolean run();
    }

    private static final VarHandle QUEUED;

    static {
        try {
            QUEUED = MethodHandles.lookup().findVarHandle(VhostWork.class, "queued", boolean.class);
        } catch (ReflectiveOperationException e) {
            throw new ExceptionInInitializerError(e);
        }
    }

    private final String name;
    private final Step step;
    private volatile boolean queued;

    public VhostWork(String name, Step step) {
        this.name = name;
        this.step = step;
    }

    /** False if it is on the list already. */
    boolean markQueued() {
        return QUEUED.compareAndSet(this, false, true);
    }

    /** Taken off the list, about to run. */
    void unmarkQueued() {
        queued = false;
    }

    boolean step() {
        return step.run();
    }

    @Override
    public String toString() {
        return name;
    }
}
