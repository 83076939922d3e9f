package softnic.skb;

import softnic.mm.PageHolder;

/** A piece of one page: {@code skb_frag_t} (include/linux/skbuff.h). It holds its page. */
public final class SkbFrag extends PageHolder {

    private final String name;
    int pageOffset;
    int size;

    SkbFrag(String name) {
        this.name = name;
    }

    /** Where in the page the piece begins, in bytes. */
    public int pageOffset() {
        return pageOffset;
    }

    /** Bytes of the piece. */
    public int size() {
        return size;
    }

    /** Host-physical address of the piece. */
    public long hpa() {
        return page().hpa() + pageOffset;
    }

    @Override
    public String referenceName() {
        return name;
    }
}
