package softnic;

import static softnic.Kernel.Span.until;

import softnic.Kernel.Span;

/**
 * A bug that kernels had. A faithful edition has it too; {@link Edition#withoutQuirks} has none of them, whatever its
 * kernel. No quirk reads or writes outside the memory it was given: where the kernel would, the code says so by a
 * counter and an errno.
 *
 * <p>docs/EDITIONS.md is generated from this list.
 */
public enum Quirk {
    // macvtap
    PINNED_BY_BYTES(until(Kernel.V3_1), "a pinned packet is charged its bytes, not its pages"),

    // vhost
    CALLBACK_WAKES_NOBODY(until(Kernel.V3_1),
            "the zero-copy callback does not queue TX work: what completes after the guest's last packet stays unreported"),
    UBUF_BY_HEAD(until(Kernel.V3_1), "ubuf_info is indexed by the guest's head: a head posted twice loses a completion"),
    BAD_PACKET_BLOCKS(until(Kernel.V4_20),
            "every failure of sendmsg is retried, also one that cannot pass: a bad packet blocks the ring (until 5.10)");

    private final Span span;
    private final String what;

    Quirk(Span span, String what) {
        this.span = span;
        this.what = what;
    }

    /** Whether that kernel had it. */
    public boolean isOf(Kernel kernel) {
        return span.contains(kernel);
    }

    /** The quirks of a kernel: bit {@code ordinal()} of each. */
    static long maskOf(Kernel kernel) {
        long mask = 0;
        for (Quirk quirk : values()) {
            mask |= quirk.isOf(kernel) ? 1L << quirk.ordinal() : 0;
        }
        return mask;
    }

    /** One line for docs/EDITIONS.md: what goes wrong. */
    public String what() {
        return what;
    }
}
