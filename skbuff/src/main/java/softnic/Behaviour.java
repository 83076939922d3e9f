package softnic;

import static softnic.Kernel.Span.since;
import static softnic.Kernel.Span.until;

import softnic.Kernel.Span;

/**
 * What kernels do differently, each on purpose; what they did by mistake is a {@link Quirk}.
 *
 * <p>Code asks {@code edition.has(COPIED_TAKE_SLOT)} at the place where the kernel differs. docs/EDITIONS.md is
 * generated from this list.
 */
public enum Behaviour {
    // virtio
    /** Not in the kernel with which the published table was measured; it came in 3.0. */
    EVENT_IDX(since(Kernel.V3_1), "VIRTIO_RING_F_EVENT_IDX is offered by vhost and used by the guest"),

    // skb
    FRAGS_17(since(Kernel.V3_8), "MAX_SKB_FRAGS is 17, not 18 (include/linux/skbuff.h)"),
    CALLBACK_BEFORE_PAGES(since(Kernel.V6_1),
            "the free path completes the ubuf before it drops the fragments' pages (5.12, 70c4316749f6)"),
    COMPLETES_WHEN_LINEAR(since(Kernel.V4_20),
            "pulling the last fragment into the head completes the ubuf (4.14), not the free"),
    PACKS_COPIED_UBUFS(since(Kernel.V4_20),
            "skb_copy_ubufs fills whole pages, not one page a fragment, and refuses a shared skb (4.14)"),

    TELLS_TX_ERROR(since(Kernel.V3_8), "skb_tx_error completes the ubuf when a packet is dropped on the way"),
    TX_ERROR_SUCCEEDS(since(Kernel.V4_20), "skb_tx_error reports success: nothing was copied (4.14)"),
    SHARES_UBUF(since(Kernel.V4_20),
            "several skbs may share a refcounted ubuf, that of MSG_ZEROCOPY (4.14); vhost's is still copied"),
    COUNTS_NEW_HEAD(since(Kernel.V4_20), "pskb_expand_head adds to the truesize of an skb without a socket (4.11)"),
    RECYCLES_SKBS(until(Kernel.V3_1), "skb_recycle_check lets a driver use an skb again (until 3.7)"),
    DEVMEM_FRAGS(since(Kernel.V6_18), "an skb may have fragments that nobody can read; copying them is -EFAULT (6.13)"),
    SEGMENTS_KEEP_CHARGE(since(Kernel.V4_20),
            "skb_segment hands the socket's charge to the last segment; before, it ended with the whole packet (3.18)"),

    // core transmit
    VALIDATES_XMIT_SKB(since(Kernel.V4_20),
            "segmentation and checksums happen in validate_xmit_skb (3.18), before the packet taps"),
    ORPHANS_IN_XMIT(until(Kernel.V3_1), "dev_hard_start_xmit orphans skbs without tx_flags (skb_orphan_try)"),
    SG_NEEDS_CSUM(until(Kernel.V3_8),
            "a packet whose protocol the device cannot checksum is made linear, checksum or not (until 3.9)"),
    DEQUEUES_WHEN_STOPPED(until(Kernel.V3_1),
            "the qdisc takes a packet out for a stopped queue and requeues it; later it does not begin (TCQ_F_ONETXQUEUE)"),

    // macvtap
    ZEROCOPY_OF_LOWER_DEVICE(until(Kernel.V3_1),
            "the tap asks the lower device's features at open, not those of the macvlan"),
    XMIT_THROUGH_MACVLAN_QUEUE(since(Kernel.V3_14),
            "get_user sends through dev_queue_xmit on the macvlan, not by macvlan_start_xmit"),
    CLAMPS_LINEAR(since(Kernel.V3_14),
            "get_user keeps the linear part between ETH_HLEN and one page, and copies a packet of too many pages"),
    TAP_RESERVE(since(Kernel.V4_20), "headroom of TAP_RESERVE bytes in front of the Ethernet header"),

    // vhost
    AVAIL_IDX_CACHED(since(Kernel.V6_1),
            "vhost_get_vq_desc reads the guest's index again only when it has taken all that it knows of"),
    FAILED_MARKER(since(Kernel.V3_8), "heads[].len tells in progress, done and failed apart"),
    SELECTS_ZEROCOPY(since(Kernel.V3_8), "vhost_net_tx_select_zcopy stops zero-copy after failures"),
    WAITS_FOR_SNDBUF(until(Kernel.V3_8), "handle_tx polls the socket by the sk_wmem_alloc thresholds (until 3.9)"),
    COPIED_TAKE_SLOT(until(Kernel.V3_8), "copied packets go through the pending ring, hence in order (until 3.11)"),
    COPIES_WHEN_PENDING_EXCEEDED(since(Kernel.V4_20), "a full pending ring means copying (4.15), not stopping"),
    PKT_WEIGHT(since(Kernel.V4_20), "handle_tx and handle_rx stop after VHOST_NET_PKT_WEIGHT packets");

    private final Span span;
    private final String what;

    Behaviour(Span span, String what) {
        this.span = span;
        this.what = what;
    }

    boolean isOf(Kernel kernel) {
        return span.contains(kernel);
    }

    /** One line for docs/EDITIONS.md. */
    public String what() {
        return what;
    }
}
