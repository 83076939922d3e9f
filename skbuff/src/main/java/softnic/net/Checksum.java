package softnic.net;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/**
 * The Internet checksum (RFC 1071) over native memory: {@code csum_partial}, {@code csum_fold}
 * (include/net/checksum.h).
 *
 * <p>A partial sum is a {@code long} of folded-later 32-bit words in memory order, so that words need no
 * byte swap; {@link #fold} gives the 16 bits as they are stored, in network order read by
 * {@link #store}.
 */
public final class Checksum {

    private static final ValueLayout.OfLong WORD64 =
            ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfShort WORD16 =
            ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private Checksum() {
    }

    /**
     * Adds {@code len} bytes, which begin at an even position of what is summed.
     *
     * @param sum of what came before, 0 to begin
     */
    public static long partial(MemorySegment memory, long at, int len, long sum) {
        long acc = 0;
        int words = len & ~7;
        for (int i = 0; i < words; i += 8) {                // one plain loop: C2 vectorises it
            long w = memory.get(WORD64, at + i);
            acc += (w & 0xFFFF_FFFFL) + (w >>> 32);
        }
        int i = words;
        for (; i + 1 < len; i += 2) {
            acc += Short.toUnsignedInt(memory.get(WORD16, at + i));
        }
        if (i < len) {
            acc += Byte.toUnsignedInt(memory.get(ValueLayout.JAVA_BYTE, at + i));
        }
        return sum + fold32(acc);
    }

    /** A sum whose bytes begin at an odd position of the whole: its bytes change places. */
    public static long odd(long sum) {
        int folded = ~fold(sum) & 0xFFFF;
        return (folded & 0xFF) << 8 | folded >>> 8;
    }

    /** Sum of the pseudo header of TCP or UDP over IPv4; addresses at {@code ipAt + 12}. */
    public static long pseudoIpv4(MemorySegment memory, long ipAt, int protocol, int l4Len) {
        long sum = partial(memory, ipAt + Ipv4Header.SADDR, 8, 0);
        return sum + bigEndian(protocol) + bigEndian(l4Len & 0xFFFF) + bigEndian(l4Len >>> 16);
    }

    /** The same over IPv6. */
    public static long pseudoIpv6(MemorySegment memory, long ipAt, int protocol, int l4Len) {
        long sum = partial(memory, ipAt + Ipv6Header.SADDR, 32, 0);
        return sum + bigEndian(protocol) + bigEndian(l4Len & 0xFFFF) + bigEndian(l4Len >>> 16);
    }

    /** One's complement of the folded sum, as 16 bits in memory order ({@code csum_fold}). */
    public static int fold(long sum) {
        long s = fold32(sum);
        s = (s & 0xFFFF) + (s >>> 16);
        s = (s & 0xFFFF) + (s >>> 16);
        s = (s & 0xFFFF) + (s >>> 16);
        return (int) ~s & 0xFFFF;
    }

    /** Writes what {@link #fold} gave. */
    public static void store(MemorySegment memory, long at, int folded) {
        memory.set(WORD16, at, (short) folded);
    }

    /** Reads a stored checksum, in the order in which {@link #fold} gives it. */
    public static int load(MemorySegment memory, long at) {
        return Short.toUnsignedInt(memory.get(WORD16, at));
    }

    private static int bigEndian(int v) {
        return (v & 0xFF) << 8 | v >>> 8 & 0xFF;
    }

    private static long fold32(long acc) {
        long s = (acc & 0xFFFF_FFFFL) + (acc >>> 32);
        return (s & 0xFFFF_FFFFL) + (s >>> 32);
    }
}
