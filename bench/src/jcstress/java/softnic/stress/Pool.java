package softnic.stress;

import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Supplier;

/**
 * States for tests whose objects are too dear to be made for every sample: jcstress makes a state an iteration, so these
 * are used again in turn, each brought back to its beginning by the test's constructor.
 *
 * <p>{@link #SIZE} is more than the states that are alive at a time: {@code -strideSize 64 -strideCount 8} at most.
 */
public final class Pool<T> {

    private static final int SIZE = 1024;

    private final Object[] objects = new Object[SIZE];
    private final AtomicInteger next = new AtomicInteger();

    public Pool(Supplier<T> make) {
        for (int i = 0; i < SIZE; i++) {
            objects[i] = make.get();
        }
    }

    @SuppressWarnings("unchecked")          // what make gave
    public T take() {
        return (T) objects[next.getAndIncrement() & SIZE - 1];
    }
}
