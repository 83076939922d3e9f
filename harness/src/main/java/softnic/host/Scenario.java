package softnic.host;

import softnic.Edition;
import softnic.guest.GuestOptions;
import softnic.vhost.VhostNet;

/**
 * What one run is: a netperf TCP_STREAM from one guest through one 82599.
 *
 * @param edition which kernel
 * @param world which clock and which threads
 * @param messageBytes bytes of each send() of netperf
 * @param zerocopy {@code experimental_zcopytx}; off are the "(Orig)" rows
 * @param indirect the guest uses indirect descriptors
 * @param durationNs how long netperf sends
 * @param seed of everything that a real host would choose at random
 * @param monitored invariants are watched on line and returned buffers are poisoned
 * @param pendingStart where the pending ring's indices start: 0 in the kernel
 * @param variant how its guest differs from the table's
 */
public record Scenario(Edition edition, World world, int messageBytes, boolean zerocopy, boolean indirect,
        long durationNs, long seed, boolean monitored, int pendingStart, Variant variant) {

    /**
     * What the letter's tests and checks vary beside the table's scenario.
     *
     * @param streams netperfs, each with a connection of its own, over the one queue pair
     * @param isMixed their messages have four sizes: all, a quarter, a sixteenth and a 64th of the message size
     * @param nodelay {@code TCP_NODELAY}: a message that may go is a packet
     * @param goodcopyLen packets below it, virtio_net_hdr included, are copied: VHOST_GOODCOPY_LEN in the kernel
     * @param eventIdx VIRTIO_RING_F_EVENT_IDX is negotiated, if the edition has it
     */
    public record Variant(int streams, boolean isMixed, boolean nodelay, int goodcopyLen, boolean eventIdx) {

        /** The table's: one stream, Nagle, the kernel's threshold. */
        public static final Variant NONE = new Variant(1, false, false, VhostNet.VHOST_GOODCOPY_LEN, true);

        public Variant withEventIdx(boolean on) {
            return new Variant(streams, isMixed, nodelay, goodcopyLen, on);
        }
    }

    /** Whose clock and threads. */
    public enum World { VIRTUAL, LIVE }

    /** One virtual second of 4 KiB messages, zero-copy, as the cover letter's kernel had it. */
    public static final Scenario DEFAULT =
            new Scenario(Edition.V8, World.VIRTUAL, 4096, true, true, 1_000_000_000L, 1, false, 0, Variant.NONE);

    /** The longest send() of netperf. */
    public static final int MAX_MESSAGE_BYTES = GuestOptions.MAX_MESSAGE;
    /** A day. The virtual world counts picoseconds, of which a long holds 106 days. */
    public static final long MAX_DURATION_NS = 86_400_000_000_000L;

    public Scenario {
        if (messageBytes < 1 || messageBytes > MAX_MESSAGE_BYTES) {
            throw new IllegalArgumentException("message size must be 1.." + MAX_MESSAGE_BYTES
                    + " bytes, got " + messageBytes);
        }
        if (durationNs < 1 || durationNs > MAX_DURATION_NS) {
            throw new IllegalArgumentException("duration must be 1.." + MAX_DURATION_NS + " ns, got " + durationNs);
        }
    }

    public Scenario withEdition(Edition other) {
        return new Scenario(other, world, messageBytes, zerocopy, indirect, durationNs, seed, monitored, pendingStart,
                variant);
    }

    public Scenario withWorld(World other) {
        return new Scenario(edition, other, messageBytes, zerocopy, indirect, durationNs, seed, monitored, pendingStart,
                variant);
    }

    public Scenario withMessageBytes(int bytes) {
        return new Scenario(edition, world, bytes, zerocopy, indirect, durationNs, seed, monitored, pendingStart,
                variant);
    }

    public Scenario withZerocopy(boolean on) {
        return new Scenario(edition, world, messageBytes, on, indirect, durationNs, seed, monitored, pendingStart,
                variant);
    }

    public Scenario withIndirect(boolean on) {
        return new Scenario(edition, world, messageBytes, zerocopy, on, durationNs, seed, monitored, pendingStart,
                variant);
    }

    public Scenario withDurationNs(long ns) {
        return new Scenario(edition, world, messageBytes, zerocopy, indirect, ns, seed, monitored, pendingStart,
                variant);
    }

    public Scenario withSeed(long other) {
        return new Scenario(edition, world, messageBytes, zerocopy, indirect, durationNs, other, monitored, pendingStart,
                variant);
    }

    public Scenario withMonitored(boolean on) {
        return new Scenario(edition, world, messageBytes, zerocopy, indirect, durationNs, seed, on, pendingStart, variant);
    }

    public Scenario withPendingStart(int index) {
        return new Scenario(edition, world, messageBytes, zerocopy, indirect, durationNs, seed, monitored, index, variant);
    }

    public Scenario withVariant(Variant other) {
        return new Scenario(edition, world, messageBytes, zerocopy, indirect, durationNs, seed, monitored, pendingStart,
                other);
    }
}
