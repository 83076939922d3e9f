package softnic.macvtap;

import java.lang.foreign.MemorySegment;
import softnic.Behaviour;
import softnic.Edition;
import softnic.mm.Errno;
import softnic.mm.GuestMemory;
import softnic.mm.IoVec;
import softnic.mm.PageAllocator;
import softnic.mm.PhysMem;
import softnic.mm.Slab;
import softnic.net.EthHeader;
import softnic.net.NetCore;
import softnic.net.NetDevice;
import softnic.net.SkbQueue;
import softnic.net.Sock;
import softnic.sched.Cost;
import softnic.sched.Cpu;
import softnic.sched.Llc;
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
    /** {@code GOODCOPY_LEN}: bytes copied of a zero-copy packet whose header length is unknown. */
    public static final int GOODCOPY_LEN = 128;

    /** What the tap counts. */
    public enum Count {
        TX_ZEROCOPY, TX_COPIED, TX_COPIED_BYTES, TX_TOO_MANY_PAGES, TX_EAGAIN, TX_EINVAL, TX_EFAULT, TX_NOMEM,
        RX_QUEUED, RX_DROPPED, RX_READ, RX_TRUNCATED
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

    private final Edition edition;
    private final Macvlan vlan;
    private final NetCore core;
    private final Cpu cpu;
    private final Llc llc;
    private final Trace trace;
    private final PhysMem memory;
    private final int vnetHdrSz;
    private final ZerocopySg zerocopySg;
    private final VnetHdrToSkb vnetHdrToSkb;
    private final SkbQueue receiveQueue = new SkbQueue(TUN_READQ_SIZE);
    private final Counters<Count> counters = Counters.of("macvtap", Count.class);
    private final Slab scratch = new Slab(PhysMem.PAGE_SIZE);
    private final long txHdrHpa;
    private final long rxHdrHpa;
    private final VirtioNetHdr txHdr = new VirtioNetHdr();
    private final VirtioNetHdr rxHdr = new VirtioNetHdr();

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
        this.zerocopySg = new ZerocopySg(edition, cpu, trace, memory, guest);
        this.vnetHdrToSkb = new VnetHdrToSkb(trace);
        this.txHdrHpa = memory.addRegion(scratch.segment());
        this.rxHdrHpa = txHdrHpa + SkbPool.CACHE_LINE;
        NetDevice asked = edition.has(Behaviour.ZEROCOPY_OF_LOWER_DEVICE) ? vlan.lowerdev() : vlan;
        int both = NetDevice.NETIF_F_HIGHDMA | NetDevice.NETIF_F_SG;
        zerocopy((asked.features() & both) == both);
        vlan.tap(this);
    }

    @Override
    public int vnetHdrSz() {
        return vnetHdrSz;
    }

    // ---- transmit

    /** {@code macvtap_sendmsg}. Worker only. */
    @Override
    public int sendmsg(IoVec iov, int lenBytes, UbufInfo ubuf) {
        trace.enter(Tracepoint.SENDMSG);
        trace.enter(Tracepoint.GET_USER);
        int rc = getUser(iov, lenBytes, ubuf);
        if (rc < 0) {
            counters.bump(reason(rc));
        }
        trace.exit(Tracepoint.GET_USER);
        trace.exit(Tracepoint.SENDMSG);
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
        int len = totalLen - vnetHdrSz;
        if (len < 0) {
            return -Errno.EINVAL;
        }
        int err = iov.copyTo(memory, 0, txHdrHpa, VirtioNetHdr.SIZE);
        if (err != 0) {
            return err;
        }
        VirtioNetHdr hdr = txHdr.wrap(memory, txHdrHpa);
        int hdrLen = effectiveHdrLen(hdr);
        if (hdrLen > len || len < EthHeader.ETH_HLEN) {
            return -Errno.EINVAL;
        }
        boolean zerocopy = ubuf != null && isZerocopy();
        int linear = zerocopy ? zerocopyLinear(hdrLen) : clamp(hdrLen);
        if (zerocopy && edition.has(Behaviour.CLAMPS_LINEAR)
                && ZerocopySg.pages(iov, vnetHdrSz + linear) > edition.maxSkbFrags()) {
            counters.bump(Count.TX_TOO_MANY_PAGES);
            zerocopy = false;
            linear = clamp(hdrLen);
        }
        SkBuff skb = allocSkb(zerocopy ? linear : len, linear);
        if (skb == null) {
            return allocErr();
        }
        err = fill(skb, iov, len, zerocopy);
        if (err == 0) {
            err = describe(skb, hdr);
        }
        if (err != 0) {
            skb.kfree();
            return err;
        }
        if (zerocopy) {
            skb.shinfo().zerocopy(ubuf);
            counters.bump(Count.TX_ZEROCOPY);
        } else {
            counters.bump(Count.TX_COPIED);
            counters.add(Count.TX_COPIED_BYTES, len);
            if (ubuf != null) {
                ubuf.callback(false);
            }
        }
        transmit(skb);
        return totalLen;
    }

    /** hdr_len, made large enough for the checksum field; the store truncates to 16 bits as the kernel's does. */
    private static int effectiveHdrLen(VirtioNetHdr hdr) {
        int hdrLen = hdr.hdrLen();
        int needed = hdr.csumStart() + hdr.csumOffset() + 2;
        boolean needsCsum = (hdr.flags() & VirtioNetHdr.VIRTIO_NET_HDR_F_NEEDS_CSUM) != 0;
        return needsCsum && needed > hdrLen ? needed & 0xFFFF : hdrLen;
    }

    private int zerocopyLinear(int hdrLen) {
        return clamp(hdrLen == 0 ? GOODCOPY_LEN : hdrLen);
    }

    private int clamp(int linear) {
        return edition.has(Behaviour.CLAMPS_LINEAR)
                ? Math.clamp(linear, EthHeader.ETH_HLEN, VnetHdrToSkb.maxLinear(edition.tapReserve())) : linear;
    }

    /** {@code macvtap_alloc_skb}: {@code len} bytes to be filled, of which {@code linear} in the head. */
    private SkBuff allocSkb(int len, int linear) {
        int prepad = edition.tapReserve();
        int head = prepad + len < PhysMem.PAGE_SIZE || linear == 0 ? len : linear;
        SkBuff skb = allocSendPskb(prepad + head, len - head);
        if (skb != null) {
            skb.reserveAndPut(prepad, head);
        }
        return skb;
    }

    private int fill(SkBuff skb, IoVec iov, int len, boolean zerocopy) {
        if (zerocopy) {
            return zerocopySg.fromIovec(skb, this, iov, vnetHdrSz);
        }
        trace.enter(Tracepoint.COPY_DATAGRAM);
        int err = copyFromIovec(skb, iov, len);
        trace.exit(Tracepoint.COPY_DATAGRAM);
        return err;
    }

    /** {@code skb_copy_datagram_from_iovec} (net/core/datagram.c). */
    private int copyFromIovec(SkBuff skb, IoVec iov, int len) {
        int done = skb.headlen();
        int err = iov.copyTo(memory, vnetHdrSz, skb.dataHpa(), done);
        SkbSharedInfo shinfo = skb.shinfo();
        for (int i = 0; i < shinfo.nrFrags() && err == 0; i++) {
            err = iov.copyTo(memory, vnetHdrSz + done, shinfo.frag(i).hpa(), shinfo.frag(i).size());
            done += shinfo.frag(i).size();
        }
        cpu.charge(Cost.VHOST_COPY, len);
        cpu.charge(Cost.VHOST_COPY_COLD, llc.missBytes(len));
        llc.copied(len);
        return err;
    }

    private int describe(SkBuff skb, VirtioNetHdr hdr) {
        skb.networkHeaderAt(EthHeader.ETH_HLEN);
        skb.resetMacHeader();
        MemorySegment m = memory.segment(skb.dataHpa());
        skb.protocol(EthHeader.type(m, PhysMem.offset(skb.dataHpa())));
        return vnetHdrToSkb.toSkb(hdr, skb);
    }

    private void transmit(SkBuff skb) {
        if (edition.has(Behaviour.XMIT_THROUGH_MACVLAN_QUEUE)) {
            core.devQueueXmit(skb, vlan);
        } else {
            vlan.startXmit(skb);
        }
    }

    // ---- receive

    /** {@code macvtap_receive}, {@code macvtap_forward}: a frame for the guest. Softirq only. */
    void receive(SkBuff skb) {
        skb.push(EthHeader.ETH_HLEN);
        if (receiveQueue.add(skb)) {
            counters.bump(Count.RX_QUEUED);
            dataReady();
        } else {
            counters.bump(Count.RX_DROPPED);
            skb.kfree();
        }
    }

    @Override
    public int peekHeadLen() {
        SkBuff skb = receiveQueue.peek();
        return skb == null ? 0 : skb.len();
    }

    /** {@code macvtap_recvmsg}, {@code macvtap_put_user}. Worker only. */
    @Override
    public int recvmsg(IoVec iov, int lenBytes) {
        SkBuff skb = receiveQueue.poll();
        if (skb == null) {
            return -Errno.EAGAIN;
        }
        vnetHdrToSkb.fromSkb(skb, rxHdr.wrap(memory, rxHdrHpa));
        rxHdr.numBuffers(1);
        int copied = Math.min(skb.len(), lenBytes - vnetHdrSz);
        if (copied < skb.len()) {
            counters.bump(Count.RX_TRUNCATED);
        }
        int err = copied < 0 ? -Errno.EINVAL : iov.copyFrom(memory, 0, rxHdrHpa, vnetHdrSz);
        if (err == 0) {
            assert skb.dataLen() == 0 : "fragments on receive";
            err = iov.copyFrom(memory, vnetHdrSz, skb.dataHpa(), copied);
        }
        counters.bump(Count.RX_READ);
        skb.consume();
        return err != 0 ? err : copied + vnetHdrSz;
    }

    public Counters<Count> counters() {
        return counters;
    }

    /** Releases the socket's own memory, and packets nobody read. */
    public void close() {
        for (SkBuff skb = receiveQueue.poll(); skb != null; skb = receiveQueue.poll()) {
            skb.kfree();
        }
        scratch.close();
    }
}
