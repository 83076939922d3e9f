package softnic.host;

import softnic.sched.VirtualTimeRunner;

/** What is done to a house while it runs, from outside and between two steps of the virtual world. */
interface Script {

    /** How often {@link #step} comes, in nanoseconds. */
    long stepNs();

    /** What the house is built of. */
    default HouseOptions options() {
        return HouseOptions.DEFAULT;
    }

    /** Before netperf begins. */
    void begin(House house, VirtualTimeRunner runner);

    /** Time has come to a multiple of {@link #stepNs}. */
    void step(long nowNs);

    /** netperf has stopped and nothing moves any more: whatever the script still holds must go back. */
    void quiet();
}
