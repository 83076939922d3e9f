package softnic.skb;

import java.io.ByteArrayOutputStream;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import softnic.mm.PhysMem;
import softnic.trace.Violations;

/**
 * Invariants 18 to 20 of a packet, for tests and for monitors between two slices. It only looks; a healthy packet costs
 * no allocation.
 */
public final class SkbCheck {

    private SkbCheck() {
    }

    /** Reports what is wrong with a packet. @return true if nothing is */
    public static boolean check(SkBuff skb, Violations violations) {
        String structure = structure(skb);
        if (structure != null) {
            violations.report(20, "skb: " + skb + " " + structure);
        }
        String ubuf = ubuf(skb);
        if (ubuf != null) {
            violations.report(18, "skb: " + skb + " " + ubuf);
        }
        return structure == null && ubuf == null;
    }

    /** Invariant 20: lengths add up, positions are in order, fragments lie in pages. */
    private static String structure(SkBuff skb) {
        SkbSharedInfo shinfo = skb.shinfo;
        if (skb.data < 0 || skb.tail < skb.data || shinfo.end < skb.tail) {
            return "is not laid out: data=" + skb.data + " tail=" + skb.tail + " end=" + shinfo.end;
        }
        if (skb.tail - skb.data != skb.headlen()) {
            return "has " + (skb.tail - skb.data) + " linear bytes, headlen=" + skb.headlen();
        }
        if (shinfo.nrFrags > shinfo.frags.length) {
            return "has " + shinfo.nrFrags + " fragments, MAX_SKB_FRAGS=" + shinfo.frags.length;
        }
        int bytes = 0;
        for (int i = 0; i < shinfo.nrFrags; i++) {
            SkbFrag frag = shinfo.frags[i];
            if (frag.page() == null) {
                return "has no page in fragment " + i;
            }
            if (frag.size <= 0 || frag.pageOffset < 0 || !isInPage(skb, frag)) {
                return "has fragment " + i + " outside its page: offset=" + frag.pageOffset + " size=" + frag.size;
            }
            bytes += frag.size;
        }
        for (SkBuff list = shinfo.fragList; list != null; list = list.next()) {
            bytes += list.len;
        }
        return bytes == skb.dataLen ? null : "has " + bytes + " bytes in fragments, data_len=" + skb.dataLen;
    }

    private static boolean isInPage(SkBuff skb, SkbFrag frag) {
        return frag.pageOffset + frag.size <= PhysMem.PAGE_SIZE
                || !frag.page().isGuest() && skb.memory().isMemory(frag.hpa(), frag.size);
    }

    /** Invariant 18: the flag says that the data is this packet's alone and that somebody waits for it. */
    private static String ubuf(SkBuff skb) {
        SkbSharedInfo shinfo = skb.shinfo;
        if (!shinfo.isZerocopy()) {
            return null;
        }
        if (shinfo.destructorArg == null) {
            return "has SKBTX_DEV_ZEROCOPY and no ubuf";
        }
        int owners = shinfo.dataref() & SkbSharedInfo.SKB_DATAREF_MASK;
        return owners == 1 || shinfo.destructorArg.isRefcounted() ? null
                : "has SKBTX_DEV_ZEROCOPY and shares its data: dataref=" + owners;
    }

    /** A packet as it was before {@code skb_copy_ubufs}. */
    public static final class Before {

        private final byte[] bytes;
        private final int nrFrags;
        private final int truesize;
        private final int dataLen;
        private final UbufInfo ubuf;
        private final long[] frags;

        public Before(SkBuff skb) {
            bytes = SkbCheck.bytes(skb);
            nrFrags = skb.shinfo.nrFrags;
            truesize = skb.truesize;
            dataLen = skb.dataLen;
            ubuf = skb.shinfo.destructorArg;
            frags = SkbCheck.frags(skb);
        }

        /**
         * Invariant 19, after the call.
         *
         * @param err what it returned: on failure nothing may have changed
         * @param keepsFrags the edition copies fragment by fragment
         * @return true if it holds
         */
        public boolean check(SkBuff skb, int err, boolean keepsFrags, Violations violations) {
            String wrong = !Arrays.equals(bytes, SkbCheck.bytes(skb)) ? "has other bytes"
                    : skb.dataLen != dataLen || skb.truesize != truesize ? "has other lengths"
                    : err == 0 ? copied(skb, keepsFrags) : untouched(skb);
            if (wrong != null) {
                violations.report(19, "skb: " + skb + " " + wrong + " after skb_copy_ubufs=" + err);
            }
            return wrong == null;
        }

        private String copied(SkBuff skb, boolean keepsFrags) {
            if (skb.shinfo.isZerocopy()) {
                return "has SKBTX_DEV_ZEROCOPY";
            }
            for (int i = 0; i < skb.shinfo.nrFrags; i++) {
                if (skb.shinfo.frags[i].page().isGuest()) {
                    return "has a user page in fragment " + i;
                }
            }
            return keepsFrags && skb.shinfo.nrFrags != nrFrags ? "has " + skb.shinfo.nrFrags + " fragments" : null;
        }

        private String untouched(SkBuff skb) {
            return skb.shinfo.isZerocopy() && skb.shinfo.destructorArg == ubuf
                    && Arrays.equals(frags, SkbCheck.frags(skb)) ? null : "has changed";
        }
    }

    /** All bytes, fragments and list included. For checks: it allocates. */
    public static byte[] bytes(SkBuff skb) {
        ByteArrayOutputStream all = new ByteArrayOutputStream(skb.len);
        read(all, skb, skb.dataHpa(), skb.headlen());
        for (int i = 0; i < skb.shinfo.nrFrags; i++) {
            read(all, skb, skb.shinfo.frags[i].hpa(), skb.shinfo.frags[i].size);
        }
        for (SkBuff list = skb.shinfo.fragList; list != null; list = list.next()) {
            all.writeBytes(bytes(list));
        }
        return all.toByteArray();
    }

    private static void read(ByteArrayOutputStream all, SkBuff skb, long hpa, int bytes) {
        byte[] piece = new byte[bytes];
        MemorySegment.copy(skb.memory().segment(hpa), ValueLayout.JAVA_BYTE, PhysMem.offset(hpa), piece, 0, bytes);
        all.writeBytes(piece);
    }

    private static long[] frags(SkBuff skb) {
        long[] hpas = new long[skb.shinfo.nrFrags];
        for (int i = 0; i < hpas.length; i++) {
            hpas[i] = skb.shinfo.frags[i].hpa();
        }
        return hpas;
    }
}
