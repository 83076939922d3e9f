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
    TRANSLATES_WHOLE_LENGTH(until(Kernel.V3_1),
            "CVE-2013-0311: behind a region's end a descriptor has its whole length again (translate_desc, fixed by 3.8)"),
    LOGS_EMPTY_DESCS(until(Kernel.V4_20),
            "CVE-2019-14835: writable descriptors of no bytes fill the log of a chain and overrun it (until 5.3)"),
    AVAIL_JUMP_BELIEVED(Span.of(Kernel.V4_20, Kernel.V6_18),
            "the available index is cached before it is checked: a jump is refused once, then believed"),
    ENABLE_SEES_OLD(since(Kernel.V6_1),
            "vhost_enable_notify reports work that was there before: mergeable RX turns in a circle (d3bb267bbdcb)"),
    CALLBACK_WAKES_NOBODY(until(Kernel.V3_1),
            "the zero-copy callback does not queue TX work: what completes after the guest's last packet stays unreported"),
    UBUF_BY_HEAD(until(Kernel.V3_1), "ubuf_info is indexed by the guest's head: a head posted twice loses a completion"),
    BAD_PACKET_BLOCKS(until(Kernel.V4_20),
            "every failure of sendmsg is retried, also one that cannot pass: a bad packet blocks the ring (until 5.10)"),
    RELEASES_UNFINISHED(until(Kernel.V8),
            "shutdown reports buffers that the device still reads, and waits for nothing (the cover letter)"),
    TABLE_CHANGE_RACES_DMA(until(Kernel.V3_1),
            "a new memory table does not wait for zero-copy packets in the network (fixed in 3.8, 1280c27f8e29)"),
    PENDING_RING_LAPS(until(Kernel.V3_8),
            "1024 buffers in flight make upend_idx meet done_idx: the pending ring looks empty, its heads are lost (3.12)"),
    POLL_BEFORE_MARK(of(Kernel.V3_8, Kernel.V3_8),
            "the callback queues TX work before it marks the buffer: the worker may look too early (3.12, 19c73b3e08d1)"),
    FLUSH_USES_FREED_UBUFS(of(Kernel.V3_8, Kernel.V3_8),
            "vhost_net_flush goes on with the ubufs that put_and_wait freed (CVE-2013-4127)"),
    NO_WAKE_AFTER_ERROR(of(Kernel.V3_8, Kernel.V3_14),
            "a failed sendmsg leaves kicks off, and only a full socket wakes the worker (3.8: or EAGAIN, ENOBUFS)"),
    PENDING_LIMIT_FORMULA(of(Kernel.V3_14, Kernel.V3_14),
            "the pending limit holds at (128 - num) mod 1024 only: never for 256 and 512, at once for 128 (4.15)"),
    UBUF_PUT_TWICE(until(Kernel.V4_20),
            "a send that fails after its callback puts its reference again: the count is 0 too early (until 5.10)"),
    FAILED_SLOT_REVERTED(of(Kernel.V6_1, Kernel.V6_1),
            "a zero-copy packet given up loses its slot: its head never comes back (6.5, 1f5d2e3bab16)"),
    UBUF_FREED_IN_USE(until(Kernel.V6_1),
            "the last put touches the ubufs after its waiter may have freed them (2025, dd54bcf86c91)"),
    RX_ERRNO_AS_HEAD(until(Kernel.V3_8), "get_rx_bufs takes a negative error for a head (CVE-2014-0055)"),
    RX_OVERRUN_TAKEN(until(Kernel.V3_8),
            "a packet longer than its buffers is taken to fit in them (CVE-2014-0077)"),
    RX_HEADS_OVERFLOW(of(Kernel.V4_20, Kernel.V4_20),
            "get_rx_bufs may take 1024 heads though some wait in the same array (CVE-2018-16880)"),
    CONTINUE_SKIPS_WEIGHT(until(Kernel.V4_20),
            "a turn that moves nothing does not count against the weight: two guests hold the worker (CVE-2019-3900)");

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
