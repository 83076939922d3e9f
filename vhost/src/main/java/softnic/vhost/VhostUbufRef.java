package softnic.vhost;

import java.util.concurrent.atomic.AtomicInteger;

/**
 * How many zero-copy sends of one backend are in the network: {@code struct vhost_ubuf_ref}
 * (drivers/vhost/vhost.h). 1 when idle, one more for each send, 0 once it was released.
 */
final class VhostUbufRef {

    private final AtomicInteger refcount = new AtomicInteger(1);

    void get() {
        int before = refcount.getAndIncrement();
        assert before > 0 : "get on a released vhost_ubuf_ref";
    }

    /** @return references left */
    int put() {
        int left = refcount.decrementAndGet();
        assert left >= 0 : "vhost_ubuf_ref put twice: " + left;
        return left;
    }

    int count() {
        return refcount.get();
    }
}
