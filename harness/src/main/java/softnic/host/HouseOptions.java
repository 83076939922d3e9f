package softnic.host;

import java.util.List;
import softnic.mm.FaultInjection;

/**
 * What a house is built of beside its {@link Scenario}: sizes, and what goes wrong in it.
 *
 * @param ringSize descriptors of each of the guest's rings, a power of two from 32 to 2048
 * @param nicRing descriptors of each of the adapter's rings, a power of two from 64 to 4096
 * @param hostSndbuf sk_sndbuf of the tap in bytes, 0: as the prices say
 * @param guestSndbuf bytes that netperf may have unacknowledged, 0: as the prices say
 * @param smaller by what the host kernel's memory is divided
 * @param faults steps of the host's kernel that fail, or null; virtual world only
 * @param interrupts interrupts that do not come as they should, or null; virtual world only
 * @param callbackIrq interrupts amid the zero-copy callback, or null; virtual world only
 * @param orders what the VMM does meanwhile, by time; virtual world only
 * @param lossy packets may get lost by no mistake: gaps in the stream are counted, not reported
 */
public record HouseOptions(int ringSize, int nicRing, int hostSndbuf, int guestSndbuf, int smaller,
        FaultInjection faults, InterruptFaults.Plan interrupts, CallbackIrq callbackIrq,
        List<Vmm.Order> orders, boolean lossy) {

    /** Each {@code every}-th callback is interrupted, for {@code ns}. */
    public record CallbackIrq(int every, long ns) {
    }

    /** Everything as on the benchmark's machines; nothing goes wrong. */
    public static final HouseOptions DEFAULT = new HouseOptions(256, 512, 0, 0, 1, null, null, null,
            List.of(), false);

    public HouseOptions withNicRing(int descriptors) {
        return new HouseOptions(ringSize, descriptors, hostSndbuf, guestSndbuf, smaller, faults, interrupts, callbackIrq,
                orders, lossy);
    }
}
