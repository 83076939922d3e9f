package softnic.guest;

import softnic.wire.RemoteHostOptions;
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
 * @param flow the first connection
 * @param eventIdx {@code VIRTIO_RING_F_EVENT_IDX} is negotiated, if the edition has it
 * @param streams connections, each with a netperf of its own, from {@code flow} on
 * @param nodelay {@code TCP_NODELAY}: no small segment waits for an acknowledgement
 * @param isMixed streams write messages of different sizes: see {@link #messageBytes(int)}
 */
public record GuestOptions(int messageBytes, int sndbufBytes, boolean indirect, int ringSize, int vnetHdrLen,
        boolean poison, TcpFlow flow, boolean eventIdx, int streams, boolean nodelay, boolean isMixed) {

    /** Longest message that netperf writes at once, in bytes. */
    public static final int MAX_MESSAGE = 1 << 20;

    /** The longest ring: one step more than vhost's pending ring, of 1024, has entries for. */
    public static final int MAX_RING = 2048;

    /** 4 KiB messages, 1 MiB send buffer, indirect descriptors, rings of 256, 10-byte header, poison on. */
    public static final GuestOptions DEFAULT =
            new GuestOptions(4096, 1 << 20, true, 256, 10, true, TcpFlow.DEFAULT, true, 1, false, false);

    public GuestOptions {
        if (messageBytes < 1 || messageBytes > MAX_MESSAGE) {
            throw new IllegalArgumentException("guest: message must be 1.." + MAX_MESSAGE
                    + " bytes, got " + messageBytes);
        }
        if (sndbufBytes < 1 << 16 || sndbufBytes > 16 << 20) {
            throw new IllegalArgumentException(
                    "guest: send buffer must be 65536..16777216 bytes, got " + sndbufBytes);
        }
        if (Integer.bitCount(ringSize) != 1 || ringSize < 32 || ringSize > MAX_RING) {
            throw new IllegalArgumentException(
                    "guest: ring size must be a power of two from 32 to " + MAX_RING + ", got " + ringSize);
        }
        if (streams < 1 || streams > RemoteHostOptions.MAX_STREAMS) {
            throw new IllegalArgumentException("guest: streams must be 1.." + RemoteHostOptions.MAX_STREAMS + ", got " + streams);
        }
        if (vnetHdrLen != 10 && vnetHdrLen != 12) {
            throw new IllegalArgumentException(
                    "guest: virtio_net_hdr has 10 or 12 bytes, got " + vnetHdrLen);
        }
    }

    public GuestOptions withMessageBytes(int bytes) {
        return new GuestOptions(bytes, sndbufBytes, indirect, ringSize, vnetHdrLen, poison, flow,
                eventIdx, streams, nodelay, isMixed);
    }

    public GuestOptions withSndbufBytes(int bytes) {
        return new GuestOptions(messageBytes, bytes, indirect, ringSize, vnetHdrLen, poison, flow,
                eventIdx, streams, nodelay, isMixed);
    }

    public GuestOptions withIndirect(boolean on) {
        return new GuestOptions(messageBytes, sndbufBytes, on, ringSize, vnetHdrLen, poison, flow,
                eventIdx, streams, nodelay, isMixed);
    }

    public GuestOptions withRingSize(int descriptors) {
        return new GuestOptions(messageBytes, sndbufBytes, indirect, descriptors, vnetHdrLen, poison, flow,
                eventIdx, streams, nodelay, isMixed);
    }

    public GuestOptions withVnetHdrLen(int bytes) {
        return new GuestOptions(messageBytes, sndbufBytes, indirect, ringSize, bytes, poison, flow,
                eventIdx, streams, nodelay, isMixed);
    }

    public GuestOptions withPoison(boolean on) {
        return new GuestOptions(messageBytes, sndbufBytes, indirect, ringSize, vnetHdrLen, on, flow,
                eventIdx, streams, nodelay, isMixed);
    }

    public GuestOptions withFlow(TcpFlow other) {
        return new GuestOptions(messageBytes, sndbufBytes, indirect, ringSize, vnetHdrLen, poison, other,
                eventIdx, streams, nodelay, isMixed);
    }

    public GuestOptions withEventIdx(boolean on) {
        return new GuestOptions(messageBytes, sndbufBytes, indirect, ringSize, vnetHdrLen, poison, flow,
                on, streams, nodelay, isMixed);
    }

    public GuestOptions withStreams(int count) {
        return new GuestOptions(messageBytes, sndbufBytes, indirect, ringSize, vnetHdrLen, poison, flow,
                eventIdx, count, nodelay, isMixed);
    }

    public GuestOptions withNodelay(boolean on) {
        return new GuestOptions(messageBytes, sndbufBytes, indirect, ringSize, vnetHdrLen, poison, flow,
                eventIdx, streams, on, isMixed);
    }

    public GuestOptions withMixed(boolean on) {
        return new GuestOptions(messageBytes, sndbufBytes, indirect, ringSize, vnetHdrLen, poison, flow,
                eventIdx, streams, nodelay, on);
    }

    /** Bytes of each send() of stream {@code i}: if mixed, all, a quarter, a sixteenth, a 64th, and so on again. */
    public int messageBytes(int i) {
        return isMixed ? Math.max(1, messageBytes >> 2 * (i & 3)) : messageBytes;
    }
}
