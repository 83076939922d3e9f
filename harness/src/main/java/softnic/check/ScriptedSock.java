package softnic.check;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import softnic.mm.Errno;
import softnic.mm.FaultPoint;
import softnic.mm.IoVec;
import softnic.mm.PageAllocator;
import softnic.mm.PhysMem;
import softnic.net.Sock;
import softnic.skb.SkBuff;
import softnic.skb.SkbPool;
import softnic.skb.UbufInfo;
import softnic.virtio.VirtioNetHdr;

/**
 * A backend that does to vhost whatever a network may: keeps packets as long as it likes, finishes them in any order,
 * copies them after all, runs out of memory, refuses packets for good, fails after it has called back, offers packets of
 * any size, and fails to read them. A socket of the real kind, with real skbs charged to it.
 */
final class ScriptedSock extends Sock {

    /** Told of each packet before the socket does anything with it. */
    interface Watch {

        /** A packet to send. */
        void sent(IoVec iov, int bytes);

        /** @param bytes what the socket is asked for; nothing is written yet */
        void reading(IoVec iov, int bytes);

        /** A packet is written into the pieces. */
        void read(Read packet);

        /** A packet was not read, and is gone. */
        void thrownAway();
    }

    /** Bytes of virtio_net_hdr. */
    static final int HDR = VirtioNetHdr.SIZE_MRG_RXBUF;

    private static final int[] MAY_PASS = {Errno.ENOBUFS, Errno.ENOMEM, Errno.EAGAIN};
    private static final int[] FOR_GOOD = {Errno.EINVAL, Errno.EFAULT, Errno.EMSGSIZE};
    private static final int BAD = 1 << 30;

    /** One packet read: bytes with header, and the byte it is made of. */
    record Read(int bytes, int pattern) {
    }

    private record InFlight(SkBuff skb, UbufInfo ubuf) {
    }

    private final int most;
    private final PhysMem memory;
    private final Watch watch;
    private final SplittableRandom random;
    private final int refusedOneIn;
    private final List<InFlight> inFlight = new ArrayList<>();
    private final List<Integer> arrived = new ArrayList<>();       // bytes without header; BAD: cannot be read
    private int arrivedFirst;
    private int failures;               // sends that fail from now on
    private int failure;
    private boolean callsBackFirst;
    long moved;                         // packets sent for good or received
    long attempts;
    private int lastRead;               // the pattern of the packet read last
    private long full;

    /**
     * @param most packets in flight: of one more, the oldest is dropped
     * @param refusedOneIn packets of so many lengths, one is never taken; 0: none
     */
    ScriptedSock(SkbPool pool, PageAllocator pages, int most, int sndbuf, boolean zerocopy, Watch watch,
            SplittableRandom random, int refusedOneIn) {
        super(pool, pages, sndbuf);
        this.most = most;
        this.memory = pool.memory();
        this.watch = watch;
        this.random = random;
        this.refusedOneIn = refusedOneIn;
        zerocopy(zerocopy);
    }

    // ---- the script

    /** The next sends fail, and may have called back before. */
    void failNext(int n, boolean mayPass, boolean callsBackFirst) {
        failures = n;
        failure = mayPass ? MAY_PASS[random.nextInt(2)] : FOR_GOOD[random.nextInt(FOR_GOOD.length)];
        this.callsBackFirst = callsBackFirst;
    }

    /** No send fails any more, but what the socket never takes. */
    void behave() {
        failures = 0;
    }

    int inFlight() {
        return inFlight.size();
    }

    /** The network is done with one of them, whichever. */
    void completeOne() {
        complete(random.nextInt(inFlight.size()), random.nextInt(16) > 0);
    }

    /** The network is done with the oldest. */
    void completeOldest() {
        complete(0, true);
    }

    private void complete(int i, boolean success) {
        InFlight done = inFlight.remove(i);
        if (done.ubuf != null && success) {
            done.skb.shinfo().zerocopy(done.ubuf);
        } else if (done.ubuf != null) {
            done.ubuf.callback(false);
        }
        done.skb.kfree();
    }

    /** Packets come from the network. */
    void arrive(int bytes, int n, boolean readable) {
        for (int i = 0; i < n; i++) {
            arrived.add(readable ? bytes : bytes | BAD);
        }
    }

    /** Tells who waits for them. */
    void announce() {
        if (peekHeadLen() > 0) {
            dataReady();
        }
    }

    /** Packets taken, read or not, and packets sent: what a step may move. */
    long progress() {
        return moved + arrivedFirst;
    }

    /** Packets that wait to be received. */
    int waiting() {
        return arrived.size() - arrivedFirst;
    }

    /** Loses what waits to be received. */
    void dropArrived() {
        arrivedFirst = arrived.size();
    }

    /** Sends that found no room. */
    long full() {
        return full;
    }

    // ---- the socket

    @Override
    public int sendmsg(IoVec iov, int lenBytes, UbufInfo ubuf) {
        attempts++;
        watch.sent(iov, lenBytes);
        if (failures > 0) {
            failures--;
            if (callsBackFirst && ubuf != null) {
                ubuf.callback(false);
            }
            return -failure;
        }
        if (refusedOneIn > 0 && lenBytes % refusedOneIn == refusedOneIn - 1) {
            return -Errno.EINVAL;
        }
        if (inFlight.size() >= most) {
            completeOldest();               // a queue on the way is full, and drops
        }
        SkBuff skb = allocSendPskb(HDR, ubuf == null && random.nextInt(4) == 0 ? 1 + random.nextInt(4000) : 0);
        if (skb == null) {
            full += allocErr() == -Errno.EAGAIN ? 1 : 0;
            return allocErr();
        }
        skb.addFragBytes(0, lenBytes);
        charge(lenBytes);
        moved++;
        if (ubuf != null && random.nextInt(32) == 0) {
            ubuf.callback(false);           // more pages than fragments: copied, and said so at once
            inFlight.add(new InFlight(skb, null));
        } else {
            inFlight.add(new InFlight(skb, ubuf));
        }
        return lenBytes;
    }

    @Override
    public int recvmsg(IoVec iov, int lenBytes) {
        if (waiting() == 0) {
            return -Errno.EAGAIN;
        }
        int packet = arrived.get(arrivedFirst++);
        if (lenBytes < HDR || (packet & BAD) != 0) {
            watch.thrownAway();
            return lenBytes < HDR ? -Errno.EINVAL : -Errno.EFAULT;
        }
        int bytes = Math.min(lenBytes, HDR + packet);
        if (memory.fails(FaultPoint.USERCOPY)) {
            watch.thrownAway();
            return -Errno.EFAULT;
        }
        watch.reading(iov, lenBytes);
        lastRead = 1 + lastRead % 200;
        int left = bytes;
        for (int i = 0; i < iov.count() && left > 0; i++) {
            int n = Math.min(left, iov.len(i));
            MemorySegment segment = memory.segment(iov.base(i));
            segment.asSlice(PhysMem.offset(iov.base(i)), n).fill((byte) lastRead);
            left -= n;
        }
        moved++;
        watch.read(new Read(bytes - left, lastRead));
        return bytes - left;
    }

    @Override
    public int peekHeadLen() {
        return waiting() == 0 ? 0 : arrived.get(arrivedFirst) & ~BAD;
    }

    @Override
    public int vnetHdrSz() {
        return HDR;
    }
}
