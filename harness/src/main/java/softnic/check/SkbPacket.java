package softnic.check;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import softnic.mm.Page;
import softnic.mm.PhysMem;
import softnic.skb.SkBuff;
import softnic.skb.SkbFrag;

/** A living packet, and the bytes that must be in it: those that it was given, whatever was done to it since. */
final class SkbPacket {

    final SkBuff skb;
    byte[] bytes;
    int users = 1;
    /** Where the transport header and what is summed begin, counted from data: it moves when bytes in front come or go. */
    int transport;
    /** Its owner was told that it will be dropped: nobody may read it any more. */
    boolean dropped;
    /** The head belongs to the clones ({@code skb_header_release}). */
    boolean headerReleased;
    /** Its data begins behind that of a clone: what lies in front is the clone's payload. */
    boolean pulled;
    /** Large pages are in it, or copies of them. */
    boolean large;

    /** Where the last look found other bytes: position in the packet, and whether in a page of the user's. */
    private int wrongAt;
    private boolean wrongInUserPage;

    SkbPacket(SkBuff skb, byte[] bytes) {
        this.skb = skb;
        this.bytes = bytes;
        transport = skb.transportOffset();
    }

    /** It has become what the other is. */
    void become(SkbPacket other) {
        bytes = other.bytes;
        transport = other.transport;
        large = other.large;
        pulled = other.pulled;
    }

    /** True unless another user of it exists, or it is only to be freed: then it may be changed. */
    boolean isOwn() {
        return users == 1 && !dropped;
    }

    boolean isZerocopy() {
        return skb.shinfo().isZerocopy();
    }

    boolean hasList() {
        return skb.shinfo().fragList() != null;
    }

    boolean hasUserPages(SkbWorkshop shop) {
        return hasUserPages(shop, skb);
    }

    private static boolean hasUserPages(SkbWorkshop shop, SkBuff one) {
        for (int i = 0; i < one.shinfo().nrFrags(); i++) {
            if (shop.isUsers(one.shinfo().frag(i).page())) {
                return true;
            }
        }
        for (SkBuff list = one.shinfo().fragList(); list != null; list = list.next()) {
            if (hasUserPages(shop, list)) {
                return true;
            }
        }
        return false;
    }

    void drop(int front) {
        transport -= front;
        pulled |= skb.isCloned();
        bytes = Arrays.copyOfRange(bytes, front, bytes.length);
    }

    void cut(int len) {
        bytes = Arrays.copyOf(bytes, Math.min(len, bytes.length));
    }

    void append(byte[] more) {
        int at = bytes.length;
        bytes = Arrays.copyOf(bytes, at + more.length);
        System.arraycopy(more, 0, bytes, at, more.length);
    }

    void prepend(byte[] more) {
        transport += more.length;
        byte[] old = bytes;
        bytes = more;
        append(old);
    }

    boolean isTransportSound() {
        return skb.transportOffset() == transport && skb.checksumStartOffset() == transport;
    }

    /** Compares each piece of the packet, read without any of the code under test. */
    boolean isSound(SkbWorkshop shop) {
        if (skb.len() != bytes.length) {
            wrongAt = Math.min(skb.len(), bytes.length);
            wrongInUserPage = false;
            return false;
        }
        return match(shop, skb, 0) >= 0;
    }

    int wrongAt() {
        return wrongAt;
    }

    boolean isWrongInUserPage() {
        return wrongInUserPage;
    }

    /** @return position behind the packet, or -1 */
    private int match(SkbWorkshop shop, SkBuff one, int from) {
        int at = match(shop, one.dataHpa(), one.headlen(), from, null);
        for (int i = 0; i < one.shinfo().nrFrags() && at >= 0; i++) {
            SkbFrag frag = one.shinfo().frag(i);
            at = match(shop, frag.hpa(), frag.size(), at, frag.page());
        }
        for (SkBuff list = one.shinfo().fragList(); list != null && at >= 0; list = list.next()) {
            at = match(shop, list, at);
        }
        return at;
    }

    private int match(SkbWorkshop shop, long hpa, int len, int at, Page page) {
        if (at + len > bytes.length) {
            wrongAt = bytes.length;
            wrongInUserPage = false;
            return -1;
        }
        long offset = PhysMem.offset(hpa);
        long first = len == 0 ? -1 : MemorySegment.mismatch(shop.memory().segment(hpa), offset, offset + len,
                MemorySegment.ofArray(bytes), at, at + len);
        if (first < 0) {
            return at + len;
        }
        wrongAt = at + (int) first;
        wrongInUserPage = page != null && shop.isUsers(page);
        return -1;
    }

    /** Takes what is there for what must be: said once is enough. */
    void believe(SkbWorkshop shop) {
        bytes = new byte[skb.len()];
        transport = skb.transportOffset();
        read(shop, skb, 0);
    }

    private int read(SkbWorkshop shop, SkBuff one, int from) {
        int at = read(shop, one.dataHpa(), one.headlen(), from);
        for (int i = 0; i < one.shinfo().nrFrags(); i++) {
            at = read(shop, one.shinfo().frag(i).hpa(), one.shinfo().frag(i).size(), at);
        }
        for (SkBuff list = one.shinfo().fragList(); list != null; list = list.next()) {
            at = read(shop, list, at);
        }
        return at;
    }

    private int read(SkbWorkshop shop, long hpa, int len, int at) {
        int fits = Math.min(len, bytes.length - at);
        MemorySegment.copy(shop.memory().segment(hpa), PhysMem.offset(hpa), MemorySegment.ofArray(bytes), at, fits);
        return at + fits;
    }

    @Override
    public String toString() {
        return skb + (isZerocopy() ? " of user pages" : "");
    }
}
