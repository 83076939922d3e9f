package softnic.cli;

import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarStyle;

/** How far long work has come, on standard error if that is a terminal; and one line if it is interrupted. */
final class Progress implements AutoCloseable {

    private final ProgressBar bar;
    private final String what;
    private final long steps;
    private final Thread onInterrupt = new Thread(this::interrupted, "softnic-interrupted");
    private volatile long done;

    Progress(String what, long steps) {
        this.what = what;
        this.steps = steps;
        bar = isTerminal()
                ? new ProgressBarBuilder().setTaskName(what).setInitialMax(steps)
                        .setStyle(ProgressBarStyle.ASCII).clearDisplayOnFinish().build()
                : null;
        Runtime.getRuntime().addShutdownHook(onInterrupt);
    }

    /** Somebody watches. */
    static boolean isTerminal() {
        return System.console() != null && System.console().isTerminal();
    }

    /** What is being done now. */
    void now(String item) {
        if (bar != null) {
            bar.setExtraMessage(item);
        }
    }

    void step() {
        done++;
        if (bar != null) {
            bar.step();
        }
    }

    private void interrupted() {
        System.err.println("softnic: interrupted: " + what + " had done " + done + " of " + steps
                + "; nothing was printed");
    }

    @Override
    public void close() {
        if (bar != null) {
            bar.close();
        }
        try {
            Runtime.getRuntime().removeShutdownHook(onInterrupt);
        } catch (IllegalStateException e) {
            return;             // going down already: the hook is running, and speaks
        }
    }
}
