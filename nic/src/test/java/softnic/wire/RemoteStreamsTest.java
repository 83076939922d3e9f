package softnic.wire;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import softnic.net.Checksum;
import softnic.net.EthHeader;
import softnic.net.Ipv4Header;
import softnic.net.TcpHeader;
import softnic.sched.Cost;
import softnic.sched.CostTable;
import softnic.sched.VirtualTimeRunner;
import softnic.sched.WaitQueue;
import softnic.trace.Trace;
import softnic.trace.Violations;

/** The far end keeps connections apart: each has its own sequence, pattern and acknowledgements. */
class RemoteStreamsTest {

    private static final int STREAMS = 10;              // more than GRO holds at once
    private static final int MSS = 1448;
    private static final int HEADER = EthHeader.ETH_HLEN + Ipv4Header.SIZE + TcpHeader.SIZE_TIMESTAMPS;
    private static final TcpFlow FLOW = TcpFlow.DEFAULT;

    private final VirtualTimeRunner runner = new VirtualTimeRunner(CostTable.free().with(Cost.FAR_RX, 1_000_000));
    private final WaitQueue queue = new WaitQueue();
    private final FrameRing in = new FrameRing(128, new WaitQueue(), queue);
    private final FrameRing out = new FrameRing(64, queue, new WaitQueue());
    private final Mac mac = new Mac(runner, Trace.off(), 128);
    private final Violations violations = new Violations();
    private final RemoteHost far = new RemoteHost(runner, in, mac,
            RemoteHostOptions.DEFAULT.withModerationNs(30_000).withStreams(STREAMS), violations);
    private final int[] acked = new int[STREAMS];       // the last acknowledgement, by stream
    private final int[] echo = new int[STREAMS];
    private final int[] ipId = new int[STREAMS];

    @BeforeEach
    void connect() {
        mac.connect(out);
        runner.add(runner.addProcessor("far", "far", Cost.NONE, Cost.NONE), far, queue);
        for (int i = 0; i < STREAMS; i++) {
            send(frame(i, TcpHeader.SYN, firstSeq(i) - 1, 0, 0, i));
        }
        run();
        for (int i = 0; i < STREAMS; i++) {
            assertThat(acked[i]).isEqualTo(firstSeq(i));
        }
    }

    @AfterEach
    void close() {
        in.close();
        out.close();
    }

    @Test
    void interleavedStreamsAreVerifiedAndAcknowledgedEachByItself() {
        for (int round = 0; round < 5; round++) {
            for (int i = 0; i < STREAMS; i++) {
                send(data(i, round, i));
            }
        }
        run();

        assertThat(violations.kept()).isEmpty();
        for (int i = 0; i < STREAMS; i++) {
            assertThat(far.bytesVerified(i)).as("stream " + i).isEqualTo(5 * MSS);
            assertThat(acked[i]).as("stream " + i).isEqualTo(firstSeq(i) + 5 * MSS);
        }
        assertThat(far.bytesReceived()).isEqualTo(STREAMS * 5L * MSS);
    }

    @Test
    void aByteOfOneStreamInAnotherIsCaught() {
        FrameSlot slot = data(3, 0, 3);
        long at = slot.offset() + HEADER;
        MemorySegment other = MemorySegment.ofArray(new byte[MSS]);
        StreamPattern.fill(other, 0, MSS, StreamPattern.start(4));
        int place = (int) MemorySegment.mismatch(slot.memory(), at, at + MSS, other, 0, MSS);
        slot.memory().set(ValueLayout.JAVA_BYTE, at + place, other.get(ValueLayout.JAVA_BYTE, place));
        finish(slot);                                   // right in every checksum
        send(slot);
        run();

        assertThat(violations.kept()).singleElement().asString()
                .startsWith("invariant 6: far end: stream 3: byte at stream position " + place + " is wrong");
        assertThat(far.bytesVerified(3)).isZero();
        assertThat(far.bytesVerified(4)).isZero();
    }

    @Test
    void thePayloadOfEveryOtherStreamAtTheSamePlaceIsCaught() {
        for (int other = 1; other < STREAMS; other++) {
            send(data(0, other - 1, other));
            run();
            assertThat(violations.count()).as("stream " + other + " in stream 0").isEqualTo(other);
        }
    }

    @Test
    void aFrameUnderAnotherStreamsPortIsCaught() {
        send(data(1, 0, 1));
        run();
        send(frame(2, TcpHeader.ACK, firstSeq(1) + MSS, MSS, StreamPattern.start(1) + MSS, 1));
        run();

        assertThat(violations.kept()).isNotEmpty().allSatisfy(v -> assertThat(v).contains("stream 2"));
    }

    @Test
    void aPortThatIsNobodysIsReported() {
        send(frame(STREAMS, TcpHeader.ACK, 1, MSS, 0, 0));
        run();

        assertThat(violations.kept()).isNotEmpty();
        assertThat(far.counters().value(RemoteHostCounter.BAD_PROTOCOL)).isEqualTo(1);
    }

    private static int firstSeq(int stream) {
        return 0x7FFF_0000 + stream * 0x2000_0001;      // some wrap
    }

    private FrameSlot data(int stream, int segment, int pattern) {
        long position = (long) segment * MSS;
        return frame(stream, TcpHeader.ACK, firstSeq(stream) + (int) position, MSS,
                StreamPattern.start(pattern) + position, stream);
    }

    private FrameSlot frame(int stream, int flags, int seq, int payload, long pattern, int idOf) {
        FrameSlot slot = in.claim();
        MemorySegment m = slot.memory();
        long at = slot.offset();
        long ip = at + EthHeader.ETH_HLEN;
        long tcp = ip + Ipv4Header.SIZE;
        EthHeader.write(m, at, FLOW.farMac(), FLOW.guestMac(), EthHeader.ETH_P_IP);
        Ipv4Header.write(m, ip, Ipv4Header.SIZE + TcpHeader.SIZE_TIMESTAMPS + payload, ipId[idOf]++, Ipv4Header.IPPROTO_TCP,
                FLOW.guestIp(), FLOW.farIp());
        TcpHeader.write(m, tcp, FLOW.guestPort() + stream, FLOW.farPort() + stream, seq, 1, TcpHeader.SIZE_TIMESTAMPS, flags,
                115);
        TcpHeader.writeTimestamps(m, tcp, 55, stream < STREAMS ? echo[stream] : 0);
        StreamPattern.fill(m, at + HEADER, payload, pattern);
        slot.len(HEADER + payload);
        finish(slot);
        return slot;
    }

    private static void finish(FrameSlot slot) {
        MemorySegment m = slot.memory();
        long ip = slot.offset() + EthHeader.ETH_HLEN;
        long tcp = ip + Ipv4Header.SIZE;
        int tcpLen = Ipv4Header.totLen(m, ip) - Ipv4Header.SIZE;
        Checksum.store(m, tcp + TcpHeader.CHECK, 0);
        long sum = Checksum.pseudoIpv4(m, ip, Ipv4Header.IPPROTO_TCP, tcpLen);
        Checksum.store(m, tcp + TcpHeader.CHECK, Checksum.fold(Checksum.partial(m, tcp, tcpLen, sum)));
    }

    private void send(FrameSlot slot) {
        slot.arrivalNs(runner.nowNs());
        in.publish();
    }

    private void run() {
        runner.runUntil(runner.nowNs() + 1_000_000);
        List<String> wrong = new ArrayList<>();
        for (FrameSlot slot = out.peek(); slot != null; slot = out.peek()) {
            MemorySegment m = slot.memory();
            long tcp = slot.offset() + EthHeader.ETH_HLEN + Ipv4Header.SIZE;
            int stream = TcpHeader.dest(m, tcp) - FLOW.guestPort();
            if (TcpHeader.source(m, tcp) != FLOW.farPort() + stream) {
                wrong.add("ACK to stream " + stream + " from port " + TcpHeader.source(m, tcp));
            }
            acked[stream] = TcpHeader.ackSeq(m, tcp);
            echo[stream] = TcpHeader.option(m, tcp, (TcpHeader.flags(m, tcp) & TcpHeader.SYN) != 0 ? 2 : 1);
            out.release();
        }
        assertThat(wrong).isEmpty();
    }
}
