package softnic.mm;

import net.openhft.chronicle.core.io.ReferenceOwner;

/**
 * The host kernel's free pages: {@code alloc_page} and {@code __free_page} (mm/page_alloc.c), order 0.
 *
 * <p>The slab is a Chronicle {@code BytesStore}, seen through a bounds-checked segment.
 */
public final class PageAllocator {

    private final PhysMem memory;
    private final Slab slab;
    private final Page[] pages;
    private final IndexStack free;

    public PageAllocator(PhysMem memory, int count) {
        this.memory = memory;
        slab = new Slab((long) count * PhysMem.PAGE_SIZE);
        pages = memory.pages(memory.addPagedRegion(slab.segment(), this));
        free = new IndexStack(count);
    }

    /** One page held by {@code holder}, or null when memory is short. Any agent. */
    public Page alloc(ReferenceOwner holder) {
        int index = memory.fails(FaultPoint.PAGE_ALLOC) ? IndexStack.EMPTY : free.pop();
        if (index == IndexStack.EMPTY) {
            return null;
        }
        Page page = pages[index];
        page.unpark();
        page.get(holder);
        return page;
    }

    /** Pages not in the free list; exact only when nobody allocates. */
    public int inUse() {
        return pages.length - free.count();
    }

    void free(Page page) {
        free.push((int) (PhysMem.offset(page.hpa()) >>> PhysMem.PAGE_SHIFT));
    }

    /** Releases the slab; nothing of it may be used after. */
    public void close() {
        slab.close();
    }
}
