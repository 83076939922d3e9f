package softnic.net;

import java.util.ArrayDeque;
import java.util.Deque;
import softnic.skb.DropReason;
import softnic.skb.SkBuff;
import softnic.skb.SkbCopy;

/**
 * A packet socket that listens, as tcpdump's does: {@code packet_rcv} (net/packet/af_packet.c).
 *
 * <p>Packets wait for the reader until {@code sk_rcvbuf} is full; then they are dropped and counted. Whoever sends or
 * receives through the device queues, a reader takes: they share a lock, as the kernel's do
 * ({@code sk_receive_queue.lock}); a device without packet sockets never sees it.
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

    /** Takes one of the references to {@code skb}; one that others hold too is cloned first. */
    synchronized void receive(SkBuff skb) {
        packets++;
        boolean full = rmemAlloc + skb.truesize() >= rcvbuf;
        SkBuff own = full ? null : own(skb);
        if (own == null) {
            drops++;
            skb.kfree(full ? DropReason.SKB_DROP_REASON_SOCKET_RCVBUFF : DropReason.SKB_DROP_REASON_NOMEM);
            return;
        }
        own.orphan();
        rmemAlloc += own.truesize();
        queue.add(own);
    }

    private static SkBuff own(SkBuff skb) {
        if (!skb.isShared()) {
            return skb;
        }
        SkBuff clone = SkbCopy.clone(skb);
        if (clone != null) {
            skb.consume();
        }
        return clone;
    }

    /** The oldest packet, now the caller's to free, or null ({@code packet_recvmsg}). */
    public synchronized SkBuff read() {
        SkBuff skb = queue.poll();
        if (skb != null) {
            rmemAlloc -= skb.truesize();
        }
        return skb;
    }

    /** Queued fragments that lie in a guest page: 0, or a reader that sleeps keeps a guest waiting. For checks. */
    public synchronized int guestFrags() {
        int found = 0;
        for (SkBuff skb : queue) {
            for (int i = 0; i < skb.shinfo().nrFrags(); i++) {
                found += skb.shinfo().frag(i).page().isGuest() ? 1 : 0;
            }
        }
        return found;
    }

    /** Memory of the packets that wait, in bytes ({@code sk_rmem_alloc}). */
    public synchronized long rmemAlloc() {
        return rmemAlloc;
    }

    /** Packets seen, dropped ones included ({@code tp_packets}). */
    public synchronized long packets() {
        return packets;
    }

    /** Packets that found the socket full, or no memory for a clone ({@code tp_drops}). */
    public synchronized long drops() {
        return drops;
    }
}
