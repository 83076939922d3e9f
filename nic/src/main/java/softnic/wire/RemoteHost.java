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
 * netserver's machine at the far end of the link: NIC with interrupt moderation, GRO, a TCP receiver for each connection,
 * and a reader that verifies every byte ({@link RemoteHostVerifier}).
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
 * when they are paid for, by their time of arrival. Deviation: the slots of a merged packet's frames are free when
 * its slice begins, up to FAR_RX too early; the far end's CPU is not what is looked at.
 */
public final class RemoteHost implements Agent {

    private static final int MSS = 1460;
    private static final int GRO_MAX_SIZE = 65536;
    private static final int MAX_GRO_SKBS = 8;
    private static final int TCP_MAX_QUICKACKS = 16;
    private static final long DELAYED_ACK_NS = 40_000_000;
    private static final long NANOS_PER_JIFFY = 1_000_000;
    private static final int DATA_HEADER = EthHeader.ETH_HLEN + Ipv4Header.SIZE + TcpHeader.SIZE;
    private static final int SYN_HEADER = TcpHeader.SIZE + 20;

    private final Cpu cpu;
    private final FrameRing fromLink;
    private final Mac toLink;
    private final RemoteHostOptions options;
    private final Counters<RemoteHostCounter> counters =
            Counters.of("far_end", RemoteHostCounter.class);
    private final RemoteConnection[] connections;

    private boolean polling;
    private boolean flushed;            // this slice has had its packet
    private long dueNs = NO_DEADLINE_NS;

    private RemoteConnection current;   // whose frame or ACK this slice has; it keeps what the link has no room for
    private int held;                   // connections of which GRO holds a packet

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
        this.connections = new RemoteConnection[options.streams()];
        for (int i = 0; i < connections.length; i++) {
            connections[i] = new RemoteConnection(options, i, counters, violations);
        }
        current = connections[0];
    }

    @Override
    public int doWork() {
        if (current.ackWanted || current.synAckWanted) {
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
        current = connection(slot);
        int payload = current.verifier.parse(slot.memory(), slot.offset(), slot.len());
        if (current.heldBytes > 0 && payload != RemoteHostVerifier.DROP && !canMerge(payload)) {
            flush();                                // the frame itself is the next slice's
            return;
        }
        counters.bump(RemoteHostCounter.FRAMES);
        if (payload != RemoteHostVerifier.DROP) {
            receive(payload);
        }
        fromLink.release();
    }

    /** Whose frame it is, by the guest's port ({@code __inet_lookup}); what is nobody's is the first one's to report. */
    private RemoteConnection connection(FrameSlot slot) {
        if (connections.length == 1 || slot.len() < DATA_HEADER) {
            return connections[0];
        }
        int stream = TcpHeader.source(slot.memory(), slot.offset() + EthHeader.ETH_HLEN + Ipv4Header.SIZE)
                - options.flow().guestPort();
        return stream >= 0 && stream < connections.length ? connections[stream] : connections[0];
    }

    @Override
    public long nextDeadlineNs() {
        boolean waitsForRoom = current.ackWanted || current.synAckWanted;
        return waitsForRoom ? toLink.roomNs() : Math.min(dueNs, firstTimer().ackTimerNs);
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

    /** {@code napi_gro_flush}, one packet a slice; with the last one the poll is over. */
    private void endPoll() {
        if (held <= 1) {
            polling = false;
            dueNs = NO_DEADLINE_NS;
        }
        for (int i = 0; i < connections.length && held > 0; i++) {
            if (connections[i].heldBytes > 0) {
                current = connections[i];
                flush();
                return;
            }
        }
    }

    private void receive(int payload) {
        RemoteHostVerifier verifier = current.verifier;
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
        current.verifier.open();
        current.echo = current.verifier.timestamp();
        current.rcvWup = current.verifier.expectedSeq();
        current.quickAcks = TCP_MAX_QUICKACKS;
        cpu.charge(Cost.FAR_RX, 1);
        current.synAckWanted = true;
        sendAck();
    }

    /** Same flow, same timestamp, no longer than what is held, and it fits ({@code tcp_gro_receive}). */
    private boolean canMerge(int payload) {
        return payload > 0 && payload <= current.heldMss && current.verifier.timestamp() == current.heldTimestamp
                && current.heldBytes + payload < GRO_MAX_SIZE;
    }

    private void hold(int payload) {
        if (current.heldBytes == 0) {
            held++;
            current.heldMss = payload;
            current.heldTimestamp = current.verifier.timestamp();
        }
        current.heldBytes += payload;
        if (payload < current.heldMss || current.verifier.isPush() || held > MAX_GRO_SKBS) {
            flush();
        }
    }

    /** What is held goes to the stack, which answers ({@code napi_gro_complete}, {@code tcp_rcv_established}). */
    private void flush() {
        flushed = true;
        counters.bump(RemoteHostCounter.GRO_PACKETS);
        cpu.charge(Cost.FAR_RX, 1);
        current.rcvMss = Math.max(current.rcvMss, current.heldMss);
        current.echo = current.heldTimestamp;
        current.heldBytes = 0;
        held--;
        if (current.verifier.expectedSeq() - current.rcvWup > current.rcvMss || current.quickAcks > 0) {
            wantAck();
        } else if (current.ackTimerNs == NO_DEADLINE_NS) {
            current.ackTimerNs = cpu.nowNs() + DELAYED_ACK_NS;
        }
    }

    /** The connection whose delayed ACK is due first. */
    private RemoteConnection firstTimer() {
        RemoteConnection first = connections[0];
        for (int i = 1; i < connections.length; i++) {
            first = connections[i].ackTimerNs < first.ackTimerNs ? connections[i] : first;
        }
        return first;
    }

    private int checkAckTimer() {
        RemoteConnection first = firstTimer();
        if (cpu.nowNs() < first.ackTimerNs) {
            return 0;
        }
        current = first;
        counters.bump(RemoteHostCounter.DELAYED_ACKS);
        wantAck();
        return 1;
    }

    private void wantAck() {
        flushed = true;
        current.ackWanted = true;
        sendAck();
    }

    /** Builds the ACK and sends it, if the link has room. */
    private boolean sendAck() {
        FrameSlot slot = toLink.claim();
        if (slot == null) {
            counters.bump(RemoteHostCounter.ACKS_HELD);
            return false;
        }
        if (current.synAckWanted) {
            slot.len(writeSynAck(slot.memory(), slot.offset()));
        } else {
            slot.len(writeAck(slot.memory(), slot.offset()));
            counters.bump(RemoteHostCounter.ACKS_SENT);
            current.quickAcks = Math.max(0, current.quickAcks - 1);
            current.rcvWup = current.verifier.expectedSeq();
            current.ackTimerNs = NO_DEADLINE_NS;
            current.ackWanted = false;
        }
        current.synAckWanted = false;
        toLink.send(slot);
        return true;
    }

    private int writeSynAck(MemorySegment m, long at) {
        long tcp = writeIp(m, at, SYN_HEADER);
        TcpHeader.write(m, tcp, current.flow.farPort(), current.flow.guestPort(), current.initialSeq, current.verifier.expectedSeq(),
                SYN_HEADER, TcpHeader.SYN | TcpHeader.ACK, Math.min(0xFFFF, options.windowBytes()));
        TcpHeader.option(m, tcp, 0, 0x02040000 | MSS);
        TcpHeader.option(m, tcp, 1, 0x0402080A);            // SACK permitted, timestamps
        TcpHeader.option(m, tcp, 2, timestamp());
        TcpHeader.option(m, tcp, 3, current.echo);
        TcpHeader.option(m, tcp, 4, 0x01030300 | options.windowScale());
        return finish(m, at, tcp, SYN_HEADER);
    }

    private int writeAck(MemorySegment m, long at) {
        long tcp = writeIp(m, at, TcpHeader.SIZE_TIMESTAMPS);
        TcpHeader.write(m, tcp, current.flow.farPort(), current.flow.guestPort(), current.initialSeq + 1, current.verifier.expectedSeq(),
                TcpHeader.SIZE_TIMESTAMPS, TcpHeader.ACK, options.windowBytes() >>> options.windowScale());
        TcpHeader.writeTimestamps(m, tcp, timestamp(), current.echo);
        return finish(m, at, tcp, TcpHeader.SIZE_TIMESTAMPS);
    }

    /** @return where the TCP header begins */
    private long writeIp(MemorySegment m, long at, int tcpLen) {
        EthHeader.write(m, at, current.flow.guestMac(), current.flow.farMac(), EthHeader.ETH_P_IP);
        Ipv4Header.write(m, at + EthHeader.ETH_HLEN, Ipv4Header.SIZE + tcpLen, current.ipId++ & 0xFFFF,
                Ipv4Header.IPPROTO_TCP, current.flow.farIp(), current.flow.guestIp());
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
        current.verifier.sentTimestamp(value);
        return value;
    }

    @Override
    public String roleName() {
        return "far-end";
    }

    public Counters<RemoteHostCounter> counters() {
        return counters;
    }

    /** Stream bytes that came in order so far, right or wrong, of all connections. */
    public long bytesReceived() {
        long bytes = 0;
        for (RemoteConnection connection : connections) {
            bytes += connection.verifier.position();
        }
        return bytes;
    }

    /** Bytes of the {@code i}-th connection that were as they should be, at their place in the stream. */
    public long bytesVerified(int i) {
        return connections[i].verifier.verified();
    }
}
