package softnic.wire;

import java.lang.foreign.MemorySegment;
import softnic.net.Checksum;
import softnic.net.EthHeader;
import softnic.net.Ipv4Header;
import softnic.net.TcpHeader;
import softnic.sched.Agent;
import softnic.sched.Cost;
import softnic.sched.Cpu;
import softnic.trace.Counters;
import softnic.trace.Violations;

/**
 * netserver's machine at the far end of the link: NIC with interrupt moderation, GRO, a TCP receiver, and a
 * reader that verifies every byte ({@link RemoteHostVerifier}).
 *
 * <pre>
 *   frame comes --moderation--> poll: frame, frame, frame ... nothing has come --> idle
 *                                      |  merged while in order (dev_gro_receive)
 *                                      v  PSH, short, 64 KiB, end of poll
 *                                    one packet for the stack --> one ACK
 * </pre>
 *
 * <p>Kernel counterpart: {@code dev_gro_receive} (net/core/dev.c), {@code tcp4_gro_receive},
 * {@code __tcp_ack_snd_check} (net/ipv4/tcp_input.c). One agent, one merged packet a slice; ACK frames leave
 * when they are paid for, by their time of arrival. Deviation: the slots of a merged packet's frames are free when its slice begins, up to FAR_RX too
 * early; the far end's CPU is not what is looked at.
 */
public final class RemoteHost implements Agent {

    private static final int MSS = 1460;
    private static final int GRO_MAX_SIZE = 65536;
    private static final int TCP_MAX_QUICKACKS = 16;
    private static final long DELAYED_ACK_NS = 40_000_000;
    private static final long NANOS_PER_JIFFY = 1_000_000;
    private static final int SYN_HEADER = TcpHeader.SIZE + 20;
    private static final int INITIAL_SEQ = 0x2F3A_0000;

    private final Cpu cpu;
    private final FrameRing fromLink;
    private final Mac toLink;
    private final RemoteHostOptions options;
    private final TcpFlow flow;
    private final Counters<RemoteHostCounter> counters =
            Counters.of("far_end", RemoteHostCounter.class);
    private final RemoteHostVerifier verifier;

    private boolean polling;
    private boolean flushed;            // this slice has had its packet
    private long dueNs = NO_DEADLINE_NS;

    private int heldBytes;              // the packet that GRO still holds
    private int heldMss;
    private int heldTimestamp;

    private int rcvWup;                 // what the last ACK said ({@code rcv_wup})
    private int rcvMss;                 // the largest segment that came
    private int echo;                   // timestamp to echo ({@code ts_recent})
    private int ipId;
    private int quickAcks;
    private boolean ackWanted;
    private boolean synAckWanted;
    private long ackTimerNs = NO_DEADLINE_NS;

    /**
     * @param fromLink frames that come; its consumer's wait queue must be this agent's
     * @param toLink frames that go; the wait queue of the ring behind it must be this agent's
     */
    public RemoteHost(Cpu cpu, FrameRing fromLink, Mac toLink, RemoteHostOptions options,
            Violations violations) {
        this.cpu = cpu;
        this.fromLink = fromLink;
        this.toLink = toLink;
        this.options = options;
        this.flow = options.flow();
        this.verifier = new RemoteHostVerifier(flow, counters, violations, options.lossy());
    }

    @Override
    public int doWork() {
        if (ackWanted || synAckWanted) {
            return sendAck() ? 1 : 0;               // the link had no room: this goes first
        }
        if (!polling && !isDue()) {
            return checkAckTimer();
        }
        flushed = false;
        while (!flushed) {
            FrameSlot slot = fromLink.peek();
            if (slot == null || slot.arrivalNs() > cpu.nowNs()) {
                endPoll();
                return 1;
            }
            receive(slot);
        }
        return 1;
    }

    private void receive(FrameSlot slot) {
        int payload = verifier.parse(slot.memory(), slot.offset(), slot.len());
        if (heldBytes > 0 && payload != RemoteHostVerifier.DROP && !canMerge(payload)) {
            flush();                                // the frame itself is the next slice's
            return;
        }
        counters.bump(RemoteHostCounter.FRAMES);
        if (payload != RemoteHostVerifier.DROP) {
            receive(payload);
        }
        fromLink.release();
    }

    @Override
    public long nextDeadlineNs() {
        boolean waitsForRoom = ackWanted || synAckWanted;
        return waitsForRoom ? toLink.roomNs() : Math.min(dueNs, ackTimerNs);
    }

    /** True when the moderated interrupt fires: then it polls until nothing more has come. */
    private boolean isDue() {
        FrameSlot slot = fromLink.peek();
        if (slot == null) {
            return false;
        }
        if (dueNs == NO_DEADLINE_NS) {
            dueNs = slot.arrivalNs() + options.moderationNs();
        }
        if (cpu.nowNs() < dueNs) {
            return false;
        }
        polling = true;
        counters.bump(RemoteHostCounter.POLLS);
        return true;
    }

    private void endPoll() {
        polling = false;
        dueNs = NO_DEADLINE_NS;
        if (heldBytes > 0) {
            flush();
        }
    }

    private void receive(int payload) {
        verifier.checkSegment();
        if (verifier.isSyn()) {
            accept();
        } else if (payload > 0) {
            if (verifier.checkPayload()) {
                hold(payload);
            } else {
                wantAck();                          // a repeated segment is acknowledged at once
            }
        }
    }

    private void accept() {
        flushed = true;
        verifier.open();
        echo = verifier.timestamp();
        rcvWup = verifier.expectedSeq();
        quickAcks = TCP_MAX_QUICKACKS;
        cpu.charge(Cost.FAR_RX, 1);
        synAckWanted = true;
        sendAck();
    }

    /** Same flow, same timestamp, no longer than what is held, and it fits ({@code tcp_gro_receive}). */
    private boolean canMerge(int payload) {
        return payload > 0 && payload <= heldMss && verifier.timestamp() == heldTimestamp
                && heldBytes + payload < GRO_MAX_SIZE;
    }

    private void hold(int payload) {
        if (heldBytes == 0) {
            heldMss = payload;
            heldTimestamp = verifier.timestamp();
        }
        heldBytes += payload;
        if (payload < heldMss || verifier.isPush()) {
            flush();
        }
    }

    /** What is held goes to the stack, which answers ({@code napi_gro_complete}, {@code tcp_rcv_established}). */
    private void flush() {
        flushed = true;
        counters.bump(RemoteHostCounter.GRO_PACKETS);
        cpu.charge(Cost.FAR_RX, 1);
        rcvMss = Math.max(rcvMss, heldMss);
        echo = heldTimestamp;
        heldBytes = 0;
        if (verifier.expectedSeq() - rcvWup > rcvMss || quickAcks > 0) {
            wantAck();
        } else if (ackTimerNs == NO_DEADLINE_NS) {
            ackTimerNs = cpu.nowNs() + DELAYED_ACK_NS;
        }
    }

    private int checkAckTimer() {
        if (cpu.nowNs() < ackTimerNs) {
            return 0;
        }
        counters.bump(RemoteHostCounter.DELAYED_ACKS);
        wantAck();
        return 1;
    }

    private void wantAck() {
        flushed = true;
        ackWanted = true;
        sendAck();
    }

    /** Builds the ACK and sends it, if the link has room. */
    private boolean sendAck() {
        FrameSlot slot = toLink.claim();
        if (slot == null) {
            counters.bump(RemoteHostCounter.ACKS_HELD);
            return false;
        }
        if (synAckWanted) {
            slot.len(writeSynAck(slot.memory(), slot.offset()));
        } else {
            slot.len(writeAck(slot.memory(), slot.offset()));
            counters.bump(RemoteHostCounter.ACKS_SENT);
            quickAcks = Math.max(0, quickAcks - 1);
            rcvWup = verifier.expectedSeq();
            ackTimerNs = NO_DEADLINE_NS;
            ackWanted = false;
        }
        synAckWanted = false;
        toLink.send(slot);
        return true;
    }

    private int writeSynAck(MemorySegment m, long at) {
        long tcp = writeIp(m, at, SYN_HEADER);
        TcpHeader.write(m, tcp, flow.farPort(), flow.guestPort(), INITIAL_SEQ, verifier.expectedSeq(),
                SYN_HEADER, TcpHeader.SYN | TcpHeader.ACK, Math.min(0xFFFF, options.windowBytes()));
        TcpHeader.option(m, tcp, 0, 0x02040000 | MSS);
        TcpHeader.option(m, tcp, 1, 0x0402080A);            // SACK permitted, timestamps
        TcpHeader.option(m, tcp, 2, timestamp());
        TcpHeader.option(m, tcp, 3, echo);
        TcpHeader.option(m, tcp, 4, 0x01030300 | options.windowScale());
        return finish(m, at, tcp, SYN_HEADER);
    }

    private int writeAck(MemorySegment m, long at) {
        long tcp = writeIp(m, at, TcpHeader.SIZE_TIMESTAMPS);
        TcpHeader.write(m, tcp, flow.farPort(), flow.guestPort(), INITIAL_SEQ + 1, verifier.expectedSeq(),
                TcpHeader.SIZE_TIMESTAMPS, TcpHeader.ACK, options.windowBytes() >>> options.windowScale());
        TcpHeader.writeTimestamps(m, tcp, timestamp(), echo);
        return finish(m, at, tcp, TcpHeader.SIZE_TIMESTAMPS);
    }

    /** @return where the TCP header begins */
    private long writeIp(MemorySegment m, long at, int tcpLen) {
        EthHeader.write(m, at, flow.guestMac(), flow.farMac(), EthHeader.ETH_P_IP);
        Ipv4Header.write(m, at + EthHeader.ETH_HLEN, Ipv4Header.SIZE + tcpLen, ipId++ & 0xFFFF,
                Ipv4Header.IPPROTO_TCP, flow.farIp(), flow.guestIp());
        return at + EthHeader.ETH_HLEN + Ipv4Header.SIZE;
    }

    private static int finish(MemorySegment m, long at, long tcp, int tcpLen) {
        long sum = Checksum.pseudoIpv4(m, at + EthHeader.ETH_HLEN, Ipv4Header.IPPROTO_TCP, tcpLen);
        Checksum.store(m, tcp + TcpHeader.CHECK, Checksum.fold(Checksum.partial(m, tcp, tcpLen, sum)));
        return EthHeader.ETH_HLEN + Ipv4Header.SIZE + tcpLen;
    }

    /** The far end's {@code tcp_time_stamp}, HZ 1000. */
    private int timestamp() {
        int value = (int) (cpu.nowNs() / NANOS_PER_JIFFY) + 1;
        verifier.sentTimestamp(value);
        return value;
    }

    @Override
    public String roleName() {
        return "far-end";
    }

    public Counters<RemoteHostCounter> counters() {
        return counters;
    }

    /** Stream bytes that came in order so far, right or wrong. */
    public long bytesReceived() {
        return verifier.position();
    }
}
