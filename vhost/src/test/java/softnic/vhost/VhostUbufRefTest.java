package softnic.vhost;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.MethodSource;
import softnic.Edition;
import softnic.Quirk;
import softnic.trace.Violations;

/** Counted from one; who waits for none is told by the last. */
@ParameterizedClass
@MethodSource("editions")
class VhostUbufRefTest {

    private final Edition edition;
    private final Violations violations = new Violations();
    private final VhostUbufRef ref;
    private int told;

    VhostUbufRefTest(Edition edition) {
        this.edition = edition;
        ref = new VhostUbufRef(edition, new VhostMonitor(violations));
    }

    static Iterable<Edition> editions() {
        return Edition.ALL;
    }

    @Test
    void referencesAreCountedFromOne() {
        ref.get();
        assertThat(ref.put()).isEqualTo(1);
        assertThat(ref.put()).isZero();
        if (!edition.has(Quirk.UBUF_PUT_TWICE)) {
            assertThatThrownBy(ref::get).isInstanceOf(AssertionError.class);
        }
    }

    /** 75fd9edc1054: one get too many, and QEMU hung when the guest's driver was unloaded. */
    @Test
    void afterAnyNumberOfSendsTheCountIsWhatItWas() {
        for (int n = 0; n < 5000; n++) {
            ref.get();
            if (n % 3 == 0) {
                ref.get();
                ref.put();
            }
            ref.put();
        }
        assertThat(ref.count()).isEqualTo(1);
        assertThat(ref.putAndWait(() -> told++)).isTrue();
        assertThat(told).isZero();
    }

    @Test
    void whoWaitsIsToldByTheLastAndByNobodyElse() {
        ref.get();
        ref.get();
        assertThat(ref.putAndWait(() -> told++)).isFalse();
        assertThat(ref.own()).isZero();
        ref.put();
        assertThat(told).isZero();
        ref.put();
        assertThat(told).isEqualTo(1);
        assertThat(ref.count()).isZero();
    }

    @Test
    void afterAFlushItCountsAgain() {
        ref.putAndWait(() -> told++);
        ref.rearm();
        assertThat(ref.count()).isEqualTo(1);
        ref.get();
        ref.put();
        assertThat(told).isZero();
        assertThat(violations.kept()).isEmpty();
    }

    /** dd54bcf86c91: the waiter sees 0 and frees, then the last put looks at the wait queue of what is gone. */
    @Test
    void theLastPutTouchesWhatItsWaiterHasFreedOrNot() {
        for (Edition e : new Edition[] {edition, edition.withoutQuirks()}) {
            Violations seen = new Violations();
            VhostUbufRef ubufs = new VhostUbufRef(e, new VhostMonitor(seen));
            ubufs.get();
            ubufs.putAndWait(() -> { });
            int left = ubufs.drop();
            assertThat(ubufs.count()).isZero();     // the waiter need not be told to see it
            ubufs.free();
            ubufs.wake(left);
            boolean bug = e.has(Quirk.UBUF_FREED_IN_USE);
            assertThat(ubufs.touchedAfterFree()).isEqualTo(bug ? 1 : 0);
            assertThat(seen.kept().stream().filter(v -> v.startsWith("invariant 11"))).hasSize(bug ? 1 : 0);
        }
    }

    /** Four threads put, one waits: told once the count is 0, however they meet. */
    @Test
    void theWaiterIsToldOnceNothingIsOutWhateverTheThreads() throws InterruptedException {
        for (int round = 0; round < Bench.rounds(300); round++) {
            VhostUbufRef ubufs = new VhostUbufRef(edition, null);
            AtomicInteger seen = new AtomicInteger();
            Thread[] threads = new Thread[4];
            for (int i = 0; i < threads.length; i++) {
                ubufs.get();
                threads[i] = new Thread(ubufs::put);
            }
            for (Thread thread : threads) {
                thread.start();
            }
            boolean none = ubufs.putAndWait(() -> {
                assertThat(ubufs.count()).isZero();
                seen.incrementAndGet();
            });
            for (Thread thread : threads) {
                thread.join();
            }
            assertThat(none || seen.get() == 1).isTrue();
            assertThat(ubufs.count()).isZero();
        }
    }
}
