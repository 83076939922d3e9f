package softnic.vhost;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

/** Invariant 46: no zero-copy while 64 times the failures are more than the packets. */
class ZcopySelectTest {

    private final ZcopySelect select = new ZcopySelect();

    private void packets(int n) {
        for (int i = 0; i < n; i++) {
            select.packet();
        }
    }

    @Test
    void eachFailureCosts64PacketsAndAThousandForgiveAll() {
        assertThat(select.isOn()).isTrue();
        select.failures(1);
        assertThat(select.isOn()).isFalse();
        packets(63);
        assertThat(select.isOn()).isFalse();
        packets(1);
        assertThat(select.isOn()).isTrue();
        select.failures(3);
        packets(191);
        assertThat(select.isOn()).isFalse();
        packets(1);
        assertThat(select.isOn()).isTrue();
        select.failures(1000);
        packets(1024 - 256 - 1);
        assertThat(select.isOn()).isFalse();
        packets(1);
        assertThat(select.isOn()).isTrue();
    }

    @Test
    void whileSomebodyWaitsForAllPacketsThereIsNone() {
        select.flushing(true);
        assertThat(select.isOn()).isFalse();
        select.flushing(false);
        assertThat(select.isOn()).isTrue();
    }

    @Test
    void aNewBackendKnowsOfNoFailures() {
        select.failures(1);
        select.reset();
        assertThat(select.isOn()).isTrue();
    }
}
