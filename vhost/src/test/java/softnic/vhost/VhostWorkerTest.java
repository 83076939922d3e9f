package softnic.vhost;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import softnic.net.Sock;
import softnic.sched.Cost;
import softnic.sched.CostTable;
import softnic.sched.LiveRunner;
import softnic.sched.VirtualTimeRunner;
import softnic.sched.WaitQueue;
import softnic.trace.Trace;
import softnic.trace.Tracepoint;

/** One thread, one list, every work on it at most once. */
class VhostWorkerTest {

    private final StepCpu cpu = new StepCpu();
    private final VhostWorker worker = new VhostWorker(cpu, Trace.off(), new WaitQueue());
    private final List<String> story = new ArrayList<>();

    private VhostWork work(String name, int steps) {
        int[] left = {steps};
        return new VhostWork(name, () -> {
            story.add(name);
            if (--left[0] > 0) {
                return true;
            }
            left[0] = steps;
            return false;
        });
    }

    private void runAll() {
        while (worker.doWork() > 0) {
            // until it sleeps
        }
    }

    @Test
    void worksRunFirstComeFirstServedAndEachToItsEnd() {
        VhostWork a = work("a", 2);
        VhostWork b = work("b", 1);
        worker.queue(a);
        worker.queue(b);
        worker.queue(a);                    // it is on the list already
        assertThat(worker.isIdle()).isFalse();
        runAll();
        assertThat(story).containsExactly("a", "a", "b");
        assertThat(worker.isIdle()).isTrue();
        assertThat(a).hasToString("a");
    }

    @Test
    void aWorkQueuedWhileItRunsRunsAgain() {
        VhostWork[] a = new VhostWork[1];
        int[] runs = {0};
        a[0] = new VhostWork("a", () -> {
            if (++runs[0] < 4) {
                worker.queue(a[0]);
                worker.queue(a[0]);
            }
            return false;
        });
        worker.queue(a[0]);
        runAll();
        assertThat(runs[0]).isEqualTo(4);
    }

    @Test
    void theListGoesRoundAndRound() {
        VhostWork[] works = {work("0", 1), work("1", 1), work("2", 1), work("3", 1)};
        for (int i = 0; i < 1000; i++) {
            worker.queue(works[i % 4]);
            worker.queue(works[(i + 1) % 4]);
            runAll();
        }
        assertThat(story).hasSize(2000);
    }

    @Test
    void onlyWhoWakesASleepingWorkerPaysForIt() {
        VhostWork a = work("a", 1);
        VhostWork b = work("b", 1);
        worker.queue(a);
        assertThat(cpu.charged).doesNotContainKey(Cost.KICK_WAKE);
        runAll();
        worker.queue(a);
        worker.queue(b);
        assertThat(cpu.charged.get(Cost.KICK_WAKE)).isEqualTo(1);
        runAll();
    }

    @Test
    void theMutexesAreFreeBetweenWorksAndForTheWorkThatAsks() {
        VhostWork a = work("a", 2);
        VhostWork b = work("b", 1);
        assertThat(worker.isBetweenWorks(b)).isTrue();
        worker.queue(a);
        assertThat(worker.isBetweenWorks(b)).as("on the list, not begun").isTrue();
        worker.doWork();
        assertThat(worker.isBetweenWorks(b)).isFalse();
        assertThat(worker.isBetweenWorks(a)).isTrue();
        worker.doWork();
        assertThat(worker.isBetweenWorks(b)).isTrue();
    }

    @Test
    void whatWasBegunIsFinishedAndNothingElse() {
        worker.queue(work("a", 3));
        worker.queue(work("b", 1));
        worker.finish();
        assertThat(story).as("nothing was begun").isEmpty();
        worker.doWork();
        worker.finish();
        assertThat(story).containsExactly("a", "a", "a");
        assertThat(worker.isIdle()).isFalse();
        runAll();
        assertThat(story).endsWith("b");
        assertThat(worker.roleName()).isEqualTo("vhost-worker");
    }

    @Test
    void aSleepingWorkerIsWokenByWhatIsQueued() {
        VirtualTimeRunner world = new VirtualTimeRunner(CostTable.free());
        WaitQueue wait = new WaitQueue();
        Trace trace = new Trace(Trace.Level.RECORD, world, Tracepoint.Names.KERNEL_6_1, 10);
        VhostWorker agent = new VhostWorker(world, trace, wait);
        world.add(world.addProcessor("vhost", "vhost", Cost.NONE, Cost.NONE), agent, wait);
        world.runUntilQuiet(1000);
        trace.context(Trace.Context.SOFTIRQ);
        agent.queue(new VhostWork("a", () -> {
            trace.enter(Tracepoint.HANDLE_TX);
            return false;
        }));
        world.runUntilQuiet(1000);
        List<Trace.Context> contexts = new ArrayList<>();
        trace.forEach((time, context, point, entry) -> contexts.add(context));
        assertThat(contexts).containsExactly(Trace.Context.WORKER);
    }

    @Test
    void everyRuleSaysWhatTheGuestDidWrong() {
        for (VqRule rule : VqRule.values()) {
            assertThat(rule.text()).as(rule.name()).isNotBlank();
        }
    }

    /** Four threads queue four works; every queueing is followed by a run. */
    @Test
    void nothingQueuedByManyThreadsIsForgotten() throws InterruptedException {
        LiveRunner world = new LiveRunner();
        WaitQueue wait = new WaitQueue();
        VhostWorker live = new VhostWorker(world, Trace.off(), wait);
        world.add(world.addProcessor("vhost", "vhost", Cost.NONE, Cost.NONE), live, wait);
        int rounds = 5000;
        AtomicInteger[] asked = new AtomicInteger[4];
        AtomicInteger[] seen = new AtomicInteger[4];
        Thread[] threads = new Thread[4];
        for (int t = 0; t < 4; t++) {
            AtomicInteger wanted = asked[t] = new AtomicInteger();
            AtomicInteger served = seen[t] = new AtomicInteger();
            VhostWork work = new VhostWork("work " + t, () -> {
                served.set(wanted.get());
                return false;
            });
            threads[t] = new Thread(() -> {
                for (int i = 0; i < rounds; i++) {
                    wanted.incrementAndGet();
                    live.queue(work);
                    if (i % 100 == 0) {
                        Thread.yield();
                    }
                }
            });
        }
        world.start();
        for (Thread thread : threads) {
            thread.start();
        }
        for (Thread thread : threads) {
            thread.join();
        }
        long until = System.nanoTime() + 10_000_000_000L;
        while (!allServed(seen, rounds) && System.nanoTime() < until) {
            Thread.yield();
        }
        world.stop();
        assertThat(allServed(seen, rounds)).isTrue();
    }

    private static boolean allServed(AtomicInteger[] seen, int rounds) {
        for (AtomicInteger s : seen) {
            if (s.get() != rounds) {
                return false;
            }
        }
        return true;
    }

    // ---- waiting for room

    @Test
    void aPollThatFindsRoomQueuesAtOnceAndOneThatDoesNotWaits() {
        FakeSock sock = new FakeSock(1000, true);
        int[] queued = {0};
        TxPoll poll = new TxPoll(() -> queued[0]++);
        poll.start(sock);
        assertThat(queued[0]).isEqualTo(1);
        poll.stop();
        poll.stop();
        sock.charge(600);
        poll.start(sock);
        assertThat(queued[0]).isEqualTo(1);
    }

    /** The room came between the look and the asking: waiting already, it must ask again or sleep for ever. */
    @Test
    void aPollThatWaitsAlreadyLooksAgain() {
        Sock sock = new FakeSock(1000, true);
        int[] queued = {0};
        TxPoll poll = new TxPoll(() -> queued[0]++);
        sock.charge(800);
        poll.start(sock);
        sock.charge(-800);                  // as if the last skb had died before anybody asked
        assertThat(queued[0]).isZero();
        poll.start(sock);
        assertThat(queued[0]).isEqualTo(1);
    }

    @Test
    void theThresholdsAreFullThreeQuartersAndHalf() {
        FakeSock sock = new FakeSock(1000, true);
        int[] queued = {0};
        TxPoll poll = new TxPoll(() -> queued[0]++);
        sock.charge(749);
        assertThat(poll.startIfNearlyFull(sock)).isFalse();
        sock.charge(1);
        assertThat(poll.startIfNearlyFull(sock)).isTrue();
        sock.charge(249);
        assertThat(poll.stopIfFull(sock)).isFalse();
        sock.charge(1);
        assertThat(poll.stopIfFull(sock)).isTrue();
        sock.charge(-300);
        assertThat(poll.stopIfFull(sock)).isFalse();        // more than half: goes on waiting
        DeadSkb.uncharge(sock, 201);
        assertThat(queued[0]).isEqualTo(1);
        sock.charge(301);
        poll.start(sock);
        sock.charge(-301);
        assertThat(poll.stopIfFull(sock)).isFalse();        // less than half: waits no more
        DeadSkb.uncharge(sock, 1);
        assertThat(queued[0]).isEqualTo(1);
    }
}
