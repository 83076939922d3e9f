package softnic;

import static softnic.Kernel.Span.of;
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
    ORPHANS_ON_RECEIVE(since(Kernel.V3_8),
            "user pages are copied before a socket of the host receives them: deliver_skb, netif_receive_skb (3.6)"),

    // macvtap
    MACVLAN_ALWAYS_ON_FEATURES(since(Kernel.V4_20),
            "a macvlan has SG, checksums and GSO whatever its lower device has (3.16); before, it mirrors that"),
    ZEROCOPY_OF_LOWER_DEVICE(until(Kernel.V3_1),
            "the tap asks the lower device's features at open, not those of the macvlan"),
    XMIT_THROUGH_MACVLAN_QUEUE(since(Kernel.V3_14),
            "get_user sends through dev_queue_xmit on the macvlan, not by macvlan_start_xmit"),
    LINEAR_VECTORS(Span.of(Kernel.V3_8, Kernel.V3_8),
            "a packet of more than MAX_SKB_FRAGS vectors has its first ones copied (3.6), until 3.11"),
    COPIES_TOO_MANY_PAGES(since(Kernel.V3_14),
            "get_user copies a packet of more pages than fragments (3.11), and tells the owner of all it copied"),
    MINOR_IS_IFINDEX(until(Kernel.V3_1), "/dev/tapN is opened by the device's ifindex, and may be no macvtap (until 3.2)"),
    TAP_MULTI_QUEUE(since(Kernel.V3_14), "queues can be taken off and put back (IFF_MULTI_QUEUE, TUNSETQUEUE, 3.11)"),
    TAP_QUEUES_256(since(Kernel.V4_20), "a tap has 256 queues (MAX_TAP_QUEUES), not 16"),
    TAP_SETS_OFFLOAD(since(Kernel.V3_14), "TUNSETOFFLOAD is obeyed (3.11), not only checked"),
    TAP_HWADDR(since(Kernel.V4_20), "ioctls get and set the MAC address and the header's byte order"),
    TAP_USO(since(Kernel.V6_18), "TUNSETOFFLOAD knows TUN_F_USO4 and TUN_F_USO6 (6.2)"),
    RXHASH_BEFORE_RXQ(since(Kernel.V3_14), "a tap's queue is chosen by the flow's hash before the recorded queue"),
    VNET_HDR_PULLS(since(Kernel.V6_1),
            "virtio_net_hdr_to_skb pulls the headers, dissects what has no checksum, and demotes small GSO packets"),
    VNET_HDR_STRICT(since(Kernel.V6_18),
            "virtio_net_hdr_to_skb checks transport offset and csum_offset, and refuses GSO_BY_FRAGS"),
    RETURNS_OWN_MULTICAST(since(Kernel.V3_8),
            "multicast from the wire with the address of a private or passthru macvlan goes to that macvlan (3.3)"),
    TAP_RESERVE(since(Kernel.V4_20), "headroom of TAP_RESERVE bytes in front of the Ethernet header"),

    // vhost
    AVAIL_IDX_CACHED(since(Kernel.V4_20),
            "vhost_get_vq_desc reads the guest's index again only when it has taken all that it knows of (4.11, e3b56cdd4351)"),
    AVAIL_IDX_KEPT_BY_ENABLE(since(Kernel.V6_1),
            "vhost_enable_notify keeps the index that it reads (5.18, d3bb267bbdcb)"),
    AVAIL_JUMP_EINVAL(since(Kernel.V6_18), "an available index that jumps is -EINVAL, also to enable_notify (6.10)"),
    USED_ALIGN_4(since(Kernel.V4_20), "used ring and log address need 4-byte, not 8-byte alignment (4.0)"),
    LOG_MAY_BE_SHORT(since(Kernel.V6_18), "vhost_log_write does not BUG() when more was written than the chain can hold"),
    FAILED_MARKER(since(Kernel.V3_8), "heads[].len tells in progress, done and failed apart"),
    SELECTS_ZEROCOPY(since(Kernel.V3_8), "vhost_net_tx_select_zcopy stops zero-copy after failures"),
    WAITS_FOR_SNDBUF(until(Kernel.V3_8), "handle_tx polls the socket by the sk_wmem_alloc thresholds (until 3.9)"),
    COPIED_TAKE_SLOT(until(Kernel.V3_8), "copied packets go through the pending ring, hence in order (until 3.11)"),
    COPIES_WHEN_PENDING_EXCEEDED(since(Kernel.V4_20), "a full pending ring means copying (4.15), not stopping"),
    PKT_WEIGHT(since(Kernel.V4_20), "handle_tx and handle_rx stop after VHOST_NET_PKT_WEIGHT packets"),
    NO_ZCOPYTX_OPTION(until(Kernel.V8), "zero-copy needs no module parameter"),
    ZCOPYTX_BY_DEFAULT(of(Kernel.V3_8, Kernel.V4_20),
            "experimental_zcopytx is on (f9611c43ab0d) until 5.3 (098eadce3c62)"),
    SMALL_SKIPS_EMPTY_RING(of(Kernel.V3_8, Kernel.V3_8),
            "a short packet takes a slot of the pending ring only behind others"),
    REPORTS_ONE_BY_ONE(until(Kernel.V3_8), "vhost_zerocopy_signal_used publishes and signals each buffer (until 3.11)"),
    REPORTS_AFTER_SEND(since(Kernel.V3_8), "handle_tx reports what is finished after each packet too"),
    LIMITS_PENDING_IN_LOOP(of(Kernel.V3_14, Kernel.V3_14),
            "handle_tx looks at VHOST_MAX_PEND before each packet, and stops (3.12 to 4.14)"),
    POLLS_SOCKET_ALWAYS(of(Kernel.V3_14, Kernel.V3_14), "the TX work waits for POLLOUT all the time (3.10 to 4.15)"),
    COPIED_IN_BATCHES(since(Kernel.V4_20), "handle_tx_copy reports VHOST_NET_BATCH heads at a time"),
    RX_IN_BATCHES(since(Kernel.V4_20), "handle_rx reports its heads when there are more than VHOST_NET_BATCH (4.17)"),
    FLUSHES_BEFORE_NOTIFY(since(Kernel.V6_18), "handle_tx_copy reports its batch before it asks for kicks");

    private final Span span;
    private final String what;

    Behaviour(Span span, String what) {
        this.span = span;
        this.what = what;
    }

    /** Whether that kernel does it. */
    public boolean isOf(Kernel kernel) {
        return span.contains(kernel);
    }

    /** One line for docs/EDITIONS.md. */
    public String what() {
        return what;
    }
}
