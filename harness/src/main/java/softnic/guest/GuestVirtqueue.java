package softnic.guest;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.util.Arrays;
import softnic.mm.Errno;
import softnic.trace.Violations;
import softnic.virtio.Vring;

/**
 * The driver's side of a split virtqueue: {@code struct vring_virtqueue} (drivers/virtio/virtio_ring.c,
 * 2.6.39 and 3.0).
 *
 * <pre>
 *   free list through desc.next:  freeHead -&gt; d -&gt; d -&gt; d        numFree long
 *   avail.ring   [ ... published | added, not yet published | ... ]
 *                                ^ availIdx                 ^ availIdx + numAdded
 *   used.ring    [ ... taken | come back | ... ]
 *                            ^ lastUsedIdx
 * </pre>
 *
 * <p>The kick is split in three, because each part has its time: {@link #publish} and
 * {@link #isKickWanted} when the work was paid for, the notification itself when the exit was paid for.
 * Order: entries, release of the index, full fence, then a look at what the host wants to hear of.
 *
 * <p>The guest trusts the host no further than the kernel does: an id that was not outstanding breaks the
 * ring ({@link #isBroken}) and is reported. One guest agent at a time.
 */
final class GuestVirtqueue {

    /** {@link #getBuf}: nothing came back. */
    static final int NONE = -1;

    private static final int INVARIANT_HEAD_ONCE = 1;
    private static final int INVARIANT_DESCRIPTORS = 28;
    private static final int INVARIANT_USED_IDX = 3;
    private static final ValueLayout.OfShort LE16 =
            ValueLayout.JAVA_SHORT.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfInt LE32 =
            ValueLayout.JAVA_INT.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfLong LE64 =
            ValueLayout.JAVA_LONG.withOrder(ByteOrder.LITTLE_ENDIAN);

    private final String name;
    private final MemorySegment ram;
    private final Vring vring;
    private final int num;
    private final long indirectGpa;
    private final boolean event;
    private final Violations violations;
    private final int[] data;

    private int numFree;
    private int freeHead;
    private int numAdded;
    private int availIdx;               // shadow of avail.idx: what the host has been told of
    private int lastUsedIdx;
    private int availFlags;
    private int usedLen;
    private boolean broken;

    /**
     * @param ram in which offsets are guest-physical addresses
     * @param indirectGpa tables of {@link GuestRam#INDIRECT_DESCS}, one for each head; 0: no indirect
     * @param event {@code VIRTIO_RING_F_EVENT_IDX} is negotiated
     * @param startIdx where both indices begin: 0, but in tests of the wrap
     */
    GuestVirtqueue(String name, MemorySegment ram, Vring vring, long indirectGpa, boolean event,
            int startIdx, Violations violations) {
        this.name = name;
        this.ram = ram;
        this.vring = vring;
        this.num = vring.num();
        this.indirectGpa = indirectGpa;
        this.event = event;
        this.violations = violations;
        this.data = new int[num];
        begin(startIdx);
    }

    /** Empty, with both indices at {@code startIdx}. */
    private void begin(int startIdx) {
        Arrays.fill(data, NONE);
        for (int i = 0; i < num; i++) {
            vring.desc(i, 0, 0, 0, i + 1 & num - 1);
        }
        numFree = num;
        freeHead = 0;
        numAdded = 0;
        availIdx = startIdx & Vring.IDX_MASK;
        lastUsedIdx = availIdx;
        availFlags = 0;
        broken = false;
        vring.availFlags(0);
        vring.availIdxRelease(availIdx);
    }

    /** The device was reset: takes back what it never returned ({@code virtqueue_detach_unused_buf}). @return a token */
    int detachUnusedBuf() {
        for (int head = 0; head < num; head++) {
            if (data[head] != NONE) {
                int token = data[head];
                data[head] = NONE;
                return token;
            }
        }
        return NONE;
    }

    /** A new ring in the old one's zeroed pages ({@code vring_new_virtqueue}). */
    void reset() {
        begin(0);
        vring.usedEvent(0);
        vring.usedFlags(0);
        vring.usedIdxRelease(0);
        vring.availEvent(0);
    }

    /**
     * Adds a chain ({@code virtqueue_add_buf}); the host does not see it before {@link #publish}.
     *
     * @param sg pieces that the host reads ({@code out}), then pieces that it writes ({@code in})
     * @param token what {@link #getBuf} shall answer, at least 0
     * @return descriptors still free, or -ENOSPC; then an {@code out} chain wants the host kicked
     */
    int addBuf(GuestSg sg, int out, int in, int token) {
        assert token >= 0 : name + " token " + token;
        int total = out + in;
        assert total > 0 && total <= sg.count() : name + " pieces " + total;
        boolean indirect = indirectGpa != 0 && total > 1 && numFree > 0;
        if (!indirect && numFree < total) {
            return -Errno.ENOSPC;
        }
        int head = freeHead;
        if (indirect) {
            addIndirect(sg, out, total, head);
        } else {
            addDirect(sg, out, total);
        }
        assert data[head] == NONE : name + " head " + head + " is outstanding";
        data[head] = token;
        vring.availRing(availIdx + numAdded, head);
        numAdded++;
        return numFree;
    }

    private void addDirect(GuestSg sg, int out, int total) {
        int i = freeHead;
        for (int piece = 0; piece < total; piece++) {
            int next = vring.descNext(i);
            int flags = piece < out ? 0 : Vring.VRING_DESC_F_WRITE;
            flags |= piece < total - 1 ? Vring.VRING_DESC_F_NEXT : 0;
            vring.desc(i, sg.gpa(piece), sg.len(piece), flags, next);
            i = next;
        }
        freeHead = i;
        numFree -= total;
    }

    /** {@code vring_add_indirect}: the chain in a table of its own, one descriptor in the ring. */
    private void addIndirect(GuestSg sg, int out, int total, int head) {
        long table = indirectGpa + (long) head * GuestRam.INDIRECT_SIZE;
        for (int piece = 0; piece < total; piece++) {
            int flags = piece < out ? 0 : Vring.VRING_DESC_F_WRITE;
            boolean isLast = piece == total - 1;
            long at = table + (long) piece * Vring.DESC_SIZE;
            ram.set(LE64, at, sg.gpa(piece));
            ram.set(LE32, at + Vring.DESC_LEN, sg.len(piece));
            ram.set(LE16, at + Vring.DESC_FLAGS, (short) (isLast ? flags : flags | Vring.VRING_DESC_F_NEXT));
            ram.set(LE16, at + Vring.DESC_NEXT, (short) (isLast ? 0 : piece + 1));
        }
        int next = vring.descNext(head);
        vring.desc(head, table, total * Vring.DESC_SIZE, Vring.VRING_DESC_F_INDIRECT, next);
        freeHead = next;
        numFree--;
    }

    /**
     * Lets the host see the next {@code chains} added chains: the first half of {@code virtqueue_kick}.
     * Afterwards the host's wishes may be read.
     */
    void publish(int chains) {
        assert chains <= numAdded : name + " publishes " + chains + " of " + numAdded;
        availIdx = availIdx + chains & Vring.IDX_MASK;
        numAdded -= chains;
        vring.availIdxRelease(availIdx);    // the chains before the index
        VarHandle.fullFence();              // the index before a look at flags or avail_event
    }

    /** True if the host wants to hear of the last {@code chains} chains published. */
    boolean isKickWanted(int chains) {
        if (event) {
            return Vring.needEvent(vring.availEvent(), availIdx, availIdx - chains & Vring.IDX_MASK);
        }
        return (vring.usedFlags() & Vring.VRING_USED_F_NO_NOTIFY) == 0;
    }

    /**
     * Takes the next buffer that came back ({@code virtqueue_get_buf}).
     *
     * @return its token, or {@link #NONE}
     */
    int getBuf() {
        if (broken || !isMoreUsed()) {
            return NONE;
        }
        int id = vring.usedId(lastUsedIdx);
        usedLen = vring.usedLen(lastUsedIdx);
        if (id < 0 || id >= num || data[id] == NONE) {
            breakRing(id);
            return NONE;
        }
        int token = data[id];
        data[id] = NONE;
        detach(id);
        lastUsedIdx = lastUsedIdx + 1 & Vring.IDX_MASK;
        if (event && (availFlags & Vring.VRING_AVAIL_F_NO_INTERRUPT) == 0) {
            vring.usedEvent(lastUsedIdx);
            VarHandle.fullFence();          // the event before the next look at the used index
        }
        return token;
    }

    /** Gives a chain back to the free list ({@code detach_buf}). */
    private void detach(int head) {
        int i = head;
        while ((vring.descFlags(i) & Vring.VRING_DESC_F_NEXT) != 0) {
            i = vring.descNext(i);
            numFree++;
        }
        vring.desc(i, 0, 0, 0, freeHead);
        freeHead = head;
        numFree++;
        assert numFree <= num : name + " free " + numFree;
    }

    private void breakRing(int id) {
        broken = true;
        violations.report(INVARIANT_HEAD_ONCE, name + ": used id=" + Integer.toUnsignedString(id)
                + " at used index " + lastUsedIdx + " is no outstanding head, ring size " + num
                + " [virtqueue_get_buf, drivers/virtio/virtio_ring.c]");
    }

    /** Buffers are back that the driver has not looked at. For checks at rest. */
    boolean hasNews() {
        return vring.usedIdxAcquire() != lastUsedIdx;
    }

    private boolean isMoreUsed() {
        int ahead = vring.usedIdxAcquire() - lastUsedIdx & Vring.IDX_MASK;
        if (ahead > num) {
            broken = true;
            violations.report(INVARIANT_USED_IDX, name + ": used index is " + ahead
                    + " ahead of the guest, ring size " + num);
            return false;
        }
        return ahead != 0;
    }

    /** Tells the host that interrupts are not needed: a hint ({@code virtqueue_disable_cb}). */
    void disableCb() {
        availFlags |= Vring.VRING_AVAIL_F_NO_INTERRUPT;
        vring.availFlags(availFlags);
    }

    /**
     * Asks for an interrupt at the next used buffer ({@code virtqueue_enable_cb}).
     *
     * @return false if some had come back already: look again, nobody will call
     */
    boolean enableCb() {
        enable(lastUsedIdx);
        return broken || !isMoreUsed();     // a broken ring gives nothing more: no reason to look again
    }

    /**
     * Asks for an interrupt when three quarters of the outstanding buffers are back
     * ({@code virtqueue_enable_cb_delayed}, 3.0).
     *
     * @return false if that many are back already
     */
    boolean enableCbDelayed() {
        int bufs = (availIdx - lastUsedIdx & Vring.IDX_MASK) * 3 / 4;
        enable(lastUsedIdx + bufs);
        return (vring.usedIdxAcquire() - lastUsedIdx & Vring.IDX_MASK) <= bufs;
    }

    private void enable(int usedEvent) {
        availFlags &= ~Vring.VRING_AVAIL_F_NO_INTERRUPT;
        vring.availFlags(availFlags);
        if (event) {
            vring.usedEvent(usedEvent & Vring.IDX_MASK);
        }
        VarHandle.fullFence();              // the wish before the look: pairs with the host's notify
    }

    /** True if the host would hear of one more chain. For checks at rest. */
    boolean isKickArmed() {
        return event ? Vring.needEvent(vring.availEvent(), availIdx + 1 & Vring.IDX_MASK, availIdx)
                : (vring.usedFlags() & Vring.VRING_USED_F_NO_NOTIFY) == 0;
    }

    /** Every descriptor is free or in one outstanding chain (28). For checks between two steps. */
    void check() {
        if (broken) {
            return;
        }
        boolean[] seen = new boolean[num];
        int free = walk(freeHead, numFree, seen);
        int flying = 0;
        for (int head = 0; head < num; head++) {
            flying += data[head] == NONE ? 0 : walk(head, num, seen);
        }
        if (free != numFree || free + flying != num) {
            violations.report(INVARIANT_DESCRIPTORS, name + ": " + numFree + " descriptors free, " + free
                    + " in the free list, " + flying + " in flight, of " + num);
        }
    }

    /** Walks at most {@code limit} descriptors; the free list has no end of its own. @return those not seen before */
    private int walk(int from, int limit, boolean[] seen) {
        boolean chain = limit == num && data[from] != NONE;
        int i = from;
        int count = 0;
        while (count < limit && !seen[i]) {
            seen[i] = true;
            count++;
            if (chain && (vring.descFlags(i) & Vring.VRING_DESC_F_NEXT) == 0) {
                break;
            }
            i = vring.descNext(i);
        }
        return count;
    }

    /** The token of used entry {@code idx}, if it is outstanding; monitors only. */
    int outstandingToken(int idx) {
        int id = vring.usedId(idx);
        return id >= 0 && id < num ? data[id] : NONE;
    }

    /** The host's used index; monitors only. */
    int usedIdx() {
        return vring.usedIdxAcquire();
    }

    int lastUsedIdx() {
        return lastUsedIdx;
    }

    int availIdx() {
        return availIdx;
    }

    int numFree() {
        return numFree;
    }

    int numAdded() {
        return numAdded;
    }

    /** The {@code len} of the buffer that {@link #getBuf} took last. */
    int usedLen() {
        return usedLen;
    }

    /** The host returned something that was not outstanding; nothing is taken any more. */
    boolean isBroken() {
        return broken;
    }
}
