package softnic.mm;

import net.openhft.chronicle.core.io.ReferenceOwner;

/**
 * The host kernel's free pages of one order: {@code alloc_pages} and {@code __free_pages} (mm/page_alloc.c). A page
 * of a higher order is its first page, which is held for all of them (compound page).
 *
 * <p>The slab is a Chronicle {@code BytesStore}, seen through a bounds-checked segment.
 */
public final class PageAllocator {

    private final int order;
    private final Slab slab;
    private final Page[] pages;
    private final IndexStack free;

    public PageAllocator(PhysMem memory, int count) {
        this(memory, count, 0);
    }

    /** @param order each of the {@code count} pages is of {@code PAGE_SIZE << order} bytes */
    public PageAllocator(PhysMem memory, int count, int order) {
        this.order = order;
        slab = new Slab((long) count * PhysMem.PAGE_SIZE << order);
        pages = memory.pages(memory.addPagedRegion(slab.segment(), this));
        free = new IndexStack(count);
    }

    /** One page held by {@code holder}, or null when memory is short. Any agent. */
    public Page alloc(ReferenceOwner holder) {
        int index = free.pop();
        if (index == IndexStack.EMPTY) {
            return null;
        }
        Page page = pages[index << order];
        page.unpark();
        page.get(holder);
        return page;
    }

    /** Pages not in the free list; exact only when nobody allocates. */
    public int inUse() {
        return (pages.length >> order) - free.count();
    }

    void free(Page page) {
        free.push((int) (PhysMem.offset(page.hpa()) >>> PhysMem.PAGE_SHIFT + order));
    }

    /** Releases the slab; nothing of it may be used after. */
    public void close() {
        slab.close();
    }
}
