package softnic.skb;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import softnic.mm.PhysMem;

/**
 * A packet: {@code struct sk_buff} (include/linux/skbuff.h).
 *
 * <pre>
 *   head        data                tail       end
 *   +-----------+-------------------+----------+
 *   | headroom  | linear, headlen() | tailroom |      len = headlen() + dataLen
 *   +-----------+-------------------+----------+      dataLen = sum of the fragments
 * </pre>
 *
 * <p>Two counts: {@code users} counts references to this object, {@link SkbSharedInfo#dataref} those to the
 * data, which clones share. One agent has the packet at a time; only the counts are touched by several.
 * All positions are offsets from head, in bytes.
 */
public final class SkBuff {

    /** {@code ip_summed}: no checksum was computed. */
    public static final int CHECKSUM_NONE = 0;
    /** Somebody else has verified it. */
    public static final int CHECKSUM_UNNECESSARY = 1;
    /** The device computed the sum of the whole packet. */
    public static final int CHECKSUM_COMPLETE = 2;
    /** The pseudo header's sum is in place; the device must finish it. */
    public static final int CHECKSUM_PARTIAL = 3;

    /** {@code sizeof(struct sk_buff)} on x86-64 in 3.1: what truesize counts for this object. */
    public static final int STRUCT_SIZE = 240;

    private static final VarHandle USERS;

    static {
        try {
            USERS = MethodHandles.lookup().findVarHandle(SkBuff.class, "users", int.class);
        } catch (ReflectiveOperationException e) {
            throw new ExceptionInInitializerError(e);
        }
    }

    /** What takes the charge off its socket when the packet dies: {@code skb->destructor}. */
    public interface Destructor {
        /** Called once, before the data is released. Any agent. */
        void destruct(SkBuff skb);
    }

    final SkbPool pool;
    final int index;

    SkbSharedInfo shinfo;
    int data;
    int tail;
    int len;
    int dataLen;
    int truesize;
    boolean cloned;
    boolean nohdr;
    boolean unreadable;
    Destructor destructor;
    private volatile int users;

    private int macHeader;
    private int networkHeader;
    private int transportHeader;
    private int protocol;
    private int ipSummed;
    private int csumStart;
    private int csumOffset;
    private int csum;
    private SkBuff next;

    SkBuff(SkbPool pool, int index) {
        this.pool = pool;
        this.index = index;
    }

    void reset(SkbSharedInfo shinfo) {
        this.shinfo = shinfo;
        data = 0;
        tail = 0;
        len = 0;
        dataLen = 0;
        truesize = shinfo.end + STRUCT_SIZE;
        cloned = false;
        nohdr = false;
        unreadable = false;
        destructor = null;
        macHeader = 0;
        networkHeader = 0;
        transportHeader = 0;
        protocol = 0;
        ipSummed = CHECKSUM_NONE;
        csumStart = 0;
        csumOffset = 0;
        csum = 0;
        next = null;
        users = 1;
    }

    /** Copies what a clone inherits; not the destructor. */
    void copyHeaderFrom(SkBuff from) {
        data = from.data;
        tail = from.tail;
        len = from.len;
        dataLen = from.dataLen;
        truesize = from.truesize;
        copyFieldsFrom(from);
    }

    /** Headers, as far from data as they are in {@code from}, and checksum ({@code __copy_skb_header}). */
    void copyFieldsFrom(SkBuff from) {
        int shift = data - from.data;
        macHeader = from.macHeader + shift;
        networkHeader = from.networkHeader + shift;
        transportHeader = from.transportHeader + shift;
        protocol = from.protocol;
        ipSummed = from.ipSummed;
        csumStart = from.csumStart + shift;
        csumOffset = from.csumOffset;
        csum = from.csum;
        unreadable = from.unreadable;
    }

    // ---- geometry

    /** Leaves {@code n} bytes of headroom in an empty packet ({@code skb_reserve}). */
    public void reserve(int n) {
        assert len == 0 : "reserve in a packet of " + len + " bytes";
        data += n;
        tail += n;
    }

    /** Appends {@code n} linear bytes ({@code skb_put}). */
    public void put(int n) {
        assert dataLen == 0 : "put behind fragments";
        assert tail + n <= shinfo.end : "skb_over_panic: tail=" + tail + " put=" + n + " end=" + shinfo.end;
        tail += n;
        len += n;
    }

    /** Headroom and linear bytes of a packet that has its fragments already ({@code skb_reserve}, {@code skb_put}). */
    public void reserveAndPut(int headroom, int linear) {
        assert headlen() == 0 : "linear part of " + headlen() + " bytes already";
        assert headroom + linear <= shinfo.end : "linear=" + linear + " end=" + shinfo.end;
        data += headroom;
        tail = data + linear;
        len += linear;
    }

    /** Prepends {@code n} bytes ({@code skb_push}). */
    public void push(int n) {
        assert n <= data : "skb_under_panic: headroom=" + data + " push=" + n;
        data -= n;
        len += n;
    }

    /** Takes {@code n} linear bytes off the front ({@code __skb_pull}). */
    public void pull(int n) {
        assert n <= headlen() : "pull " + n + " of " + headlen() + " linear bytes";
        data += n;
        len -= n;
    }

    /** Cuts a linear packet off behind {@code n} bytes; a shorter one stays ({@code skb_trim}). */
    public void trim(int n) {
        assert dataLen == 0 : "skb_trim of a packet with fragments; use SkbCopy.trim";
        if (n < len) {
            len = n;
            tail = data + n;
        }
    }

    /** Bytes in all ({@code skb->len}). */
    public int len() {
        return len;
    }

    /** Bytes in fragments ({@code skb->data_len}). */
    public int dataLen() {
        return dataLen;
    }

    /** Linear bytes ({@code skb_headlen}). */
    public int headlen() {
        return len - dataLen;
    }

    public int headroom() {
        return data;
    }

    /** Linear room behind the data; 0 when there are fragments ({@code skb_tailroom}). */
    public int tailroom() {
        return dataLen > 0 ? 0 : shinfo.end - tail;
    }

    /** Host-physical address of the first byte ({@code skb->data}). */
    public long dataHpa() {
        return shinfo.headHpa + data;
    }

    /** Host-physical address of a position counted from head. */
    public long hpa(int position) {
        return shinfo.headHpa + position;
    }

    public SkbSharedInfo shinfo() {
        return shinfo;
    }

    public PhysMem memory() {
        return pool.memory();
    }

    /** Accounts for {@code bytes} of fragments added, of which {@code charged} count as memory. */
    public void addFragBytes(int bytes, int charged) {
        len += bytes;
        dataLen += bytes;
        truesize += charged;
    }

    /** Appends packets, linked by {@link #next}, as further data ({@code frag_list}); they are this packet's now. */
    public void addFragList(SkBuff list) {
        assert shinfo.fragList == null : this + " has a frag_list";
        shinfo.fragList = list;
        for (SkBuff skb = list; skb != null; skb = skb.next) {
            addFragBytes(skb.len, skb.truesize);
        }
    }

    /** As {@link #put}; returns the host-physical address of the new bytes, as the kernel's does. */
    long append(int n) {
        put(n);
        return hpa(tail - n);
    }

    /** Memory this packet is charged for, in bytes. */
    public int truesize() {
        return truesize;
    }

    public boolean isGso() {
        return shinfo.gsoSize != 0;
    }

    // ---- headers; positions from head

    public int macHeader() {
        return macHeader;
    }

    public void resetMacHeader() {
        macHeader = data;
    }

    public int networkHeader() {
        return networkHeader;
    }

    /** {@code offset} counted from data ({@code skb_set_network_header}). */
    public void networkHeaderAt(int offset) {
        networkHeader = data + offset;
    }

    /** Network header counted from data ({@code skb_network_offset}). */
    public int networkOffset() {
        return networkHeader - data;
    }

    public int transportHeader() {
        return transportHeader;
    }

    public void transportHeaderAt(int offset) {
        transportHeader = data + offset;
    }

    /** Transport header counted from data ({@code skb_transport_offset}). */
    public int transportOffset() {
        return transportHeader - data;
    }

    /** Ethertype, host order. */
    public int protocol() {
        return protocol;
    }

    public void protocol(int ethertype) {
        protocol = ethertype;
    }

    // ---- checksum

    public int ipSummed() {
        return ipSummed;
    }

    public void ipSummed(int state) {
        ipSummed = state;
    }

    /** Where the checksum begins, counted from data ({@code skb_checksum_start_offset}). */
    public int checksumStartOffset() {
        return csumStart - data;
    }

    /** Where, from its start, the checksum is stored, in bytes. */
    public int csumOffset() {
        return csumOffset;
    }

    /** The device must sum from {@code start} (from data) on and store at start + offset. */
    public void checksumPartial(int start, int offset) {
        ipSummed = CHECKSUM_PARTIAL;
        csumStart = data + start;
        csumOffset = offset;
    }

    /** The device summed the whole packet, from data on: {@code sum} is a partial sum as {@code skb->csum} is. */
    public void checksumComplete(int sum) {
        ipSummed = CHECKSUM_COMPLETE;
        csum = sum;
    }

    /** The device's sum ({@code skb->csum}), if {@link #CHECKSUM_COMPLETE}. */
    public int csum() {
        return csum;
    }

    /** All positions move when the head gets {@code n} bytes more headroom. */
    void shift(int n) {
        data += n;
        tail += n;
        macHeader += n;
        networkHeader += n;
        transportHeader += n;
        csumStart += n;
    }

    // ---- references

    /** One more user of this object ({@code skb_get}). */
    public SkBuff get() {
        int before = (int) USERS.getAndAdd(this, 1);
        assert before > 0 : "skb_get on a freed skb";
        return this;
    }

    /** True if nobody is left ({@code skb_unref}). */
    boolean unref() {
        int before = (int) USERS.getAndAdd(this, -1);
        assert before > 0 : "skb freed twice";
        return before == 1;
    }

    /** More than one user ({@code skb_shared}). */
    public boolean isShared() {
        return users != 1;
    }

    /** 0 in the free list. */
    public int users() {
        return users;
    }

    /** Another skb refers to the same data ({@code skb_cloned}). */
    public boolean isCloned() {
        return cloned && (shinfo.dataref() & SkbSharedInfo.SKB_DATAREF_MASK) != 1;
    }

    /** Another skb refers to the same header bytes ({@code skb_header_cloned}). */
    public boolean isHeaderCloned() {
        int ref = shinfo.dataref();
        return cloned && (ref & SkbSharedInfo.SKB_DATAREF_MASK) - (ref >>> SkbSharedInfo.SKB_DATAREF_SHIFT) != 1;
    }

    /** The fragments are device memory that no processor can read ({@code skb->unreadable}, 6.13). */
    public void unreadable(boolean on) {
        unreadable = on;
    }

    /** Keeps the payload, gives the header up to the clones ({@code skb_header_release}). */
    public void headerRelease() {
        assert !nohdr : "header released twice";
        nohdr = true;
        shinfo.refAdd(1 << SkbSharedInfo.SKB_DATAREF_SHIFT);
    }

    /** Who takes the charge off when the packet dies ({@code skb_set_owner_w}). */
    public void destructor(Destructor destructor) {
        this.destructor = destructor;
    }

    public Destructor destructor() {
        return destructor;
    }

    /** Takes the charge off now ({@code skb_orphan}). */
    public void orphan() {
        if (destructor != null) {
            Destructor d = destructor;
            destructor = null;
            d.destruct(this);
        }
    }

    /** The last user frees it: it was sent or delivered ({@code consume_skb}). */
    public void consume() {
        pool.consume(this);
    }

    /** The last user frees it: it was dropped ({@code kfree_skb}). */
    public void kfree() {
        kfree(DropReason.SKB_DROP_REASON_NOT_SPECIFIED);
    }

    /** As {@link #kfree()}, and says why ({@code kfree_skb_reason}). */
    public void kfree(DropReason reason) {
        pool.kfree(this, reason);
    }

    // ---- lists and queues

    public SkBuff next() {
        return next;
    }

    public void next(SkBuff skb) {
        next = skb;
    }

    @Override
    public String toString() {
        return "skb#" + index + "{len=" + len + " dataLen=" + dataLen + " users=" + users + "}";
    }
}
