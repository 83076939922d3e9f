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
    PINS_UNCOUNTED(until(Kernel.V3_1),
            "B1, CVE-2012-2119: pages are pinned into an array on the stack before they are counted (until 3.6)"),
    SHORT_PIN_LEAKS(until(Kernel.V3_1), "B2: what was pinned before a pin failed is never put (until 3.6)"),
    SHORT_PIN_PUTS_OTHERS(Span.of(Kernel.V3_8, Kernel.V3_8),
            "B2 after 3.6: a pin that fails puts the packet's first pages, not those it has pinned"),
    OFFSET_IS_TOTAL(until(Kernel.V3_1),
            "B3: bytes copied in all are taken for a place in the current vector: data is skipped or sent twice (until 3.6)"),
    FLAG_BEFORE_SUCCESS(until(Kernel.V3_1),
            "B4: SKBTX_DEV_ZEROCOPY is set on a packet that fails, its destructor_arg is not (until 3.6)"),
    PINNED_BY_BYTES(until(Kernel.V3_1), "B5: a pinned packet is charged its bytes, not its pages (until 3.6)"),
    STALE_TAIL(until(Kernel.V3_8),
            "B6: a packet shorter than its linear part is sent with what the head held before (until 3.14)"),
    HUGE_LINEAR(until(Kernel.V3_8), "B7: the guest's hdr_len, up to 64K, is allocated in one piece (until 3.14)"),
    PSKB_PAGES_UNCOUNTED(until(Kernel.V3_1),
            "B8, CVE-2012-2136: sock_alloc_send_pskb fills more fragments than there are (until 3.6)"),
    PINS_OVER_PAGES(Span.of(Kernel.V3_8, Kernel.V3_8),
            "vectors made linear beyond hdr_len get pages, which the pinned ones overwrite (until 3.11)"),
    SHORT_LINEAR(until(Kernel.V3_14),
            "hdr_len below ETH_HLEN: type and addresses are read from what the head held before (until 4.5)"),
    COPY_COMPLETED_EARLY(Span.of(Kernel.V3_14, Kernel.V3_14),
            "a copied packet completes its ubuf before its header is checked: a callback and an error"),
    SNDBUF_UNCHECKED(until(Kernel.V3_14), "TUNSETSNDBUF takes 0 and less: nothing can be sent any more (until 4.15)"),
    BRIDGED_UNNECESSARY(until(Kernel.V3_14),
            "macvlan calls the checksum of what it passes to a sibling verified, finished or not (until 3.15)"),

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

    boolean isOf(Kernel kernel) {
        return span.contains(kernel);
    }

    /** One line for docs/EDITIONS.md: what goes wrong. */
    public String what() {
        return what;
    }
}
