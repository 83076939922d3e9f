package softnic.skb;

/**
 * Why a packet was dropped: {@code enum skb_drop_reason} (include/net/dropreason-core.h, 5.17), those that can happen
 * here. {@link SkbPool#drops} counts them in every edition, though older kernels did not.
 */
public enum DropReason {
    /** Nobody said. Some kernels free so what was passed on: copies after a broadcast, the original of a segmentation. */
    SKB_DROP_REASON_NOT_SPECIFIED,
    /** A checksum is wrong or could not be computed. */
    SKB_DROP_REASON_SKB_CSUM,
    /** Segmentation failed. */
    SKB_DROP_REASON_SKB_GSO_SEG,
    /** The user's memory could not be read. */
    SKB_DROP_REASON_SKB_UCOPY_FAULT,
    /** The device's own header, as virtio_net_hdr, is invalid. */
    SKB_DROP_REASON_DEV_HDR,
    /** The device is down. */
    SKB_DROP_REASON_DEV_READY,
    /** The queue of a tap is full. */
    SKB_DROP_REASON_FULL_RING,
    /** Memory is short. */
    SKB_DROP_REASON_NOMEM,
    /** The packet is shorter than its headers. */
    SKB_DROP_REASON_HDR_TRUNC,
    /** A qdisc dropped it. */
    SKB_DROP_REASON_QDISC_DROP,
    /** Larger than the device's MTU. */
    SKB_DROP_REASON_PKT_TOO_BIG,
    /** Nobody handles such a packet. */
    SKB_DROP_REASON_UNHANDLED_PROTO,
    /** A packet socket could not take it. */
    SKB_DROP_REASON_PACKET_SOCK_ERROR
}
