package softnic.mm;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import net.openhft.chronicle.core.io.AbstractReferenceCounted;
import net.openhft.chronicle.core.io.ReferenceOwner;

/**
 * One page frame and who holds it: {@code struct page} with {@code _refcount} (include/linux/mm_types.h).
 *
 * <p>The count is Chronicle's: with {@code -Djvm.resource.tracing=true} it knows every holder by name, and
 * a double or foreign release says whose it is. The first reference belongs to the page's home: guest RAM,
 * or the allocator in whose free list the page lies when nobody else holds it.
 */
public final class Page extends AbstractReferenceCounted {

    private static final VarHandle TURNS;

    static {
        try {
            TURNS = MethodHandles.lookup().findVarHandle(Page.class, "turns", int.class);
        } catch (ReflectiveOperationException e) {
            throw new ExceptionInInitializerError(e);
        }
    }

    private final long hpa;
    private final PageAllocator home;
    private volatile int turns;         // odd: in the free list; each alloc and free is one turn

    Page(long hpa, PageAllocator home) {
        super(false);
        this.hpa = hpa;
        this.home = home;
        this.turns = home != null ? 1 : 0;
        singleThreadedCheckDisabled(true);
    }

    /** Host-physical address of the first byte. */
    public long hpa() {
        return hpa;
    }

    /** True for a page of guest RAM: holding one is a pin. */
    public boolean isGuest() {
        return home == null;
    }

    /** One more holder ({@code get_page}). Any agent. */
    public void get(ReferenceOwner holder) {
        reserve(holder);
    }

    /** One holder less ({@code put_page}); the last one gives an allocated page back. Any agent. */
    public void put(ReferenceOwner holder) {
        assert holders() > 0 : "page 0x" + Long.toHexString(hpa) + " put by " + holder.referenceName()
                + ", but nobody holds it";
        int turn = turns;                   // ours until released: cannot be freed, so cannot be allocated again
        release(holder);
        if (home != null && refCount() == 1 && TURNS.compareAndSet(this, turn, turn + 1)) {
            home.free(this);
        }
    }

    /** Holders beside the page's home: 0 when idle. */
    public int holders() {
        return refCount() - 1;
    }

    void unpark() {
        assert (turns & 1) == 1 : this + " allocated twice";
        turns = turns + 1;
    }

    @Override
    protected void performRelease() {
        throw new IllegalStateException("mm: page 0x" + Long.toHexString(hpa)
                + " lost its home's own reference [put_page, include/linux/mm.h]");
    }
}
