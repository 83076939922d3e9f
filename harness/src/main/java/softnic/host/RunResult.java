package softnic.host;

import java.util.List;
import java.util.Map;

/**
 * What one run gave.
 *
 * @param elapsedNs time on the world's clock while netperf sent
 * @param bytesVerified payload bytes the far end received and found right in that time
 * @param packets packets that the guest put into its TX ring in that time
 * @param ioExits kicks of the guest in that time
 * @param guestBusyNs CPU time of the vCPU threads in that time
 * @param vhostBusyNs CPU time of the vhost worker in that time
 * @param softirqBusyNs CPU time of the host's softirq in that time
 * @param simulationCpuNs CPU time of the simulating thread, 0 in the live world
 * @param simulationBytes heap bytes that thread allocated while netperf sent, 0 in the live world
 * @param fingerprint hash over all trace events, 0 in the live world
 * @param accounts busy time by processor and cost in nanoseconds, empty in the live world
 * @param counters every counter of every room, by room
 * @param conservation what came in must have gone out
 * @param violations what monitors reported, at most the first few
 */
public record RunResult(Scenario scenario, long elapsedNs, long bytesVerified, long packets, long ioExits,
        long guestBusyNs, long vhostBusyNs, long softirqBusyNs, long simulationCpuNs, long simulationBytes,
        long fingerprint, Map<String, Map<String, Long>> accounts, Map<String, Map<String, Long>> counters,
        List<Balance> conservation, List<String> violations) {

    /** Two numbers that must be equal at rest. */
    public record Balance(String what, long expected, long actual) {
        public boolean holds() {
            return expected == actual;
        }
    }

    /** True if nothing was lost, leaked or broken. */
    public boolean isSound() {
        return violations.isEmpty() && conservation.stream().allMatch(Balance::holds);
    }
}
