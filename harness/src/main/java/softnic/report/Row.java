package softnic.report;

import java.util.Optional;
import softnic.host.RunResult;

/**
 * One row of the table: ours beside the published one.
 *
 * @param published empty for sizes the letter has not
 */
public record Row(int messageBytes, boolean zerocopy, Columns ours, Optional<Columns> published) {

    private static final double NS_PER_S = 1e9;
    private static final double PERF_SAMPLES_PER_S = 1000;

    /** The columns of a run. */
    public static Row of(RunResult run) {
        double seconds = run.elapsedNs() / NS_PER_S;
        double qemu = run.guestBusyNs() / (double) run.elapsedNs();
        double vhost = run.vhostBusyNs() / (double) run.elapsedNs();
        double softirq = run.softirqBusyNs() / (double) run.elapsedNs();
        Columns ours = new Columns(run.bytesVerified() * 8 / seconds / 1e6, 100 * qemu, 100 * vhost,
                PERF_SAMPLES_PER_S * (qemu + vhost + softirq), run.ioExits() / seconds);
        int size = run.scenario().messageBytes();
        boolean zerocopy = run.scenario().zerocopy();
        return new Row(size, zerocopy, ours, Published.columns(size, zerocopy));
    }

    /** As the letter writes it: {@code 4K}, {@code 4K(Orig)}. */
    public String message() {
        String size = messageBytes >= 1024 && messageBytes % 1024 == 0
                ? messageBytes / 1024 + "K" : Integer.toString(messageBytes);
        return zerocopy ? size : size + "(Orig)";
    }
}
