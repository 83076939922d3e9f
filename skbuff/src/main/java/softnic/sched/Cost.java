package softnic.sched;

/**
 * What work costs time, by the name under which the price table lists it. A price is per unit; the
 * unit is given here, the price, its range, source and payer only in the price file.
 */
public enum Cost {
    /** Nothing: a processor without wake-up cost. */
    NONE,

    // guest vCPU
    /** One send(): system call, socket lock, bookkeeping. Unit: call. */
    GUEST_SEND_CALL,
    /** User to kernel copy and page allocation. Unit: byte. */
    GUEST_COPY,
    /** The share of a guest copy that misses the last-level cache. Unit: byte. */
    GUEST_COPY_COLD,
    /** tcp_transmit_skb, ip, qdisc, start_xmit, add_buf. Unit: packet. */
    GUEST_XMIT,
    /** free_old_xmit_skbs. Unit: packet. */
    GUEST_FREE,
    /** PIO exit and ioeventfd. Unit: notify. */
    VM_EXIT_KICK,
    /** What a kick costs more when the worker slept: try_to_wake_up, IPI. Unit: wake-up. */
    KICK_WAKE,
    /** Exit, injection, EOI and handler of a device interrupt. Unit: interrupt. */
    GUEST_IRQ,
    /** One received segment: virtio rx, IP, tcp_ack. Unit: packet. */
    GUEST_ACK,
    /** Waking a blocked guest process. Unit: wake-up. */
    GUEST_PROCESS_WAKE,
    /** HLT exit, schedule out and in, entry. Unit: idle period. */
    VCPU_HLT,
    /** From an injected interrupt to the first instruction of a halted vCPU. Unit: wake-up. */
    VCPU_HLT_LATENCY,

    // vhost worker
    /** Context switch and mm switch. Unit: sleep. */
    VHOST_WAKE,
    /** From the wake-up to the worker's first instruction. Unit: wake-up. */
    VHOST_WAKE_LATENCY,
    /** One handle_tx or handle_rx call: lock, disable notify. Unit: call. */
    VHOST_RUN,
    /** Enable notifications, fence, look again. Unit: enable. */
    VHOST_ENABLE_NOTIFY,
    /** Descriptor walk, skb, macvlan, qdisc, ixgbe xmit. Unit: packet. */
    VHOST_TX,
    /** Copy from the guest and page allocation. Unit: byte. */
    VHOST_COPY,
    /** The share of a host copy that misses the last-level cache. Unit: byte. */
    VHOST_COPY_COLD,
    /** ubuf bookkeeping. Unit: zero-copy packet. */
    VHOST_ZC,
    /** get_user_pages_fast and put_page. Unit: page. */
    PIN_PAGE,
    /** add_used and its barriers. Unit: used entry. */
    USED_ENTRY,
    /** eventfd and irqfd. Unit: guest signal. */
    SIGNAL,
    /** handle_rx of one packet with its copy. Unit: packet. */
    VHOST_RX,

    // host softirq
    /** Hard interrupt and NAPI entry. Unit: interrupt. */
    NIC_IRQ,
    /** ixgbe_clean_tx_irq of one packet. Unit: packet. */
    NIC_TX_CLEAN,
    /** dma_unmap and put_page of one fragment. Unit: page. */
    NIC_TX_CLEAN_PAGE,
    /** One received frame up to the tap's queue. Unit: frame. */
    NIC_RX,
    /** Software segmentation, checksum or linearization in the stack. Unit: byte. */
    SOFT_COPY,

    // NIC and link: nobody's CPU
    /** A posted write crosses PCIe: doorbell to device. Unit: write. */
    PCIE_DOORBELL,
    /** A read of descriptors or data: latency of one request. Unit: request. */
    PCIE_READ,
    /** Data over PCIe. Unit: byte. */
    PCIE_BYTE,
    /** A posted write of the device reaches memory: write-back, RX frame, interrupt. Unit: write. */
    PCIE_WRITE,
    /** One byte on the wire at the usable link rate. Unit: byte, preamble, gap and FCS included. */
    WIRE_BYTE,
    /** Propagation, PHYs and switch. Unit: frame. */
    WIRE_DELAY,

    // far end
    /** Its stack, for one GRO packet. Unit: packet. */
    FAR_RX;

    /** The number of costs; {@link #ordinal()} indexes the table. */
    public static final int COUNT = values().length;
}
