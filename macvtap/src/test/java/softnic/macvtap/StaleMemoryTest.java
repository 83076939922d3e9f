package softnic.macvtap;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.FieldSource;
import softnic.Edition;
import softnic.mm.PhysMem;
import softnic.net.EthHeader;
import softnic.skb.SkBuff;
import softnic.virtio.VirtioNetHdr;

/**
 * What a tap hands to its reader was written for him: no byte that lay in the host's memory before. All of that memory is
 * poisoned first.
 */
@ParameterizedClass
@FieldSource("softnic.Edition#ALL")
class StaleMemoryTest {

    private static final byte POISON = (byte) 0x9D;
    private static final byte UNTOUCHED = 0x55;
    private static final int ROOM = 2048;

    private final Edition edition;

    StaleMemoryTest(Edition edition) {
        this.edition = edition;
    }

    /** Frames short and long, with each kind of header, into one vector and into many. */
    @Test
    void cve20181118AReceivedFrameCarriesNothingOfWhatWasInMemoryBefore() {
        try (TapBench bench = TapBench.of(edition)) {
            for (int len : new int[] {14, 15, 59, 60, 1000}) {
                poison(bench);
                for (int kind = 0; kind < 3; kind++) {
                    for (int piece : new int[] {ROOM, 5}) {
                        bench.memory.segment(bench.guest.hpa(0)).fill(UNTOUCHED);
                        receive(bench, len, kind, piece);
                    }
                }
            }
        }
    }

    private static void poison(TapBench bench) {
        for (long hpa = 1L << 40; bench.memory.isMemory(hpa, 1); hpa += 1L << 40) {
            if (bench.memory.segment(hpa).scope().isAlive()) {     // a bench of before is closed
                bench.memory.segment(hpa).fill(POISON);
            }
        }
        bench.memory.segment(bench.guest.hpa(0)).fill(UNTOUCHED);
    }

    private static void receive(TapBench bench, int len, int kind, int piece) {
        SkBuff skb = bench.pool.alloc(len);
        skb.put(len);
        for (int i = 0; i < len; i++) {
            bench.memory.u8(skb.dataHpa() + i, 1 + i % 64);
        }
        EthHeader.write(bench.memory.segment(skb.dataHpa()), PhysMem.offset(skb.dataHpa()), TapBench.MAC, 7, 0x0800);
        skb.resetMacHeader();
        skb.pull(EthHeader.ETH_HLEN);
        if (kind == 1) {
            skb.ipSummed(SkBuff.CHECKSUM_UNNECESSARY);
        } else if (kind == 2 && len > 40) {
            skb.shinfo().gso(1, 500);
            skb.checksumPartial(skb.headroom() + 20, 6);
        }
        bench.core.netifReceiveSkb(skb, bench.dev);
        bench.iov.clear();
        for (int at = 0; at < ROOM; at += piece) {
            bench.iov.add(bench.guest.hpa(4096 + at), Math.min(piece, ROOM - at));
            if (bench.iov.count() == 1000) {
                break;
            }
        }
        int read = bench.tap.recvmsg(bench.iov, (int) bench.iov.length());
        assertThat(read).isEqualTo(TapBench.HDR + len);
        for (int i = 0; i < ROOM; i++) {
            byte b = bench.memory.u8(bench.guest.hpa(4096 + i));
            assertThat(b).as("byte %d of a frame of %d, kind %d", i, len, kind).isNotEqualTo(POISON);
            if (i >= read) {
                assertThat(b).as("byte %d behind a frame of %d", i, len).isEqualTo(UNTOUCHED);
            }
        }
        assertThat(bench.memory.u8(bench.guest.hpa(4096 + VirtioNetHdr.SIZE))).as("num_buffers").isEqualTo(UNTOUCHED);
    }

    /** An ioctl answers with a number of the tap's own, or an errno. */
    @Test
    void cve20181118NoIoctlAnswersWithPoison() {
        try (TapBench bench = TapBench.of(edition)) {
            poison(bench);
            for (int cmd : new int[] {TapIoctl.TUNGETFEATURES, TapIoctl.TUNGETIFF, TapIoctl.TUNGETVNETHDRSZ}) {
                long answer = bench.tap.ioctl(cmd, 0);
                for (int shift = 0; shift < Long.SIZE; shift += Byte.SIZE) {
                    assertThat((byte) (answer >> shift)).isNotEqualTo(POISON);
                }
            }
        }
    }
}
