package softnic.mm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Arrays;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Every page is in the free list or held, never both, never neither. */
class PageTest {

    private final PhysMem memory = new PhysMem();
    private final PageAllocator pages = new PageAllocator(memory, 4);

    private static final class Holder extends PageHolder {
        @Override
        public String referenceName() {
            return "a test";
        }
    }

    @AfterEach
    void close() {
        pages.close();
    }

    @Test
    void aPageOfAHigherOrderIsItsFirstPageAndAllItsBytes() {
        PageAllocator compound = new PageAllocator(memory, 3, 2);
        Holder[] holders = {new Holder(), new Holder(), new Holder()};
        for (int round = 0; round < 2; round++) {
            for (Holder holder : holders) {
                assertThat(holder.alloc(compound)).isTrue();
                assertThat(PhysMem.offset(holder.page().hpa()) % (4096 << 2)).isZero();
                assertThat(memory.isMemory(holder.page().hpa(), 4096 << 2)).isTrue();
            }
            assertThat(Arrays.stream(holders).map(Holder::page).distinct()).hasSize(3);
            assertThat(compound.inUse()).isEqualTo(3);
            assertThat(new Holder().alloc(compound)).isFalse();
            Arrays.stream(holders).forEach(PageHolder::put);
            assertThat(compound.inUse()).isZero();
        }
        compound.close();
    }

    @Test
    void thePoolRunsDryAndFillsAgain() {
        Holder[] holders = {new Holder(), new Holder(), new Holder(), new Holder()};
        for (Holder holder : holders) {
            assertThat(holder.alloc(pages)).isTrue();
            assertThat(holder.page().holders()).isEqualTo(1);
            assertThat(holder.page().isGuest()).isFalse();
            assertThat(memory.page(holder.page().hpa() + 4095)).isSameAs(holder.page());
        }
        assertThat(Arrays.stream(holders).map(Holder::page).distinct()).hasSize(4);
        assertThat(new Holder().alloc(pages)).isFalse();
        assertThat(pages.inUse()).isEqualTo(4);
        for (Holder holder : holders) {
            holder.put();
        }
        assertThat(pages.inUse()).isZero();
    }

    @Test
    void pagesOfAClosedPoolCannotBeRead() {
        PageAllocator closed = new PageAllocator(memory, 1);
        Holder holder = new Holder();
        holder.alloc(closed);
        long hpa = holder.page().hpa();
        assertThat(memory.u8(hpa)).isZero();
        closed.close();
        assertThatThrownBy(() -> memory.u8(hpa)).isInstanceOf(IllegalStateException.class);
    }

    @Test
    void aPageLivesUntilItsLastHolderGivesItBack() {
        Holder first = new Holder();
        Holder second = new Holder();
        Holder third = new Holder();
        first.alloc(pages);
        Page page = first.page();
        second.hold(page);
        third.takeFrom(first);
        assertThat(first.page()).isNull();
        assertThat(page.holders()).isEqualTo(2);
        second.put();
        assertThat(pages.inUse()).isEqualTo(1);
        third.put();
        assertThat(pages.inUse()).isZero();
    }

    @Test
    void aSecondPutIsCaught() {
        Holder holder = new Holder();
        holder.alloc(pages);
        Page page = holder.page();
        page.put(holder);
        assertThatThrownBy(() -> page.put(holder)).isInstanceOf(AssertionError.class);
    }

    @Test
    void aHolderHoldsOnePage() {
        Holder holder = new Holder();
        holder.alloc(pages);
        assertThatThrownBy(() -> holder.alloc(pages)).isInstanceOf(AssertionError.class);
        assertThatThrownBy(() -> holder.hold(holder.page())).isInstanceOf(AssertionError.class);
    }

    /** Two threads give a page back at once while a third allocates it again: it is freed once. */
    @Test
    void aPageThatTwoThreadsGiveBackIsFreedOnce() throws Exception {
        int rounds = 3000;
        Holder[][] holders = {new Holder[rounds], new Holder[rounds]};
        for (Holder[] side : holders) {
            Arrays.setAll(side, i -> new Holder());
        }
        CyclicBarrier start = new CyclicBarrier(3);
        AtomicReference<Throwable> failure = new AtomicReference<>();
        AtomicInteger given = new AtomicInteger(-1);
        Thread[] threads = new Thread[2];
        for (int t = 0; t < 2; t++) {
            int side = t;
            threads[t] = new Thread(() -> {
                try {
                    start.await();
                    for (int i = 0; i < rounds; i++) {
                        while (given.get() < i) {
                            Thread.yield();
                        }
                        holders[side][i].put();
                    }
                } catch (Throwable e) {
                    failure.set(e);
                }
            });
            threads[t].start();
        }
        start.await();
        for (int i = 0; i < rounds && failure.get() == null; i++) {
            while (!holders[0][i].alloc(pages)) {
                Thread.yield();
            }
            holders[1][i].hold(holders[0][i].page());
            given.set(i);
        }
        for (Thread thread : threads) {
            thread.join();
        }
        assertThat(failure.get()).isNull();
        assertThat(pages.inUse()).isZero();
    }
}
