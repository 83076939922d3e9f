package softnic.mm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.Arena;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** One kind of address for all memory, and every access is checked. */
class PhysMemTest {

    private final Arena arena = Arena.ofConfined();
    private final PhysMem memory = new PhysMem();
    private final long a = memory.addRegion(arena.allocate(100));
    private final long b = memory.addPagedRegion(arena.allocate(2 * 4096, 4096), null);

    @AfterEach
    void close() {
        arena.close();
    }

    @Test
    void zeroIsNoAddressAndRegionsDoNotTouch() {
        assertThat(memory.isMemory(0, 1)).isFalse();
        assertThat(memory.isMemory(a, 100)).isTrue();
        assertThat(memory.isMemory(a, 101)).isFalse();
        assertThat(memory.isMemory(a + 100, 0)).isTrue();
        assertThat(memory.isMemory(a + 99, 2)).isFalse();
        assertThat(memory.isMemory(a, -1)).isFalse();
        assertThat(memory.isMemory(-1, 1)).isFalse();
        assertThat(memory.isMemory(b + 8191, 1)).isTrue();
        assertThat(memory.isMemory(3L << 40, 1)).isFalse();
    }

    @Test
    void onlyPagedMemoryHasPages() {
        assertThat(memory.page(a)).isNull();
        assertThat(memory.page(b + 4096).hpa()).isEqualTo(b + 4096);
        assertThat(memory.pages(b)).hasSize(2);
    }

    @Test
    void fieldsAreLittleOrBigEndianAtAnyOffset() {
        memory.le32(a + 1, 0x11223344);
        assertThat(memory.u8(a + 1)).isEqualTo((byte) 0x44);
        assertThat(memory.be32(a + 1)).isEqualTo(0x44332211);
        memory.le16(a + 3, 0xFFFE);
        assertThat(memory.le16(a + 3)).isEqualTo(0xFFFE);
        assertThat(memory.be16(a + 3)).isEqualTo(0xFEFF);
        memory.le64(a + 9, 0x1122334455667788L);
        assertThat(memory.le64(a + 9)).isEqualTo(0x1122334455667788L);
        memory.be16(a, 0x1234);
        memory.be32(a + 2, 0x56789ABC);
        assertThat(memory.be16(a)).isEqualTo(0x1234);
        assertThat(memory.le32(a + 2)).isEqualTo(0xBC9A7856);
    }

    @Test
    void overlappingCopiesMoveAndAccessOutsideThrows() {
        for (int i = 0; i < 10; i++) {
            memory.u8(a + i, i);
        }
        memory.copy(a, a + 2, 8);
        assertThat(memory.u8(a + 9)).isEqualTo((byte) 7);
        assertThatThrownBy(() -> memory.copy(a, b, 101)).isInstanceOf(IndexOutOfBoundsException.class);
        assertThatThrownBy(() -> memory.le32(a + 97)).isInstanceOf(IndexOutOfBoundsException.class);
    }

    @Test
    void errnosHaveNamesWhateverTheirSign() {
        assertThat(Errno.name(-Errno.EFAULT)).isEqualTo("EFAULT");
        assertThat(Errno.name(Errno.EMSGSIZE)).isEqualTo("EMSGSIZE");
        assertThat(Errno.name(0)).isEqualTo("0");
        assertThat(Errno.name(-77)).isEqualTo("errno 77");
        for (int errno : new int[] {6, 7, 9, 11, 12, 16, 22, 28, 32, 95, 105}) {
            assertThat(Errno.name(errno)).startsWith("E");
        }
    }
}
