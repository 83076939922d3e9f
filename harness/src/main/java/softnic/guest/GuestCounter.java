package softnic.guest;

/** What the guest counts. */
public enum GuestCounter {
    /** Messages that netperf has written whole. */
    SEND_CALLS,
    /** Stream bytes written into the socket. */
    BYTES_WRITTEN,
    /** Times send() slept because the send buffer was full. */
    SEND_BLOCKED,
    /** Stream bytes acknowledged. */
    BYTES_ACKED,
    /** Packets put into the TX ring, handshake included. */
    PACKETS_POSTED,
    /** Stream bytes put into the TX ring. */
    BYTES_POSTED,
    /** Packets with GSO among those posted. */
    GSO_PACKETS,
    /** TX buffers that came back in the used ring. */
    HEADS_USED,
    /** Notifications of the TX queue: {@code io_exits}. */
    TX_KICKS,
    /** Notifications of the RX queue: {@code io_exits}. */
    RX_KICKS,
    TX_INTERRUPTS,
    RX_INTERRUPTS,
    /** {@code netif_stop_queue}. */
    TX_QUEUE_STOPS,
    /** {@code netif_wake_queue} of a stopped queue, by interrupt. */
    TX_QUEUE_WAKES,
    /** Stopped, but buffers had come back meanwhile: started again at once. */
    TX_QUEUE_RESTARTS,
    /** The ring was over-filled: "overruns" in ifconfig. */
    TX_FIFO_ERRORS,
    TX_DROPPED,
    /** Packets that waited in the qdisc. */
    QDISC_QUEUED,
    /** tcp_write_xmit stopped because qdisc or packet memory was full. */
    XMIT_STALLED,
    /** {@code tcp_tso_should_defer} said yes. */
    TSO_DEFERRED,
    /** A deferred packet was sent by its deadline. */
    TSO_DEADLINES,
    /** The Nagle test held a packet back. */
    NAGLE_HELD,
    /** The send window held a packet back. */
    WINDOW_HELD,
    RX_PACKETS,
    /** Acknowledgements that moved {@code snd_una}. */
    ACKS,
    /** Packets that found the socket owned by the process. */
    ACKS_BACKLOGGED,
    /** Received packets that are not this connection's, or damaged. */
    RX_BAD,
    /** An acknowledgement of something never sent. */
    RX_BAD_ACK
}
