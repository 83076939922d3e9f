package softnic.skb;

import softnic.Behaviour;
import softnic.Quirk;
import softnic.mm.Errno;
import softnic.sched.Cost;

/**
 * Cuts a packet's payload into pieces, each behind a copy of its headers: {@code skb_segment} (net/core/skbuff.c).
 *
 * <pre>
 *   [headers][ mss ][ mss ][ rest ]   ->   [headers][ mss ] --next--> [headers][ mss ] --next--> [headers][ rest ]
 * </pre>
 *
 * <p>The headers' contents are the protocol's matter. User pages: 3.1 lends them to the segments and completes the ubuf
 * with the original, hence too early; 3.14 copies them first; 4.14 shares a ubuf that can be shared.
 */
public final class SkbSegment {

    private SkbSegment() {
    }

    /**
     * Makes the segments, which then hang on {@code skb.next()}; the packet stays the caller's.
     *
     * <p>Deviation: what lies in a frag_list is copied, also with {@code sg}.
     *
     * @param headers bytes from data on that each segment repeats; linear
     * @param mss payload of each segment but the last, in bytes
     * @param sg segments may have fragments
     * @return 0, or with the bytes as they were -ENOMEM or what {@link SkbCopy#copyUbufs} says
     */
    public static int segment(SkBuff skb, int headers, int mss, boolean sg) {
        assert headers <= skb.headlen() && skb.next() == null : skb + " with headers of " + headers + " bytes";
        boolean shares = sg && skb.shinfo.fragList == null;
        int err = shares && !skb.pool.edition().has(Quirk.SEGMENT_SHARES_PAGES) ? SkbCopy.orphanFrags(skb) : 0;
        SkBuff last = skb;
        for (int from = headers; from < skb.len && err == 0; from += mss) {
            int bytes = Math.min(mss, skb.len - from);
            SkBuff segment = shares ? share(skb, headers, from, bytes) : copy(skb, headers, from, bytes);
            if (segment == null) {
                err = -Errno.ENOMEM;
            } else {
                last.next(segment);
                last = segment;
            }
        }
        if (err != 0) {
            freeList(skb);
        } else if (skb.destructor != null && skb.pool.edition().has(Behaviour.SEGMENTS_KEEP_CHARGE)) {
            keepCharge(skb, last);
        }
        return err;
    }

    /** The socket stays charged, with the same sum, until the last segment dies. */
    private static void keepCharge(SkBuff skb, SkBuff last) {
        int truesize = last.truesize;
        last.truesize = skb.truesize;
        skb.truesize = truesize;
        last.destructor = skb.destructor;
        skb.destructor = null;
    }

    /** A segment that is one linear copy. */
    private static SkBuff copy(SkBuff skb, int headers, int from, int bytes) {
        SkBuff segment = withHeaders(skb, headers, bytes);
        if (segment != null) {
            SkbCopy.copyBits(skb, from, segment.append(bytes), bytes);
            skb.pool.cpu().charge(Cost.SOFT_COPY, bytes);
        }
        return segment;
    }

    /** A segment with copied headers that shares the original's pages; what lies in the head is copied. */
    private static SkBuff share(SkBuff skb, int headers, int from, int bytes) {
        int linear = Math.clamp(skb.headlen() - from, 0, bytes);
        SkBuff segment = withHeaders(skb, headers, linear);
        if (segment == null) {
            return null;
        }
        if (linear > 0) {
            SkbCopy.copyBits(skb, from, segment.append(linear), linear);
        }
        if (bytes > linear) {
            shareFrags(skb.shinfo, segment, from + linear - skb.headlen(), bytes - linear);
            SkbCopy.zerocopyClone(segment, skb);
        }
        return segment;
    }

    private static void shareFrags(SkbSharedInfo from, SkBuff segment, int offset, int bytes) {
        int skip = offset;
        int left = bytes;
        SkbSharedInfo to = segment.shinfo;
        for (int i = 0; left > 0; i++) {
            SkbFrag frag = from.frags[i];
            if (skip >= frag.size) {
                skip -= frag.size;
                continue;
            }
            int piece = Math.min(frag.size - skip, left);
            to.frags[to.nrFrags++].share(frag, skip, piece);
            left -= piece;
            skip = 0;
        }
        segment.addFragBytes(bytes, bytes);
    }

    /** A packet with the original's headroom and headers, and room for {@code linear} bytes more; or null. */
    private static SkBuff withHeaders(SkBuff skb, int headers, int linear) {
        SkBuff segment = skb.pool.alloc(skb.headroom() + headers + linear);
        if (segment != null) {
            segment.reserve(skb.headroom());
            segment.copyFieldsFrom(skb);
            skb.memory().copy(skb.dataHpa(), segment.append(headers), headers);
        }
        return segment;
    }

    private static void freeList(SkBuff skb) {
        SkBuff segment = skb.next();
        skb.next(null);
        while (segment != null) {
            SkBuff next = segment.next();
            segment.next(null);
            segment.kfree(DropReason.SKB_DROP_REASON_SKB_GSO_SEG);
            segment = next;
        }
    }
}
