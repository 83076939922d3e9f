package softnic.skb;

import softnic.Quirk;

/**
 * What moves fragments between two packets, as TCP does: {@code skb_split}, {@code skb_shift},
 * {@code skb_try_coalesce} (net/core/skbuff.c). No packet of vhost comes here in any kernel.
 */
public final class SkbSplit {

    private SkbSplit() {
    }

    /**
     * Moves what lies behind {@code len} bytes to {@code to}, an empty packet with tailroom enough ({@code skb_split}).
     * Since 4.14 {@code to} refers to the same ubuf; before, to none.
     *
     * <p>Deviation: vhost's kind of ubuf cannot be shared, so we copy the pages first; the kernel would call it twice.
     *
     * @return 0 or -ENOMEM
     */
    public static int split(SkBuff skb, SkBuff to, int len) {
        assert len < skb.len && to.len == 0 && !skb.isCloned() && skb.shinfo.fragList == null : skb + " at " + len;
        if (!skb.pool.edition().has(Quirk.SPLIT_WITHOUT_OWNER)) {
            int err = SkbCopy.orphanFrags(skb);
            if (err != 0) {
                return err;
            }
            SkbCopy.zerocopyClone(to, skb);
        }
        int linear = Math.max(0, skb.headlen() - len);
        int kept = Math.max(0, len - skb.headlen());
        if (linear > 0) {
            skb.memory().copy(skb.dataHpa() + len, to.append(linear), linear);
            skb.tail -= linear;
        }
        moveFragsBehind(skb.shinfo, to.shinfo, kept);
        to.dataLen = skb.dataLen - kept;
        to.len += to.dataLen;
        skb.len = len;
        skb.dataLen = kept;
        return 0;
    }

    private static void moveFragsBehind(SkbSharedInfo from, SkbSharedInfo to, int bytes) {
        int left = bytes;
        int kept = 0;
        for (int i = 0; i < from.nrFrags; i++) {
            SkbFrag frag = from.frags[i];
            if (left >= frag.size) {
                left -= frag.size;
                kept++;
            } else if (left > 0) {
                to.frags[to.nrFrags++].share(frag, left, frag.size - left);
                frag.size = left;
                left = 0;
                kept++;
            } else {
                to.frags[to.nrFrags++].moveFrom(frag);
            }
        }
        from.nrFrags = kept;
    }

    /**
     * Moves the first {@code bytes} of a packet without linear part to the end of {@code to} ({@code skb_shift}).
     *
     * @return {@code bytes}, or 0 and nothing moved: not enough slots or memory, or since 4.14 a ubuf
     */
    public static int shift(SkBuff to, SkBuff skb, int bytes) {
        if (skb.headlen() > 0 || refusesUbuf(to, skb) || !SkbCopy.unclone(skb) || !SkbCopy.unclone(to)) {
            return 0;
        }
        SkbSharedInfo from = skb.shinfo;
        SkbSharedInfo into = to.shinfo;
        boolean merges = from.nrFrags > 0 && canCoalesce(to, from.frags[0]);
        if (slots(from, bytes) - (merges ? 1 : 0) > into.frags.length - into.nrFrags) {
            return 0;
        }
        int left = bytes;
        int gone = 0;
        while (left > 0) {
            SkbFrag frag = from.frags[gone];
            int piece = Math.min(left, frag.size);
            if (merges) {
                into.frags[into.nrFrags - 1].size += piece;
                merges = false;
            } else {
                into.frags[into.nrFrags++].share(frag, 0, piece);
            }
            frag.skip(piece);
            left -= piece;
            gone += frag.size == 0 ? 1 : 0;
        }
        removeFirst(from, gone);
        skb.ipSummed(SkBuff.CHECKSUM_PARTIAL);
        to.ipSummed(SkBuff.CHECKSUM_PARTIAL);
        skb.addFragBytes(-bytes, -bytes);
        to.addFragBytes(bytes, bytes);
        return bytes;
    }

    /** Fragments that {@code bytes} lie in. */
    private static int slots(SkbSharedInfo from, int bytes) {
        int left = bytes;
        int n = 0;
        while (left > 0) {
            left -= from.frags[n++].size;
        }
        return n;
    }

    private static void removeFirst(SkbSharedInfo from, int gone) {
        for (int i = 0; i < gone; i++) {
            from.frags[i].put();
        }
        for (int i = gone; gone > 0 && i < from.nrFrags; i++) {
            from.frags[i - gone].moveFrom(from.frags[i]);
        }
        from.nrFrags -= gone;
    }

    /** True if {@code frag} goes on where the last fragment of {@code skb} ends ({@code skb_can_coalesce}). */
    public static boolean canCoalesce(SkBuff skb, SkbFrag frag) {
        SkbSharedInfo shinfo = skb.shinfo;
        if (refusesUbuf(skb, skb) || shinfo.nrFrags == 0) {
            return false;
        }
        SkbFrag last = shinfo.frags[shinfo.nrFrags - 1];
        return last.page() == frag.page() && last.pageOffset + last.size == frag.pageOffset;
    }

    /**
     * Appends all of {@code from}, which the caller frees then ({@code skb_try_coalesce}, 3.5): by copy into the
     * tailroom, or by moving the fragments.
     *
     * <p>Deviation: a head is never made a fragment.
     *
     * @return false, and nothing happened, if it cannot
     */
    public static boolean tryCoalesce(SkBuff to, SkBuff from) {
        int bytes = from.len;
        if (to.isCloned()) {
            return false;
        }
        if (bytes <= to.tailroom()) {
            if (bytes > 0) {
                SkbCopy.copyBits(from, 0, to.append(bytes), bytes);
            }
            return true;
        }
        if (to.shinfo.fragList != null || from.shinfo.fragList != null || refusesUbuf(to, from) || from.headlen() > 0
                || to.shinfo.nrFrags + from.shinfo.nrFrags > to.shinfo.frags.length) {
            return false;
        }
        to.shinfo.shareFrags(from.shinfo);
        to.addFragBytes(bytes, from.truesize - SkBuff.STRUCT_SIZE - from.shinfo.end);
        if (!from.isCloned()) {
            from.shinfo.putFrags();
            from.addFragBytes(-bytes, SkBuff.STRUCT_SIZE + from.shinfo.end - from.truesize);
        }
        return true;
    }

    private static boolean refusesUbuf(SkBuff a, SkBuff b) {
        return (a.shinfo.isZerocopy() || b.shinfo.isZerocopy())
                && !a.pool.edition().has(Quirk.SPLIT_WITHOUT_OWNER);
    }
}
