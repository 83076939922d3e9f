package softnic.vhost;

import softnic.mm.IoVec;

/**
 * Where the writable descriptors of the chains taken lie in guest memory: {@code struct vhost_log[]} of a ring
 * (drivers/vhost/vhost.h), at most {@code UIO_MAXIOV}. The worker's.
 */
final class VhostLog {

    private final long[] addr = new long[IoVec.UIO_MAXIOV];
    private final long[] len = new long[IoVec.UIO_MAXIOV];
    private int num;

    void clear() {
        num = 0;
    }

    /** Forgets all entries from number {@code num} on. */
    void truncate(int num) {
        assert num <= this.num : num + " of " + this.num;
        this.num = num;
    }

    /** @return false where the kernel would have written behind its array (CVE-2019-14835) */
    boolean add(long gpa, long lenBytes) {
        if (num == addr.length) {
            return false;
        }
        addr[num] = gpa;
        len[num++] = lenBytes;
        return true;
    }

    /** {@code log_num}. */
    int num() {
        return num;
    }

    long addr(int i) {
        return addr[i];
    }

    long len(int i) {
        return len[i];
    }
}
