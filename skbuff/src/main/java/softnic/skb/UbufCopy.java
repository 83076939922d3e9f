package softnic.skb;

import softnic.Behaviour;
import softnic.Quirk;
import softnic.mm.Errno;
import softnic.mm.PageAllocator;
import softnic.mm.PhysMem;
import softnic.sched.Cost;

/**
 * {@code skb_copy_ubufs} (net/core/skbuff.c).
 *
 * <pre>
 *   3.1    one page a fragment            4.14   page after page filled      6.4   larger pages if they do not suffice
 *          [##  ] [####] [#   ]                  [####] [###  ]                    [########] [#####   ]
 * </pre>
 */
final class UbufCopy {

    private UbufCopy() {
    }

    /**
     * Copies each fragment into pages of the kernel, gives the user's pages back and completes the ubuf.
     *
     * @return 0; or with the packet as it was -ENOMEM, -EINVAL (shared, or more than fits), -EFAULT (unreadable)
     */
    static int copy(SkBuff skb) {
        SkbPool pool = skb.pool;
        boolean packs = pool.edition().has(Behaviour.PACKS_COPIED_UBUFS);
        if (packs && (skb.isShared() || skb.isCloned() && !unclone(skb))) {
            return -Errno.EINVAL;
        }
        if (skb.unreadable && pool.edition().has(Behaviour.DEVMEM_FRAGS)) {
            return -Errno.EFAULT;
        }
        int err = packs ? copyPacked(skb) : copyEach(skb);
        if (err == 0) {
            pool.zcopyClear(skb.shinfo, false);
        }
        return err;
    }

    /** Deviation: a kernel that finds a ubuf of one skb in shared data calls itself here without end. */
    private static boolean unclone(SkBuff skb) {
        return skb.shinfo.isUbufRefcounted() && SkbCopy.expandHead(skb, 0, 0) == 0;
    }

    private static int copyEach(SkBuff skb) {
        for (int i = 0; i < skb.shinfo.nrFrags; i++) {
            if (skb.shinfo.frags[i].size > PhysMem.PAGE_SIZE) {
                return overrun(skb);
            }
        }
        return replace(skb, skb.shinfo.nrFrags, 0, skb.pool.pages());
    }

    private static int copyPacked(SkBuff skb) {
        int bytes = skb.shinfo.fragBytes();
        int most = skb.shinfo.frags.length;
        int order = 0;
        while ((long) most << PhysMem.PAGE_SHIFT + order < bytes) {
            order++;
        }
        if (order > 0 && skb.pool.edition().has(Quirk.UBUF_COPY_OVERRUNS)) {
            return overrun(skb);
        }
        if (order > SkbPool.COMPOUND_ORDER) {
            return -Errno.ENOMEM;
        }
        int size = PhysMem.PAGE_SIZE << order;
        return replace(skb, (bytes + size - 1) / size, size, order == 0 ? skb.pool.pages() : skb.pool.compound());
    }

    /** Deviation: the kernel writes on. */
    private static int overrun(SkBuff skb) {
        skb.pool.counters().bump(SkbPool.Count.COPY_UBUFS_OVERRUN);
        return -Errno.EINVAL;
    }

    /**
     * The new pages wait in a spare head's slots, where the kernel chains them by page->private.
     *
     * @param size bytes to fill each page with, 0: as many as the fragment has
     */
    private static int replace(SkBuff skb, int pages, int size, PageAllocator from) {
        SkbPool pool = skb.pool;
        SkbSharedInfo spare = pool.allocHead(1);
        if (spare == null) {
            return -Errno.ENOMEM;
        }
        int err = alloc(spare, pages, from);
        if (err == 0) {
            fill(skb, spare, size);
            skb.shinfo.putFrags();
            for (int i = 0; i < pages; i++) {
                skb.shinfo.frags[i].moveFrom(spare.frags[i]);
            }
            skb.shinfo.nrFrags = pages;
            spare.nrFrags = 0;
        }
        pool.freeHead(spare);
        return err;
    }

    private static int alloc(SkbSharedInfo spare, int pages, PageAllocator from) {
        while (spare.nrFrags < pages) {
            if (!spare.frags[spare.nrFrags].alloc(from)) {
                spare.putFrags();
                return -Errno.ENOMEM;
            }
            spare.nrFrags++;
        }
        return 0;
    }

    private static void fill(SkBuff skb, SkbSharedInfo spare, int size) {
        int bytes = skb.shinfo.fragBytes();
        int done = 0;
        for (int i = 0; i < spare.nrFrags; i++) {
            SkbFrag to = spare.frags[i];
            int piece = size == 0 ? skb.shinfo.frags[i].size : Math.min(size, bytes - done);
            SkbCopy.copyBits(skb, skb.headlen() + done, to.page().hpa(), piece);
            to.pageOffset = 0;
            to.size = piece;
            done += piece;
        }
        assert done == bytes : "skb_copy_ubufs: " + done + " of " + bytes + " bytes";
        skb.pool.cpu().charge(Cost.SOFT_COPY, done);
    }
}
