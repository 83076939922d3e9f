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

/** The far end sees every fault on the wire, names it, and acknowledges what came. */
class RemoteHostTest {

    private static final int MSS = 1448;
    private static final int SEQ = 1000;                // of the SYN
    private static final int HEADER = EthHeader.ETH_HLEN + Ipv4Header.SIZE + TcpHeader.SIZE_TIMESTAMPS;
    private static final TcpFlow FLOW = TcpFlow.DEFAULT;
    private static final long MODERATION_NS = 30_000;

    /** What the far end answered. */
    private record Answer(int flags, int ackSeq, int window, int echo, long atNs) {
    }

    private final VirtualTimeRunner runner = new VirtualTimeRunner(CostTable.free()
            .with(Cost.FAR_RX, 1_000_000));
    private final WaitQueue queue = new WaitQueue();
    private final FrameRing in = new FrameRing(128, new WaitQueue(), queue);
    private final FrameRing out = new FrameRing(2, queue, new WaitQueue());
    private final Mac mac = new Mac(runner, Trace.off(), 128);
    private final Violations violations = new Violations();
    private final RemoteHost far = new RemoteHost(runner, in, mac,
            RemoteHostOptions.DEFAULT.withModerationNs(MODERATION_NS), violations);
    private final List<Answer> answers = new ArrayList<>();
    private int echo;                                   // a timestamp that the far end has sent
    private int ipId = 7;

    @BeforeEach
    void connect() {
        mac.connect(out);
        int processor = runner.addProcessor("far", "far", Cost.NONE, Cost.NONE);
        runner.add(processor, far, queue);
        send(frame(TcpHeader.SYN, SEQ, 0, -1));
        runFor(100_000);
        assertThat(answers).hasSize(1);
        assertThat(answers.getFirst().flags).isEqualTo(TcpHeader.SYN | TcpHeader.ACK);
        assertThat(answers.getFirst().ackSeq).isEqualTo(SEQ + 1);
        answers.clear();
    }

    @AfterEach
    void close() {
        in.close();
        out.close();
    }

    private void runFor(long ns) {
        long endNs = runner.nowNs() + ns;
        while (runner.nowNs() < endNs) {
            runner.runUntil(runner.nowNs() + 1_000);
            for (FrameSlot slot = out.peek(); slot != null; slot = out.peek()) {
                answers.add(read(slot));
                out.release();
            }
        }
    }

    private Answer read(FrameSlot slot) {
        MemorySegment m = slot.memory();
        long ip = slot.offset() + EthHeader.ETH_HLEN;
        long tcp = ip + Ipv4Header.SIZE;
        int tcpLen = Ipv4Header.totLen(m, ip) - Ipv4Header.SIZE;
        assertThat(EthHeader.dest(m, slot.offset())).isEqualTo(FLOW.guestMac());
        assertThat(Ipv4Header.isCheckValid(m, ip, Ipv4Header.SIZE)).isTrue();
        long sum = Checksum.pseudoIpv4(m, ip, Ipv4Header.IPPROTO_TCP, tcpLen);
        assertThat(Checksum.fold(Checksum.partial(m, tcp, tcpLen, sum))).isZero();
        int flags = TcpHeader.flags(m, tcp);
        boolean isSyn = (flags & TcpHeader.SYN) != 0;
        echo = TcpHeader.option(m, tcp, isSyn ? 2 : 1);
        return new Answer(flags, TcpHeader.ackSeq(m, tcp), TcpHeader.window(m, tcp),
                TcpHeader.option(m, tcp, isSyn ? 3 : 2), runner.nowNs());
    }

    /** A frame in the next slot, correct in every byte; not published. */
    private FrameSlot frame(int flags, int seq, int payload, long position) {
        FrameSlot slot = in.claim();
        MemorySegment m = slot.memory();
        long at = slot.offset();
        long ip = at + EthHeader.ETH_HLEN;
        long tcp = ip + Ipv4Header.SIZE;
        EthHeader.write(m, at, FLOW.farMac(), FLOW.guestMac(), EthHeader.ETH_P_IP);
        Ipv4Header.write(m, ip, Ipv4Header.SIZE + TcpHeader.SIZE_TIMESTAMPS + payload, ipId++, Ipv4Header.IPPROTO_TCP,
                FLOW.guestIp(), FLOW.farIp());
        TcpHeader.write(m, tcp, FLOW.guestPort(), FLOW.farPort(), seq, 1, TcpHeader.SIZE_TIMESTAMPS, flags, 115);
        TcpHeader.writeTimestamps(m, tcp, 55, echo);
        if (payload > 0) {
            StreamPattern.fill(m, at + HEADER, payload, position);
        }
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

    private FrameSlot data(int segment, int flags) {
        return frame(TcpHeader.ACK | flags, SEQ + 1 + segment * MSS, MSS, (long) segment * MSS);
    }

    private void send(FrameSlot slot) {
        slot.arrivalNs(runner.nowNs());
        in.publish();
    }

    private long count(RemoteHostCounter name) {
        return far.counters().value(name);
    }

    /** Every byte of a whole data frame, changed one at a time: 1514 connections, 1514 reports. */
    @Test
    void everySingleByteChangeIsSeen() {
        int missed = -1;
        for (int i = 0; i < HEADER + MSS && missed < 0; i++) {
            long before = violations.count();
            send(frame(TcpHeader.SYN, SEQ, 0, -1));
            runFor(50_000);
            FrameSlot slot = data(0, 0);
            long at = slot.offset() + i;
            byte value = slot.memory().get(ValueLayout.JAVA_BYTE, at);
            slot.memory().set(ValueLayout.JAVA_BYTE, at, (byte) (value ^ 1 << i % 8));
            send(slot);
            runFor(50_000);
            missed = violations.count() == before ? i : -1;
        }
        assertThat(missed).as("byte that could change unseen").isEqualTo(-1);
    }

    @Test
    void aStreamInOrderIsVerifiedAndAcknowledged() {
        for (int i = 0; i < 100; i++) {
            send(data(i, 0));
        }
        runFor(1_000_000);

        assertThat(violations.kept()).isEmpty();
        assertThat(count(RemoteHostCounter.BYTES_VERIFIED)).isEqualTo(100L * MSS);
        assertThat(answers.getLast().ackSeq).isEqualTo(SEQ + 1 + 100 * MSS);
        assertThat(answers.getLast().window).isEqualTo((384 << 10) >> 7);
        assertThat(answers.getLast().echo).isEqualTo(55);
    }

    @Test
    void aLostFrameIsSeenOnceAndTheStreamGoesOn() {
        send(data(0, 0));
        send(data(2, 0));
        send(data(3, 0));
        runFor(1_000_000);

        assertThat(violations.count()).isEqualTo(1);
        assertThat(count(RemoteHostCounter.BAD_SEQUENCE_LOST)).isEqualTo(1);
        assertThat(count(RemoteHostCounter.BYTES_VERIFIED)).isEqualTo(3L * MSS);
    }

    @Test
    void aRepeatedFrameIsSeenAndAcknowledgedAtOnce() {
        send(data(0, 0));
        send(data(1, 0));
        send(data(1, 0));
        runFor(1_000_000);

        assertThat(count(RemoteHostCounter.BAD_SEQUENCE_REPEATED)).isEqualTo(1);
        assertThat(answers.getLast().ackSeq).isEqualTo(SEQ + 1 + 2 * MSS);
    }

    @Test
    void swappedFramesAreSeenAsALossAndARepetition() {
        send(data(1, 0));
        send(data(0, 0));
        runFor(1_000_000);

        assertThat(count(RemoteHostCounter.BAD_SEQUENCE_LOST)).isEqualTo(1);
        assertThat(count(RemoteHostCounter.BAD_SEQUENCE_REPEATED)).isEqualTo(1);
    }

    @Test
    void overwrittenPayloadWithARightChecksumIsInvariantSix() {
        FrameSlot slot = data(0, 0);
        slot.memory().set(ValueLayout.JAVA_BYTE, slot.offset() + HEADER + 700, (byte) 0xDB);
        finish(slot);
        send(slot);
        runFor(1_000_000);

        assertThat(violations.kept()).hasSize(1);
        assertThat(violations.kept().getFirst())
                .isEqualTo("invariant 6: far end: byte at stream position 700 is wrong, "
                        + "the first of a segment of 1448 bytes at 0");
    }

    @Test
    void aTimestampThatWasNeverSentIsSeen() {
        echo += 1_000_000;
        send(data(0, 0));
        runFor(1_000_000);
        assertThat(count(RemoteHostCounter.BAD_TIMESTAMP)).isEqualTo(1);
    }

    @Test
    void aFrameLongerThanItsHeaderSaysIsSeenButPaddingIsNot() {
        FrameSlot slot = frame(TcpHeader.ACK, SEQ + 1, 1, 0);
        slot.len(slot.len() + 1);
        send(slot);
        runFor(1_000_000);
        assertThat(count(RemoteHostCounter.BAD_LENGTH)).isEqualTo(1);
    }

    @Test
    void framesWaitForTheModeratedInterrupt() {
        long sentNs = runner.nowNs();
        send(data(0, 0));
        send(data(1, TcpHeader.PSH));
        runFor(200_000);

        assertThat(answers).hasSize(1);
        assertThat(answers.getFirst().atNs - sentNs).isBetween(MODERATION_NS, MODERATION_NS + 3_000);
        assertThat(count(RemoteHostCounter.POLLS)).isEqualTo(2);        // the SYN was the first
    }

    /** 45 segments are 65160 bytes and fit, the 46th does not. */
    @Test
    void groEndsAPacketAtPushAtAShortSegmentAndAt64K() {
        for (int i = 0; i < 46; i++) {
            send(data(i, i == 45 ? TcpHeader.PSH : 0));
        }
        send(frame(TcpHeader.ACK, SEQ + 1 + 46 * MSS, 100, 46L * MSS));
        runFor(1_000_000);

        assertThat(violations.kept()).isEmpty();
        assertThat(answers).extracting(Answer::ackSeq).containsExactly(SEQ + 1 + 45 * MSS,
                SEQ + 1 + 46 * MSS, SEQ + 1 + 46 * MSS + 100);
    }

    @Test
    void aSingleSegmentIsAcknowledgedByTheDelayedTimerOnceQuickAcksAreUsedUp() {
        for (int i = 0; i < 16; i++) {
            send(data(i, TcpHeader.PSH));
            runFor(100_000);
        }
        assertThat(answers).hasSize(16);
        long sentNs = runner.nowNs();
        send(data(16, TcpHeader.PSH));
        runFor(30_000_000);
        assertThat(answers).hasSize(16);
        runFor(20_000_000);
        assertThat(answers).hasSize(17);
        assertThat(answers.getLast().atNs - sentNs).isBetween(40_000_000L, 40_100_000L);
        assertThat(count(RemoteHostCounter.DELAYED_ACKS)).isEqualTo(1);
    }

    @Test
    void anAckThatFindsTheLinkFullGoesOutWhenThereIsRoom() {
        for (int i = 0; i < 3; i++) {
            send(data(i, TcpHeader.PSH));
        }
        runner.runUntil(runner.nowNs() + 1_000_000);
        assertThat(out.backlog()).isEqualTo(2);
        assertThat(count(RemoteHostCounter.ACKS_HELD)).isPositive();
        runFor(1_000_000);
        assertThat(answers.getLast().ackSeq).isEqualTo(SEQ + 1 + 3 * MSS);
    }

    @Test
    void thePatternRepeatsOnlyAfterItsPeriodAndRunsAcrossIt() {
        MemorySegment bytes = java.lang.foreign.Arena.ofAuto().allocate(4096);
        long nearEnd = StreamPattern.PERIOD - 1000;
        StreamPattern.fill(bytes, 0, 4096, nearEnd);
        assertThat(StreamPattern.mismatch(bytes, 0, 4096, nearEnd)).isEqualTo(StreamPattern.NO_MISMATCH);
        assertThat(StreamPattern.mismatch(bytes, 1000, 3096, 0)).isEqualTo(StreamPattern.NO_MISMATCH);
        for (int shift : new int[] {1, 4, MSS, 4096, 65536, 65160}) {
            assertThat(StreamPattern.mismatch(bytes, 0, 64, nearEnd + shift)).isBetween(0L, 4L);
        }
    }
}
