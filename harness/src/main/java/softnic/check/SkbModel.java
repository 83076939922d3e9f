package softnic.check;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;
import softnic.mm.Errno;
import softnic.skb.SkBuff;
import softnic.skb.SkbPool;
import softnic.skb.SkbSharedInfo;

/**
 * What must be true of the packets of a {@link SkbScenario}: their bytes, who refers to them, what they cost, and in the
 * end that all is home and each user has heard once.
 */
final class SkbModel {

    private static final int KEPT_OF_EACH = 3;
    /** More than can live: where a packet stands does not depend on how many others there are. */
    private static final int SLOTS = 64;

    private final SkbWorkshop shop;
    private final SkbDice random;
    private final SkbPacket[] live = new SkbPacket[SLOTS];
    private final Map<String, Integer> kinds = new LinkedHashMap<>();
    private final List<String> wrong = new ArrayList<>();
    private String name = "";
    private int number;

    SkbModel(SkbWorkshop shop, SkbDice random) {
        this.shop = shop;
        this.random = random;
    }

    // ---- who lives

    int count() {
        int n = 0;
        for (SkbPacket packet : live) {
            n += packet == null ? 0 : 1;
        }
        return n;
    }

    /** Adds a packet; null, for want of memory, is no packet. */
    SkbPacket add(SkbPacket packet) {
        if (packet != null) {
            replace(null, packet);
        }
        return packet;
    }

    /** It is somebody else's now, or was freed. */
    void remove(SkbPacket packet) {
        replace(packet, null);
    }

    private void replace(SkbPacket old, SkbPacket packet) {
        int slot = 0;
        while (live[slot] != old) {
            slot++;
        }
        live[slot] = packet;
    }

    /** Any that fits, or null. */
    SkbPacket pick(Predicate<SkbPacket> fits) {
        int first = random.nextInt(SLOTS);
        for (int i = 0; i < SLOTS; i++) {
            SkbPacket packet = live[(first + i) % SLOTS];
            if (packet != null && fits.test(packet)) {
                return packet;
            }
        }
        return null;
    }

    /** The network is done with it, as one of its users; what it sends must be right at that moment. */
    void free(SkbPacket packet, boolean sent) {
        look(packet);
        if (--packet.users == 0) {
            remove(packet);
        }
        if (sent) {
            packet.skb.consume();
        } else {
            packet.skb.kfree();
        }
    }

    // ---- what is wrong

    /** @param operation its name and its number, for who reads what went wrong */
    void begin(String operation, int number) {
        name = operation;
        this.number = number;
        shop.begin();
    }

    /** Whoever has got pages back has written into them: now it shows who still reads them. */
    void finish() {
        if (shop.isOverwritten()) {
            for (SkbPacket packet : live) {
                if (packet != null && packet.hasUserPages(shop)) {
                    look(packet);
                }
            }
        }
    }

    /** Notes what no invariant of the list says. */
    void report(String kind, String what) {
        if (kinds.merge(kind, 1, Integer::sum) <= KEPT_OF_EACH) {
            wrong.add(kind + ": " + what + after());
        }
    }

    void report(int invariant, String what) {
        shop.violations().report(invariant, what + after());
    }

    private String after() {
        return ", after " + name + ", operation " + number;
    }

    /** An operation failed: memory must have been short. @param head bytes of the head that it needed */
    void failed(SkbPacket packet, int err, int head) {
        if (err != -Errno.ENOMEM || !shop.isShort(head)) {
            report("errno", "skb: " + name + " of " + packet + " is -" + Errno.name(err) + (shop.isShort(head)
                    ? ", not -ENOMEM" : ", though memory is not short"));
        }
    }

    List<String> violations() {
        List<String> all = new ArrayList<>(shop.violations().kept());
        all.addAll(wrong);
        return all;
    }

    // ---- looking

    /** A packet has the bytes that it must have. */
    void look(SkbPacket packet) {
        if (packet.dropped) {
            return;
        }
        if (!packet.isTransportSound()) {
            report("header", "skb: " + packet + " has its transport header at " + packet.skb.transportOffset()
                    + ", is summed from " + packet.skb.checksumStartOffset() + ", must be " + packet.transport);
        }
        if (packet.isSound(shop)) {
            return;
        }
        String where = "skb: byte " + packet.wrongAt() + " of " + packet;
        if (packet.isWrongInUserPage()) {
            report(6, where + " is what its owner wrote after it had its page back");
        } else {
            report("bytes", where + " is wrong, must have " + packet.bytes.length + " bytes");
        }
        packet.believe(shop);
    }

    private void look() {
        for (SkbPacket packet : live) {
            if (packet != null) {
                look(packet);
            }
        }
    }

    /** All bytes, all counts. */
    void lookAtAll() {
        look();
        shop.pool().check(shop.violations());
        references();
        account();
    }

    /** dataref counts the packets over the same data, users those who have a packet or a list that it is in. */
    private void references() {
        List<SkBuff> all = new ArrayList<>();
        for (SkbPacket packet : live) {
            if (packet != null) {
                all.add(packet.skb);
                addList(all, packet.skb);
            }
        }
        for (SkBuff skb : all) {
            SkbSharedInfo shinfo = skb.shinfo();
            long owners = all.stream().filter(other -> other.shinfo() == shinfo).count();
            int dataref = shinfo.dataref();
            int low = dataref & SkbSharedInfo.SKB_DATAREF_MASK;
            if (low != owners || dataref >>> SkbSharedInfo.SKB_DATAREF_SHIFT > low) {
                report("dataref", "skb: " + skb + " has dataref 0x" + Integer.toHexString(dataref) + ", its data "
                        + owners + " owners");
            }
        }
        for (SkbPacket packet : live) {
            if (packet != null && packet.skb.users() != packet.users) {
                report("users", "skb: " + packet + " has " + packet.users + " users");
            }
        }
        lists(all);
    }

    private static void addList(List<SkBuff> all, SkBuff of) {
        for (SkBuff skb = of.shinfo().fragList(); skb != null; skb = skb.next()) {
            if (!all.contains(skb)) {
                all.add(skb);
            }
        }
    }

    private void lists(List<SkBuff> all) {
        Map<SkBuff, Integer> held = new LinkedHashMap<>();
        List<SkbSharedInfo> seen = new ArrayList<>();
        for (SkBuff skb : all) {
            if (!seen.contains(skb.shinfo())) {
                seen.add(skb.shinfo());
                for (SkBuff list = skb.shinfo().fragList(); list != null; list = list.next()) {
                    held.merge(list, 1, Integer::sum);
                }
            }
        }
        held.forEach((skb, holders) -> {
            if (skb.users() != holders) {
                report("users", "skb: " + skb + " is in " + holders + " lists");
            }
        });
    }

    private void account() {
        long frags = shop.pool().guestFrags();
        if (shop.guest().pins() != frags) {
            report(7, "mm: " + shop.guest().pins() + " pins, " + frags + " fragments");
        }
        long charged = shop.pool().chargedTo(shop.sock());
        if (shop.sock().wmemAlloc() != charged) {
            report(21, "sock: sk_wmem_alloc " + shop.sock().wmemAlloc() + ", truesize of its packets " + charged);
        }
    }

    // ---- the end

    /** Frees all, in any order; then nothing may be left. */
    void end() {
        lookAtAll();
        for (SkbPacket last = pick(p -> true); last != null; last = pick(p -> true)) {
            free(last, random.nextBoolean());
            finish();
        }
        account();
        home("skbs", shop.pool().inUse());
        home("pages", shop.pages().inUse());
        home("compound pages", shop.pool().compound().inUse());
        home("large pages", shop.largePages().inUse());
        home("sk_wmem_alloc", shop.sock().wmemAlloc());
        for (SkbLoan loan : shop.loans()) {
            if (loan.callbacks() == 0) {
                report(9, "skb: " + loan + " was never called back");
            }
        }
        counted(SkbPool.Count.FLAG_WITHOUT_UBUF, "SKBTX_DEV_ZEROCOPY without ubuf: a kernel calls through garbage");
        counted(SkbPool.Count.COPY_UBUFS_OVERRUN, "skb_copy_ubufs writes past frags[]");
    }

    private void home(String what, long inUse) {
        if (inUse != 0) {
            report("balance " + what, "skb: " + inUse + " are not back");
        }
    }

    private void counted(SkbPool.Count count, String what) {
        long n = shop.pool().counters().value(count);
        if (n > 0) {
            report("counter " + count, "skb: " + n + " times: " + what);
        }
    }
}
