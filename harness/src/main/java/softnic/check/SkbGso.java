package softnic.check;

import java.nio.ByteBuffer;
import softnic.mm.Errno;
import softnic.net.EthHeader;
import softnic.net.Ipv4Header;
import softnic.net.NetDevice;
import softnic.skb.SkBuff;
import softnic.skb.SkbSharedInfo;

/**
 * A guest's GSO packet for a device that cannot segment: TCP or UDP, IPv4 or IPv6, and in one of four the guest says
 * another type than the packet is of.
 */
final class SkbGso {

    private static final int TCP = 20;
    private static final int UDP = 8;
    private static final int UDP_CHECK = 6;
    private static final int MIN_MSS = 512;
    private static final int MAX_PAYLOAD = 5000;

    private final SkbWorkshop shop;
    private final SkbModel model;
    private final SkbDice random;

    SkbGso(SkbWorkshop shop, SkbModel model, SkbDice random) {
        this.shop = shop;
        this.model = model;
        this.random = random;
    }

    void segment() {
        if (!shop.isRoomFor(shop.pool().maxFrags())) {
            return;
        }
        boolean v6 = random.nextBoolean();
        boolean tcp = random.nextInt(3) > 0;
        boolean lies = random.nextInt(4) == 0;
        int l4 = EthHeader.ETH_HLEN + (v6 ? 40 : 20);
        int headers = l4 + (tcp ? TCP : 0);
        byte[] bytes = frame(v6, tcp, headers + UDP + 1 + random.nextInt(MAX_PAYLOAD));
        int mss = MIN_MSS + 8 * random.nextInt(100);
        int linear = random.nextInt(4) == 0 ? EthHeader.ETH_HLEN : Math.min(bytes.length, headers + random.nextInt(50));
        SkbPacket packet = model.add(shop.lend(random.nextInt(20), linear, bytes, false));
        if (packet == null) {
            return;
        }
        SkBuff skb = packet.skb;
        skb.protocol(v6 ? EthHeader.ETH_P_IPV6 : EthHeader.ETH_P_IP);
        skb.resetMacHeader();
        skb.transportHeaderAt(l4);
        skb.checksumPartial(l4, tcp ? 16 : UDP_CHECK);
        packet.believe(shop);
        int honest = tcp ? v6 ? SkbSharedInfo.SKB_GSO_TCPV6 : SkbSharedInfo.SKB_GSO_TCPV4 : SkbSharedInfo.SKB_GSO_UDP;
        int other = tcp ? SkbSharedInfo.SKB_GSO_UDP : v6 ? SkbSharedInfo.SKB_GSO_TCPV6 : SkbSharedInfo.SKB_GSO_TCPV4;
        skb.shinfo().gso((lies ? other : honest) | SkbSharedInfo.SKB_GSO_DODGY, mss);
        int features = switch (random.nextInt(3)) {
            case 0 -> 0;
            case 1 -> NetDevice.NETIF_F_HW_CSUM;
            default -> NetDevice.NETIF_F_SG | NetDevice.NETIF_F_HW_CSUM;
        };
        int err = shop.gso().segment(skb, features);
        boolean refuses = lies || bytes.length - headers <= mss;
        if (err == 0 && lies) {
            model.report("gso type", "gso: " + (tcp ? "TCP" : "UDP") + " that the guest called "
                    + (tcp ? "UDP" : "TCP") + " was cut, not refused with -EINVAL");
        } else if (refuses && err != -Errno.EINVAL && !shop.isShort(skb.headlen())) {
            model.report("errno", "gso: " + packet + " of type " + skb.shinfo().gsoType() + " and mss " + mss + ": "
                    + Errno.name(err) + ", not EINVAL");
        } else if (!refuses && err != 0 && !shop.isShort(skb.headlen())) {
            model.failed(packet, err, skb.headlen());
        }
        if (err != 0 || lies) {
            packet.dropped = true;              // it may have been changed; the caller can only drop it
            for (SkBuff segment = SkbSurgery.takeSegments(skb); segment != null;) {
                SkBuff next = segment.next();
                segment.next(null);
                segment.kfree();
                segment = next;
            }
            model.free(packet, false);
        } else {
            sent(packet, headers, headers + (v6 && !tcp ? UDP : 0), mss, tcp);
        }
    }

    /** The segments are on their way, the whole packet dies; a header is its protocol's matter, payload ours. */
    private void sent(SkbPacket whole, int headers, int segmentHeaders, int mss, boolean tcp) {
        int at = headers;
        SkBuff segment = SkbSurgery.takeSegments(whole.skb);
        while (segment != null) {
            SkBuff next = segment.next();
            segment.next(null);
            SkbPacket packet = model.add(new SkbPacket(segment, new byte[0]));
            packet.believe(shop);
            int n = Math.min(mss, whole.bytes.length - at);
            if (packet.bytes.length != segmentHeaders + n) {
                model.report("segments", "gso: " + packet + " of " + segmentHeaders + " + " + n + " bytes");
            } else {
                int check = tcp || at > headers ? 0 : UDP;     // the checksum of the whole is in the first fragment
                System.arraycopy(whole.bytes, at + check, packet.bytes, segmentHeaders + check, n - check);
            }
            model.look(packet);
            at += n;
            segment = next;
        }
        if (at != whole.bytes.length) {
            model.report("segments", "gso: " + whole + " was cut behind byte " + at);
        }
        whole.dropped = true;                   // its own headers have changed
        model.free(whole, true);
        model.lookAtAll();
    }

    private byte[] frame(boolean v6, boolean tcp, int len) {
        byte[] frame = shop.randomBytes(len);
        ByteBuffer b = ByteBuffer.wrap(frame);
        int protocol = tcp ? Ipv4Header.IPPROTO_TCP : Ipv4Header.IPPROTO_UDP;
        int ip = EthHeader.ETH_HLEN;
        b.putShort(12, (short) (v6 ? EthHeader.ETH_P_IPV6 : EthHeader.ETH_P_IP));
        if (v6) {
            b.put(ip, (byte) 0x60).putShort(ip + 4, (short) (len - ip - 40)).put(ip + 6, (byte) protocol);
        } else {
            b.put(ip, (byte) 0x45).putShort(ip + 2, (short) (len - ip)).put(ip + 9, (byte) protocol);
        }
        if (tcp) {
            b.put(ip + (v6 ? 40 : 20) + 12, (byte) 0x50);
        }
        return frame;
    }
}
