package softnic.macvtap;

import net.openhft.chronicle.core.io.ReferenceOwner;
import softnic.mm.PageHolder;

/** Holds, for ever, a page that the kernel forgot to put. */
final class LostPin implements ReferenceOwner {

    private LostPin() {
    }

    /** The page of {@code slot} stays pinned, the slot is free. Allocates: no healthy packet comes here. */
    static void lose(PageHolder slot) {
        slot.page().get(new LostPin());
        slot.put();
    }

    @Override
    public String referenceName() {
        return "pin that macvtap lost";
    }
}
