package softnic.mm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** What fails, fails at the passage that was said, and whoever asked for memory hears of it. */
class FaultInjectionTest {

    private final FaultInjection faults = new FaultInjection();

    private List<Integer> failing(FaultPoint point, int passages) {
        List<Integer> failed = new ArrayList<>();
        for (int i = 1; i <= passages; i++) {
            if (faults.shouldFail(point)) {
                failed.add(i);
            }
        }
        return failed;
    }

    @Test
    void thePassageThatWasNamedFailsAndThenEachSoMany() {
        faults.fail(FaultPoint.PIN, 3, 4).fail(FaultPoint.SLAB, 1, 0).arm();
        assertThat(failing(FaultPoint.PIN, 16)).containsExactly(3, 7, 11, 15);
        assertThat(failing(FaultPoint.SLAB, 10)).as("once").containsExactly(1);
        assertThat(failing(FaultPoint.USERCOPY, 10)).as("not asked for").isEmpty();
        assertThat(faults.passed(FaultPoint.PIN)).isEqualTo(16);
        assertThat(faults.failed(FaultPoint.PIN)).isEqualTo(4);
        assertThat(faults.failed(FaultPoint.SLAB)).isEqualTo(1);
        assertThat(faults.passed(FaultPoint.USERCOPY)).isEqualTo(10);
        assertThat(faults.failed(FaultPoint.USERCOPY)).isZero();
    }

    @Test
    void passagesCountOnlyWhileItIsArmed() {
        faults.fail(FaultPoint.PIN, 1, 1);
        assertThat(failing(FaultPoint.PIN, 5)).isEmpty();
        faults.arm();
        assertThat(failing(FaultPoint.PIN, 2)).containsExactly(1, 2);
        faults.disarm();
        assertThat(failing(FaultPoint.PIN, 5)).isEmpty();
        assertThat(faults.passed(FaultPoint.PIN)).isEqualTo(2);
    }

    @Test
    void aPassageIsCountedFromOneAndAnIntervalIsNotNegative() {
        assertThatThrownBy(() -> faults.fail(FaultPoint.PIN, 0, 0)).hasMessageContaining("at least 1");
        assertThatThrownBy(() -> faults.fail(FaultPoint.PIN, 1, -1)).isInstanceOf(IllegalArgumentException.class);
    }

    /** A driver that was busy took nothing: the packet is still there. All other faults may cost one. */
    @Test
    void onlyABusyDriverLosesNothing() {
        faults.fail(FaultPoint.TX_BUSY, 1, 0).fail(FaultPoint.SLAB, 1, 0).arm();
        assertThat(faults.mayHaveLost()).isFalse();
        assertThat(faults.shouldFail(FaultPoint.TX_BUSY)).isTrue();
        assertThat(faults.mayHaveLost()).isFalse();
        assertThat(faults.shouldFail(FaultPoint.SLAB)).isTrue();
        assertThat(faults.mayHaveLost()).isTrue();
    }

    @Test
    void pagesPinsAndCopiesFailWhereTheyAreAskedFor() {
        PhysMem memory = new PhysMem(faults);
        try (Arena arena = Arena.ofConfined()) {
            GuestMemory guest = new GuestMemory(memory);
            guest.addRegion(0, arena.allocate(4 * 4096, 4096));
            PageAllocator pages = new PageAllocator(memory, 4);
            IoVec iov = new IoVec();
            iov.add(guest.regionHpa(0), 100);
            faults.fail(FaultPoint.PAGE_ALLOC, 2, 0).fail(FaultPoint.PIN, 3, 0).fail(FaultPoint.USERCOPY, 1, 0)
                    .arm();
            PageHolder[] holders = {new Holder(), new Holder(), new Holder(), new Holder()};
            assertThat(holders[0].alloc(pages)).isTrue();
            assertThat(holders[1].alloc(pages)).isFalse();
            assertThat(pages.inUse()).isEqualTo(1);
            holders[0].put();
            assertThat(guest.getUserPagesFast(guest.regionHpa(0), 4, holders, 0)).as("the third").isEqualTo(2);
            assertThat(guest.pins()).isEqualTo(2);
            holders[0].put();
            holders[1].put();
            assertThat(iov.copyTo(memory, 0, guest.regionHpa(0) + 4096, 10)).isEqualTo(-Errno.EFAULT);
            assertThat(iov.copyTo(memory, 0, guest.regionHpa(0) + 4096, 10)).isZero();
            faults.fail(FaultPoint.USERCOPY, 3, 0);
            assertThat(iov.copyFrom(memory, 0, guest.regionHpa(0) + 4096, 10)).isEqualTo(-Errno.EFAULT);
            assertThat(new PhysMem().fails(FaultPoint.PIN)).as("nobody injects").isFalse();
            pages.close();
        }
    }

    private static final class Holder extends PageHolder {
        @Override
        public String referenceName() {
            return "a test";
        }
    }
}
