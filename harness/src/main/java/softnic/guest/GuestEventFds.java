package softnic.guest;

import softnic.sched.EventFd;

/**
 * The four lines between guest and vhost: {@code VHOST_SET_VRING_KICK} and {@code VHOST_SET_VRING_CALL} of
 * both queues (include/linux/vhost.h). The guest signals kicks and reads calls.
 */
public record GuestEventFds(EventFd txKick, EventFd txCall, EventFd rxKick, EventFd rxCall) {

    /** Four new ones. */
    public static GuestEventFds create() {
        return new GuestEventFds(new EventFd(), new EventFd(), new EventFd(), new EventFd());
    }
}
