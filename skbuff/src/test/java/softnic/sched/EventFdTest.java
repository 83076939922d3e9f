package softnic.sched;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;

/** What wakes: counters, queues, prices. */
class EventFdTest {

    @Test
    void aSignalAddsOneAndWakesAndReadingTakesThemAll() {
        EventFd fd = new EventFd();
        int[] woken = {0};
        fd.signal();                            // before anybody listens
        fd.onSignal(() -> woken[0]++);
        fd.signal();
        fd.signal();
        assertThat(woken[0]).isEqualTo(2);
        assertThat(fd.isSignalled()).isTrue();
        assertThat(fd.read()).isEqualTo(3);
        assertThat(fd.isSignalled()).isFalse();
        assertThat(fd.read()).isZero();
    }

    @Test
    void signalsOfManyThreadsAreAllCounted() throws InterruptedException {
        EventFd fd = new EventFd();
        Thread[] threads = new Thread[4];
        for (int i = 0; i < threads.length; i++) {
            threads[i] = new Thread(() -> {
                for (int n = 0; n < 10_000; n++) {
                    fd.signal();
                }
            });
            threads[i].start();
        }
        long read = 0;
        for (Thread thread : threads) {
            read += fd.read();
            thread.join();
        }
        assertThat(read + fd.read()).isEqualTo(40_000);
    }

    @Test
    void aWaitQueueWakesItsOneSleeperAndNobodyBeforeItCame() {
        WaitQueue queue = new WaitQueue();
        queue.wakeUp();
        int[] woken = {0};
        queue.bind(() -> woken[0]++);
        queue.wakeUp();
        assertThat(woken[0]).isEqualTo(1);
        assertThatThrownBy(() -> queue.bind(() -> { })).isInstanceOf(AssertionError.class);
    }

    @Test
    void pricesAreCopiedOnChangeAndNeverNegative() {
        CostTable free = CostTable.free();
        CostTable dear = free.with(Cost.SIGNAL, 7);
        assertThat(free.picos(Cost.SIGNAL)).isZero();
        assertThat(dear.picos(Cost.SIGNAL)).isEqualTo(7);
        assertThat(dear.with(Cost.KICK_WAKE, 1).picos(Cost.SIGNAL)).isEqualTo(7);
        assertThat(dear.with(Cost.SIGNAL, 0).picos(Cost.SIGNAL)).as("free again").isZero();
        assertThatThrownBy(() -> free.with(Cost.SIGNAL, -1)).isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void theCacheMissesMoreTheMoreIsInFlight() {
        Llc llc = new Llc(1000);
        assertThat(llc.missBytes(500)).isZero();
        llc.sent(400);
        assertThat(llc.missBytes(500)).isEqualTo(200);
        llc.copied(400);
        assertThat(llc.missBytes(500)).isEqualTo(400);
        llc.sent(4000);
        assertThat(llc.missBytes(500)).isEqualTo(500);
        llc.acknowledged(4400);
        assertThat(llc.missBytes(500)).isZero();
        Llc none = Llc.none();
        none.sent(1 << 30);
        assertThat(none.missBytes(500)).isZero();
    }
}
