package softnic.macvtap;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import softnic.Edition;
import softnic.net.NetDevice;
import softnic.sched.Cost;
import softnic.sched.CostTable;
import softnic.sched.VirtualTimeRunner;
import softnic.skb.SkBuff;
import softnic.skb.UbufInfo;
import softnic.trace.Counters;
import softnic.trace.Trace;
import softnic.virtio.VirtioNetHdr;

/**
 * What a packet enters on its way through the tap, what it pays for and what the device below gets, in all editions
 * ({@code macvtap-story.txt}). Each cost has a price of its own, so a charge that is missing or doubled moves every time
 * behind it. {@code -Dbless=true} writes the file anew; a change of a line wants a reason.
 */
class MacvtapStoryTest {

    private static final Path FILE = Path.of("src/test/resources/softnic/macvtap/macvtap-story.txt");
    private static final int CSUM = VirtioNetHdr.VIRTIO_NET_HDR_F_NEEDS_CSUM;
    private static final int TCPV4 = VirtioNetHdr.VIRTIO_NET_HDR_GSO_TCPV4;
    private static final int DATA = 4096;

    private final List<String> told = new ArrayList<>();
    private final Random random = new Random(12);
    private VirtualTimeRunner world;
    private Trace trace;
    private TapBench bench;
    private TapBench.Owner owner;

    @Test
    void aPacketEntersPaysAndBecomesWhatItDid() throws IOException {
        for (Edition edition : Edition.ALL) {
            told.add("== " + edition.name());
            for (int features : new int[] {TapBench.ALL, NetDevice.NETIF_F_HIGHDMA}) {
                told.add(features == TapBench.ALL ? "-- a device that takes all" : "-- a device that takes nothing special");
                tellDevice(edition, features);
            }
        }
        if (Boolean.getBoolean("bless")) {
            Files.createDirectories(FILE.getParent());
            Files.write(FILE, told);
        }
        assertThat(told).isEqualTo(Files.readAllLines(FILE));
    }

    private void tellDevice(Edition edition, int features) {
        CostTable prices = CostTable.free();
        for (Cost cost : Cost.values()) {
            prices = prices.with(cost, 1000L * (100 + 13 * cost.ordinal()));
        }
        world = new VirtualTimeRunner(prices);
        trace = new Trace(Trace.Level.RECORD, world, edition.names(), 10_000);
        bench = new TapBench(edition, features, world, trace);
        owner = new TapBench.Owner();
        tell("copied", bench.plain(54).piece(random, DATA, 300), null);
        tell("one user page", bench.plain(54).piece(random, DATA, 1000), owner);
        tell("three pieces", bench.plain(54).piece(random, DATA, 54).piece(random, 2 * DATA + 100, 4000)
                .piece(random, 4 * DATA + 4000, 300), owner);
        tell("to be summed", bench.header(CSUM, 0, 54, 0, 34, 16).piece(random, DATA, 800), owner);
        tell("a sum outside", bench.header(CSUM, 0, 54, 0, 900, 16).piece(random, DATA, 800), owner);
        tell("to be cut", segments(CSUM, TCPV4, 1000), owner);
        tell("to be cut, and no sum asked for", segments(0, TCPV4, 1000), owner);
        tell("cut into nothing", segments(CSUM, TCPV4, 0), owner);
        tell("cut as nobody knows", segments(CSUM, 0x77, 1000), owner);
        tell("no frame", bench.plain(0).piece(random, DATA, 13), null);
        tellReading();
        told.add("counted: " + nonZero(bench.tap.counters()) + " " + nonZero(bench.tap.rules()) + " "
                + nonZero(bench.vlan.counters()) + " " + nonZero(bench.pool.counters()));
        assertThat(bench.missing()).isEmpty();
        bench.close();
    }

    /** TCP over IPv4 that any kernel can cut: 3000 bytes of payload behind 54 of headers. */
    private TapBench segments(int flags, int type, int size) {
        bench.header(flags, type, 54, size, 34, 16).piece(random, DATA, 3054);
        long hpa = bench.guest.hpa(DATA);
        bench.memory.be16(hpa + 12, 0x800);
        bench.memory.be32(hpa + 14, 0x4500_0000 | 3040);
        bench.memory.be32(hpa + 18, 0x0001_4000);
        bench.memory.be32(hpa + 22, 0x4006_0000);
        bench.memory.be32(hpa + 26, 0x0A00_0001);
        bench.memory.be32(hpa + 30, 0x0A00_0002);
        bench.memory.be32(hpa + 38, 1000);
        bench.memory.be32(hpa + 46, 0x5010_0100);
        return bench;
    }

    private void tellReading() {
        for (int room : new int[] {2000, 60}) {
            SkBuff skb = Frames.arriving(bench, TapBench.MAC, 0x020000000007L, 100);
            trace.clear();
            long begin = world.nowNs();
            bench.core.netifReceiveSkb(skb, bench.dev);
            int queued = bench.tap.peekHeadLen();
            bench.iov.clear();
            bench.iov.add(bench.guest.hpa(DATA), room);
            int read = bench.tap.recvmsg(bench.iov, room);
            told.add("read into " + room + " bytes:" + events(begin) + " -> queued " + queued + " read " + read
                    + " truncated " + bench.tap.isTruncated());
        }
    }

    private String events(long begin) {
        StringBuilder line = new StringBuilder();
        long[] last = {-1};
        trace.forEach((time, context, point, entry) -> {
            if (time != last[0]) {
                line.append(" @").append(time - begin).append(' ');
                last[0] = time;
            }
            line.append(entry ? point.name(trace.names()) + "{" : "}");
        });
        if (world.nowNs() != last[0]) {
            line.append(" @").append(world.nowNs() - begin);
        }
        return line.toString();
    }

    private void tell(String what, TapBench packet, UbufInfo ubuf) {
        trace.clear();
        owner.callbacks = 0;
        long begin = world.nowNs();
        int err = packet.send(ubuf);
        StringBuilder line = new StringBuilder(what).append(':').append(events(begin)).append(" -> ").append(err);
        for (SkBuff skb : bench.dev.taken) {
            line.append(' ').append(state(skb));
        }
        line.append(" pins ").append(bench.guest.pins()).append(" charged ").append(bench.tap.wmemAlloc());
        bench.dev.clean();
        line.append(" heard ").append(owner.callbacks).append(owner.callbacks > 0 && owner.success ? " ok" : "");
        told.add(line.toString());
    }

    private static String state(SkBuff skb) {
        StringBuilder frags = new StringBuilder();
        for (int i = 0; i < skb.shinfo().nrFrags(); i++) {
            frags.append(' ').append(skb.shinfo().frag(i).size());
        }
        return "[" + skb.headroom() + " " + skb.headlen() + "|" + skb.dataLen() + frags + "]"
                + (skb.shinfo().isZerocopy() ? "zc " : " ") + skb.truesize() + " net " + skb.networkOffset() + " trans "
                + skb.transportOffset() + " csum " + skb.ipSummed() + "@" + skb.checksumStartOffset() + "+"
                + skb.csumOffset() + " type 0x" + Integer.toHexString(skb.protocol()) + " gso " + skb.shinfo().gsoType()
                + "/" + skb.shinfo().gsoSize() + "/" + skb.shinfo().gsoSegs();
    }

    private static Map<String, Long> nonZero(Counters<?> counters) {
        Map<String, Long> map = new LinkedHashMap<>(counters.asMap());
        map.values().removeIf(n -> n == 0);
        return map;
    }
}
