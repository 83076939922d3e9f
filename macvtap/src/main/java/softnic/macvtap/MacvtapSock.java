package softnic.macvtap;

import java.lang.foreign.MemorySegment;
import softnic.Behaviour;
import softnic.Edition;
import softnic.Quirk;
import softnic.mm.Errno;
import softnic.mm.GuestMemory;
import softnic.mm.IoVec;
import softnic.mm.PageAllocator;
import softnic.mm.PhysMem;
import softnic.mm.Slab;
import softnic.net.EthHeader;
import softnic.net.NetCore;
import softnic.net.NetDevice;
import softnic.net.Sock;
import softnic.sched.Cost;
import softnic.sched.Cpu;
import softnic.sched.Llc;
import softnic.skb.DropReason;
import softnic.skb.SkBuff;
import softnic.skb.SkbPool;
import softnic.skb.SkbSharedInfo;
import softnic.skb.UbufInfo;
import softnic.trace.Counters;
import softnic.trace.Trace;
import softnic.trace.Tracepoint;
import softnic.virtio.VirtioNetHdr;

/**
 * An open {@code /dev/tapN}: {@code struct macvtap_queue} with its socket (drivers/net/macvtap.c; drivers/net/tap.c
 * since 4.11).
 *
 * <p>The vhost worker sends and receives; the host's softirq fills the receive queue.
 */
public final class MacvtapSock extends Sock {

    /** {@code TUN_READQ_SIZE}: packets that may wait for the reader. */
    public static final int TUN_READQ_SIZE = 500;

    /** What the tap counts. */
    public enum Count {
        TX_ZEROCOPY, TX_COPIED, TX_COPIED_BYTES, TX_TOO_MANY_PAGES, TX_EAGAIN, TX_EINVAL, TX_EFAULT, TX_NOMEM,
        TX_UNLINKED, RX_QUEUED, RX_DROPPED, RX_READ, RX_TRUNCATED
    }

    /**
     * How a tap is opened.
     *
     * @param vnetHdrSz bytes of virtio_net_hdr ({@code TUNSETVNETHDRSZ}), 10 or 12
     * @param sndbuf {@code TUNSETSNDBUF}, in bytes
     */
    public record Options(int vnetHdrSz, int sndbuf) {
        public Options {
            if (vnetHdrSz < VirtioNetHdr.SIZE || vnetHdrSz > VirtioNetHdr.SIZE_MRG_RXBUF) {
                throw new IllegalArgumentException("macvtap: vnet_hdr_sz must be 10..12, got " + vnetHdrSz);
            }
            if (sndbuf <= 0) {
                throw new IllegalArgumentException("macvtap: sndbuf must be positive, got " + sndbuf);
            }
        }
    }

    /** {@code POLLIN | POLLRDNORM}. */
    public static final int POLLIN = 0x0041;
    /** {@code POLLOUT | POLLWRNORM}. */
    public static final int POLLOUT = 0x0104;
    /** {@code MSG_TRUNC} (include/linux/socket.h). */
    public static final int MSG_TRUNC = 0x20;
    /** {@code MSG_DONTWAIT}. */
    public static final int MSG_DONTWAIT = 0x40;

    private final Edition edition;
    private final NetCore core;
    private final Cpu cpu;
    private final Llc llc;
    private final Trace trace;
    private final PhysMem memory;
    private final LinearPart linearPart;
    private final ZerocopySg zerocopySg;
    private final VnetHdrToSkb vnetHdrToSkb;
    private final PutUser putUser;
    private final TapIoctl ioctls;
    private final TapRing receiveQueue = new TapRing(TUN_READQ_SIZE);
    private final Counters<Count> counters = Counters.shared("macvtap", Count.class);
    private final Counters<TapRule> rules = Counters.of("macvtap.rule", TapRule.class);
    private final Slab scratch = new Slab(PhysMem.PAGE_SIZE);
    private final long txHdrHpa;
    private final VirtioNetHdr txHdr = new VirtioNetHdr();
    private volatile Macvlan vlan;          // null: the device is gone
    private volatile int vnetHdrSz;
    private volatile int flags = TapIoctl.IFF_VNET_HDR | TapIoctl.IFF_NO_PI | TapIoctl.IFF_TAP;
    private boolean enabled = true;
    private int offloads;
    private int allocErr;
    private boolean truncated;

    /** {@code macvtap_open}: zero-copy if the device has both NETIF_F_HIGHDMA and NETIF_F_SG, now and for good. */
    public MacvtapSock(Macvlan vlan, Edition edition, NetCore core, Cpu cpu, Llc llc, Trace trace, PhysMem memory,
            GuestMemory guest, PageAllocator pages, Options options) {
        super(core.pool(), pages, options.sndbuf());
        this.edition = edition;
        this.vlan = vlan;
        this.core = core;
        this.cpu = cpu;
        this.llc = llc;
        this.trace = trace;
        this.memory = memory;
        this.vnetHdrSz = options.vnetHdrSz();
        this.linearPart = new LinearPart(edition);
        this.zerocopySg = new ZerocopySg(edition, cpu, trace, memory, guest, rules);
        this.vnetHdrToSkb = new VnetHdrToSkb(edition, trace);
        this.ioctls = new TapIoctl(this, edition);
        this.txHdrHpa = memory.addRegion(scratch.segment());
        this.putUser = new PutUser(memory, vnetHdrToSkb, txHdrHpa + SkbPool.CACHE_LINE);
        txHdr.wrap(memory, txHdrHpa);
        NetDevice asked = edition.has(Behaviour.ZEROCOPY_OF_LOWER_DEVICE) ? vlan.lowerdev() : vlan;
        int both = NetDevice.NETIF_F_HIGHDMA | NetDevice.NETIF_F_SG;
        zerocopy((asked.features() & both) == both);
        vlan.open(this);
    }

    /** 0 if the tap was set up without {@code IFF_VNET_HDR}. */
    @Override
    public int vnetHdrSz() {
        return (flags & TapIoctl.IFF_VNET_HDR) != 0 ? vnetHdrSz : 0;
    }

    // ---- ioctls; whoever has the tap open, off the path

    /**
     * {@code macvtap_ioctl}, with the numbers of {@link TapIoctl}.
     *
     * @return what was asked for, or 0; -EINVAL, -ENOLINK without a device, -EBUSY, -EADDRNOTAVAIL
     */
    public long ioctl(int cmd, long arg) {
        return ioctls.ioctl(cmd, arg);
    }

    int flags() {
        return flags;
    }

    void flags(int iff) {
        flags = iff;
    }

    int vnetHdrField() {
        return vnetHdrSz;
    }

    void vnetHdrField(int bytes) {
        vnetHdrSz = bytes;
    }

    /** {@code TUN_F_*} that the reader can finish itself ({@code tap_features}); 0 before the first ioctl. */
    int offloads() {
        return offloads;
    }

    void offloads(int tunF) {
        offloads = tunF;
    }

    Macvlan vlan() {
        return vlan;
    }

    boolean isEnabled() {
        return enabled;
    }

    /** Off its device, or back. */
    void enable(boolean on) {
        enabled = on;
        if (on) {
            vlan.enable(this);
        } else {
            vlan.disable(this);
        }
    }

    /** The device is gone: what is sent from now on is dropped. */
    void detach() {
        vlan = null;
    }

    // ---- transmit

    /** {@code macvtap_sendmsg}. Worker only. */
    @Override
    public int sendmsg(IoVec iov, int lenBytes, UbufInfo ubuf) {
        trace.enter(Tracepoint.SENDMSG);
        int rc = send(iov, lenBytes, ubuf);
        trace.exit(Tracepoint.SENDMSG);
        return rc;
    }

    /**
     * {@code macvtap_write}, with O_NONBLOCK: there is no msghdr, so nothing is ever sent without copying. By whoever
     * has the tap open instead of a worker.
     */
    public int write(IoVec iov, int lenBytes) {
        return send(iov, lenBytes, null);
    }

    private int send(IoVec iov, int lenBytes, UbufInfo ubuf) {
        trace.enter(Tracepoint.GET_USER);
        int rc = getUser(iov, lenBytes, ubuf);
        if (rc < 0) {
            counters.bump(reason(rc));
            Macvlan dev = vlan;
            if (dev != null) {
                dev.countTxDropped();
            }
        }
        trace.exit(Tracepoint.GET_USER);
        return rc;
    }

    private static Count reason(int err) {
        return switch (-err) {
            case Errno.EAGAIN -> Count.TX_EAGAIN;
            case Errno.EINVAL -> Count.TX_EINVAL;
            case Errno.EFAULT -> Count.TX_EFAULT;
            case Errno.EMSGSIZE -> Count.TX_TOO_MANY_PAGES;
            default -> Count.TX_NOMEM;
        };
    }

    /** {@code macvtap_get_user}: header, copy or pin, offload fields, and on to macvlan. */
    private int getUser(IoVec iov, int totalLen, UbufInfo ubuf) {
        int vnetHdrLen = vnetHdrSz();               // once: an ioctl may change it
        int len = totalLen - vnetHdrLen;
        if (len < 0) {
            return -Errno.EINVAL;
        }
        int err = readHeader(iov, vnetHdrLen);
        if (err != 0) {
            return err;
        }
        int hdrLen = LinearPart.hdrLen(txHdr);
        if (hdrLen > len || len < EthHeader.ETH_HLEN) {
            return -Errno.EINVAL;
        }
        boolean zerocopy = ubuf != null && isZerocopy();
        int linear = zerocopy ? linearPart.ofZerocopy(iov, vnetHdrLen, hdrLen, len)
                : linearPart.clamp(hdrLen);
        if (zerocopy && edition.has(Behaviour.COPIES_TOO_MANY_PAGES)
                && ZerocopySg.pages(iov, vnetHdrLen + linear) > edition.maxSkbFrags()) {
            counters.bump(Count.TX_TOO_MANY_PAGES);
            zerocopy = false;
            linear = linearPart.clamp(hdrLen);
        }
        SkBuff skb = zerocopy ? allocZerocopy(linear, hdrLen) : allocSkb(len, linear);
        if (skb == null) {
            return allocErr;
        }
        err = fill(skb, iov, vnetHdrLen, len, zerocopy);
        if (err == 0 && !zerocopy && ubuf != null && edition.has(Quirk.COPY_COMPLETED_EARLY)) {
            ubuf.callback(false);
        }
        if (err == 0) {
            err = describe(skb, vnetHdrLen);
        }
        if (err != 0) {
            return failed(skb, zerocopy, err);
        }
        if (zerocopy) {
            skb.shinfo().zerocopy(ubuf);
            counters.bump(Count.TX_ZEROCOPY);
        } else {
            copied(len, ubuf);
        }
        transmit(skb);
        return totalLen;
    }

    /** The first ten bytes; what {@code vnet_hdr_sz} has more is skipped. */
    private int readHeader(IoVec iov, int vnetHdrLen) {
        if (vnetHdrLen == 0) {
            txHdr.set(0, 0, 0, 0, 0, 0);
            return 0;
        }
        return iov.copyTo(memory, 0, txHdrHpa, VirtioNetHdr.SIZE);
    }

    private int failed(SkBuff skb, boolean zerocopy, int err) {
        if (zerocopy && edition.has(Quirk.FLAG_BEFORE_SUCCESS)) {
            rules.bump(TapRule.GARBAGE_CALLBACK);
        }
        skb.kfree(err == -Errno.EINVAL ? DropReason.SKB_DROP_REASON_DEV_HDR
                : DropReason.SKB_DROP_REASON_SKB_UCOPY_FAULT);
        return err;
    }

    /** The owner of a packet that was copied hears so before it is sent; up to 3.8, from vhost itself. */
    private void copied(int len, UbufInfo ubuf) {
        counters.bump(Count.TX_COPIED);
        counters.add(Count.TX_COPIED_BYTES, len);
        if (ubuf != null && edition.has(Behaviour.COPIES_TOO_MANY_PAGES) && !edition.has(Quirk.COPY_COMPLETED_EARLY)) {
            ubuf.callback(false);
        }
    }

    private SkBuff allocZerocopy(int linear, int hdrLen) {
        SkBuff skb = allocSkb(linear, edition.has(Quirk.PINS_OVER_PAGES) ? hdrLen : linear);
        if (skb == null || skb.dataLen() == 0) {
            return skb;
        }
        rules.bump(TapRule.PINS_OVER_ALLOCATED);
        return refused(skb, -Errno.EMSGSIZE);
    }

    private SkBuff refused(SkBuff skb, int err) {
        allocErr = err;
        skb.kfree(DropReason.SKB_DROP_REASON_PKT_TOO_BIG);
        return null;
    }

    /** {@code macvtap_alloc_skb}: {@code len} bytes to be filled, of which {@code linear} in the head. */
    private SkBuff allocSkb(int len, int linear) {
        int prepad = edition.tapReserve();
        int head = prepad + len < PhysMem.PAGE_SIZE || linear == 0 ? len : linear;
        int most = edition.maxSkbFrags() * PhysMem.PAGE_SIZE;
        boolean beyond = len - head > most && edition.has(Quirk.PSKB_PAGES_UNCOUNTED);
        SkBuff skb = allocSendPskb(prepad + head, beyond ? most : len - head);
        if (skb == null) {
            allocErr = allocErr();
            return null;
        }
        if (beyond) {
            rules.bump(TapRule.PAGES_BEYOND_FRAGS);
            return refused(skb, -Errno.EMSGSIZE);
        }
        skb.reserveAndPut(prepad, head);
        return skb;
    }

    private int fill(SkBuff skb, IoVec iov, int offset, int len, boolean zerocopy) {
        if (zerocopy) {
            return zerocopySg.fromIovec(skb, this, iov, offset);
        }
        trace.enter(Tracepoint.COPY_DATAGRAM);
        int err = copyFromIovec(skb, iov, offset, len);
        trace.exit(Tracepoint.COPY_DATAGRAM);
        return err;
    }

    /** {@code skb_copy_datagram_from_iovec} (net/core/datagram.c). */
    private int copyFromIovec(SkBuff skb, IoVec iov, int offset, int len) {
        int done = skb.headlen();
        int err = iov.copyTo(memory, offset, skb.dataHpa(), done);
        SkbSharedInfo shinfo = skb.shinfo();
        for (int i = 0; i < shinfo.nrFrags() && err == 0; i++) {
            err = iov.copyTo(memory, offset + done, shinfo.frag(i).hpa(), shinfo.frag(i).size());
            done += shinfo.frag(i).size();
        }
        cpu.charge(Cost.VHOST_COPY, len);
        cpu.charge(Cost.VHOST_COPY_COLD, llc.missBytes(len));
        llc.copied(len);
        return err;
    }

    private int describe(SkBuff skb, int vnetHdrLen) {
        if (skb.headlen() < EthHeader.ETH_HLEN) {
            rules.bump(TapRule.ETH_HEADER_NOT_COPIED);
        }
        skb.networkHeaderAt(EthHeader.ETH_HLEN);
        skb.resetMacHeader();
        MemorySegment m = memory.segment(skb.dataHpa());
        skb.protocol(EthHeader.type(m, PhysMem.offset(skb.dataHpa())));
        return vnetHdrLen == 0 ? 0 : vnetHdrToSkb.toSkb(txHdr, skb);
    }

    private void transmit(SkBuff skb) {
        Macvlan dev = vlan;
        if (dev == null) {
            counters.bump(Count.TX_UNLINKED);
            skb.kfree(DropReason.SKB_DROP_REASON_DEV_READY);
        } else if (edition.has(Behaviour.XMIT_THROUGH_MACVLAN_QUEUE)) {
            core.devQueueXmit(skb, dev);
        } else {
            dev.startXmit(skb);
        }
    }

    // ---- receive

    /** A frame for the guest; false: no room, and the frame is freed. Softirq, or the worker of a sibling. */
    boolean enqueue(SkBuff skb) {
        boolean room = receiveQueue.add(skb);
        counters.bump(room ? Count.RX_QUEUED : Count.RX_DROPPED);
        if (room) {
            dataReady();
        } else {
            skb.kfree(DropReason.SKB_DROP_REASON_FULL_RING);
        }
        return room;
    }

    @Override
    public int peekHeadLen() {
        SkBuff skb = receiveQueue.peek();
        return skb == null ? 0 : skb.len();
    }

    @Override
    public int recvmsg(IoVec iov, int lenBytes) {
        return recvmsg(iov, lenBytes, MSG_DONTWAIT);
    }

    /**
     * {@code macvtap_recvmsg}. Worker only.
     *
     * @param msgFlags MSG_DONTWAIT, and MSG_TRUNC: to hear the frame's length even if less was copied
     * @return bytes written, virtio_net_hdr included, or with MSG_TRUNC what would have been; -EINVAL for other flags
     *     or no room for the header, -EAGAIN, -EFAULT
     */
    public int recvmsg(IoVec iov, int lenBytes, int msgFlags) {
        truncated = false;
        if ((msgFlags & ~(MSG_DONTWAIT | MSG_TRUNC)) != 0) {
            return -Errno.EINVAL;
        }
        SkBuff skb = receiveQueue.poll();
        if (skb == null) {
            return -Errno.EAGAIN;
        }
        int ret = putUser.put(skb, iov, lenBytes, vnetHdrSz());
        counters.bump(Count.RX_READ);
        if (ret < 0) {
            skb.kfree(DropReason.SKB_DROP_REASON_SKB_UCOPY_FAULT);
            return ret;
        }
        skb.consume();
        if (ret > lenBytes) {
            truncated = true;
            counters.bump(Count.RX_TRUNCATED);
            return (msgFlags & MSG_TRUNC) != 0 ? ret : lenBytes;
        }
        return ret;
    }

    /** The last {@link #recvmsg} gave less than the frame ({@code MSG_TRUNC} in {@code msg_flags}). */
    public boolean isTruncated() {
        return truncated;
    }

    /** What could be done now without waiting ({@code macvtap_poll}): {@link #POLLIN}, {@link #POLLOUT}. */
    public int poll() {
        int mask = receiveQueue.peek() != null ? POLLIN : 0;
        if (!isWriteable()) {
            wantSpace();                    // volatile: asked before looking again
        }
        return isWriteable() ? mask | POLLOUT : mask;
    }

    public Counters<Count> counters() {
        return counters;
    }

    /** Where the kernel of this edition would have left its memory. */
    public Counters<TapRule> rules() {
        return rules;
    }

    /** Takes the queue off its device; releases the socket's own memory, and packets nobody read. */
    public void close() {
        Macvlan dev = vlan;
        if (dev != null) {
            dev.close(this);
            vlan = null;
        }
        for (SkBuff skb = receiveQueue.poll(); skb != null; skb = receiveQueue.poll()) {
            skb.kfree(DropReason.SKB_DROP_REASON_DEV_READY);
        }
        scratch.close();
    }
}
