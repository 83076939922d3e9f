package softnic.fault;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import softnic.host.CheckedRun;
import softnic.host.HouseOptions;
import softnic.host.RunResult;
import softnic.host.RunResult.Balance;
import softnic.host.Runs;
import softnic.host.Scenario;
import softnic.model.PriceFile;

/**
 * Runs a fault's stage inside the loader that has the fault, and tells the outside what was noticed.
 *
 * <p>The two sides share the JDK's types only: a fault's name goes in, lines of text come out.
 */
public final class FaultRun implements Function<String, List<String>> {

    /** @return everything that is wrong, a line each; empty for a sound run */
    @Override
    public List<String> apply(String fault) {
        Stage stage = PlantedFault.valueOf(fault).stage();
        Scenario scenario = stage.scenario();
        List<String> wrong = new ArrayList<>();
        if (stage.checked()) {
            return CheckedRun.of(scenario, HouseOptions.DEFAULT, PriceFile.preset(PriceFile.DEFAULT)).violations();
        }
        try {
            RunResult result = Runs.run(scenario, PriceFile.preset(PriceFile.DEFAULT));
            wrong.addAll(result.violations());
            for (Balance balance : result.conservation()) {
                if (!balance.holds()) {
                    wrong.add("balance " + balance.what() + ": expected " + balance.expected() + ", got "
                            + balance.actual());
                }
            }
            if (result.bytesVerified() == 0) {
                wrong.add("nothing was verified");
            }
        } catch (RuntimeException | Error e) {
            wrong.add("thrown " + e);
        }
        return wrong;
    }
}
