package softnic.nic;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import softnic.sched.Agent;
import softnic.sched.WaitQueue;

/** Masking, latching and throttling, step by step. */
class InterruptVectorTest {

    private static final long ITR_NS = 100_000;

    private final StepCpu cpu = new StepCpu();
    private final InterruptVector vector = new InterruptVector(cpu, new WaitQueue(), ITR_NS);
    private int fired;

    InterruptVectorTest() {
        vector.handler(() -> fired++);
    }

    @Test
    void firstCauseFiresAtOnceAndMasksTheVector() {
        assertThat(vector.doWork()).isZero();
        vector.raise();
        assertThat(vector.doWork()).isOne();
        assertThat(fired).as("not before it is paid for").isZero();
        cpu.settleAll();
        assertThat(fired).isOne();

        vector.raise();
        cpu.nowNs = 10 * ITR_NS;
        assertThat(vector.doWork()).as("masked").isZero();
        assertThat(vector.nextDeadlineNs()).isEqualTo(Agent.NO_DEADLINE_NS);
    }

    @Test
    void causeThatComesWhileMaskedFiresAfterUnmaskWhenTheIntervalIsOver() {
        vector.raise();
        vector.doWork();
        cpu.nowNs = 30_000;
        vector.raise();
        vector.unmask();

        assertThat(vector.doWork()).isZero();
        assertThat(vector.nextDeadlineNs()).isEqualTo(ITR_NS);
        cpu.nowNs = ITR_NS - 1;
        assertThat(vector.doWork()).isZero();
        cpu.nowNs = ITR_NS;
        assertThat(vector.doWork()).isOne();
        cpu.settleAll();
        assertThat(fired).isEqualTo(2);
    }

    @Test
    void unmaskWithoutACauseDoesNotFire() {
        vector.raise();
        vector.doWork();
        vector.unmask();
        cpu.nowNs = 10 * ITR_NS;
        assertThat(vector.doWork()).isZero();
        assertThat(vector.nextDeadlineNs()).isEqualTo(Agent.NO_DEADLINE_NS);
    }

    @Test
    void manyCausesWithinOneIntervalAreOneInterrupt() {
        for (int i = 0; i < 10_000; i++) {
            cpu.nowNs = i * 100L;               // 1 ms in all
            vector.raise();
            if (vector.doWork() > 0) {
                cpu.settleAll();
                vector.unmask();
            }
        }
        assertThat(fired).isEqualTo(10);
    }
}
