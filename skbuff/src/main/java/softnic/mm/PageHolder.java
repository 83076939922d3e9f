package softnic.mm;

import net.openhft.chronicle.core.io.ReferenceOwner;

/** A place that can hold one page, and so appears by name among a page's holders. */
public abstract class PageHolder implements ReferenceOwner {

    private Page page;

    /** Takes a reference on {@code page} ({@code get_page}). */
    public final void hold(Page page) {
        assert this.page == null : referenceName() + " already holds a page";
        page.get(this);
        this.page = page;
    }

    /** Takes over the reference that {@code from} has. */
    public final void takeFrom(PageHolder from) {
        assert page == null : referenceName() + " already holds a page";
        page = from.page;
        from.page = null;
        page.reserveTransfer(from, this);
    }

    /** A newly allocated page, or false when memory is short. */
    public final boolean alloc(PageAllocator allocator) {
        assert page == null : referenceName() + " already holds a page";
        page = allocator.alloc(this);
        return page != null;
    }

    /** Gives the reference back ({@code put_page}). */
    public final void put() {
        Page held = page;
        page = null;
        held.put(this);
    }

    public final Page page() {
        return page;
    }

    @Override
    public abstract String referenceName();
}
