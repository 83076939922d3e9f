package softnic.wire;

/** What the far end counts. */
public enum RemoteHostCounter {
    /** Frames taken from the link. */
    FRAMES,
    /** Payload bytes that were as they should be, at their place in the stream. */
    BYTES_VERIFIED,
    /** Packets that GRO gave to the stack. */
    GRO_PACKETS,
    /** Polls: interrupts after moderation. */
    POLLS,
    ACKS_SENT,
    /** Acknowledgements sent by the delayed ACK timer. */
    DELAYED_ACKS,
    /** Acknowledgements that found the link's memory full and went out later. */
    ACKS_HELD,
    /** Not for this host, or not from the guest. */
    BAD_MAC,
    /** Neither IPv4 nor TCP of this connection. */
    BAD_PROTOCOL,
    /** Lengths of frame, IP and TCP do not fit each other. */
    BAD_LENGTH,
    BAD_IP_CHECKSUM,
    /** A frame that follows in the stream does not follow in its IP id. */
    BAD_IP_ID,
    BAD_TCP_CHECKSUM,
    /** The echoed timestamp was never sent. */
    BAD_TIMESTAMP,
    /** A gap: bytes before this segment never came. */
    BAD_SEQUENCE_LOST,
    /** Bytes that had come before. */
    BAD_SEQUENCE_REPEATED,
    /** Payload is not the stream's: overwritten before it was read. */
    BAD_PAYLOAD,
    /** Payload outside a connection. */
    BAD_STATE
}
