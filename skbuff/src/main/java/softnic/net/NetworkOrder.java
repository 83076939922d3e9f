package softnic.net;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/** Big-endian fields at any offset: {@code ntohs}, {@code ntohl} and back. */
final class NetworkOrder {

    private static final ValueLayout.OfShort BE16 =
            ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN);
    private static final ValueLayout.OfInt BE32 =
            ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN);

    private NetworkOrder() {
    }

    static int u8(MemorySegment m, long at) {
        return Byte.toUnsignedInt(m.get(ValueLayout.JAVA_BYTE, at));
    }

    static void u8(MemorySegment m, long at, int value) {
        m.set(ValueLayout.JAVA_BYTE, at, (byte) value);
    }

    static int u16(MemorySegment m, long at) {
        return Short.toUnsignedInt(m.get(BE16, at));
    }

    static void u16(MemorySegment m, long at, int value) {
        m.set(BE16, at, (short) value);
    }

    static int u32(MemorySegment m, long at) {
        return m.get(BE32, at);
    }

    static void u32(MemorySegment m, long at, int value) {
        m.set(BE32, at, value);
    }
}
