package softnic.guest;

import softnic.wire.TcpFlow;

/**
 * How the guest is set up.
 *
 * @param messageBytes bytes of each send() of netperf ({@code -m})
 * @param sndbufBytes bytes that may be written and not yet acknowledged ({@code sk_sndbuf})
 * @param indirect {@code VIRTIO_RING_F_INDIRECT_DESC} is negotiated
 * @param ringSize descriptors of each virtqueue, a power of two
 * @param vnetHdrLen bytes of virtio_net_hdr: 10, or 12 with num_buffers
 * @param poison a returned transmit buffer is overwritten at once, so that a late read shows at the receiver
 * @param flow the one connection
 * @param eventIdx {@code VIRTIO_RING_F_EVENT_IDX} is negotiated, if the edition has it
 */
public record GuestOptions(int messageBytes, int sndbufBytes, boolean indirect, int ringSize, int vnetHdrLen,
        boolean poison, TcpFlow flow, boolean eventIdx) {

    /** Longest message that netperf writes at once, in bytes. */
    public static final int MAX_MESSAGE = 1 << 20;

    /** 4 KiB messages, 1 MiB send buffer, indirect descriptors, rings of 256, 10-byte header, poison on. */
    public static final GuestOptions DEFAULT =
            new GuestOptions(4096, 1 << 20, true, 256, 10, true, TcpFlow.DEFAULT, true);

    public GuestOptions {
        if (messageBytes < 1 || messageBytes > MAX_MESSAGE) {
            throw new IllegalArgumentException("guest: message must be 1.." + MAX_MESSAGE
                    + " bytes, got " + messageBytes);
        }
        if (sndbufBytes < 1 << 16 || sndbufBytes > 16 << 20) {
            throw new IllegalArgumentException(
                    "guest: send buffer must be 65536..16777216 bytes, got " + sndbufBytes);
        }
        if (Integer.bitCount(ringSize) != 1 || ringSize < 32 || ringSize > 1024) {
            throw new IllegalArgumentException(
                    "guest: ring size must be a power of two from 32 to 1024, got " + ringSize);
        }
        if (vnetHdrLen != 10 && vnetHdrLen != 12) {
            throw new IllegalArgumentException(
                    "guest: virtio_net_hdr has 10 or 12 bytes, got " + vnetHdrLen);
        }
    }

    public GuestOptions withMessageBytes(int bytes) {
        return new GuestOptions(bytes, sndbufBytes, indirect, ringSize, vnetHdrLen, poison, flow, eventIdx);
    }

    public GuestOptions withSndbufBytes(int bytes) {
        return new GuestOptions(messageBytes, bytes, indirect, ringSize, vnetHdrLen, poison, flow, eventIdx);
    }

    public GuestOptions withIndirect(boolean on) {
        return new GuestOptions(messageBytes, sndbufBytes, on, ringSize, vnetHdrLen, poison, flow, eventIdx);
    }

    public GuestOptions withRingSize(int descriptors) {
        return new GuestOptions(messageBytes, sndbufBytes, indirect, descriptors, vnetHdrLen, poison, flow, eventIdx);
    }

    public GuestOptions withVnetHdrLen(int bytes) {
        return new GuestOptions(messageBytes, sndbufBytes, indirect, ringSize, bytes, poison, flow, eventIdx);
    }

    public GuestOptions withPoison(boolean on) {
        return new GuestOptions(messageBytes, sndbufBytes, indirect, ringSize, vnetHdrLen, on, flow, eventIdx);
    }

    public GuestOptions withFlow(TcpFlow other) {
        return new GuestOptions(messageBytes, sndbufBytes, indirect, ringSize, vnetHdrLen, poison, other, eventIdx);
    }

    public GuestOptions withEventIdx(boolean on) {
        return new GuestOptions(messageBytes, sndbufBytes, indirect, ringSize, vnetHdrLen, poison, flow, on);
    }
}
