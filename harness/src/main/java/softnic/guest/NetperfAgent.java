package softnic.guest;

import softnic.sched.Agent;
import softnic.sched.WaitQueue;

/**
 * Process context of the guest: the netperfs, one a stream, on one vCPU.
 *
 * <p>They take turns: who enters a call or sleeps lets the next one run. Deviation: the kernel's scheduler goes by time,
 * and a switch costs nothing here; a wake-up does.
 */
public final class NetperfAgent implements Agent {

    private final GuestVirtioNet driver;
    private final NetperfProcess[] processes;
    private final WaitQueue waitQueue;
    private int running;

    /** @param waitQueue where they all sleep */
    NetperfAgent(GuestVirtioNet driver, GuestStream[] streams, WaitQueue waitQueue) {
        this.driver = driver;
        this.waitQueue = waitQueue;
        processes = new NetperfProcess[streams.length];
        for (int i = 0; i < streams.length; i++) {
            processes[i] = streams[i].netperf;
        }
    }

    @Override
    public int doWork() {
        driver.poisonReturned();
        for (int tried = 0; tried < processes.length; tried++) {
            NetperfProcess process = processes[running];
            int workCount = process.run();
            if (workCount == 0 || process.isEntering()) {
                running = running + 1 == processes.length ? 0 : running + 1;
            }
            if (workCount > 0) {
                return workCount;
            }
        }
        return 0;
    }

    /** They begin: connect, then send until told to stop. Any thread. */
    void start() {
        for (NetperfProcess process : processes) {
            process.start();
        }
    }

    /** No further message; what is queued drains. Any thread. */
    void stop() {
        for (NetperfProcess process : processes) {
            process.stop();
        }
    }

    /** True once every last message has been written. */
    boolean isStopped() {
        for (NetperfProcess process : processes) {
            if (!process.isStopped()) {
                return false;
            }
        }
        return true;
    }

    /** Where they sleep; for the runner. */
    public WaitQueue waitQueue() {
        return waitQueue;
    }

    @Override
    public String roleName() {
        return "guest-netperf";
    }
}
