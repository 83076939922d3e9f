package softnic.net;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import softnic.mm.Errno;
import softnic.mm.IoVec;
import softnic.mm.PageAllocator;
import softnic.mm.PhysMem;
import softnic.skb.DropReason;
import softnic.skb.SkBuff;
import softnic.skb.SkbPool;
import softnic.skb.UbufInfo;

/**
 * A socket: {@code struct sock} and its {@code proto_ops} (include/net/sock.h, include/linux/net.h), as
 * far as a backend of vhost-net needs it.
 *
 * <p>{@link #sendmsg} and {@link #recvmsg} are one of the three seams at which rooms meet. The sending
 * agent charges {@code sk_wmem_alloc}; any agent uncharges it.
 */
public abstract class Sock implements SkBuff.Destructor {

    private static final VarHandle WMEM_ALLOC;
    private static final VarHandle NOSPACE;

    static {
        try {
            WMEM_ALLOC = MethodHandles.lookup().findVarHandle(Sock.class, "wmemAlloc", int.class);
            NOSPACE = MethodHandles.lookup().findVarHandle(Sock.class, "asyncNospace", boolean.class);
        } catch (ReflectiveOperationException e) {
            throw new ExceptionInInitializerError(e);
        }
    }

    private final SkbPool pool;
    private final PageAllocator pages;
    private int sndbuf;
    private boolean zerocopy;
    private volatile int wmemAlloc;
    private volatile boolean asyncNospace;
    private volatile Runnable writeWaiter;
    private volatile Runnable readWaiter;
    private int allocErr;

    protected Sock(SkbPool pool, PageAllocator pages, int sndbuf) {
        this.pool = pool;
        this.pages = pages;
        this.sndbuf = sndbuf;
    }

    /**
     * Sends one packet without waiting ({@code sendmsg} with MSG_DONTWAIT).
     *
     * @param iov the packet, virtio_net_hdr first
     * @param lenBytes bytes in {@code iov}
     * @param ubuf {@code msg_control}: whom to tell when the pages are free, or null to copy
     * @return {@code lenBytes}, or a negated errno; -EAGAIN, -ENOMEM and -ENOBUFS may pass
     */
    public abstract int sendmsg(IoVec iov, int lenBytes, UbufInfo ubuf);

    /**
     * Receives one packet without waiting ({@code recvmsg} with MSG_DONTWAIT).
     *
     * @return bytes written into {@code iov}, virtio_net_hdr included, or -EAGAIN
     */
    public abstract int recvmsg(IoVec iov, int lenBytes);

    /** Bytes of the oldest received packet without its virtio_net_hdr, 0 if none ({@code peek_head_len}). */
    public abstract int peekHeadLen();

    /** Bytes of virtio_net_hdr in front of each packet, in both directions ({@code vnet_hdr_sz}). */
    public abstract int vnetHdrSz();

    /** {@code SOCK_ZEROCOPY} is set. */
    public boolean isZerocopy() {
        return zerocopy;
    }

    protected void zerocopy(boolean on) {
        zerocopy = on;
    }

    public int sndbuf() {
        return sndbuf;
    }

    /** {@code TUNSETSNDBUF}. Set-up only. */
    public void sndbuf(int bytes) {
        sndbuf = bytes;
    }

    /** Memory of packets sent and not yet freed, in bytes ({@code sk_wmem_alloc}). */
    public int wmemAlloc() {
        return wmemAlloc;
    }

    /** Charges a packet ({@code skb_set_owner_w}). */
    public void setOwnerW(SkBuff skb) {
        skb.destructor(this);
        charge(skb.truesize());
    }

    /** Charges memory that was added to a packet already owned. */
    public void charge(int bytes) {
        WMEM_ALLOC.getAndAdd(this, bytes);
    }

    /** Uncharges a packet that dies ({@code sock_wfree}). */
    @Override
    public void destruct(SkBuff skb) {
        int before = (int) WMEM_ALLOC.getAndAdd(this, -skb.truesize());
        assert before >= skb.truesize() : "sk_wmem_alloc " + before + " - " + skb.truesize();
        writeSpace();
    }

    /** Room enough to wake a writer ({@code sock_writeable}). */
    public boolean isWriteable() {
        return wmemAlloc < sndbuf >> 1;
    }

    /** A writer wants to hear of room ({@code SOCK_ASYNC_NOSPACE}). */
    public void wantSpace() {
        asyncNospace = true;
    }

    /** Wakes who waits for room, if there is some and somebody asked ({@code macvtap_sock_write_space}). */
    private void writeSpace() {
        if (isWriteable() && asyncNospace && NOSPACE.compareAndSet(this, true, false)) {
            Runnable waiter = writeWaiter;
            if (waiter != null) {
                waiter.run();
            }
        }
    }

    /**
     * Waits for POLLOUT: {@code waiter} runs, on the agent that makes room, until it is taken off with null.
     *
     * @return true if somebody waits and there is room already
     */
    public boolean pollOut(Runnable waiter) {
        writeWaiter = waiter;
        if (waiter == null || isWriteable()) {
            return waiter != null;
        }
        asyncNospace = true;
        VarHandle.fullFence();              // ask before looking again: pairs with destruct()
        return isWriteable();
    }

    /** Waits for POLLIN; null takes the waiter off. */
    public void pollIn(Runnable waiter) {
        readWaiter = waiter;
    }

    /** Wakes who waits for packets ({@code sk_data_ready}). */
    protected void dataReady() {
        Runnable waiter = readWaiter;
        if (waiter != null) {
            waiter.run();
        }
    }

    /**
     * An skb charged to this socket, {@code headerLen} bytes linear and {@code dataLen} bytes in new pages
     * ({@code sock_alloc_send_pskb}, net/core/sock.c, noblock).
     *
     * @return null, and the reason in {@link #allocErr}: -EAGAIN over sndbuf, -EMSGSIZE more than
     *     MAX_SKB_FRAGS pages, -ENOBUFS
     */
    protected SkBuff allocSendPskb(int headerLen, int dataLen) {
        if (wmemAlloc >= sndbuf) {
            asyncNospace = true;
            allocErr = -Errno.EAGAIN;
            return null;
        }
        if (dataLen > (long) pool.maxFrags() * PhysMem.PAGE_SIZE) {
            allocErr = -Errno.EMSGSIZE;     // before anything is allocated: 3.1 forgot to look (CVE-2012-2136)
            return null;
        }
        SkBuff skb = pool.alloc(headerLen);
        if (skb == null) {
            allocErr = -Errno.ENOBUFS;
            return null;
        }
        allocErr = addPages(skb, dataLen);
        if (allocErr != 0) {
            skb.kfree(DropReason.SKB_DROP_REASON_NOMEM);
            return null;
        }
        setOwnerW(skb);
        return skb;
    }

    private int addPages(SkBuff skb, int dataLen) {
        int left = dataLen;
        var shinfo = skb.shinfo();
        while (left > 0) {
            if (!shinfo.frag(shinfo.nrFrags()).alloc(pages)) {
                return -Errno.ENOBUFS;
            }
            int piece = Math.min(left, PhysMem.PAGE_SIZE);
            shinfo.addFrag(0, piece);
            left -= piece;
        }
        skb.addFragBytes(dataLen, shinfo.nrFrags() * PhysMem.PAGE_SIZE);
        return 0;
    }

    /** Why the last {@link #allocSendPskb} gave null. */
    protected int allocErr() {
        return allocErr;
    }
}
