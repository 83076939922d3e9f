package softnic.sched;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class LlcTest {

    private static final long SHARE = 1_000_000;

    private final Llc llc = new Llc(SHARE);

    @Test
    void aCopyMissesByTheShareOfTheCacheThatUnacknowledgedDataTakes() {
        llc.sent(250_000);
        assertThat(llc.missBytes(4096)).isEqualTo(1024);
        llc.copied(250_000);
        assertThat(llc.missBytes(4096)).isEqualTo(2048);
        llc.sent(600_000);
        assertThat(llc.missBytes(4096)).as("never more than all of it").isEqualTo(4096);
    }

    /** The host copies headers, which nobody acknowledges. */
    @Test
    void headersCopiedForAMillionPacketsLeaveNothingBehind() {
        for (int i = 0; i < 1_000_000; i++) {
            llc.sent(4096);
            llc.copied(4096 + 66);
            llc.acknowledged(4096);
        }
        assertThat(llc.missBytes(SHARE)).isZero();
    }

    @Test
    void aCacheThatIsNotModelledNeverMisses() {
        Llc none = Llc.none();
        none.sent(1 << 30);
        none.copied(1 << 30);
        assertThat(none.missBytes(4096)).isZero();
        none.acknowledged(2L << 30);        // it kept no account that this could overdraw
        assertThat(none.missBytes(4096)).isZero();
    }
}
