package softnic.cli;

import java.io.PrintWriter;
import java.util.List;
import softnic.host.RunResult;
import softnic.host.RunResult.Balance;

/** What went wrong in a run, one line each, and the exit status. */
final class Faults {

    private Faults() {
    }

    static int report(List<RunResult> results, PrintWriter err) {
        boolean sound = true;
        for (RunResult result : results) {
            String where = result.scenario().messageBytes() + " B" + (result.scenario().zerocopy() ? "" : " (Orig)");
            for (String violation : result.violations()) {
                err.println("softnic: " + where + ": " + violation);
            }
            for (Balance balance : result.conservation()) {
                if (!balance.holds()) {
                    err.println("softnic: " + where + ": " + balance.what() + ": expected " + balance.expected()
                            + ", got " + balance.actual());
                }
            }
            sound &= result.isSound();
        }
        return sound ? Main.EX_OK : Main.EX_FAULT;
    }
}
