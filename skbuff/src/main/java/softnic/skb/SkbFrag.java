package softnic.skb;

import softnic.mm.PageHolder;

/** A piece of one page, which may be a compound page: {@code skb_frag_t} (include/linux/skbuff.h). It holds its page. */
public final class SkbFrag extends PageHolder {

    private final String name;
    int pageOffset;
    int size;

    SkbFrag(String name) {
        this.name = name;
    }

    /** Takes over what {@code from} is. */
    void moveFrom(SkbFrag from) {
        pageOffset = from.pageOffset;
        size = from.size;
        takeFrom(from);
    }

    /** {@code bytes} of {@code from}, {@code skip} bytes behind its begin, held a second time ({@code skb_frag_ref}). */
    public void share(SkbFrag from, int skip, int bytes) {
        pageOffset = from.pageOffset + skip;
        size = bytes;
        hold(from.page());
    }

    /** Takes {@code bytes} off the front. */
    void skip(int bytes) {
        pageOffset += bytes;
        size -= bytes;
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
