package softnic.mm;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import net.openhft.chronicle.bytes.BytesStore;

/**
 * A piece of native memory for packets: owned by a Chronicle {@code BytesStore}, reached only through a
 * {@link MemorySegment} that is page-aligned, checked, and dead once the slab is closed.
 */
public final class Slab implements AutoCloseable {

    private final BytesStore<?, Void> store;
    private final Arena arena = Arena.ofShared();
    private final MemorySegment segment;

    /** Zeroed memory of {@code size} bytes. */
    @SuppressWarnings("restricted")         // the address is our own store's, the size what was asked for
    public Slab(long size) {
        store = BytesStore.lazyNativeBytesStoreWithFixedCapacity(size + PhysMem.PAGE_SIZE);
        long address = store.addressForRead(0);
        long aligned = address + PhysMem.PAGE_SIZE - 1 & -PhysMem.PAGE_SIZE;
        segment = MemorySegment.ofAddress(aligned).reinterpret(size, arena, null);
        segment.fill((byte) 0);
    }

    public MemorySegment segment() {
        return segment;
    }

    @Override
    public void close() {
        arena.close();
        store.releaseLast();
    }
}
