package softnic.guest;

/**
 * A scatter list of guest-physical pieces: {@code struct scatterlist[]} (include/linux/scatterlist.h).
 *
 * <p>Made once, filled again for each packet. Both guest agents, one at a time.
 */
final class GuestSg {

    private final long[] gpa = new long[GuestRam.INDIRECT_DESCS];
    private final int[] len = new int[GuestRam.INDIRECT_DESCS];
    private int count;

    void clear() {
        count = 0;
    }

    void add(long atGpa, int lenBytes) {
        assert lenBytes > 0 : "piece of " + lenBytes + " bytes";
        gpa[count] = atGpa;
        len[count++] = lenBytes;
    }

    int count() {
        return count;
    }

    long gpa(int i) {
        return gpa[i];
    }

    int len(int i) {
        return len[i];
    }
}
