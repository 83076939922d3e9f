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

    @Test
    void everyEventThatWaitsCanBeLookedAtInItsPlace() {
        EventHeap heap = new EventHeap();
        heap.push(9, 0xFFFF);
        heap.push(5, 0x1234);
        heap.push(7, 0x8001);
        heap.pop();
        assertThat(heap.size()).isEqualTo(2);
        assertThat(heap.timePs(0)).isEqualTo(7);
        assertThat(heap.payload(0)).isEqualTo(0x8001);
        assertThat(heap.timePs(1)).isEqualTo(9);
        assertThat(heap.payload(1)).isEqualTo(0xFFFF);
    }

    @Test
    void anEventPutOffGoesBehindThoseOfItsNewTime() {
        EventHeap heap = new EventHeap();
        heap.push(1, 10);
        heap.push(5, 20);
        heap.push(5, 30);
        heap.push(6, 40);
        heap.postponeFirst(5);
        heap.push(5, 50);
        int[] order = new int[5];
        for (int i = 0; i < order.length; i++) {
            order[i] = heap.firstPayload();
            heap.pop();
        }
        assertThat(order).containsExactly(20, 30, 10, 50, 40);
    }
}
