package softnic.skb;

import softnic.Behaviour;
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
     * @return null when memory is short; {@code skb} then has the bytes it had, its user pages perhaps copied
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
     * ({@code skb_copy_ubufs}): one page a fragment, sizes unchanged (3.1), or page after page filled (4.14).
     *
     * @return 0; or with the packet as it was -ENOMEM, -EINVAL for a shared skb (4.14)
     */
    public static int copyUbufs(SkBuff skb) {
        SkbPool pool = skb.pool;
        pool.trace().enter(Tracepoint.SKB_COPY_UBUFS);
        int err = pool.edition().has(Behaviour.PACKS_COPIED_UBUFS) && skb.isShared() ? -Errno.EINVAL : copyFrags(skb);
        pool.counters().bump(err == 0 ? SkbPool.Count.COPY_UBUFS : SkbPool.Count.COPY_UBUFS_FAILED);
        pool.trace().exit(Tracepoint.SKB_COPY_UBUFS);
        return err;
    }

    /** The new pages wait in a spare head's slots, where the kernel chains them by page->private. */
    private static int copyFrags(SkBuff skb) {
        SkbPool pool = skb.pool;
        SkbSharedInfo spare = pool.allocHead(1);
        if (spare == null) {
            return -Errno.ENOMEM;
        }
        SkbSharedInfo shinfo = skb.shinfo;
        int pages = pool.edition().has(Behaviour.PACKS_COPIED_UBUFS)
                ? skb.dataLen() + PhysMem.PAGE_SIZE - 1 >>> PhysMem.PAGE_SHIFT : shinfo.nrFrags;
        int err = copyInto(skb, spare.frags, pages);
        if (err == 0) {
            for (int i = 0; i < shinfo.nrFrags; i++) {
                shinfo.frags[i].put();
            }
            for (int i = 0; i < pages; i++) {
                shinfo.frags[i].takeFrom(spare.frags[i]);
                shinfo.frags[i].pageOffset = 0;
                shinfo.frags[i].size = spare.frags[i].size;
            }
            shinfo.nrFrags = pages;
        }
        pool.freeHead(spare);
        if (err == 0) {
            shinfo.zcopyClear(false);
        }
        return err;
    }

    private static int copyInto(SkBuff skb, SkbFrag[] to, int pages) {
        SkbPool pool = skb.pool;
        for (int i = 0; i < pages; i++) {
            if (!to[i].alloc(pool.pages())) {
                while (i-- > 0) {
                    to[i].put();
                }
                return -Errno.ENOMEM;
            }
        }
        boolean packed = pool.edition().has(Behaviour.PACKS_COPIED_UBUFS);
        int done = 0;
        for (int i = 0; i < pages; i++) {
            int bytes = packed ? Math.min(PhysMem.PAGE_SIZE, skb.dataLen() - done) : skb.shinfo.frags[i].size;
            copyBits(skb, skb.headlen() + done, to[i].page().hpa(), bytes);
            to[i].size = bytes;
            done += bytes;
        }
        pool.cpu().charge(Cost.SOFT_COPY, done);
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

    /** Makes the first {@code bytes} linear ({@code pskb_may_pull}); false: there are not so many, or no memory. */
    public static boolean mayPull(SkBuff skb, int bytes) {
        return bytes <= skb.headlen() || bytes <= skb.len() && pullTail(skb, bytes - skb.headlen()) == 0;
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
        if (skb.dataLen == 0 && skb.pool.edition().has(Behaviour.COMPLETES_WHEN_LINEAR)) {
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
