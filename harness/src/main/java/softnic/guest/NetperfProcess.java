package softnic.guest;

import softnic.sched.Cost;
import softnic.sched.Cpu;
import softnic.sched.WaitQueue;
import softnic.trace.Counters;

/**
 * One netperf's TCP_STREAM in process context: {@code send()} in a loop, down through {@code tcp_sendmsg}
 * (net/ipv4/tcp.c).
 *
 * <pre>
 *   CALL --&gt; LOCK --&gt; COPY --&gt; PUSH --&gt; COPY ... --&gt; RELEASE --&gt; CALL
 *                       | no memory                     |
 *                       +--&gt; PUSH --&gt; RELEASE --&gt; SLEEP +--woken--&gt; LOCK
 * </pre>
 *
 * <p>A slice is one of: entering the call, copying up to one segment, sending one packet, working off one
 * packet of the backlog. It owns the socket from LOCK to RELEASE, charges included.
 */
final class NetperfProcess {

    private enum Step { OFF, CONNECTING, CALL, LOCK, COPY, PUSH, RELEASE, SLEEP, STOPPED }

    private static final int AGAIN = -1;            // no slice yet: take the next step

    private final Cpu cpu;
    private final GuestTcp tcp;
    private final GuestSocket socket;
    private final Counters<GuestCounter> counters;
    private final int messageBytes;
    private final WaitQueue waitQueue;

    private Step step = Step.OFF;
    private Step afterPush = Step.RELEASE;
    private boolean willSleep;
    private boolean writeSpace;
    private int nonagle;
    private boolean pushOne;
    private int left;
    private volatile boolean started;
    private volatile boolean stopping;

    /** @param waitQueue where the process sleeps */
    NetperfProcess(Cpu cpu, int messageBytes, GuestTcp tcp, GuestSocket socket, WaitQueue waitQueue,
            Counters<GuestCounter> counters) {
        this.cpu = cpu;
        this.tcp = tcp;
        this.socket = socket;
        this.waitQueue = waitQueue;
        this.counters = counters;
        this.messageBytes = messageBytes;
    }

    /** @return 1 if it did a slice of work, 0 if it sleeps or waits for the lock */
    int run() {
        int workCount = takeStep();
        while (workCount == AGAIN) {
            workCount = takeStep();
        }
        return workCount;
    }

    /** It has entered the call, or is woken in it, and holds nothing yet: another process may run. */
    boolean isEntering() {
        return step == Step.LOCK;
    }

    private int takeStep() {
        return switch (step) {
            case OFF -> connect();
            case CONNECTING -> tcp.state() == GuestTcp.State.ESTABLISHED ? wake(Step.CALL) : 0;
            case CALL -> call();
            case LOCK -> lock();
            case COPY -> copy();
            case PUSH -> push();
            case RELEASE -> release();
            case SLEEP -> writeSpace ? wake(Step.LOCK) : 0;
            case STOPPED -> 0;
        };
    }

    private int connect() {
        if (!started) {
            return 0;
        }
        step = Step.CONNECTING;
        tcp.connect();
        return 1;
    }

    private int wake(Step next) {
        writeSpace = false;
        cpu.charge(Cost.GUEST_PROCESS_WAKE, 1);
        step = next;
        return 1;
    }

    /** The system call up to the lock. */
    private int call() {
        if (stopping) {
            step = Step.STOPPED;
            return 0;
        }
        cpu.charge(Cost.GUEST_SEND_CALL, 1);
        left = messageBytes;
        step = Step.LOCK;
        return 1;
    }

    private int lock() {
        if (!socket.lockProcess()) {
            return 0;
        }
        step = Step.COPY;
        return AGAIN;
    }

    /** One turn of tcp_sendmsg's loop, and what is to be pushed after it. */
    private int copy() {
        int bytes = tcp.append(left, left == messageBytes);
        if (bytes == GuestTcp.NO_MEMORY) {
            if (left < messageBytes) {
                tcp.markPush();
                push(GuestTcp.NAGLE_PUSH, Step.RELEASE);
            } else {
                step = Step.RELEASE;
            }
            willSleep = true;
            return AGAIN;
        }
        left -= bytes;
        if (left == 0) {
            counters.bump(GuestCounter.SEND_CALLS);
            tcp.markPush();
            push(GuestTcp.NAGLE, Step.RELEASE);
        } else if (tcp.isTailFull()) {
            pushFullSegment();
        }
        return 1;
    }

    private void pushFullSegment() {
        if (tcp.isForcedPush()) {
            tcp.markPush();
            push(GuestTcp.NAGLE_PUSH, Step.COPY);
        } else if (tcp.isTailNext()) {
            push(GuestTcp.NAGLE_PUSH, Step.COPY);
            pushOne = true;
        }
    }

    private void push(int nagle, Step next) {
        nonagle = nagle;
        pushOne = false;
        afterPush = next;
        step = Step.PUSH;
    }

    /** {@code __tcp_push_pending_frames}, one packet a slice. */
    private int push() {
        boolean sent = tcp.writeXmit(nonagle, pushOne);
        if (!sent || pushOne) {
            step = afterPush;
        }
        return sent ? 1 : AGAIN;
    }

    /** {@code release_sock}: the backlog first, with what it allows to send. */
    private int release() {
        if (socket.hasBacklog()) {
            cpu.charge(Cost.GUEST_ACK, 1);
            socket.receiveBacklog(tcp);
            push(GuestTcp.NAGLE, Step.RELEASE);
            return 1;
        }
        if (socket.takePushWanted()) {
            push(GuestTcp.NAGLE, Step.RELEASE);
            return AGAIN;
        }
        socket.unlockProcess();
        if (!willSleep) {
            step = Step.CALL;
            return AGAIN;
        }
        willSleep = false;
        if (tcp.takeMemory()) {                     // the backlog has made room meanwhile
            step = Step.LOCK;
            return AGAIN;
        }
        counters.bump(GuestCounter.SEND_BLOCKED);
        step = Step.SLEEP;
        return 0;
    }

    /** netperf begins: connect, then send until told to stop. Any thread. */
    void start() {
        started = true;
        waitQueue.wakeUp();
    }

    /** No further message; what is queued drains. Any thread. */
    void stop() {
        stopping = true;
        waitQueue.wakeUp();
    }

    /** There is memory again ({@code sk_stream_write_space}). */
    void writeSpace() {
        writeSpace = true;
    }

    /** True once the last message has been written. */
    boolean isStopped() {
        return step == Step.STOPPED;
    }

    /** Where it sleeps. */
    WaitQueue waitQueue() {
        return waitQueue;
    }
}
