package softnic.mm;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.invoke.MethodHandles;
import java.util.HashSet;
import java.util.Set;
import java.util.concurrent.atomic.AtomicIntegerArray;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;

/** A free list hands each number to one taker at a time. */
class IndexStackTest {

    @Test
    void givesTheLowestFirstAndTheLastPushedNext() {
        IndexStack stack = new IndexStack(3);
        assertThat(stack.count()).isEqualTo(3);
        assertThat(stack.pop()).isZero();
        assertThat(stack.pop()).isEqualTo(1);
        stack.push(0);
        assertThat(stack.pop()).isZero();
        assertThat(stack.pop()).isEqualTo(2);
        assertThat(stack.pop()).isEqualTo(IndexStack.EMPTY);
        assertThat(stack.count()).isZero();
        stack.push(2);
        assertThat(stack.pop()).isEqualTo(2);
    }

    /** A taker that was away must not mistake a head that came back for the one it saw (ABA). */
    @Test
    void theHeadNeverLooksTheSameTwice() throws ReflectiveOperationException {
        IndexStack stack = new IndexStack(2);
        var head = MethodHandles.privateLookupIn(IndexStack.class, MethodHandles.lookup())
                .findVarHandle(IndexStack.class, "head", long.class);
        Set<Long> seen = new HashSet<>();
        for (int i = 0; i < 1000; i++) {
            assertThat(seen.add((long) head.getVolatile(stack))).isTrue();
            int index = stack.pop();
            assertThat(seen.add((long) head.getVolatile(stack))).isTrue();
            stack.push(index);
        }
    }

    @Test
    void noTwoThreadsEverHoldTheSameNumber() throws InterruptedException {
        int size = 3;                                   // few, so that everything is popped and pushed all the time
        IndexStack stack = new IndexStack(size);
        AtomicIntegerArray owners = new AtomicIntegerArray(size);
        AtomicReference<String> failure = new AtomicReference<>();
        Thread[] threads = new Thread[4];
        for (int t = 0; t < threads.length; t++) {
            threads[t] = new Thread(() -> {
                for (int i = 0; i < 200_000; i++) {
                    int index = stack.pop();
                    if (index == IndexStack.EMPTY) {
                        continue;
                    }
                    if (owners.incrementAndGet(index) != 1) {
                        failure.set("number " + index + " has two owners");
                    }
                    owners.decrementAndGet(index);
                    stack.push(index);
                }
            });
            threads[t].start();
        }
        for (Thread thread : threads) {
            thread.join();
        }
        assertThat(failure.get()).isNull();
        assertThat(stack.count()).isEqualTo(size);
    }
}
