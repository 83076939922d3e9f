package softnic.trace;

/**
 * The kernel functions that a trace can show, each under its name in 3.1 and in 6.1.
 *
 * <p>The list is that of the golden call graphs and what the 3.1 path has in their place. A function
 * that one of the two kernels has not (or inlines) has no name there and does not appear.
 */
public enum Tracepoint {
    HANDLE_TX_KICK("handle_tx_kick", "handle_tx_kick"),
    HANDLE_TX_NET("handle_tx_net", "handle_tx_net"),
    HANDLE_TX("handle_tx", "handle_tx"),
    HANDLE_TX_ZEROCOPY(null, "handle_tx_zerocopy"),
    HANDLE_TX_COPY(null, "handle_tx_copy"),
    HANDLE_RX("handle_rx", "handle_rx"),
    GET_VQ_DESC("vhost_get_vq_desc", "vhost_get_vq_desc"),
    SENDMSG("macvtap_sendmsg", "tap_sendmsg"),
    GET_USER("macvtap_get_user", "tap_get_user"),
    ZEROCOPY_SG("zerocopy_sg_from_iovec", "zerocopy_sg_from_iter"),
    ZEROCOPY_SG_INNER(null, "__zerocopy_sg_from_iter"),
    COPY_DATAGRAM("skb_copy_datagram_from_iovec", "skb_copy_datagram_from_iter"),
    PARTIAL_CSUM_SET("skb_partial_csum_set", "skb_partial_csum_set"),
    MACVLAN_START_XMIT("macvlan_start_xmit", "macvlan_start_xmit"),
    DEV_QUEUE_XMIT("dev_queue_xmit", "__dev_queue_xmit"),
    VALIDATE_XMIT_SKB(null, "validate_xmit_skb"),
    DEV_HARD_START_XMIT("dev_hard_start_xmit", "dev_hard_start_xmit"),
    GSO_SEGMENT("skb_gso_segment", "__skb_gso_segment"),
    SKB_SEGMENT("skb_segment", "skb_segment"),
    SKB_CLONE("skb_clone", "skb_clone"),
    SKB_COPY_UBUFS("skb_copy_ubufs", "skb_copy_ubufs"),
    PSKB_EXPAND_HEAD("pskb_expand_head", "pskb_expand_head"),
    DUMMY_XMIT("dummy_xmit", "dummy_xmit"),
    IXGBE_XMIT_FRAME("ixgbe_xmit_frame", "ixgbe_xmit_frame"),
    IXGBE_POLL("ixgbe_poll", "ixgbe_poll"),
    IXGBE_CLEAN_TX_IRQ("ixgbe_clean_tx_irq", "ixgbe_clean_tx_irq"),
    KFREE_SKB("kfree_skb", "kfree_skb_reason"),
    CONSUME_SKB("consume_skb", "consume_skb"),
    NAPI_CONSUME_SKB("dev_kfree_skb_any", "napi_consume_skb"),
    SKB_RELEASE_DATA("skb_release_data", "skb_release_data"),
    ZEROCOPY_CALLBACK("vhost_zerocopy_callback", "vhost_zerocopy_callback"),
    ZEROCOPY_SIGNAL_USED("vhost_zerocopy_signal_used", "vhost_zerocopy_signal_used"),
    ADD_USED_AND_SIGNAL("vhost_add_used_and_signal", null),
    ADD_USED_AND_SIGNAL_N(null, "vhost_add_used_and_signal_n"),
    ADD_USED("vhost_add_used", null),
    ADD_USED_N(null, "vhost_add_used_n");

    private static final Tracepoint[] ALL = values();

    private final String name31;
    private final String name61;

    Tracepoint(String name31, String name61) {
        this.name31 = name31;
        this.name61 = name61;
    }

    /** The function's name in the kernel that {@code names} speaks of, or null if it has none there. */
    public String name(Names names) {
        return names == Names.KERNEL_3_1 ? name31 : name61;
    }

    static Tracepoint of(int ordinal) {
        return ALL[ordinal];
    }

    /** Whose function names a trace uses. */
    public enum Names { KERNEL_3_1, KERNEL_6_1 }
}
