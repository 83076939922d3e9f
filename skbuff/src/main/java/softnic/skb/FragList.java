package softnic.skb;

import softnic.mm.Errno;

/**
 * What {@code frag_list} of {@code skb_shared_info} needs: {@code skb_clone_fraglist}, {@code skb_drop_list} and the
 * list's half of {@code __pskb_pull_tail} and {@code ___pskb_trim} (net/core/skbuff.c).
 *
 * <pre>
 *   shinfo --> skb --> skb --> skb     one chain by next(), which clones of the shinfo share: nobody unlinks in it
 * </pre>
 */
final class FragList {

    private FragList() {
    }

    /** One more owner of each packet. */
    static void hold(SkbSharedInfo shinfo) {
        for (SkBuff list = shinfo.fragList; list != null; list = list.next()) {
            list.get();
        }
    }

    /** One owner less of each. */
    static void drop(SkbSharedInfo shinfo) {
        dropUntil(shinfo, null);
    }

    private static void dropUntil(SkbSharedInfo shinfo, SkBuff kept) {
        while (shinfo.fragList != kept) {
            SkBuff list = shinfo.fragList;
            shinfo.fragList = list.next();
            list.kfree();
        }
    }

    /**
     * Takes {@code bytes} off the front. A packet that others own too is cloned before it is cut.
     *
     * @return false, and the list is as it was, when memory is short
     */
    static boolean pull(SkbSharedInfo shinfo, int bytes) {
        int eat = bytes;
        SkBuff list = shinfo.fragList;
        while (eat > 0 && list.len <= eat) {
            eat -= list.len;
            list = list.next();
        }
        if (eat == 0) {
            dropUntil(shinfo, list);
            return true;
        }
        SkBuff cut = list.isShared() ? SkbCopy.clone(list) : list;
        if (cut == null || !SkbCopy.pull(cut, eat)) {
            if (cut != null && cut != list) {
                cut.kfree();
            }
            return false;
        }
        if (cut == list) {
            dropUntil(shinfo, list);
            return true;
        }
        cut.next(list.next());
        dropUntil(shinfo, list.next());
        shinfo.fragList = cut;
        return true;
    }

    /**
     * Keeps the first {@code bytes}.
     *
     * @return 0 or -ENOMEM; then the list holds what it held
     */
    static int trim(SkbSharedInfo shinfo, int bytes) {
        int left = bytes;
        SkBuff before = null;
        SkBuff list = shinfo.fragList;
        while (left > 0) {
            if (list.isShared()) {
                SkBuff own = SkbCopy.clone(list);
                if (own == null) {
                    return -Errno.ENOMEM;
                }
                own.next(list.next());
                link(shinfo, before, own);
                list.kfree();
                list = own;
            }
            if (list.len > left && SkbCopy.trim(list, left) != 0) {
                return -Errno.ENOMEM;
            }
            left -= list.len;
            before = list;
            list = list.next();
        }
        link(shinfo, before, null);
        while (list != null) {
            SkBuff next = list.next();
            list.kfree();
            list = next;
        }
        return 0;
    }

    private static void link(SkbSharedInfo shinfo, SkBuff before, SkBuff next) {
        if (before == null) {
            shinfo.fragList = next;
        } else {
            before.next(next);
        }
    }
}
