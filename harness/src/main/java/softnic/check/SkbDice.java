package softnic.check;

import java.util.SplittableRandom;
import java.util.random.RandomGenerator;

/**
 * Chance of a {@link SkbScenario}, thrown anew for each operation: one that does less than usual, as in another edition,
 * leaves the choices of those that follow alone.
 */
final class SkbDice implements RandomGenerator {

    private final long seed;
    private SplittableRandom now;

    SkbDice(long seed) {
        this.seed = seed;
        begin(0);
    }

    void begin(int operation) {
        now = CheckScenario.random(seed, "skb operation", operation);
    }

    @Override
    public long nextLong() {
        return now.nextLong();
    }
}
