package softnic.sched;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

/** Real threads: a wake-up is never lost, not even between the last look and the nap. */
class LiveRunnerTest {

    private static final int ROUNDS = 20_000;

    /** Waits until its turn comes, then passes the turn on; sometimes it dawdles so that the other naps. */
    private static final class Player implements Agent {

        private final int own;
        private final int dawdleEvery;
        private final Table table;
        final WaitQueue waitQueue = new WaitQueue();
        Player other;

        Player(int own, int dawdleEvery, Table table) {
            this.own = own;
            this.dawdleEvery = dawdleEvery;
            this.table = table;
        }

        @Override
        public int doWork() {
            int turn = table.turn;
            if (turn >= ROUNDS || (turn & 1) != own) {
                return 0;
            }
            if (turn % dawdleEvery == 0) {
                long until = System.nanoTime() + 100_000;
                while (System.nanoTime() < until) {
                    Thread.onSpinWait();
                }
            }
            table.turn = turn + 1;
            other.waitQueue.wakeUp();
            if (turn + 1 == ROUNDS) {
                table.done.countDown();
            }
            return 1;
        }

        @Override
        public String roleName() {
            return "player " + own;
        }
    }

    private static final class Table {
        volatile int turn;
        final CountDownLatch done = new CountDownLatch(1);
    }

    @Test
    void twoThreadsHandATurnToAndFroAndNeitherSleepsThroughIt() throws InterruptedException {
        LiveRunner world = new LiveRunner();
        Table table = new Table();
        Player ping = new Player(0, 101, table);
        Player pong = new Player(1, 103, table);
        ping.other = pong;
        pong.other = ping;
        world.add(world.addProcessor("a", "a", Cost.NONE, Cost.NONE), ping, ping.waitQueue);
        world.add(world.addProcessor("b", "b", Cost.NONE, Cost.NONE), pong, pong.waitQueue);

        world.start();
        boolean finished = table.done.await(60, TimeUnit.SECONDS);
        world.stop();

        assertThat(finished).isTrue();
        assertThat(table.turn).isEqualTo(ROUNDS);
        assertThat(world.isRunning()).isFalse();
        assertThat(world.busyNs(0)).isPositive();
    }

    /** Woken between its last look and its nap, each time: 20,000 naps of a millisecond would take 20 s. */
    @Test
    void aWakeUpJustBeforeTheNapPreventsIt() throws InterruptedException {
        LiveRunner world = new LiveRunner();
        WaitQueue queue = new WaitQueue();
        CountDownLatch rounds = new CountDownLatch(20_000);
        world.add(world.addProcessor("a", "a", Cost.NONE, Cost.NONE), new Agent() {
            @Override
            public int doWork() {
                rounds.countDown();
                queue.wakeUp();
                return 0;
            }

            @Override
            public String roleName() {
                return "light sleeper";
            }
        }, queue);
        world.start();
        boolean inTime = rounds.await(10, TimeUnit.SECONDS);
        world.stop();
        assertThat(inTime).isTrue();
    }

    @Test
    void processorsOfOneThreadShareItInOrderOfRegistration() throws InterruptedException {
        LiveRunner world = new LiveRunner();
        CountDownLatch rounds = new CountDownLatch(3);
        StringBuilder order = new StringBuilder();
        for (String name : new String[] {"a", "b"}) {
            int processor = world.addProcessor(name, "shared", Cost.NONE, Cost.NONE);
            world.add(processor, new Agent() {
                @Override
                public int doWork() {
                    if (rounds.getCount() > 0) {
                        order.append(name);
                        rounds.countDown();
                    }
                    return 1;
                }

                @Override
                public String roleName() {
                    return name;
                }
            }, new WaitQueue());
        }
        world.start();
        assertThat(rounds.await(10, TimeUnit.SECONDS)).isTrue();
        world.stop();
        assertThat(order).hasToString("aba");
    }

    @Test
    void anAgentThatThrowsStopsTheWorldAndIsReported() throws InterruptedException {
        LiveRunner world = new LiveRunner();
        CountDownLatch thrown = new CountDownLatch(1);
        world.add(world.addProcessor("a", "a", Cost.NONE, Cost.NONE), new Agent() {
            @Override
            public int doWork() {
                thrown.countDown();
                throw new IllegalArgumentException("broken on purpose");
            }

            @Override
            public String roleName() {
                return "broken";
            }
        }, new WaitQueue());
        world.start();
        assertThat(thrown.await(10, TimeUnit.SECONDS)).isTrue();
        assertThatThrownBy(world::stop).isInstanceOf(IllegalStateException.class)
                .hasRootCauseMessage("broken on purpose");
    }

    @Test
    void chargesAreFreeAndSettlingActsAtOnce() {
        LiveRunner world = new LiveRunner();
        int[] ran = {0};
        long before = world.nowNs();
        world.charge(Cost.VHOST_TX, 1_000_000);
        world.settle(() -> ran[0]++);
        assertThat(ran[0]).isEqualTo(1);
        assertThat(world.delayNs(Cost.VHOST_WAKE_LATENCY)).isZero();
        assertThat(world.nowNs()).isGreaterThanOrEqualTo(before);
    }

    @Test
    void aThreadWithWorkNeverNapsAndOneWithoutNapsAMillisecond() throws InterruptedException {
        LiveRunner world = new LiveRunner();
        assertThat(world.cpu()).isSameAs(world);
        CountDownLatch worked = new CountDownLatch(100_000);        // 100,000 naps would take 100 s
        AtomicInteger looks = new AtomicInteger();
        world.add(world.addProcessor("busy", "busy", Cost.NONE, Cost.NONE), counting(worked::countDown, 1),
                new WaitQueue());
        world.add(world.addProcessor("idle", "idle", Cost.NONE, Cost.NONE), counting(looks::incrementAndGet, 0),
                new WaitQueue());
        world.start();
        assertThat(world.isRunning()).isTrue();
        boolean inTime = worked.await(10, TimeUnit.SECONDS);
        for (int i = 0; i < 2000 && looks.get() < 200; i++) {       // it spins and yields first
            Thread.sleep(5);
        }
        int before = looks.get();
        long startNs = System.nanoTime();
        Thread.sleep(100);
        int looked = looks.get() - before;
        long ms = (System.nanoTime() - startNs) / 1_000_000;
        world.stop();
        assertThat(inTime).isTrue();
        assertThat(looks.get()).isPositive();
        assertThat((long) looked).as("looks in %d ms", ms).isLessThan(10 * ms + 200);
    }

    /** Whoever stops the world frees its memory next: no thread may still be at work then. */
    @Test
    void anInterruptDoesNotCutStoppingShortAndIsNotSwallowed() throws InterruptedException {
        LiveRunner world = new LiveRunner();
        CountDownLatch started = new CountDownLatch(1);
        AtomicBoolean atWork = new AtomicBoolean();
        world.add(world.addProcessor("a", "a", Cost.NONE, Cost.NONE), counting(() -> {
            atWork.set(true);
            started.countDown();
            long until = System.nanoTime() + 20_000_000;
            while (System.nanoTime() < until) {
                Thread.onSpinWait();
            }
            atWork.set(false);
        }, 1), new WaitQueue());
        world.start();
        assertThat(started.await(10, TimeUnit.SECONDS)).isTrue();
        Thread.currentThread().interrupt();
        world.stop();
        assertThat(Thread.interrupted()).isTrue();
        assertThat(atWork).isFalse();
        assertThat(world.busyNs(0)).isPositive();
    }

    private static Agent counting(Runnable slice, int workCount) {
        return new Agent() {
            @Override
            public int doWork() {
                slice.run();
                return workCount;
            }

            @Override
            public String roleName() {
                return "counting";
            }
        };
    }
}
