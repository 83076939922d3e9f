package softnic.vhost;

import java.lang.invoke.VarHandle;
import java.util.concurrent.atomic.AtomicInteger;
import softnic.Edition;
import softnic.Quirk;

/**
 * How many zero-copy sends of one backend are in the network: {@code struct vhost_ubuf_ref}
 * (drivers/vhost/vhost.h, 3.1; {@code vhost_net_ubuf_ref} since 3.9). 1 when idle, one more for each send, 0 once it
 * was released and nothing is out.
 *
 * <p>The worker gets; any agent puts. Who waits for 0 does not block: the last put runs what it left here.
 */
final class VhostUbufRef {

    private final Edition edition;
    private final VhostMonitor monitor;
    private final AtomicInteger refcount = new AtomicInteger(1);
    private final AtomicInteger touchedAfterFree = new AtomicInteger();
    private volatile Runnable waiter;
    private volatile boolean released;
    private volatile boolean freed;
    private volatile boolean abandoned;

    VhostUbufRef(Edition edition, VhostMonitor monitor) {
        this.edition = edition;
        this.monitor = monitor;
    }

    void get() {
        touch();
        int before = refcount.getAndIncrement();
        assert before > 0 || edition.has(Quirk.UBUF_PUT_TWICE) : "get on a released vhost_ubuf_ref: " + before;
    }

    /** @return references left */
    int put() {
        int left = drop();
        wake(left);
        return left;
    }

    /** First half of {@link #put}: from here on the waiter may see 0 and go. */
    int drop() {
        int left = refcount.decrementAndGet();
        assert left >= 0 || edition.has(Quirk.UBUF_PUT_TWICE) : "vhost_ubuf_ref put twice: " + left;
        return left;
    }

    /** Second half: reads the wait queue, which lies in this object. */
    void wake(int left) {
        if (left == 0) {
            look();
            touch();                        // unlocks the wait queue, with which the waiter may be gone
        }
    }

    /** Who waits looks at {@link #count}, whatever it is. */
    void look() {
        Runnable waiting = waiter;
        if (waiting != null) {
            waiting.run();
        }
    }

    /**
     * Drops the backend's own reference; {@code whenZero} runs, on the agent that puts the last one, when nothing is
     * out any more ({@code vhost_ubuf_put_and_wait}). It may run once without need: look at {@link #count}.
     *
     * @return true if nothing is out
     */
    boolean putAndWait(Runnable whenZero) {
        released = true;
        waiter = whenZero;
        VarHandle.fullFence();              // ask before looking: pairs with wake()
        return refcount.decrementAndGet() == 0;
    }

    /** After {@link #putAndWait}: its owner goes on with it ({@code vhost_net_flush}). */
    void rearm() {
        touch();
        waiter = null;
        released = false;
        refcount.set(1);
    }

    /**
     * After {@link #putAndWait}: nobody may touch it again ({@code kfree}). With {@code kfree_rcu} it lives until those
     * who put have left; here the garbage collector is that grace period.
     */
    void free() {
        freed = true;
    }

    /** Nobody waits for what is out; it will come home to nothing. */
    void abandon() {
        abandoned = true;
    }

    boolean isAbandoned() {
        return abandoned;
    }

    private void touch() {
        if (freed && (edition.has(Quirk.UBUF_FREED_IN_USE) || edition.has(Quirk.FLUSH_USES_FREED_UBUFS))) {
            touchedAfterFree.getAndIncrement();
            if (monitor != null) {
                monitor.ubufsTouchedAfterFree();
            }
        }
    }

    /** How often it was used after {@link #free}: 0, but for the bugs that did. */
    int touchedAfterFree() {
        return touchedAfterFree.get();
    }

    /** References of its owner: 1, or 0 while it waits and after. */
    int own() {
        return released ? 0 : 1;
    }

    int count() {
        return refcount.get();
    }
}
