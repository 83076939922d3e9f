package softnic.host;

import softnic.Edition;
import softnic.guest.GuestOptions;

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
 */
public record Scenario(Edition edition, World world, int messageBytes, boolean zerocopy, boolean indirect,
        long durationNs, long seed, boolean monitored, int pendingStart) {

    /** Whose clock and threads. */
    public enum World { VIRTUAL, LIVE }

    /** One virtual second of 4 KiB messages, zero-copy, as the cover letter's kernel had it. */
    public static final Scenario DEFAULT =
            new Scenario(Edition.V8, World.VIRTUAL, 4096, true, true, 1_000_000_000L, 1, false, 0);

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
        return new Scenario(other, world, messageBytes, zerocopy, indirect, durationNs, seed, monitored, pendingStart);
    }

    public Scenario withWorld(World other) {
        return new Scenario(edition, other, messageBytes, zerocopy, indirect, durationNs, seed, monitored, pendingStart);
    }

    public Scenario withMessageBytes(int bytes) {
        return new Scenario(edition, world, bytes, zerocopy, indirect, durationNs, seed, monitored, pendingStart);
    }

    public Scenario withZerocopy(boolean on) {
        return new Scenario(edition, world, messageBytes, on, indirect, durationNs, seed, monitored, pendingStart);
    }

    public Scenario withIndirect(boolean on) {
        return new Scenario(edition, world, messageBytes, zerocopy, on, durationNs, seed, monitored, pendingStart);
    }

    public Scenario withDurationNs(long ns) {
        return new Scenario(edition, world, messageBytes, zerocopy, indirect, ns, seed, monitored, pendingStart);
    }

    public Scenario withSeed(long other) {
        return new Scenario(edition, world, messageBytes, zerocopy, indirect, durationNs, other, monitored, pendingStart);
    }

    public Scenario withMonitored(boolean on) {
        return new Scenario(edition, world, messageBytes, zerocopy, indirect, durationNs, seed, on, pendingStart);
    }

    public Scenario withPendingStart(int index) {
        return new Scenario(edition, world, messageBytes, zerocopy, indirect, durationNs, seed, monitored, index);
    }
}
