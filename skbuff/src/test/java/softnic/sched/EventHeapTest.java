package softnic.sched;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Comparator;
import java.util.PriorityQueue;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** The heap against the queue of the JDK: same events out in the same order. */
class EventHeapTest {

    private static final long SEED = 20110706L;

    private record Event(long timePs, long sequence, int payload) {
    }

    @Test
    void handsOutEventsByTimeAndThenByInsertion() {
        Random random = new Random(SEED);
        EventHeap heap = new EventHeap();
        PriorityQueue<Event> oracle = new PriorityQueue<>(
                Comparator.comparingLong(Event::timePs).thenComparingLong(Event::sequence));
        for (int i = 0; i < 200_000; i++) {
            boolean more = random.nextInt(100) < (i / 20_000 % 2 == 0 ? 60 : 40);
            if (more || oracle.isEmpty()) {
                long at = random.nextInt(50) * 1000L;           // few times, so that ties are many
                int payload = random.nextInt(1 << 16);
                heap.push(at, payload);
                oracle.add(new Event(at, i, payload));
            } else {
                Event expected = oracle.remove();
                assertThat(heap.firstTimePs()).as("seed=%d, step %d", SEED, i).isEqualTo(expected.timePs());
                assertThat(heap.firstPayload()).as("seed=%d, step %d", SEED, i).isEqualTo(expected.payload());
                heap.pop();
            }
            assertThat(heap.isEmpty()).isEqualTo(oracle.isEmpty());
        }
    }

    @Test
    void keepsManyEventsOfOneTimeInOrder() {
        EventHeap heap = new EventHeap();
        for (int i = 0; i < 5000; i++) {
            heap.push(7, i);
        }
        for (int i = 0; i < 5000; i++) {
            assertThat(heap.firstPayload()).isEqualTo(i);
            heap.pop();
        }
        assertThat(heap.isEmpty()).isTrue();
    }
}
