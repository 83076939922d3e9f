package softnic.vhost;

/**
 * An ioctl that waits until the network has given back every buffer ({@code vhost_ubuf_put_and_wait}): a state, not a
 * sleep. The callback of the last buffer queues a work, and that goes on where the ioctl left off.
 *
 * <p>One waits at a time, as {@code dev->mutex} has it. The worker's, but for the queueing.
 */
final class UbufWait {

    private final VhostWorker worker;
    private final VhostWork work = new VhostWork("ubuf wait", this::look);
    private final Runnable queue = this::queue;
    private VhostUbufRef ubufs;
    private Runnable then;

    UbufWait(VhostWorker worker) {
        this.worker = worker;
    }

    private void queue() {
        worker.queue(work);
    }

    /** Runs {@code then} once nothing of {@code ubufs} is out: now, or as a work of the worker's. */
    void start(VhostUbufRef ubufs, Runnable then) {
        assert !isWaiting() : "two ioctls wait";
        this.ubufs = ubufs;
        this.then = then;
        if (ubufs.putAndWait(queue)) {
            finish();
        }
    }

    boolean isWaiting() {
        return ubufs != null;
    }

    /** Buffers still out, 0 if nobody waits. */
    int inFlight() {
        return isWaiting() ? ubufs.count() : 0;
    }

    private boolean look() {
        if (isWaiting() && ubufs.count() == 0) {
            finish();
        }
        return false;
    }

    private void finish() {
        Runnable next = then;
        ubufs = null;
        then = null;
        next.run();
    }
}
