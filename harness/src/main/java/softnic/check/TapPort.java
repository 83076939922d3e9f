package softnic.check;

import java.util.SplittableRandom;
import softnic.Behaviour;
import softnic.Edition;
import softnic.macvtap.Macvlan;
import softnic.macvtap.MacvtapSock;
import softnic.macvtap.TapIoctl;
import softnic.mm.Errno;

/** One macvtap with its queue, what its owner has set by ioctl, and what its reader must get. */
final class TapPort {

    /** High bit of the low half: what no number of a packet has. */
    static final long MACS = 0x0200_F0F0_F000L;
    private static final long NEW_MACS = MACS + 16;
    private static final int[] SNDBUFS = {0, -1, Integer.MIN_VALUE, 1, 20_000, 200_000, 1 << 20, 1 << 30, 1 << 30};
    private static final int[] HDR_SIZES = {9, 0, -1, 10, 12, 12, 20, 64, 3000};
    private static final int VNET = TapIoctl.IFF_VNET_HDR;
    private static final int BASE = TapIoctl.IFF_NO_PI | TapIoctl.IFF_TAP;

    final Macvlan vlan;
    final MacvtapSock tap;
    final TapStream stream = new TapStream();
    private final Edition edition;
    private long mac;
    private boolean attached = true;
    private boolean gone;
    private boolean hasHdr = true;
    private int hdrField;
    private int wakeUps;
    private boolean asked;
    private int lastWmem;

    TapPort(Edition edition, Macvlan vlan, MacvtapSock tap) {
        this.edition = edition;
        this.vlan = vlan;
        this.tap = tap;
        this.mac = vlan.mac();
        this.hdrField = tap.vnetHdrSz();
    }

    long mac() {
        return mac;
    }

    boolean isAttached() {
        return attached;
    }

    /** Its device was deleted. */
    void gone() {
        gone = true;
    }

    boolean isGone() {
        return gone;
    }

    int hdrSz() {
        return hasHdr ? hdrField : 0;
    }

    boolean has(Macvlan.Mode mode) {
        return vlan.mode() == mode;
    }

    /** It must get this, if it is there to get anything. */
    void expect(TapPacket packet) {
        if (attached) {
            stream.expect(packet);
        }
    }

    // ---- ioctls

    /** One ioctl. @return what is wrong with its answer, or null */
    String ioctl(SplittableRandom random, TapPort[] all) {
        return switch (random.nextInt(12)) {
            case 0, 1, 2 -> sndbuf(SNDBUFS[random.nextInt(SNDBUFS.length)]);
            case 3, 4 -> hdrSz(HDR_SIZES[random.nextInt(HDR_SIZES.length)]);
            case 5 -> iff(random.nextInt(4) > 0 ? BASE | VNET : random.nextInt(3) > 0 ? BASE
                    : random.nextBoolean() ? BASE | VNET | TapIoctl.IFF_MULTI_QUEUE : random.nextInt(0x10000));
            case 6, 7 -> offload(random.nextInt(3) > 0 ? random.nextInt(0x20) : random.nextInt(0x100));
            case 8 -> queue(random.nextBoolean() ? TapIoctl.IFF_ATTACH_QUEUE
                    : random.nextBoolean() ? TapIoctl.IFF_DETACH_QUEUE : random.nextInt(0x100));
            case 9 -> address(random, all);
            case 10 -> read();
            default -> answer(TapIoctl.TUNGETSNDBUF, 0, -Errno.EINVAL);
        };
    }

    private String answer(int cmd, long arg, long expected) {
        long got = tap.ioctl(cmd, arg);
        return got == expected ? null : "ioctl 0x" + Integer.toHexString(cmd) + " with " + arg + " gives " + got + ", not "
                + expected;
    }

    private String sndbuf(int bytes) {
        int before = tap.sndbuf();
        String wrong = answer(TapIoctl.TUNSETSNDBUF, bytes, bytes > 0 ? 0 : -Errno.EINVAL);
        if (bytes <= 0) {
            tap.sndbuf(before);                 // the other rooms shall have their turn
        }
        return wrong;
    }

    private String hdrSz(int bytes) {
        hdrField = bytes >= 10 ? bytes : hdrField;
        return answer(TapIoctl.TUNSETVNETHDRSZ, bytes, bytes >= 10 ? 0 : -Errno.EINVAL);
    }

    private String iff(int flags) {
        int optional = VNET | (edition.has(Behaviour.TAP_MULTI_QUEUE) ? TapIoctl.IFF_MULTI_QUEUE : 0);
        boolean good = (flags & ~optional) == BASE;
        hasHdr = good ? (flags & VNET) != 0 : hasHdr;
        return answer(TapIoctl.TUNSETIFF, flags, good ? 0 : -Errno.EINVAL);
    }

    private String offload(int bits) {
        boolean known = bits < (edition.has(Behaviour.TAP_USO) ? 0x80 : 0x20);
        boolean good = known && (hasHdr || edition.has(Behaviour.TAP_SETS_OFFLOAD));
        return answer(TapIoctl.TUNSETOFFLOAD, bits, good ? 0 : -Errno.EINVAL);
    }

    private String queue(int flags) {
        boolean attach = (flags & TapIoctl.IFF_ATTACH_QUEUE) != 0;
        boolean detach = (flags & TapIoctl.IFF_DETACH_QUEUE) != 0;
        boolean good = edition.has(Behaviour.TAP_MULTI_QUEUE) && (attach || detach) && attach != attached;
        attached = good ? attach : attached;
        return answer(TapIoctl.TUNSETQUEUE, flags, good ? 0 : -Errno.EINVAL);
    }

    private String address(SplittableRandom random, TapPort[] all) {
        long wanted = switch (random.nextInt(5)) {
            case 0 -> 0;
            case 1 -> 0x0100_0000_0001L;
            case 2 -> all[random.nextInt(all.length)].mac;
            default -> NEW_MACS + random.nextInt(16);
        };
        if (!edition.has(Behaviour.TAP_HWADDR)) {
            return answer(TapIoctl.SIOCSIFHWADDR, wanted, -Errno.EINVAL);
        }
        boolean taken = false;
        for (TapPort other : all) {
            taken |= other != this && other.mac == wanted;
        }
        boolean station = wanted != 0 && (wanted >> 40 & 1) == 0;
        mac = station && !taken ? wanted : mac;
        return answer(TapIoctl.SIOCSIFHWADDR, wanted, !station ? -Errno.EADDRNOTAVAIL : taken ? -Errno.EBUSY : 0);
    }

    private String read() {
        String wrong = answer(TapIoctl.TUNGETVNETHDRSZ, 0, hdrField);
        return wrong != null ? wrong : answer(TapIoctl.TUNGETFEATURES, 0, BASE | VNET
                | (edition.has(Behaviour.TAP_MULTI_QUEUE) ? TapIoctl.IFF_MULTI_QUEUE : 0));
    }

    // ---- poll

    /** {@code poll}. @return what is wrong with its answer, or null */
    String poll() {
        boolean room = tap.wmemAlloc() < tap.sndbuf() / 2;
        int expected = (room ? MacvtapSock.POLLOUT : 0) | (tap.peekHeadLen() > 0 ? MacvtapSock.POLLIN : 0);
        int got = tap.poll();
        return got == expected ? null : "poll gives 0x" + Integer.toHexString(got) + ", not 0x" + Integer.toHexString(expected);
    }

    /** Waits for room, if there is none. */
    void waitForRoom() {
        asked = !tap.pollOut(() -> wakeUps++);
        wakeUps = 0;
    }

    /** After each step: who waits for room hears of it when a packet has gone. @return what is wrong, or null */
    String woken() {
        boolean freed = tap.wmemAlloc() < lastWmem;
        lastWmem = tap.wmemAlloc();
        if (!asked || !freed || lastWmem >= tap.sndbuf() / 2) {
            return null;
        }
        asked = false;
        return wakeUps > 0 ? null : "has room again, " + tap.wmemAlloc() + " of " + tap.sndbuf()
                + " bytes, and has not woken who waits for it";
    }
}
