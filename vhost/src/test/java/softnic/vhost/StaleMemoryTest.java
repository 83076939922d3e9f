package softnic.vhost;

import static org.assertj.core.api.Assertions.assertThat;
import static softnic.virtio.Vring.VRING_DESC_F_WRITE;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.FieldSource;
import softnic.Edition;
import softnic.virtio.VirtioNetHdr;
import softnic.virtio.Vring;

/**
 * What vhost writes for a guest and its owner was made for them: used ring, num_buffers, log. All of the host's own memory
 * is poisoned first, and what the guest has is known byte by byte.
 */
@ParameterizedClass
@FieldSource("softnic.Edition#ALL")
class StaleMemoryTest {

    private static final byte POISON = (byte) 0x9D;
    private static final byte UNTOUCHED = 0x55;
    private static final int NUM = 16;
    private static final long BITMAP = Ram.SECOND;
    private static final long BUFFERS = Ram.DATA + 8192;            // the other ring lies at DATA

    private final Edition edition;

    StaleMemoryTest(Edition edition) {
        this.edition = edition;
    }

    private static void poison(Bench bench) {
        for (long hpa = 1L << 40; bench.ram.memory.isMemory(hpa, 1); hpa += 1L << 40) {
            if (hpa != bench.ram.guest.regionHpa(0) && hpa != bench.ram.guest.regionHpa(1)) {
                bench.ram.memory.segment(hpa).fill(POISON);
            }
        }
    }

    private static byte at(Bench bench, long gpa) {
        return bench.ram.memory.u8(bench.ram.guest.hpa(gpa));
    }

    private static void set(Bench bench, long gpa, long end, int value) {
        for (long i = gpa; i < end; i++) {
            bench.ram.memory.u8(bench.ram.guest.hpa(i), value);
        }
    }

    /** Three merged buffers: of the first, only num_buffers is vhost's; of the used ring, flags, index and elements. */
    @Test
    void cve20181118AGuestGetsHeadsLengthsAndNumBuffersAndNothingElse() {
        try (Bench bench = Bench.rx(edition, NUM, true)) {
            poison(bench);
            long usedEnd = Ram.USED + Vring.usedSize(NUM);
            set(bench, Ram.USED + Vring.usedElemOffset(0), usedEnd + 64, UNTOUCHED);
            for (int i = 0; i < 3; i++) {
                bench.ring.desc(i, BUFFERS + 1024 * i, 100, VRING_DESC_F_WRITE, 0);
                bench.ram.post(i);
            }
            set(bench, BUFFERS, BUFFERS + 4096, UNTOUCHED);
            bench.sock.arrive(250 - FakeSock.HDR);
            bench.run();
            assertThat(bench.used()).containsExactly(0, 1, 2);
            assertThat(List.of(bench.ring.usedLen(0), bench.ring.usedLen(1), bench.ring.usedLen(2))).containsExactly(100, 100, 50);
            for (long gpa = Ram.USED + Vring.usedElemOffset(3); gpa < usedEnd + 64; gpa++) {
                assertThat(at(bench, gpa)).as("used ring + %d", gpa - Ram.USED).isEqualTo(UNTOUCHED);
            }
            for (long gpa = BUFFERS; gpa < BUFFERS + 4096; gpa++) {
                int numBuffers = (int) (gpa - BUFFERS) - VirtioNetHdr.SIZE;
                byte expected = numBuffers == 0 ? 3 : numBuffers == 1 ? 0 : UNTOUCHED;
                assertThat(at(bench, gpa)).as("byte %d", gpa - BUFFERS).isEqualTo(expected);
            }
        }
    }

    /** The owner's bitmap has bits of pages that were written; flags and avail_event of the used ring are whole fields. */
    @Test
    void cve20181118TheLogHasBitsOfPagesWrittenAndNothingElse() {
        try (Bench bench = Bench.rx(edition, NUM, true)) {
            bench.net.setBackend(null);
            VhostDev dev = bench.net.dev();
            dev.setOwner();
            long hpa = bench.ram.guest.regionHpa(0);
            assertThat(dev.setLogBase(bench.ram.guest.hpa(BITMAP))).isZero();
            assertThat(dev.setFeatures(1L << VhostDev.VHOST_F_LOG_ALL | 1L << VhostDev.VIRTIO_NET_F_MRG_RXBUF)).isZero();
            assertThat(dev.setVringAddr(0, 1, hpa, hpa + Ram.USED, hpa + Ram.AVAIL, Ram.USED)).isZero();
            assertThat(bench.net.setBackend(VhostNet.VHOST_NET_VQ_RX, bench.sock)).isZero();
            poison(bench);
            bench.ram.post(5, 300, VRING_DESC_F_WRITE);
            bench.sock.arrive(200);
            bench.run();
            assertThat(bench.used()).containsExactly(5);
            for (int i = 0; i < Ram.SECOND_SIZE; i++) {
                int page = i * 8;
                int expected = 0;
                for (long written : new long[] {Ram.DATA, Ram.USED}) {
                    expected |= written / 4096 / 8 == i ? 1 << written / 4096 % 8 : 0;
                }
                assertThat(at(bench, BITMAP + i)).as("bits of pages from %d", page).isEqualTo((byte) expected);
            }
        }
    }

    /** Answers of ioctls are the numbers that were set, or of the ring. */
    @Test
    void cve20181118AnOwnerGetsItsOwnNumbersBack() {
        try (Bench bench = Bench.tx(edition, NUM, true)) {
            bench.net.setBackend(null);
            bench.net.dev().setOwner();
            poison(bench);
            assertThat(bench.net.dev().setVringBase(1, 0x1234)).isZero();
            assertThat(bench.net.dev().vringBase(1)).isEqualTo(0x1234);
            assertThat(bench.net.dev().vringBase(0)).isZero();
            long known = 1L << VhostDev.VIRTIO_NET_F_MRG_RXBUF | 1L << VhostDev.VIRTIO_F_NOTIFY_ON_EMPTY
                    | 1L << VhostDev.VHOST_F_LOG_ALL | 1L << VhostDev.VHOST_NET_F_VIRTIO_NET_HDR
                    | 1L << VhostDev.VIRTIO_RING_F_INDIRECT_DESC | 1L << VhostDev.VIRTIO_RING_F_EVENT_IDX;
            assertThat(bench.net.dev().features() & ~known).isZero();
        }
    }
}
