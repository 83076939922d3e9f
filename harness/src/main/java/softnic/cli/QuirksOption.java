package softnic.cli;

import picocli.CommandLine.Option;
import softnic.Edition;

/** {@code --no-quirks}, beside {@code --edition}. */
final class QuirksOption {

    @Option(names = "--no-quirks", description = "Without the bugs of that kernel (docs/EDITIONS.md lists them).")
    private boolean noQuirks;

    boolean isOff() {
        return noQuirks;
    }

    /** The edition that is meant. */
    Edition of(Edition edition) {
        return noQuirks ? edition.withoutQuirks() : edition;
    }
}
