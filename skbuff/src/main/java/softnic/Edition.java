package softnic;

import java.util.List;
import softnic.trace.Tracepoint;

/**
 * One state of the kernel's transmit zero-copy path: everything on which kernels differ, as one value.
 *
 * <p>Code asks the edition at the place where the kernel differs; it never compares versions.
 *
 * @param name as the command line spells it
 * @param names whose function names a trace shows
 * @param maxSkbFrags {@code MAX_SKB_FRAGS} (include/linux/skbuff.h): 18 in 3.1, 17 since
 * @param eventIdx {@code VIRTIO_RING_F_EVENT_IDX} is offered by vhost and used by the guest; it came in
 *     3.0, after the kernel with which the published table was measured
 * @param dmaDone marker in {@code heads[i].len}: {@code VHOST_DMA_DONE_LEN}
 * @param dmaInProgress marker {@code VHOST_DMA_IN_PROGRESS}, or 0 where the kernel stores the length
 * @param callbackBeforePages the free path completes the ubuf before it drops the fragments' pages (5.12)
 * @param completesWhenLinear pulling the last fragment into the head completes the ubuf (4.14), not the free
 * @param callbackWakesWorker the zero-copy callback queues the TX work (3.6), since 3.12 when one or no
 *     buffer is left, or each 16th
 * @param waitsForSndbuf handle_tx polls the socket by the sk_wmem_alloc thresholds (until 3.9)
 * @param copiedTakeSlot copied packets go through the pending ring, hence in order (until 3.11)
 * @param ubufByHead ubuf_info is indexed by the guest's head (until 3.7), not by upend_idx
 * @param copyWhenPendingExceeded a full pending ring means copying (4.15), not stopping
 * @param selectsZerocopy {@code vhost_net_tx_select_zcopy} stops zero-copy after failures (3.8)
 * @param badPacketRetried every sendmsg error is retried (3.1), not only those that may pass
 * @param packetWeight {@code VHOST_NET_PKT_WEIGHT}, 0 where packets are not counted
 * @param xmitThroughMacvlanQueue get_user sends through dev_queue_xmit on the macvlan device (3.14),
 *     not by calling macvlan_start_xmit
 * @param validatesXmitSkb segmentation and checksums happen in validate_xmit_skb (3.18), before the
 *     packet taps, not in dev_hard_start_xmit after them
 * @param orphansInXmit dev_hard_start_xmit orphans skbs without tx_flags ({@code skb_orphan_try})
 * @param zerocopyOfLowerDevice the tap asks the lower device's features at open (3.1), not macvlan's
 * @param clampsLinear get_user keeps the linear part between ETH_HLEN and one page, and copies a packet that
 *     would need more than MAX_SKB_FRAGS pages (3.14)
 * @param chargesPinnedPages a pinned packet is charged whole pages (3.6), not its bytes
 * @param tapReserve headroom in front of the Ethernet header, in bytes: NET_IP_ALIGN, later TAP_RESERVE
 * @param packsCopiedUbufs skb_copy_ubufs fills whole pages (4.14), not one page a fragment, and refuses a shared skb
 * @param availIdxCached vhost_get_vq_desc reads the guest's available index again only when it has taken all that
 *     it knows of (6.x), not each time
 */
public record Edition(
        String name,
        Tracepoint.Names names,
        int maxSkbFrags,
        boolean eventIdx,
        int dmaDone,
        int dmaInProgress,
        boolean callbackBeforePages,
        boolean completesWhenLinear,
        boolean callbackWakesWorker,
        boolean waitsForSndbuf,
        boolean copiedTakeSlot,
        boolean ubufByHead,
        boolean copyWhenPendingExceeded,
        boolean selectsZerocopy,
        boolean badPacketRetried,
        int packetWeight,
        boolean xmitThroughMacvlanQueue,
        boolean validatesXmitSkb,
        boolean orphansInXmit,
        boolean zerocopyOfLowerDevice,
        boolean clampsLinear,
        boolean chargesPinnedPages,
        int tapReserve,
        boolean packsCopiedUbufs,
        boolean availIdxCached) {

    /** The cover letter of "macvtap/vhost TX zero-copy support" V8, July 2011, on its benchmark kernel. */
    public static final Edition V8 = new Edition("v8", Tracepoint.Names.KERNEL_3_1, 18, false, 1, 0,
            false, false, false, true, true, true, false, false, true, 0, false, false, true, true, false, false, 0,
            false, false);

    /** Linux 6.1, of which the golden call graphs were recorded. */
    public static final Edition V6_1 = new Edition("6.1", Tracepoint.Names.KERNEL_6_1, 17, true, 2, 1,
            true, true, true, false, false, false, true, true, false, 256, true, true, false, false, true, true, 2,
            true, true);

    /** Every edition, oldest first. */
    public static final List<Edition> ALL = List.of(V8, V6_1);
}
