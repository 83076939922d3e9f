package softnic.skb;

import softnic.Behaviour;
import softnic.Quirk;
import softnic.mm.Errno;
import softnic.mm.PhysMem;
import softnic.sched.Cost;
import softnic.trace.Trace;
import softnic.trace.Tracepoint;

/**
 * What copies, shares or moves packet data: {@code skb_clone}, {@code pskb_copy}, {@code skb_copy_ubufs},
 * {@code pskb_expand_head}, {@code __pskb_pull_tail}, {@code ___pskb_trim} (net/core/skbuff.c).
 *
 * <pre>
 *                  struct   head    fragments          user pages
 *   clone          new      shared  shared             copied first, in the original
 *   morph          reused   shared  shared             shared (no caller has any)
 *   pskbCopy       new      copied  pages held twice   copied first, in the original
 *   copy           new      copied  copied             stay the original's
 *   expandHead     same     new     moved, or as in pskbCopy if the head was shared
 * </pre>
 */
public final class SkbCopy {

    private SkbCopy() {
    }

    /**
     * A second skb over the same data ({@code skb_clone}). A zero-copy packet gives its user pages up first:
     * a clone may live for ever.
     *
     * @return null when memory is short; {@code skb} then has the bytes it had, its user pages perhaps copied
     */
    public static SkBuff clone(SkBuff skb) {
        Trace trace = skb.pool.trace();
        trace.enter(Tracepoint.SKB_CLONE);
        SkBuff clone = orphanFrags(skb) == 0 ? skb.pool.allocStruct() : null;
        if (clone != null) {
            share(clone, skb);
            skb.pool.counters().bump(SkbPool.Count.CLONE);
        }
        trace.exit(Tracepoint.SKB_CLONE);
        return clone;
    }

    /** {@code __skb_clone}: no look at user pages, callers did that. */
    private static void share(SkBuff clone, SkBuff skb) {
        clone.reset(skb.shinfo);
        clone.copyHeaderFrom(skb);
        clone.cloned = true;
        skb.cloned = true;
        skb.shinfo.refAdd(1);
    }

    /**
     * {@code to} gives up what it is and becomes a clone of {@code skb} ({@code skb_morph}).
     *
     * @return false, and both as they were, when the user pages should be copied and memory is short
     */
    public static boolean morph(SkBuff to, SkBuff skb) {
        if (!skb.pool.edition().has(Quirk.MORPH_SHARES_UBUF) && orphanFrags(skb) != 0) {
            return false;
        }
        to.orphan();
        to.pool.releaseData(to);
        share(to, skb);
        return true;
    }

    /** A linear copy of everything, headroom as it is ({@code skb_copy}). @return null when memory is short */
    public static SkBuff copy(SkBuff skb) {
        return copyExpand(skb, skb.headroom(), skb.shinfo.end - skb.tail);
    }

    /** As {@link #copy} with room of the caller's choice, in bytes ({@code skb_copy_expand}). */
    public static SkBuff copyExpand(SkBuff skb, int headroom, int tailroom) {
        SkBuff copy = skb.unreadable ? null : skb.pool.alloc(headroom + skb.len + tailroom);
        if (copy != null) {
            copy.reserve(headroom);
            copy.put(skb.len);
            int before = Math.min(headroom, skb.headroom());
            skb.memory().copy(skb.dataHpa() - before, copy.dataHpa() - before, before);
            copyBits(skb, 0, copy.dataHpa(), skb.len);
            copy.copyFieldsFrom(skb);
            copy.shinfo.copyGso(skb.shinfo);
            skb.pool.cpu().charge(Cost.SOFT_COPY, skb.len);
        }
        return copy;
    }

    /**
     * A head of its own over the same pages ({@code pskb_copy}). User pages are copied first, in {@code skb}, but only
     * if there are fragments; otherwise {@code skb} keeps its ubuf.
     *
     * @return null when memory is short
     */
    public static SkBuff pskbCopy(SkBuff skb) {
        SkBuff copy = skb.pool.alloc(skb.shinfo.end);
        if (copy == null) {
            return null;
        }
        if (skb.shinfo.nrFrags > 0) {
            if (orphanFrags(skb) != 0) {
                copy.kfree(DropReason.SKB_DROP_REASON_NOMEM);
                return null;
            }
            zerocopyClone(copy, skb);
        }
        copy.reserve(skb.headroom());
        copy.put(skb.headlen());
        skb.memory().copy(skb.dataHpa(), copy.dataHpa(), skb.headlen());
        copy.shinfo.shareFrags(skb.shinfo);
        copy.shinfo.fragList = skb.shinfo.fragList;
        FragList.hold(copy.shinfo);
        copy.addFragBytes(skb.dataLen, skb.dataLen);
        copy.copyFieldsFrom(skb);
        copy.shinfo.copyGso(skb.shinfo);
        return copy;
    }

    /** A copy or clone with at least {@code headroom} bytes in front ({@code skb_realloc_headroom}), or null. */
    public static SkBuff reallocHeadroom(SkBuff skb, int headroom) {
        int delta = headroom - skb.headroom();
        if (delta <= 0) {
            return pskbCopy(skb);
        }
        SkBuff clone = clone(skb);
        if (clone != null && expandHead(clone, delta + SkbPool.CACHE_LINE - 1 & -SkbPool.CACHE_LINE, 0) != 0) {
            clone.kfree(DropReason.SKB_DROP_REASON_NOMEM);
            return null;
        }
        return clone;
    }

    // ---- user pages

    /**
     * Replaces user pages by copies, unless their ubuf is of the kind that can be shared ({@code skb_orphan_frags}).
     *
     * @return 0, or as {@link #copyUbufs}
     */
    public static int orphanFrags(SkBuff skb) {
        return skb.shinfo.isZerocopy() && !sharesUbuf(skb) ? copyUbufs(skb) : 0;
    }

    /** As {@link #orphanFrags}, whatever the kind: the packet may be kept for ever ({@code skb_orphan_frags_rx}, 4.14). */
    public static int orphanFragsRx(SkBuff skb) {
        return skb.shinfo.isZerocopy() ? copyUbufs(skb) : 0;
    }

    private static boolean sharesUbuf(SkBuff skb) {
        return skb.shinfo.isUbufRefcounted() && skb.pool.edition().has(Behaviour.SHARES_UBUF);
    }

    /** The ubuf of {@code skb}, if it has one, is also {@code to}'s ({@code skb_zerocopy_clone}). */
    public static void zerocopyClone(SkBuff to, SkBuff skb) {
        if (sharesUbuf(skb)) {
            to.shinfo.zcopySet(skb.shinfo.destructorArg);
        }
    }

    /**
     * Copies each fragment into a page of the kernel, gives the user's pages back and completes the ubuf
     * ({@code skb_copy_ubufs}): one page a fragment, sizes unchanged (3.1), or page after page filled (4.14).
     *
     * @return 0; or with the packet as it was -ENOMEM, -EINVAL (shared, or more than fits), -EFAULT (unreadable)
     */
    public static int copyUbufs(SkBuff skb) {
        SkbPool pool = skb.pool;
        pool.trace().enter(Tracepoint.SKB_COPY_UBUFS);
        int err = UbufCopy.copy(skb);
        pool.counters().bump(err == 0 ? SkbPool.Count.COPY_UBUFS : SkbPool.Count.COPY_UBUFS_FAILED);
        pool.trace().exit(Tracepoint.SKB_COPY_UBUFS);
        return err;
    }

    /** The packet will be dropped on its way: its owner hears now ({@code skb_tx_error}, 3.8). */
    public static void txError(SkBuff skb) {
        if (skb.pool.edition().has(Behaviour.TELLS_TX_ERROR)) {
            skb.pool.zcopyClear(skb.shinfo, skb.pool.edition().has(Behaviour.TX_ERROR_SUCCEEDS));
        }
    }

    // ---- a new head

    /**
     * A head of its own, with {@code nhead} bytes more in front and {@code ntail} behind
     * ({@code pskb_expand_head}). Fragments, flag and ubuf move with it; a shared head's stay, copied or
     * counted once more.
     *
     * @return 0 or -ENOMEM
     */
    public static int expandHead(SkBuff skb, int nhead, int ntail) {
        assert !skb.isShared() : "pskb_expand_head of " + skb;
        SkbPool pool = skb.pool;
        pool.trace().enter(Tracepoint.PSKB_EXPAND_HEAD);
        SkbSharedInfo old = skb.shinfo;
        SkbSharedInfo head = pool.allocHead(old.end + nhead + ntail);
        int err = head == null ? -Errno.ENOMEM : skb.isCloned() ? leaveHead(skb, head) : 0;
        if (err == 0) {
            pool.memory().copy(old.headHpa, head.headHpa + nhead, skb.tail);
            if (skb.isCloned()) {
                pool.releaseData(skb);
            } else {
                head.moveFrom(old);
                pool.freeHead(old);
            }
            useHead(skb, head, nhead);
        } else if (head != null) {
            head.putFrags();
            pool.freeHead(head);
        }
        pool.trace().exit(Tracepoint.PSKB_EXPAND_HEAD);
        return err;
    }

    /** What a new head needs of a shared one. Deviation: a stale one holds its pages, so that nobody else gets them. */
    private static int leaveHead(SkBuff skb, SkbSharedInfo head) {
        SkbSharedInfo old = skb.shinfo;
        boolean stale = old.isZerocopy() && !sharesUbuf(skb) && skb.pool.edition().has(Quirk.EXPAND_HEAD_STALE);
        UbufInfo ubuf = old.destructorArg;
        if (stale) {
            head.shareFrags(old);
        }
        if (orphanFrags(skb) != 0) {
            return -Errno.ENOMEM;
        }
        if (stale) {
            head.zerocopy(ubuf);
            skb.pool.counters().bump(SkbPool.Count.STALE_UBUF);
        } else {
            head.shareFrags(old);
            if (sharesUbuf(skb)) {
                head.zcopySet(ubuf);
            }
        }
        head.copyGso(old);
        head.fragList = old.fragList;
        FragList.hold(head);
        return 0;
    }

    private static void useHead(SkBuff skb, SkbSharedInfo head, int nhead) {
        if (skb.destructor == null && skb.pool.edition().has(Behaviour.COUNTS_NEW_HEAD)) {
            skb.truesize += head.end - skb.shinfo.end;
        }
        skb.shinfo = head;
        skb.cloned = false;
        skb.nohdr = false;
        skb.shift(nhead);
        skb.pool.counters().bump(SkbPool.Count.EXPAND_HEAD);
    }

    /** A head that no clone shares ({@code skb_unclone}); false: no memory. */
    static boolean unclone(SkBuff skb) {
        return !skb.isCloned() || expandHead(skb, 0, 0) == 0;
    }

    // ---- between the fragments and the linear part

    /** All bytes linear ({@code skb_linearize}). @return 0 or -ENOMEM */
    public static int linearize(SkBuff skb) {
        return skb.dataLen() == 0 ? 0 : pullTail(skb, skb.dataLen());
    }

    /** Makes the first {@code bytes} linear ({@code pskb_may_pull}); false: there are not so many, or no memory. */
    public static boolean mayPull(SkBuff skb, int bytes) {
        return bytes <= skb.headlen() || bytes <= skb.len() && pullTail(skb, bytes - skb.headlen()) == 0;
    }

    /** Takes {@code bytes} off the front, wherever they lie ({@code pskb_pull}); false: as {@link #mayPull}. */
    public static boolean pull(SkBuff skb, int bytes) {
        if (!mayPull(skb, bytes)) {
            return false;
        }
        skb.pull(bytes);
        return true;
    }

    /**
     * Moves {@code delta} bytes from the fragments behind the linear part ({@code __pskb_pull_tail}). When no
     * fragment is left, editions since 4.14 complete the ubuf at once; before, the final free does.
     *
     * @return 0 or -ENOMEM
     */
    public static int pullTail(SkBuff skb, int delta) {
        int eat = skb.tail + delta - skb.shinfo.end;
        if (eat > 0 || skb.isCloned()) {
            int err = expandHead(skb, 0, eat > 0 ? eat + 128 : 0);
            if (err != 0) {
                return err;
            }
        }
        SkbSharedInfo shinfo = skb.shinfo;
        copyBits(skb, skb.headlen(), skb.hpa(skb.tail), delta);
        int ofFrags = shinfo.fragList == null ? delta : Math.min(delta, shinfo.fragBytes());
        if (delta > ofFrags && !FragList.pull(shinfo, delta - ofFrags)) {
            return -Errno.ENOMEM;
        }
        skb.pool.cpu().charge(Cost.SOFT_COPY, delta);
        eatFrags(shinfo, ofFrags);
        skb.tail += delta;
        skb.dataLen -= delta;
        if (skb.dataLen == 0 && skb.pool.edition().has(Behaviour.COMPLETES_WHEN_LINEAR)) {
            skb.pool.zcopyClear(shinfo, false);
        }
        return 0;
    }

    private static void eatFrags(SkbSharedInfo shinfo, int bytes) {
        int left = bytes;
        int kept = 0;
        for (int i = 0; i < shinfo.nrFrags; i++) {
            SkbFrag frag = shinfo.frags[i];
            if (left >= frag.size) {
                left -= frag.size;
                frag.put();
                continue;
            }
            frag.skip(left);
            left = 0;
            if (kept != i) {
                shinfo.frags[kept].moveFrom(frag);
            }
            kept++;
        }
        shinfo.nrFrags = kept;
    }

    /**
     * Cuts the packet off behind {@code len} bytes ({@code pskb_trim}); a shorter one stays. Pages behind are given
     * back, flag and ubuf stay.
     *
     * @return 0 or -ENOMEM
     */
    public static int trim(SkBuff skb, int len) {
        if (len >= skb.len) {
            return 0;
        }
        if (!unclone(skb)) {
            return -Errno.ENOMEM;
        }
        SkbSharedInfo shinfo = skb.shinfo;
        int inData = Math.max(0, len - skb.headlen());
        if (shinfo.fragList != null) {
            int err = FragList.trim(shinfo, Math.max(0, inData - shinfo.fragBytes()));
            if (err != 0) {
                return err;
            }
        }
        trimFrags(shinfo, inData);
        if (len < skb.headlen()) {
            skb.tail = skb.data + len;
        }
        skb.len = len;
        skb.dataLen = inData;
        return 0;
    }

    private static void trimFrags(SkbSharedInfo shinfo, int bytes) {
        int left = bytes;
        int kept = 0;
        for (int i = 0; i < shinfo.nrFrags; i++) {
            SkbFrag frag = shinfo.frags[i];
            if (left == 0) {
                frag.put();
                continue;
            }
            frag.size = Math.min(frag.size, left);
            left -= frag.size;
            kept++;
        }
        shinfo.nrFrags = kept;
    }

    /** As {@link #trim}; a sum of the whole packet is void then ({@code pskb_trim_rcsum}). */
    public static int trimRcsum(SkBuff skb, int len) {
        if (len < skb.len && skb.ipSummed() == SkBuff.CHECKSUM_COMPLETE) {
            skb.ipSummed(SkBuff.CHECKSUM_NONE);
        }
        return trim(skb, len);
    }

    /** Copies {@code bytes} from position {@code offset} of the packet to {@code toHpa} ({@code skb_copy_bits}). */
    public static void copyBits(SkBuff skb, int offset, long toHpa, int bytes) {
        PhysMem memory = skb.pool.memory();
        int done = Math.clamp(skb.headlen() - offset, 0, bytes);
        if (done > 0) {
            memory.copy(skb.dataHpa() + offset, toHpa, done);
        }
        int skip = Math.max(0, offset - skb.headlen());
        SkbSharedInfo shinfo = skb.shinfo;
        for (int i = 0; i < shinfo.nrFrags && done < bytes; i++) {
            SkbFrag frag = shinfo.frags[i];
            if (skip >= frag.size) {
                skip -= frag.size;
                continue;
            }
            int piece = Math.min(frag.size - skip, bytes - done);
            memory.copy(frag.hpa() + skip, toHpa + done, piece);
            done += piece;
            skip = 0;
        }
        if (done < bytes) {
            copyListBits(shinfo.fragList, skip, toHpa + done, bytes - done);
        }
    }

    private static void copyListBits(SkBuff list, int offset, long toHpa, int bytes) {
        int skip = offset;
        int done = 0;
        for (SkBuff skb = list; skb != null && done < bytes; skb = skb.next()) {
            if (skip >= skb.len) {
                skip -= skb.len;
                continue;
            }
            int piece = Math.min(skb.len - skip, bytes - done);
            copyBits(skb, skip, toHpa + done, piece);
            done += piece;
            skip = 0;
        }
        assert done == bytes : "skb_copy_bits: " + done + " of " + bytes + " bytes";
    }
}
