package softnic.mm;

/** Where the kernel's fault injection can make a step fail (lib/fault-inject.c); beside each, what the caller sees. */
public enum FaultPoint {
    /** {@code fail_page_alloc}: no page. */
    PAGE_ALLOC,
    /** {@code failslab}: no sk_buff, or no head for one. */
    SLAB,
    /** A page cannot be pinned ({@code get_user_pages_fast} pins fewer). */
    PIN,
    /** {@code fail_usercopy}: -EFAULT. */
    USERCOPY,
    /** The driver finds its ring too full: NETDEV_TX_BUSY, as long as a later clean will wake the queue. */
    TX_BUSY
}
