package softnic.skb;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;

/**
 * A packet's data, shared by its clones: the head buffer and {@code struct skb_shared_info}
 * (include/linux/skbuff.h), which in the kernel lies at the end of that buffer.
 *
 * <pre>
 *   head                                     end
 *   +--------------------------------------+ + - - - - - - - - - +     frags[0..nrFrags)
 *   | linear bytes                         | | this object       | --> page, page, ...
 *   +--------------------------------------+ + - - - - - - - - - +
 *
 *   dataref   31          16 15         0
 *             +-------------+-----------+
 *             | payload     | all       |     payload-only references are counted in both halves
 *             +-------------+-----------+
 * </pre>
 *
 * <p>Written by the agent that has the packet; dataref by any agent, atomically.
 */
public final class SkbSharedInfo {

    /** {@code tx_flags}: the fragments are a user's pages, and {@link #destructorArg} waits for them. */
    public static final int SKBTX_DEV_ZEROCOPY = 1 << 4;

    /** log2 of one payload reference in dataref. */
    public static final int SKB_DATAREF_SHIFT = 16;
    /** Mask of the "all" half of dataref. */
    public static final int SKB_DATAREF_MASK = (1 << SKB_DATAREF_SHIFT) - 1;

    public static final int SKB_GSO_TCPV4 = 1;
    public static final int SKB_GSO_UDP = 2;
    /** From an untrusted source: the headers must be verified and gso_segs computed. */
    public static final int SKB_GSO_DODGY = 4;
    public static final int SKB_GSO_TCP_ECN = 8;
    public static final int SKB_GSO_TCPV6 = 16;

    private static final VarHandle DATAREF;

    static {
        try {
            DATAREF = MethodHandles.lookup().findVarHandle(SkbSharedInfo.class, "dataref", int.class);
        } catch (ReflectiveOperationException e) {
            throw new ExceptionInInitializerError(e);
        }
    }

    final int index;
    final int sizeClass;
    final long headHpa;
    final SkbFrag[] frags;

    int end;                        // bytes of linear room, SKB_DATA_ALIGNed
    int nrFrags;
    int gsoSize;
    int gsoSegs;
    int gsoType;
    int txFlags;
    SkBuff fragList;                // more data, packet by packet: linked by next()
    UbufInfo destructorArg;
    private volatile int dataref;

    SkbSharedInfo(int index, int sizeClass, long headHpa, int maxFrags) {
        this.index = index;
        this.sizeClass = sizeClass;
        this.headHpa = headHpa;
        this.frags = new SkbFrag[maxFrags];
        for (int i = 0; i < maxFrags; i++) {
            frags[i] = new SkbFrag("skb data 0x" + Long.toHexString(headHpa) + " frag " + i);
        }
    }

    /** A new packet's: one reference, no fragments ({@code __alloc_skb}). */
    void reset(int end) {
        this.end = end;
        nrFrags = 0;
        gsoSize = 0;
        gsoSegs = 0;
        gsoType = 0;
        txFlags = 0;
        fragList = null;
        destructorArg = null;
        dataref = 1;
    }

    public int nrFrags() {
        return nrFrags;
    }

    public SkbFrag frag(int i) {
        return frags[i];
    }

    /** All fragment slots, {@code MAX_SKB_FRAGS} of them, for pinning into. */
    public SkbFrag[] frags() {
        return frags;
    }

    /** Makes slot {@link #nrFrags}, which holds its page already, part of the data. */
    public void addFrag(int pageOffset, int size) {
        SkbFrag frag = frags[nrFrags++];
        assert frag.page() != null : frag.referenceName() + " holds no page";
        frag.pageOffset = pageOffset;
        frag.size = size;
    }

    public int gsoSize() {
        return gsoSize;
    }

    public int gsoSegs() {
        return gsoSegs;
    }

    public void gsoSegs(int segs) {
        gsoSegs = segs;
    }

    public int gsoType() {
        return gsoType;
    }

    public void gso(int type, int size) {
        gsoType = type;
        gsoSize = size;
        gsoSegs = 0;
    }

    public boolean isZerocopy() {
        return (txFlags & SKBTX_DEV_ZEROCOPY) != 0;
    }

    public int txFlags() {
        return txFlags;
    }

    /** Packets whose bytes follow those of the fragments, linked by {@link SkBuff#next}, or null ({@code frag_list}). */
    public SkBuff fragList() {
        return fragList;
    }

    /** The fragments are the user's pages; {@code ubuf} hears when they are free. */
    public void zerocopy(UbufInfo ubuf) {
        txFlags |= SKBTX_DEV_ZEROCOPY;
        destructorArg = ubuf;
    }

    /** As {@link #zerocopy}, counted where the ubuf is ({@code skb_zcopy_set}). */
    void zcopySet(UbufInfo ubuf) {
        if (ubuf.isRefcounted()) {
            ubuf.hold();
        }
        zerocopy(ubuf);
    }

    /** True if another skb may refer to the same user pages without copying them. */
    boolean isUbufRefcounted() {
        return isZerocopy() && destructorArg != null && destructorArg.isRefcounted();
    }

    /** Linear and payload references together. */
    public int dataref() {
        return dataref;
    }

    /** One more owner, or with {@code 1 << SKB_DATAREF_SHIFT} one owner's head given up. */
    void refAdd(int n) {
        int before = (int) DATAREF.getAndAdd(this, n);
        assert (before & SKB_DATAREF_MASK) > 0 : "get on released data, dataref=" + before;
    }

    /** True if this was the last reference. */
    boolean refSub(int n) {
        int before = (int) DATAREF.getAndAdd(this, -n);
        assert (before & SKB_DATAREF_MASK) > 0 : "put on released data, dataref=" + before;
        return before == n;
    }

    /**
     * Completes the ubuf once ({@code skb_zcopy_clear}); nothing if the flag is off.
     *
     * @return false if the flag promised a ubuf and there is none: a kernel calls through what lay there before
     */
    boolean zcopyClear(boolean success) {
        if (isZerocopy()) {
            UbufInfo ubuf = destructorArg;
            txFlags &= ~SKBTX_DEV_ZEROCOPY;
            destructorArg = null;
            if (ubuf == null) {
                return false;
            }
            ubuf.callback(success);
        }
        return true;
    }

    /** Takes over all that {@code from} describes: its bytes move with a head that is replaced. */
    void moveFrom(SkbSharedInfo from) {
        for (int i = 0; i < from.nrFrags; i++) {
            frags[i].moveFrom(from.frags[i]);
        }
        nrFrags = from.nrFrags;
        copyGso(from);
        txFlags = from.txFlags;
        fragList = from.fragList;
        destructorArg = from.destructorArg;
        from.nrFrags = 0;
        from.txFlags = 0;
        from.fragList = null;
        from.destructorArg = null;
    }

    /** Appends all fragments of {@code from}, each page held once more. */
    void shareFrags(SkbSharedInfo from) {
        for (int i = 0; i < from.nrFrags; i++) {
            frags[nrFrags++].share(from.frags[i], 0, from.frags[i].size);
        }
    }

    /** What a copy inherits: size, count and type of segments. */
    void copyGso(SkbSharedInfo from) {
        gsoSize = from.gsoSize;
        gsoSegs = from.gsoSegs;
        gsoType = from.gsoType;
    }

    /** Gives all fragments' pages back. */
    void putFrags() {
        for (int i = 0; i < nrFrags; i++) {
            frags[i].put();
        }
        nrFrags = 0;
    }

    /** Bytes in fragments, without {@link #fragList} ({@code __skb_pagelen}). */
    int fragBytes() {
        int sum = 0;
        for (int i = 0; i < nrFrags; i++) {
            sum += frags[i].size;
        }
        return sum;
    }
}
