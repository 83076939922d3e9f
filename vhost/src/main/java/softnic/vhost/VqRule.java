package softnic.vhost;

/**
 * The rules a guest's ring must keep, and the counter of each: what {@code vq_err} would print. All are
 * checked in {@code vhost_get_vq_desc} and its callers (drivers/vhost/vhost.c, net.c).
 */
public enum VqRule {
    /** The available index moved by more than the ring holds. */
    AVAIL_IDX_JUMP("avail index jumped by more than the ring size"),
    /** An available entry names a descriptor the table has not. */
    HEAD_OUT_OF_RANGE("avail entry names no descriptor of the table"),
    /** A next field names a descriptor the table has not. */
    NEXT_OUT_OF_RANGE("descriptor's next is outside the table"),
    /** A chain has more descriptors than the ring: a loop. */
    CHAIN_LOOP("descriptor chain is longer than the ring"),
    /** A descriptor points where no guest memory is. */
    DESC_OUTSIDE_MEMORY("descriptor points outside guest memory"),
    /** A chain touches more pieces than UIO_MAXIOV. */
    TOO_MANY_PIECES("descriptor chain has more than UIO_MAXIOV pieces"),
    /** A readable descriptor after a writable one. */
    OUT_AFTER_IN("readable descriptor follows a writable one"),
    /** An indirect table whose size is no multiple of a descriptor, or 0. */
    INDIRECT_LEN("indirect table's length is not a positive multiple of 16"),
    /** An indirect table of more than 65536 descriptors. */
    INDIRECT_TOO_BIG("indirect table has more than 65536 descriptors"),
    /** An indirect table that lies outside guest memory. */
    INDIRECT_OUTSIDE_MEMORY("indirect table lies outside guest memory"),
    /** A descriptor of an indirect table that cannot be read. */
    INDIRECT_UNREADABLE("indirect table cannot be read"),
    /** A chain that leaves its indirect table. */
    INDIRECT_LOOP("indirect chain is longer than its table"),
    /** An indirect table inside an indirect table. */
    INDIRECT_NESTED("indirect descriptor inside an indirect table"),
    /** A chain with more writable descriptors than the log of writes holds: the kernel wrote behind its array. */
    LOG_OVERRUN("chain has more than UIO_MAXIOV writable descriptors to log"),
    /** More was written than the chain's log entries hold. */
    LOG_SHORT("more bytes were written than the chain has"),
    /** A TX chain with writable descriptors. */
    TX_HAS_IN("TX chain has writable descriptors"),
    /** A TX chain with nothing in it. */
    TX_EMPTY("TX chain has no bytes"),
    /** An RX chain with readable descriptors. */
    RX_HAS_OUT("RX chain has readable descriptors, or no writable ones");

    private final String text;

    VqRule(String text) {
        this.text = text;
    }

    /** What the rule says was wrong. */
    public String text() {
        return text;
    }
}
