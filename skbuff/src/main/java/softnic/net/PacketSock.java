package softnic.net;

import java.util.ArrayDeque;
import java.util.Deque;
import softnic.skb.SkBuff;

/**
 * A packet socket that listens, as tcpdump's does: {@code packet_rcv} (net/packet/af_packet.c).
 *
 * <p>Packets wait for the reader until {@code sk_rcvbuf} is full; then they are dropped and counted. The
 * sending agent queues; a reader empties it between slices.
 */
public final class PacketSock {

    private final Deque<SkBuff> queue;
    private final int rcvbuf;
    private long rmemAlloc;
    private long packets;
    private long drops;

    /** @param rcvbuf limit of queued truesize, in bytes ({@code sk_rcvbuf}) */
    public PacketSock(int rcvbuf) {
        this.rcvbuf = rcvbuf;
        this.queue = new ArrayDeque<>(rcvbuf / SkBuff.STRUCT_SIZE + 1);
    }

    /** Takes one skb of the caller's. */
    void receive(SkBuff skb) {
        packets++;
        if (rmemAlloc + skb.truesize() >= rcvbuf) {
            drops++;
            skb.kfree();
            return;
        }
        rmemAlloc += skb.truesize();
        queue.add(skb);
    }

    /** The oldest packet, now the caller's to free, or null ({@code packet_recvmsg}). */
    public SkBuff read() {
        SkBuff skb = queue.poll();
        if (skb != null) {
            rmemAlloc -= skb.truesize();
        }
        return skb;
    }

    /** Packets seen, dropped ones included ({@code tp_packets}). */
    public long packets() {
        return packets;
    }

    /** Packets that found the socket full ({@code tp_drops}). */
    public long drops() {
        return drops;
    }
}
