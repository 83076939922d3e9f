package softnic.host;

import softnic.model.PriceFile;

/**
 * The tests that the cover letter names, each a run of netperf during which something is done to the host, and a list
 * of what must be observed. Virtual world, monitors on.
 */
public enum LetterTest {

    TCPDUMP_SUSPENDED("tcpdump-suspended", "a packet socket on the lower device, its reader frozen, then thawed",
            (scenario, prices) -> new TcpdumpSuspended(scenario).run(prices)),
    DYNAMIC_SG("dynamic-sg", "scatter/gather and TSO of the lower device switched off and on while netperf sends",
            (scenario, prices) -> new DynamicSg(scenario).run(prices)),
    TX_OVERRUN("tx-overrun", "messages of 256 B to 2 KiB, TCP_NODELAY: copied, and zero-copy with and without a threshold",
            (scenario, prices) -> new TxOverrun(scenario).run(prices)),
    STRESS("stress", "many streams with messages of four sizes over one queue pair",
            (scenario, prices) -> new Stress(scenario).run(prices));

    /** Shorter than this, a part of a test would be a few packets. */
    public static final long MIN_DURATION_NS = 20_000_000;
    /** Longer than this, a sequence number would come round while the reader is frozen. */
    public static final long MAX_DURATION_NS = 10_000_000_000L;

    /** How a test runs. */
    private interface Body {
        LetterResult run(Scenario scenario, PriceFile prices);
    }

    private final String spelling;
    private final String what;
    private final Body body;

    LetterTest(String spelling, String what, Body body) {
        this.spelling = spelling;
        this.what = what;
        this.body = body;
    }

    /** What happens in it, for a help text. */
    public String what() {
        return what;
    }

    /**
     * Runs it.
     *
     * @param scenario its edition, size, seed and duration; the world is the virtual one and monitors are on
     */
    public LetterResult run(Scenario scenario, PriceFile prices) {
        if (scenario.durationNs() < MIN_DURATION_NS || scenario.durationNs() > MAX_DURATION_NS) {
            throw new IllegalArgumentException(spelling + " takes a duration of " + MIN_DURATION_NS / 1_000_000 + "ms to "
                    + MAX_DURATION_NS / 1_000_000_000 + "s, got " + scenario.durationNs() + "ns");
        }
        return body.run(scenario.withWorld(Scenario.World.VIRTUAL).withMonitored(true), prices);
    }

    /** As the command line spells it. */
    @Override
    public String toString() {
        return spelling;
    }
}
