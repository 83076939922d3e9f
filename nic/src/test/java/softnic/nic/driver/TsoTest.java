package softnic.nic.driver;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import softnic.mm.PhysMem;
import softnic.net.Gso;
import softnic.net.NetDevice;
import softnic.net.TcpHeader;
import softnic.nic.DmaEngine;
import softnic.nic.FrameParser;
import softnic.skb.SkBuff;
import softnic.trace.Trace;

/** Segmentation in the device, from skb to wire, judged by a parser of its own and by the kernel's software GSO. */
class TsoTest {

    private static final int FIN_PSH_CWR = TcpHeader.FIN | TcpHeader.PSH | TcpHeader.CWR;

    private final Rig rig = Rig.virtual();

    @AfterEach
    void everySkbCameHome() {
        assertThat(rig.nic.poll().txInFlight()).isZero();
        assertThat(rig.skbsOut()).isZero();
        assertThat(rig.pages.inUse()).isZero();
        rig.close();
    }

    @Test
    void everySegmentOfRandomPacketsIsRight() {
        long seed = 20110714;
        Random random = new Random(seed);
        for (int i = 0; i < 400; i++) {
            String which = "seed=" + seed + " packet=" + i;
            Sample s = Sample.random(random);
            SkBuff skb = s.build(rig, new Random(i));
            byte[] payload = payloadOf(skb, s);
            rig.frames.clear();
            rig.core.devQueueXmit(skb, rig.nic.device());
            rig.quiet();
            check(which, s, payload);
        }
        assertThat(rig.nic.engine().counters().value(DmaEngine.Count.TSO_PACKETS)).isEqualTo(400);
    }

    private void check(String which, Sample s, byte[] payload) {
        int n = (payload.length + s.mss - 1) / s.mss;
        assertThat(rig.frames).as(which).hasSize(n);
        ByteArrayOutputStream together = new ByteArrayOutputStream();
        for (int k = 0; k < n; k++) {
            FrameParser f = FrameParser.parse(rig.frames.get(k));
            assertThat(f.ipCheckValid()).as(which).isTrue();
            assertThat(f.tcpCheckValid()).as(which).isTrue();
            assertThat(f.ipLen()).as(which).isEqualTo(s.ipLen);
            assertThat(f.tcpLen()).as(which).isEqualTo(s.tcpLen);
            assertThat(f.id()).as(which).isEqualTo(s.id + k & 0xFFFF);
            assertThat(f.seq()).as(which).isEqualTo(s.seq + k * s.mss);
            int bytes = k < n - 1 ? s.mss : payload.length - k * s.mss;
            assertThat(f.totLen()).as(which).isEqualTo(s.ipLen + s.tcpLen + bytes);
            assertThat(f.flags()).as(which).isEqualTo(s.flags & flagMask(k, n));
            together.writeBytes(f.payload());
        }
        assertThat(together.toByteArray()).as(which).isEqualTo(payload);
    }

    private static int flagMask(int k, int n) {
        if (n == 1) {
            return 0xFFF;
        }
        return k == n - 1 ? 0xFFF & ~TcpHeader.CWR : 0xFFF & ~(TcpHeader.FIN | TcpHeader.PSH);
    }

    @Test
    void deviceAndSoftwareSegmentToTheSameBytes() {
        long seed = 7;
        Random random = new Random(seed);
        for (int i = 0; i < 200; i++) {
            Sample s = Sample.random(random).withFlags(random.nextInt(256) & ~TcpHeader.CWR);
            SkBuff software = s.build(rig, new Random(i));
            if (payloadOf(software, s).length <= s.mss) {
                software.kfree();
                continue;
            }
            List<byte[]> expected = softwareSegments(software);
            rig.frames.clear();
            rig.core.devQueueXmit(s.build(rig, new Random(i)), rig.nic.device());
            rig.quiet();
            assertThat(rig.frames).as("seed=%d packet=%d", seed, i).hasSameSizeAs(expected);
            for (int k = 0; k < expected.size(); k++) {
                assertThat(rig.frames.get(k)).as("seed=%d packet=%d segment=%d", seed, i, k)
                        .startsWith(expected.get(k));
            }
        }
    }

    /** The 82599 leaves CWR in middle segments where the kernel clears it: the one difference. */
    @Test
    void onlyTheCwrFlagOfMiddleSegmentsDiffersFromSoftware() {
        Sample s = new Sample(20, 32, 100, 0xFFFE, -500, TcpHeader.ACK | FIN_PSH_CWR, 0, 1000);
        List<byte[]> software = softwareSegments(s.build(rig, new Random(3)));
        rig.core.devQueueXmit(s.build(rig, new Random(3)), rig.nic.device());
        rig.quiet();
        int n = software.size();
        for (int k = 0; k < n; k++) {
            FrameParser hw = FrameParser.parse(rig.frames.get(k));
            FrameParser sw = FrameParser.parse(software.get(k));
            int differs = k > 0 && k < n - 1 ? TcpHeader.CWR : 0;
            assertThat(hw.flags() ^ sw.flags()).as("segment %d of %d", k, n).isEqualTo(differs);
            assertThat(hw.payload()).isEqualTo(sw.payload());
        }
    }

    @Test
    void aPacketThatFitsOneFrameKeepsItsFlags() {
        Sample s = new Sample(20, 20, 1000, 5, 6, TcpHeader.ACK | FIN_PSH_CWR, 0, 800);
        rig.core.devQueueXmit(s.build(rig, new Random(4)), rig.nic.device());
        rig.quiet();
        assertThat(FrameParser.parse(rig.frames.getFirst()).flags()).isEqualTo(TcpHeader.ACK | FIN_PSH_CWR);
    }

    private List<byte[]> softwareSegments(SkBuff skb) {
        Gso gso = new Gso(rig.pool, rig.cpu, Trace.off());
        assertThat(gso.segment(skb, NetDevice.NETIF_F_HIGHDMA)).isZero();
        List<byte[]> all = new ArrayList<>();
        SkBuff segment = skb.next();
        skb.next(null);
        skb.consume();
        while (segment != null) {
            long hpa = segment.dataHpa();
            all.add(rig.memory.segment(hpa).asSlice(PhysMem.offset(hpa), segment.len())
                    .toArray(ValueLayout.JAVA_BYTE));
            SkBuff next = segment.next();
            segment.next(null);
            segment.consume();
            segment = next;
        }
        return all;
    }

    private byte[] payloadOf(SkBuff skb, Sample s) {
        int headers = 14 + s.ipLen + s.tcpLen;
        ByteArrayOutputStream all = new ByteArrayOutputStream();
        read(all, skb.dataHpa() + headers, skb.headlen() - headers);
        for (int i = 0; i < skb.shinfo().nrFrags(); i++) {
            read(all, skb.shinfo().frag(i).hpa(), skb.shinfo().frag(i).size());
        }
        return all.toByteArray();
    }

    private void read(ByteArrayOutputStream to, long hpa, int bytes) {
        to.writeBytes(rig.memory.segment(hpa).asSlice(PhysMem.offset(hpa), bytes).toArray(ValueLayout.JAVA_BYTE));
    }

    /** What a random GSO packet is made of; {@code linear} payload bytes lie in the head, {@code frags} in pages. */
    private record Sample(int ipLen, int tcpLen, int mss, int id, int seq, int flags, int linear, int frags) {

        static Sample random(Random random) {
            int frags = random.nextInt(10) == 0 ? 65536 : 1 + random.nextInt(20_000);
            return new Sample(20 + 4 * random.nextInt(3), 20 + 4 * random.nextInt(8), 88 + random.nextInt(1373),
                    random.nextInt(65536), random.nextInt(), random.nextInt(256), random.nextInt(300), frags);
        }

        Sample withFlags(int other) {
            return new Sample(ipLen, tcpLen, mss, id, seq, other, linear, frags);
        }

        SkBuff build(Rig rig, Random random) {
            SkBuff skb = rig.packets.headers(ipLen, tcpLen, id, seq, flags, linear);
            if (linear > 0) {
                rig.packets.fill(rig.packets.putLinear(skb, linear), linear, random);
            }
            int left = frags;
            while (left > 0 && skb.shinfo().nrFrags() < 18) {
                int at = frags > 60_000 ? 0 : random.nextInt(4096);
                int size = Math.min(left, frags > 60_000 ? 4096 : 1 + random.nextInt(4096 - at));
                rig.packets.fill(rig.packets.putFrag(skb, at, size), size, random);
                left -= size;
            }
            rig.packets.finish(skb, mss);
            return skb;
        }
    }
}
