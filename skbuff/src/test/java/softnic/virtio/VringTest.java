package softnic.virtio;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.Arena;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import softnic.mm.PhysMem;

/** The bytes of a ring lie where the specification puts them, and indices wrap at 16 bits. */
class VringTest {

    private static final int NUM = 8;

    private final Arena arena = Arena.ofConfined();
    private final PhysMem memory = new PhysMem();
    private final long desc = memory.addRegion(arena.allocate(4096, 16));
    private final long avail = desc + 1024;
    private final long used = desc + 2048;
    private final Vring ring = new Vring(memory, NUM, desc, avail, used);

    @AfterEach
    void close() {
        arena.close();
    }

    @Test
    void descriptorsAreSixteenBytes() {
        ring.desc(3, 0x1122334455667788L, 0xFFFFFFFF, 5, 0xABCD);
        assertThat(memory.le64(desc + 48)).isEqualTo(0x1122334455667788L);
        assertThat(memory.le32(desc + 56)).isEqualTo(-1);
        assertThat(memory.le16(desc + 60)).isEqualTo(5);
        assertThat(memory.le16(desc + 62)).isEqualTo(0xABCD);
        assertThat(ring.descAddr(3)).isEqualTo(0x1122334455667788L);
        assertThat(ring.descLen(3)).isEqualTo(-1);
        assertThat(ring.descFlags(3)).isEqualTo(5);
        assertThat(ring.descNext(3)).isEqualTo(0xABCD);
    }

    @Test
    void availAndUsedLieAsSpecified() {
        ring.availFlags(1);
        ring.availIdxRelease(0xFFFF);
        ring.availRing(NUM + 2, 7);                 // slot 2
        ring.usedEvent(0x4321);
        assertThat(memory.le16(avail)).isEqualTo(1);
        assertThat(memory.le16(avail + 2)).isEqualTo(0xFFFF);
        assertThat(memory.le16(avail + 4 + 2 * 2)).isEqualTo(7);
        assertThat(memory.le16(avail + 4 + 2 * NUM)).isEqualTo(0x4321);
        ring.usedFlags(1);
        ring.usedIdxRelease(0x8000);
        ring.usedElem(0xFFFF, 5, 6);                // slot 7
        ring.availEvent(0x1234);
        assertThat(memory.le16(used)).isEqualTo(1);
        assertThat(memory.le16(used + 2)).isEqualTo(0x8000);
        assertThat(memory.le32(used + 4 + 8 * 7)).isEqualTo(5);
        assertThat(memory.le32(used + 4 + 8 * 7 + 4)).isEqualTo(6);
        assertThat(memory.le16(used + 4 + 8 * NUM)).isEqualTo(0x1234);
        assertThat(ring.availFlags()).isEqualTo(1);
        assertThat(ring.availIdxAcquire()).isEqualTo(0xFFFF);
        assertThat(ring.availRing(2)).isEqualTo(7);
        assertThat(ring.usedEvent()).isEqualTo(0x4321);
        assertThat(ring.usedFlags()).isEqualTo(1);
        assertThat(ring.usedIdxAcquire()).isEqualTo(0x8000);
        assertThat(ring.usedId(7)).isEqualTo(5);
        assertThat(ring.usedId(NUM + 7)).isEqualTo(5);
        assertThat(ring.usedLen(NUM + 7)).isEqualTo(6);
        assertThat(memory.le32(used + Vring.usedElemOffset(7))).isEqualTo(5);
        assertThat(memory.le16(used + Vring.usedElemOffset(ring.num()))).isEqualTo(0x1234);
        assertThat(ring.availEvent()).isEqualTo(0x1234);
    }

    /** Figures for align 4096 as worked out from 3.1's vring_init. */
    @Test
    void theLegacyLayoutHasItsKnownSizes() {
        int[][] known = {{256, 8192, 10246}, {512, 12288, 16390}, {1024, 20480, 28678}};
        for (int[] k : known) {
            assertThat(Vring.legacyUsedOffset(k[0], 4096)).isEqualTo(k[1]);
            assertThat(Vring.legacySize(k[0], 4096)).isEqualTo(k[2]);
            assertThat(Vring.availSize(k[0])).isEqualTo(6 + 2 * k[0]);
            assertThat(Vring.usedSize(k[0])).isEqualTo(6 + 8 * k[0]);
        }
    }

    /** 8 descriptors of 16 bytes and an available ring of 20: 148 bytes; the two of used_event lie in the rounding. */
    @Test
    void theUsedRingStartsAtTheNextMultipleOfTheAlignment() {
        assertThat(Vring.legacyUsedOffset(8, 4)).isEqualTo(148);
        assertThat(Vring.legacyUsedOffset(8, 64)).isEqualTo(192);
        assertThat(Vring.legacyUsedOffset(2, 8)).isEqualTo(40);
    }

    /** True exactly when the event lies in [old, new - 1] modulo 65536: by walking there, at every wrap. */
    @Test
    void needEventIsMembershipOfTheStepsTaken() {
        int[] olds = {0, 1, 255, 32767, 32768, 65280, 65534, 65535};
        int[] steps = {0, 1, 2, 7, 256, 32767, 32768, 32769, 65535};
        for (int old : olds) {
            for (int step : steps) {
                boolean[] passed = new boolean[65536];
                for (int i = 0; i < step; i++) {
                    passed[old + i & 0xFFFF] = true;
                }
                for (int event = 0; event < 65536; event++) {
                    if (Vring.needEvent(event, old + step & 0xFFFF, old) != passed[event]) {
                        throw new AssertionError("event " + event + " old " + old + " step " + step);
                    }
                }
            }
        }
    }

    @Test
    void theNetHeaderIsTenOrTwelveBytes() {
        VirtioNetHdr hdr = new VirtioNetHdr().wrap(memory, desc + 1);
        hdr.set(1, 0x81, 54, 1448, 34, 16);
        hdr.numBuffers(3);
        int[] bytes = {1, 0x81, 54, 0, 0xA8, 0x05, 34, 0, 16, 0, 3, 0};
        for (int i = 0; i < bytes.length; i++) {
            assertThat(memory.u8(desc + 1 + i)).isEqualTo((byte) bytes[i]);
        }
        assertThat(hdr.flags()).isEqualTo(1);
        assertThat(hdr.gsoType()).isEqualTo(0x81);
        assertThat(hdr.hdrLen()).isEqualTo(54);
        assertThat(hdr.gsoSize()).isEqualTo(1448);
        assertThat(hdr.csumStart()).isEqualTo(34);
        assertThat(hdr.csumOffset()).isEqualTo(16);
    }
}
