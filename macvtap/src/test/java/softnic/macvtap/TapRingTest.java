package softnic.macvtap;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import softnic.Edition;
import softnic.skb.SkBuff;

/** Several agents queue, one takes: in order of each, none lost, none twice, never more than the limit. */
class TapRingTest {

    private final TapBench bench = TapBench.of(Edition.V6_1);
    private final List<SkBuff> skbs = new ArrayList<>();

    @AfterEach
    void close() {
        skbs.forEach(SkBuff::kfree);
        bench.close();
    }

    private SkBuff skb(int n) {
        SkBuff skb = bench.pool.alloc(1);
        skb.recordRxQueue(n);
        skbs.add(skb);
        return skb;
    }

    @Test
    void whatIsFullTakesNoMoreUntilOneIsTaken() {
        for (int limit = 1; limit <= 9; limit++) {
            TapRing ring = new TapRing(limit);
            for (int round = 0; round < 30; round++) {
                assertThat(ring.peek()).isNull();
                assertThat(ring.poll()).isNull();
                for (int i = 0; i < limit; i++) {
                    assertThat(ring.size()).isEqualTo(i);
                    assertThat(ring.add(skb(i))).isTrue();
                }
                SkBuff over = skb(99);
                assertThat(ring.add(over)).isFalse();
                assertThat(ring.peek().rxQueue()).isZero();
                for (int i = 0; i < limit; i++) {
                    assertThat(ring.poll().rxQueue()).isEqualTo(i);
                    assertThat(ring.size()).isEqualTo(limit - i - 1);
                }
                skbs.forEach(SkBuff::kfree);
                skbs.clear();
            }
        }
    }

    @Test
    void threeAgentsQueueAndNothingIsLost() throws InterruptedException {
        int each = 20_000;
        TapRing ring = new TapRing(8);
        SkBuff[] of = {skb(0), skb(1), skb(2)};
        AtomicInteger full = new AtomicInteger();
        Thread[] agents = new Thread[of.length];
        for (int a = 0; a < agents.length; a++) {
            SkBuff own = of[a];
            agents[a] = new Thread(() -> {
                for (int i = 0; i < each; i++) {
                    while (!ring.add(own)) {
                        full.incrementAndGet();
                        Thread.yield();
                    }
                }
            });
            agents[a].start();
        }
        int[] taken = new int[of.length];
        for (int n = 0; n < of.length * each;) {
            SkBuff skb = ring.poll();
            if (skb == null) {
                Thread.yield();
                continue;
            }
            taken[skb.rxQueue()]++;
            n++;
        }
        for (Thread agent : agents) {
            agent.join();
        }
        assertThat(taken).containsOnly(each);
        assertThat(ring.poll()).isNull();
        assertThat(ring.size()).isZero();
    }
}
