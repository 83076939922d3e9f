package softnic.report;

/**
 * What one row of the table says.
 *
 * @param bwMbps payload received, Mb/s
 * @param qemuKvmCpuPct CPU of the guest's threads, percent of one CPU
 * @param vhostNetCpuPct CPU of the vhost thread, percent of one CPU
 * @param perftopIrqPerS perf's samples a second: 1000 for each busy CPU, not device interrupts
 * @param ioExitsPerS VM exits for guest kicks a second, or null where nobody measured them
 */
public record Columns(double bwMbps, double qemuKvmCpuPct, double vhostNetCpuPct, double perftopIrqPerS,
        Double ioExitsPerS) {
}
