package softnic.guest;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import java.lang.foreign.ValueLayout;
import java.lang.management.ManagementFactory;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import softnic.Edition;
import softnic.wire.RemoteHostCounter;

/** The whole guest against a small host that copies: a stream arrives byte for byte, and all buffers come home. */
class GuestLoopbackTest {

    private static final long MEGABYTE = 1_000_000;
    private static final long LONG_NS = 100_000_000_000L;

    @ParameterizedTest
    @CsvSource({
        "4096,  true,  false, V8,   10, 100",
        "4096,  true,  true,  V8,   10, 20",
        "4096,  false, false, V8,   10, 20",
        "65536, true,  false, V8,   12, 20",
        "65536, false, false, V6_1, 10, 20",
        "4096,  true,  false, V6_1, 12, 20",
        "4096,  true,  true,  V6_1, 12, 20",
        "100,   true,  false, V8,   10, 2",
        "1048576, true, false, V6_1, 10, 20",
        "8192,  true,  false, V8,   10, 20",
        "16384, false, true,  V8,   10, 20"})
    void everyByteArrivesAndEveryHeadComesBackOnce(int message, boolean indirect, boolean oneProcessor,
            String edition, int vnetHdrLen, int megabytes) {
        GuestOptions options = GuestOptions.DEFAULT.withMessageBytes(message).withIndirect(indirect)
                .withVnetHdrLen(vnetHdrLen);
        Edition kernel = edition.equals("V8") ? Edition.V8 : Edition.V6_1;
        try (LoopbackHouse house =
                new LoopbackHouse(options, kernel, LoopbackHouse.SIMPLE_PRICES, oneProcessor)) {
            house.guest.start();
            house.runUntilAcked(megabytes * MEGABYTE, LONG_NS);
            boolean quiet = house.drain();

            assertThat(house.violations.kept()).isEmpty();
            assertThat(quiet).isTrue();
            assertAllHome(house, megabytes * MEGABYTE);
        }
    }

    private static void assertAllHome(LoopbackHouse house, long atLeast) {
        Guest guest = house.guest;
        assertThat(guest.bytesAcked()).isGreaterThanOrEqualTo(atLeast).isEqualTo(guest.bytesWritten());
        assertThat(house.farCount(RemoteHostCounter.BYTES_VERIFIED)).isEqualTo(guest.bytesWritten());
        assertThat(guest.headsReturned()).isEqualTo(guest.packetsPosted());
        assertThat(guest.isDrained()).isTrue();
        assertThat(guest.isBroken()).isFalse();
        assertThat(guest.qdiscBacklog()).isZero();
        assertThat(guest.tcp().packetsOut()).isZero();
        assertThat(guest.counters().value(GuestCounter.TX_FIFO_ERRORS)).isZero();
        assertThat(guest.counters().value(GuestCounter.RX_BAD)).isZero();
        assertThat((long) guest.pool().inUse()).isEqualTo(guest.headsOutstanding());
        assertThat(house.llc.missBytes(8 << 20)).isZero();
    }

    @Test
    void buffersThatComeBackLateAndOutOfOrderStopAndWakeTheQueue() {
        try (LoopbackHouse house = new LoopbackHouse(GuestOptions.DEFAULT.withIndirect(false), Edition.V8,
                LoopbackHouse.SIMPLE_PRICES, false)) {
            house.device.returnsInBatchesOf = 7;
            house.guest.start();
            house.runUntilAcked(30 * MEGABYTE, LONG_NS);
            assertThat(house.drain()).isTrue();

            assertThat(house.violations.kept()).isEmpty();
            assertAllHome(house, 30 * MEGABYTE);
        }
    }

    @Test
    void aSmallRingStopsTheQueueAndPacketsWaitInTheQdisc() {
        GuestOptions options = GuestOptions.DEFAULT.withRingSize(32).withMessageBytes(1500);
        for (Edition edition : Edition.ALL) {
            try (LoopbackHouse house = new LoopbackHouse(options, edition, LoopbackHouse.SIMPLE_PRICES, false)) {
                house.device.returnsInBatchesOf = 12;
                house.guest.start();
                house.runUntilAcked(20 * MEGABYTE, LONG_NS);
                assertThat(house.drain()).isTrue();

                assertThat(house.violations.kept()).isEmpty();
                assertAllHome(house, 20 * MEGABYTE);
                assertThat(house.guest.counters().value(GuestCounter.TX_QUEUE_STOPS)).isPositive();
                assertThat(house.guest.counters().value(GuestCounter.QDISC_QUEUED)).isPositive();
            }
        }
    }

    /** The monitor itself: a host that returns buffers first and reads them later is found out. */
    @Test
    void aBufferReadAfterItWasReturnedShowsAtTheReceiver() {
        try (LoopbackHouse house = new LoopbackHouse(GuestOptions.DEFAULT, Edition.V8,
                LoopbackHouse.SIMPLE_PRICES, false)) {
            house.device.readsLate = true;
            house.guest.start();
            house.runner.runUntil(5_000_000);

            assertThat(house.farCount(RemoteHostCounter.BAD_PAYLOAD)).isPositive();
            assertThat(house.farCount(RemoteHostCounter.BAD_TCP_CHECKSUM)).isZero();
            assertThat(house.violations.kept().getFirst()).startsWith("invariant 6:");
        }
    }

    /** The monitor itself: a host that writes beside the headers of a packet it has is found out (invariant 43). */
    @Test
    void aHeaderThatTheHostChangedIsSeenWhenTheBufferComesBack() {
        try (LoopbackHouse house = new LoopbackHouse(GuestOptions.DEFAULT, Edition.V8,
                LoopbackHouse.SIMPLE_PRICES, false)) {
            house.device.returnsInBatchesOf = 7;
            house.guest.start();
            house.runner.runUntil(2_000_000);
            assertThat(house.guest.headsOutstanding()).isPositive();
            for (int i = 0; i < house.ram.skbs(); i++) {
                house.ram.segment().set(ValueLayout.JAVA_BYTE, house.guest.pool().skb(i).linearGpa - 1, (byte) 0x5A);
            }
            house.runner.runUntil(6_000_000);

            assertThat(house.violations.kept()).anySatisfy(line -> assertThat(line).startsWith("invariant 43: guest tx:"));
        }
    }

    @Test
    void twoRunsAreTheSameToTheLastCount() {
        String[] counts = new String[2];
        for (int i = 0; i < 2; i++) {
            try (LoopbackHouse house = new LoopbackHouse(GuestOptions.DEFAULT, Edition.V8,
                    LoopbackHouse.SIMPLE_PRICES, false)) {
                house.guest.start();
                house.runner.runUntil(20_000_000);
                counts[i] = house.guest.counters().asMap().toString() + house.far.counters().asMap()
                        + house.runner.eventCount();
            }
        }
        assertThat(counts[0]).isEqualTo(counts[1]);
    }

    @Test
    void aWarmedRunAllocatesNothing() {
        ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        try (LoopbackHouse house = new LoopbackHouse(GuestOptions.DEFAULT, Edition.V6_1,
                LoopbackHouse.SIMPLE_PRICES, false)) {
            house.guest.start();
            house.runner.runUntil(400_000_000);
            long packets = house.guest.packetsPosted();
            long before = threads.getCurrentThreadAllocatedBytes();
            long startNs = System.nanoTime();
            house.runner.runUntil(600_000_000);
            long elapsedNs = System.nanoTime() - startNs;
            long allocated = threads.getCurrentThreadAllocatedBytes() - before;
            packets = house.guest.packetsPosted() - packets;

            System.out.printf("%d packets, %d ns each, %d bytes allocated%n", packets, elapsedNs / packets,
                    allocated);
            assertThat(packets).isGreaterThan(1000);
            assertThat(allocated / packets).isZero();
        }
    }
}
