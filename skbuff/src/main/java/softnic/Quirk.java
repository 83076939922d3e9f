package softnic;

import static softnic.Kernel.Span.of;
import static softnic.Kernel.Span.since;
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
    // skb
    EXPAND_HEAD_STALE(until(Kernel.V3_14),
            "pskb_expand_head of shared data copies flag and page pointers before it copies the user pages"),
    MORPH_SHARES_UBUF(since(Kernel.V8),
            "skb_morph shares user pages without copying them: the flag no longer says that the data is unshared"),
    SPLIT_WITHOUT_OWNER(until(Kernel.V3_14),
            "skb_split, skb_shift and coalescing move user pages to an skb that does not keep the ubuf (until 4.14)"),
    SEGMENT_SHARES_PAGES(until(Kernel.V3_8),
            "CVE-2014-0131: software segments share user pages that the ubuf no longer guards (3.14.1, 1fd819ecb90c)"),
    SEGMENT_TRUSTS_TYPE(until(Kernel.V3_14),
            "software GSO goes by the IP protocol and cuts whatever type the guest named (until 4.16, 121d57af308d)"),
    UBUF_COPY_OVERRUNS(of(Kernel.V4_20, Kernel.V6_1),
            "CVE-2023-53669: skb_copy_ubufs of more pages than MAX_SKB_FRAGS writes past frags[] (6.4, 7e692df39336)"),

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

    boolean isOf(Kernel kernel) {
        return span.contains(kernel);
    }

    /** One line for docs/EDITIONS.md: what goes wrong. */
    public String what() {
        return what;
    }
}
