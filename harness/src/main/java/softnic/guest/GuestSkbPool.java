package softnic.guest;

/** The guest's packets: {@code skbuff_fclone_cache} (net/core/skbuff.c). Made once; both guest agents. */
final class GuestSkbPool {

    private final GuestSkb[] all;
    private GuestSkb free;
    private int inUse;

    GuestSkbPool(GuestRam ram) {
        all = new GuestSkb[ram.skbs()];
        for (int i = all.length - 1; i >= 0; i--) {
            all[i] = new GuestSkb(i, ram.txHeadersGpa() + (long) i * GuestRam.TX_HEADER_SIZE);
            all[i].next = free;
            free = all[i];
        }
    }

    /** A packet, or null when all are out. */
    GuestSkb alloc() {
        GuestSkb skb = free;
        if (skb != null) {
            free = skb.next;
            skb.next = null;
            inUse++;
        }
        return skb;
    }

    void free(GuestSkb skb) {
        assert skb.next == null : "packet " + skb.index + " freed twice";
        skb.next = free;
        free = skb;
        inUse--;
    }

    GuestSkb skb(int index) {
        return all[index];
    }

    boolean isEmpty() {
        return free == null;
    }

    int inUse() {
        return inUse;
    }
}
