package softnic.skb;

import softnic.mm.Errno;
import softnic.mm.PhysMem;
import softnic.sched.Cost;
import softnic.trace.Trace;
import softnic.trace.Tracepoint;

/**
 * What copies, shares or moves packet data: {@code skb_clone}, {@code skb_copy_ubufs},
 * {@code pskb_expand_head}, {@code __pskb_pull_tail}, {@code skb_copy_bits} (net/core/skbuff.c).
 */
public final class SkbCopy {

    private SkbCopy() {
    }

    /**
     * A second skb over the same data ({@code skb_clone}). A zero-copy packet gives its user pages up first:
     * a clone may live for ever.
     *
     * @return null when memory is short; {@code skb} then is as before
     */
    public static SkBuff clone(SkBuff skb) {
        Trace trace = skb.pool.trace();
        trace.enter(Tracepoint.SKB_CLONE);
        SkBuff clone = orphanFrags(skb) == 0 ? skb.pool.allocStruct() : null;
        if (clone != null) {
            clone.reset(skb.shinfo);
            clone.copyHeaderFrom(skb);
            clone.cloned = true;
            clone.nohdr = false;
            skb.cloned = true;
            skb.shinfo.refAdd(1);
            skb.pool.counters().bump(SkbPool.Count.CLONE);
        }
        trace.exit(Tracepoint.SKB_CLONE);
        return clone;
    }

    /** Replaces user pages by copies if there are any ({@code skb_orphan_frags}). */
    public static int orphanFrags(SkBuff skb) {
        return skb.shinfo.isZerocopy() ? copyUbufs(skb) : 0;
    }

    /**
     * Copies each fragment into a page of the kernel, gives the user's pages back and completes the ubuf
     * ({@code skb_copy_ubufs}, 3.1: one page a fragment, sizes unchanged).
     *
     * @return 0, or -ENOMEM with the packet as it was
     */
    public static int copyUbufs(SkBuff skb) {
        SkbPool pool = skb.pool;
        pool.trace().enter(Tracepoint.SKB_COPY_UBUFS);
        SkbSharedInfo scratch = pool.allocHead(1);
        int err = scratch == null ? -Errno.ENOMEM : copyFrags(skb, scratch);
        pool.counters().bump(err == 0 ? SkbPool.Count.COPY_UBUFS : SkbPool.Count.COPY_UBUFS_FAILED);
        pool.trace().exit(Tracepoint.SKB_COPY_UBUFS);
        return err;
    }

    private static int copyFrags(SkBuff skb, SkbSharedInfo scratch) {
        SkbPool pool = skb.pool;
        SkbSharedInfo shinfo = skb.shinfo;
        for (int i = 0; i < shinfo.nrFrags; i++) {
            if (!scratch.frags[i].alloc(pool.pages())) {
                while (i-- > 0) {
                    scratch.frags[i].put();
                }
                pool.freeHead(scratch);
                return -Errno.ENOMEM;
            }
        }
        for (int i = 0; i < shinfo.nrFrags; i++) {
            SkbFrag frag = shinfo.frags[i];
            pool.memory().copy(frag.hpa(), scratch.frags[i].page().hpa(), frag.size);
            pool.cpu().charge(Cost.SOFT_COPY, frag.size);
            frag.put();
            frag.takeFrom(scratch.frags[i]);
            frag.pageOffset = 0;
        }
        pool.freeHead(scratch);
        shinfo.zcopyClear(false);
        return 0;
    }

    /**
     * A head of its own, with {@code nhead} bytes more in front and {@code ntail} behind
     * ({@code pskb_expand_head}). Fragments, flag and ubuf move with it; a shared head's stay, copied or
     * counted once more.
     *
     * @return 0 or -ENOMEM
     */
    public static int expandHead(SkBuff skb, int nhead, int ntail) {
        SkbPool pool = skb.pool;
        pool.trace().enter(Tracepoint.PSKB_EXPAND_HEAD);
        int err = 0;
        SkbSharedInfo old = skb.shinfo;
        SkbSharedInfo head = pool.allocHead(old.end + nhead + ntail);
        if (head == null) {
            err = -Errno.ENOMEM;
        } else if (skb.isCloned() && orphanFrags(skb) != 0) {
            pool.freeHead(head);
            err = -Errno.ENOMEM;
        } else {
            replaceHead(skb, old, head, nhead);
        }
        pool.trace().exit(Tracepoint.PSKB_EXPAND_HEAD);
        return err;
    }

    private static void replaceHead(SkBuff skb, SkbSharedInfo old, SkbSharedInfo head, int nhead) {
        SkbPool pool = skb.pool;
        pool.memory().copy(old.headHpa, head.headHpa + nhead, skb.tail);
        if (skb.isCloned()) {
            head.gsoSize = old.gsoSize;
            head.gsoSegs = old.gsoSegs;
            head.gsoType = old.gsoType;
            for (int i = 0; i < old.nrFrags; i++) {
                head.frags[i].hold(old.frags[i].page());
                head.addFrag(old.frags[i].pageOffset, old.frags[i].size);
            }
            pool.releaseData(skb);
        } else {
            head.moveFrom(old);
            pool.freeHead(old);
        }
        skb.shinfo = head;
        skb.cloned = false;
        skb.nohdr = false;
        skb.shift(nhead);
        pool.counters().bump(SkbPool.Count.EXPAND_HEAD);
    }

    /** All bytes linear ({@code skb_linearize}). @return 0 or -ENOMEM */
    public static int linearize(SkBuff skb) {
        return skb.dataLen() == 0 ? 0 : pullTail(skb, skb.dataLen());
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
        skb.pool.cpu().charge(Cost.SOFT_COPY, delta);
        eatFrags(shinfo, delta);
        skb.tail += delta;
        skb.dataLen -= delta;
        if (skb.dataLen == 0 && skb.pool.edition().completesWhenLinear()) {
            shinfo.zcopyClear(false);
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
            frag.pageOffset += left;
            frag.size -= left;
            left = 0;
            if (kept != i) {
                shinfo.frags[kept].takeFrom(frag);
                shinfo.frags[kept].pageOffset = frag.pageOffset;
                shinfo.frags[kept].size = frag.size;
            }
            kept++;
        }
        shinfo.nrFrags = kept;
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
        assert done == bytes : "skb_copy_bits: " + done + " of " + bytes + " bytes";
    }
}
