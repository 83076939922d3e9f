package softnic.net;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.MethodSource;
import softnic.Edition;
import softnic.mm.Errno;
import softnic.mm.IoVec;
import softnic.mm.PhysMem;
import softnic.skb.SkBuff;
import softnic.skb.SkbSharedInfo;
import softnic.skb.UbufInfo;
import softnic.skb.Workshop;
import softnic.trace.Trace;

/**
 * Invariants 9, 21, 22 and 44: whatever the driver refuses, whoever listens and whichever features come and go, each
 * packet leaves once, in order, with its bytes; its owner hears once; and its socket is charged what it holds.
 */
@ParameterizedClass
@MethodSource("editions")
class TxBusyTest {

    private static final int ALL = NetDevice.NETIF_F_SG | NetDevice.NETIF_F_IP_CSUM | NetDevice.NETIF_F_GSO
            | NetDevice.NETIF_F_ALL_TSO | NetDevice.NETIF_F_GSO_ROBUST;
    private static final int[] OFF = {0, 0, NetDevice.NETIF_F_SG, NetDevice.NETIF_F_ALL_TSO, NetDevice.NETIF_F_IP_CSUM};
    private static final int PAGES = 60;
    private static final int LIMIT = 6;
    private static final int HEADERS = 54;

    private final Edition edition;

    TxBusyTest(Edition edition) {
        this.edition = edition;
    }

    /** Without quirks: with them, software segments of old kernels carry what the guest wrote later. */
    static Iterable<Edition> editions() {
        return Edition.ALL.stream().map(Edition::withoutQuirks).toList();
    }

    /** One run: everything that is done to the stack is drawn from the seed. */
    private final class World implements AutoCloseable {

        final Random random;
        final Workshop shop = new Workshop(edition);
        final NetCore core = new NetCore(edition, shop.pool, shop.cpu, Trace.off());
        final FlakyDevice dev = new FlakyDevice();
        final Qdisc qdisc = new Qdisc(core, dev, LIMIT);
        final NetTxAction softirq = new NetTxAction(qdisc, Trace.off());
        final PacketSock tap = new PacketSock(20_000);
        final PlainSock sock = new PlainSock(shop);
        final List<Workshop.Owner> owners = new ArrayList<>();
        final ByteArrayOutputStream offered = new ByteArrayOutputStream();
        final ByteArrayOutputStream sent = new ByteArrayOutputStream();
        final boolean[] lent = new boolean[PAGES];
        int nextPage;
        int busy;

        World(long seed) {
            random = new Random(seed);
            dev.qdisc(qdisc);
        }

        /** Refuses as real and as bad drivers do: with the queue stopped, or without. */
        final class FlakyDevice extends NetDevice {
            final List<SkBuff> taken = new ArrayList<>();

            FlakyDevice() {
                super("flaky0", 1, ALL);
            }

            @Override
            public int startXmit(SkBuff skb) {
                if (taken.size() >= 8 || random.nextInt(3) == 0) {
                    busy++;
                    if (taken.size() >= 8 || random.nextBoolean()) {
                        stopQueue();
                    }
                    return NETDEV_TX_BUSY;
                }
                assertThat(skb.isCloned() || (features() & NETIF_F_SG) != 0 || !skb.shinfo().isZerocopy()
                        || skb.shinfo().nrFrags() == 0 || edition.has(softnic.Behaviour.VALIDATES_XMIT_SKB)).isTrue();
                taken.add(skb);
                return NETDEV_TX_OK;
            }

            void clean() {
                for (SkBuff skb : taken) {
                    sent.writeBytes(TcpPackets.payload(shop.content(skb), HEADERS));
                    skb.consume();
                }
                taken.clear();
                wakeQueue();
            }
        }

        void send() {
            int frags = 1 + random.nextInt(3);
            for (int i = 0; i < frags; i++) {
                if (lent[(nextPage + i) % PAGES]) {
                    return;
                }
            }
            if (shop.pool.inUse() > 30) {
                return;
            }
            boolean gso = random.nextBoolean();
            SkBuff skb = packet(gso ? frags : 1, gso);
            byte[] payload = TcpPackets.payload(shop.content(skb), HEADERS);
            if (core.devQueueXmit(skb, dev) == Qdisc.NET_XMIT_SUCCESS) {
                offered.writeBytes(payload);
            }
        }

        private SkBuff packet(int frags, boolean gso) {
            Workshop.Owner owner = new Workshop.Owner();
            int firstPage = nextPage;
            nextPage = (nextPage + frags) % PAGES;
            int[] sizes = new int[frags];
            for (int i = 0; i < frags; i++) {
                sizes[i] = gso ? 800 + random.nextInt(2200) : 100 + random.nextInt(1000);
            }
            SkBuff skb = shop.pool.alloc(HEADERS + 2);
            for (int i = 0; i < frags; i++) {
                long hpa = shop.guest.hpa((firstPage + i) % PAGES * 4096L);
                fill(hpa, random);
                lent[(firstPage + i) % PAGES] = true;
                shop.guest.getUserPagesFast(hpa, 1, skb.shinfo().frags(), i);
                skb.shinfo().addFrag(0, sizes[i]);
                skb.addFragBytes(sizes[i], 4096);
            }
            skb.reserveAndPut(2, HEADERS);
            TcpPackets.describe(shop, random, skb, gso ? 700 : 0);
            skb.shinfo().zerocopy(owner);
            owner.then = () -> {            // the guest may write again, and does
                for (int i = 0; i < frags; i++) {
                    fill(shop.guest.hpa((firstPage + i) % PAGES * 4096L), new Random(0));
                    lent[(firstPage + i) % PAGES] = false;
                }
            };
            owners.add(owner);
            sock.setOwnerW(skb);
            return skb;
        }

        private void fill(long hpa, Random bytes) {
            byte[] page = new byte[4096];
            bytes.nextBytes(page);
            java.lang.foreign.MemorySegment.copy(java.lang.foreign.MemorySegment.ofArray(page), 0,
                    shop.memory.segment(hpa), PhysMem.offset(hpa), page.length);
        }

        void step() {
            switch (random.nextInt(8)) {
                case 0, 1, 2 -> send();
                case 3 -> dev.clean();
                case 4 -> softirq.doWork();
                case 5 -> dev.setFeatures(ALL & ~OFF[random.nextInt(OFF.length)]);
                case 6 -> toggleTap();
                default -> readOne();
            }
            assertThat(sock.wmemAlloc()).as("sk_wmem_alloc").isEqualTo((int) shop.pool.chargedTo(sock));
            assertThat(tap.guestFrags()).isZero();
        }

        private void toggleTap() {
            if (dev.taps().length > 0) {
                dev.removeTap(tap);
            } else {
                dev.addTap(tap);
            }
        }

        private void readOne() {
            SkBuff skb = tap.read();
            if (skb != null) {
                skb.consume();
            }
        }

        void drain() {
            for (int i = 0; i < 10_000 && (qdisc.backlog() > 0 || !dev.taken.isEmpty()); i++) {
                dev.clean();
                softirq.doWork();
            }
            while (tap.rmemAlloc() > 0) {
                readOne();
            }
        }

        @Override
        public void close() {
            shop.close();
        }
    }

    private static final class PlainSock extends Sock {

        PlainSock(Workshop shop) {
            super(shop.pool, shop.pages, 1 << 20);
        }

        @Override
        public int sendmsg(IoVec iov, int lenBytes, UbufInfo ubuf) {
            return -Errno.EAGAIN;
        }

        @Override
        public int recvmsg(IoVec iov, int lenBytes) {
            return -Errno.EAGAIN;
        }

        @Override
        public int peekHeadLen() {
            return 0;
        }

        @Override
        public int vnetHdrSz() {
            return 10;
        }
    }

    @Test
    void eachPacketLeavesOnceInOrderWithItsBytesAndItsOwnerHearsOnce() {
        int busy = 0;
        for (long seed = 1; seed <= 60; seed++) {
            try (World world = new World(seed)) {
                for (int i = 0; i < 200; i++) {
                    world.step();
                }
                world.drain();
                busy += world.busy;
                assertThat(Arrays.mismatch(world.sent.toByteArray(), world.offered.toByteArray()))
                        .as("seed %d: first wrong byte of the stream", seed).isEqualTo(-1);
                assertThat(world.owners).as("seed %d: callbacks", seed).allMatch(o -> o.callbacks == 1);
                assertThat(world.sock.wmemAlloc()).as("seed %d: sk_wmem_alloc", seed).isZero();
                assertThat(world.shop.missing()).as("seed %d", seed).isEmpty();
            }
        }
        assertThat(busy).as("times the driver was busy").isGreaterThan(1000);
    }
}
