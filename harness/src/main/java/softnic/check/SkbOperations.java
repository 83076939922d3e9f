package softnic.check;

import softnic.Behaviour;
import softnic.mm.Errno;
import softnic.skb.SkBuff;
import softnic.skb.SkbCheck;
import softnic.skb.SkbCopy;

/** What is done to one packet of a {@link SkbScenario}: birth, copies, a new head, other lengths, death. */
final class SkbOperations {

    /** Longest linear packet made of a longer one, in bytes: heads larger than a page are few. */
    static final int MAX_LINEAR = 5000;
    private static final int MAX_HEADROOM = 200;
    private static final int MAX_USERS = 3;
    private static final int MIN_LARGE = 70_000;

    private final SkbWorkshop shop;
    private final SkbModel model;
    private final SkbDice random;

    SkbOperations(SkbWorkshop shop, SkbModel model, SkbDice random) {
        this.shop = shop;
        this.model = model;
        this.random = random;
    }

    // ---- birth

    void allocLinear() {
        int headroom = random.nextInt(MAX_HEADROOM);
        byte[] bytes = shop.randomBytes(random.nextInt(1600));
        int tailroom = random.nextInt(300);
        born(shop.linear(headroom, bytes, tailroom));
    }

    void allocPages() {
        if (shop.isRoomFor(shop.pool().maxFrags())) {
            byte[] bytes = shop.randomBytes(1 + length());
            born(shop.kernel(random.nextInt(Math.min(bytes.length, 300)), bytes));
        }
    }

    void lend() {
        lend(false);
    }

    /** The kind of MSG_ZEROCOPY, where there is one. */
    void lendShared() {
        lend(shop.edition().has(Behaviour.SHARES_UBUF));
    }

    private void lend(boolean shared) {
        if (shop.isRoomFor(shop.pool().maxFrags())) {
            byte[] bytes = shop.randomBytes(1 + length());
            int linear = random.nextInt(4) == 0 ? 0 : random.nextInt(Math.min(bytes.length, 300));
            born(shop.lend(random.nextInt(MAX_HEADROOM), linear, bytes, shared));
        }
    }

    /** Mostly some pages, sometimes as many as a packet has fragments. */
    private int length() {
        return switch (random.nextInt(8)) {
            case 0 -> random.nextInt(shop.pool().maxFrags() * 4096);
            case 1, 2, 3 -> random.nextInt(12_000);
            default -> random.nextInt(3000);
        };
    }

    /** More user bytes than {@code MAX_SKB_FRAGS} pages hold, one such packet with its copies at a time. */
    void lendLarge() {
        if (shop.hasLarge() && model.pick(packet -> packet.large) == null) {
            born(shop.lendLarge(random.nextInt(100), shop.randomBytes(MIN_LARGE + random.nextInt(100_000))));
        }
    }

    private void born(SkbPacket packet) {
        if (model.add(packet) == null && !shop.isShort(0)) {
            model.report("errno", "skb: no packet, though memory is not short");
        }
    }

    // ---- copies

    void cloneIt() {
        SkbPacket from = model.pick(p -> !p.dropped);
        if (from != null) {
            child(from, SkbCopy.clone(from.skb), 0, copies(from));
        }
    }

    void copy() {
        SkbPacket from = model.pick(p -> !p.dropped && p.skb.len() < MAX_LINEAR);
        if (from != null) {
            int headroom = random.nextInt(MAX_HEADROOM);
            int tailroom = random.nextInt(MAX_HEADROOM);
            SkBuff copy = random.nextBoolean() ? SkbCopy.copy(from.skb)
                    : SkbCopy.copyExpand(from.skb, headroom, tailroom);
            child(from, copy, from.skb.len() + from.skb.headroom(), false);
            if (copy != null && copy.dataLen() != 0) {
                model.report("linear", "skb: " + copy + " is the linear copy of " + from);
            }
        }
    }

    void pskbCopy() {
        SkbPacket from = model.pick(p -> !p.dropped);
        if (from != null) {
            child(from, SkbCopy.pskbCopy(from.skb), from.skb.headlen(), copies(from));
        }
    }

    void reallocHeadroom() {
        SkbPacket from = model.pick(p -> !p.dropped);
        if (from != null) {
            int headroom = random.nextInt(MAX_HEADROOM);
            SkBuff copy = SkbCopy.reallocHeadroom(from.skb, headroom);
            child(from, copy, from.skb.headlen(), copies(from));
            if (copy != null && copy.headroom() < headroom) {
                model.report("headroom", "skb: " + copy + " has " + copy.headroom() + " bytes in front, not " + headroom);
            }
        }
    }

    /** True if user pages must be copied first, which since 4.14 is refused when somebody else uses the skb too. */
    private boolean copies(SkbPacket from) {
        return from.isZerocopy() && from.users > 1 && shop.edition().has(Behaviour.PACKS_COPIED_UBUFS);
    }

    private void child(SkbPacket from, SkBuff skb, int head, boolean mayRefuse) {
        if (skb != null) {
            SkbPacket child = model.add(new SkbPacket(skb, from.bytes));
            child.become(from);
            model.look(child);
        } else if (!mayRefuse) {
            model.failed(from, -Errno.ENOMEM, head);
        }
        model.look(from);
    }

    // ---- user pages

    void copyUbufs() {
        SkbPacket of = model.pick(p -> p.isZerocopy() && !p.dropped);
        if (of == null) {
            return;
        }
        boolean refuses = copies(of);
        boolean packs = shop.edition().has(Behaviour.PACKS_COPIED_UBUFS);
        SkbCheck.Before before = new SkbCheck.Before(of.skb);
        int err = switch (random.nextInt(3)) {
            case 0 -> SkbCopy.orphanFragsRx(of.skb);
            default -> SkbCopy.copyUbufs(of.skb);
        };
        before.check(of.skb, err, !packs, shop.violations());
        if (refuses && err != -Errno.EINVAL) {
            model.report("errno", "skb: user pages of " + of + " with " + of.users + " users were copied");
        } else if (err != 0 && !refuses && !mayLackHead(of, err)) {
            model.failed(of, err, of.skb.headlen());
        }
        model.look(of);
    }

    /** Since 4.14 that is the answer, too, if no memory is left for a head of its own ({@code skb_unclone}). */
    private boolean mayLackHead(SkbPacket of, int err) {
        return err == -Errno.EINVAL && shop.edition().has(Behaviour.PACKS_COPIED_UBUFS) && shop.isShort(of.skb.headlen());
    }

    void orphanFrags() {
        SkbPacket of = model.pick(p -> p.isZerocopy() && p.isOwn());
        if (of != null) {
            int err = SkbCopy.orphanFrags(of.skb);
            if (err != 0) {
                model.failed(of, err, of.skb.headlen());
            }
            model.look(of);
        }
    }

    /** The packet will be dropped: from now on nobody may read it, and nobody does. */
    void txError() {
        SkbPacket of = model.pick(p -> p.isZerocopy() && p.isOwn() && !p.skb.isCloned());
        if (of != null) {
            SkbCopy.txError(of.skb);
            of.dropped = true;
        }
    }

    // ---- a new head, other lengths

    void expandHead() {
        SkbPacket of = model.pick(p -> p.isOwn() && p.skb.headroom() < MAX_HEADROOM);
        if (of != null) {
            expand(of, random.nextInt(MAX_HEADROOM), random.nextInt(MAX_HEADROOM));
            model.look(of);
        }
    }

    private boolean expand(SkbPacket of, int nhead, int ntail) {
        int headroom = of.skb.headroom();
        int err = SkbCopy.expandHead(of.skb, nhead, ntail);
        if (err != 0) {
            model.failed(of, err, of.skb.headlen());
        } else if (of.skb.headroom() != headroom + nhead) {
            model.report("headroom", "skb: " + of + " has " + of.skb.headroom() + " bytes in front, had " + headroom
                    + " and got " + nhead);
        }
        return err == 0;
    }

    /** A header in front, in a head that is nobody else's ({@code skb_cow_head}, {@code skb_push}). */
    void push() {
        SkbPacket of = model.pick(p -> p.isOwn() && !p.headerReleased && p.skb.headroom() < MAX_HEADROOM);
        if (of == null) {
            return;
        }
        byte[] header = shop.randomBytes(1 + random.nextInt(60));
        int missing = Math.max(0, header.length - of.skb.headroom());
        boolean own = !of.skb.isCloned() || !of.skb.isHeaderCloned() && !of.pulled;
        if (missing == 0 && own || expand(of, missing, 0)) {
            of.skb.push(header.length);
            shop.write(of.skb.dataHpa(), header, 0, header.length);
            of.prepend(header);
        }
    }

    void put() {
        SkbPacket of = model.pick(p -> p.isOwn() && p.skb.dataLen() == 0 && p.skb.len() < MAX_LINEAR);
        if (of == null) {
            return;
        }
        byte[] more = shop.randomBytes(random.nextInt(100));
        int missing = Math.max(0, more.length - of.skb.tailroom());
        if (missing == 0 && !of.skb.isCloned() || expand(of, 0, missing)) {
            of.skb.put(more.length);
            shop.write(of.skb.dataHpa() + of.skb.len() - more.length, more, 0, more.length);
            of.append(more);
        }
    }

    /** Writes into the linear part, as who rewrites addresses does ({@code skb_cow}). */
    void writeHeader() {
        SkbPacket of = model.pick(p -> p.isOwn() && p.skb.headlen() > 0);
        if (of != null && (!of.skb.isCloned() || expand(of, 0, 0))) {
            int at = random.nextInt(of.skb.headlen());
            byte[] bytes = shop.randomBytes(1 + random.nextInt(of.skb.headlen() - at));
            shop.write(of.skb.dataHpa() + at, bytes, 0, bytes.length);
            of.bytes = of.bytes.clone();
            System.arraycopy(bytes, 0, of.bytes, at, bytes.length);
        }
    }

    void pull() {
        SkbPacket of = model.pick(p -> p.isOwn() && p.skb.len() > 0);
        if (of == null) {
            return;
        }
        int n = random.nextInt(Math.min(of.skb.len(), MAX_LINEAR) + 1);
        if (random.nextBoolean()) {
            n = Math.min(n, of.skb.headlen());
            of.skb.pull(n);
            of.drop(n);
        } else if (SkbCopy.pull(of.skb, n)) {
            of.drop(n);
        } else {
            model.failed(of, -Errno.ENOMEM, of.skb.headlen() + n);
        }
        model.look(of);
    }

    void pullTail() {
        SkbPacket of = model.pick(p -> p.isOwn() && p.skb.dataLen() > 0 && p.skb.headlen() < MAX_LINEAR);
        if (of == null) {
            return;
        }
        boolean all = of.skb.len() < MAX_LINEAR && random.nextInt(3) == 0;
        int n = all ? of.skb.dataLen() : 1 + random.nextInt(Math.min(of.skb.dataLen(), MAX_LINEAR));
        int headlen = of.skb.headlen();
        int err = all ? SkbCopy.linearize(of.skb) : SkbCopy.pullTail(of.skb, n);
        if (err != 0) {
            model.failed(of, err, headlen + n);
        } else if (of.skb.headlen() != headlen + n) {
            model.report("linear", "skb: " + of + " has " + of.skb.headlen() + " linear bytes, not " + (headlen + n));
        }
        model.look(of);
    }

    void trim() {
        SkbPacket of = model.pick(p -> p.isOwn() && p.skb.len() > 0);
        if (of == null) {
            return;
        }
        int len = random.nextInt(of.skb.len() + 10);
        int err = 0;
        if (of.skb.dataLen() == 0 && random.nextBoolean()) {
            of.skb.trim(len);
        } else {
            err = random.nextBoolean() ? SkbCopy.trim(of.skb, len) : SkbCopy.trimRcsum(of.skb, len);
        }
        if (err == 0) {
            of.cut(len);
        } else {
            model.failed(of, err, of.skb.headlen());
        }
        model.look(of);
    }

    // ---- references, death

    void get() {
        SkbPacket of = model.pick(p -> !p.dropped && p.users < MAX_USERS);
        if (of != null) {
            of.skb.get();
            of.users++;
        }
    }

    void headerRelease() {
        SkbPacket of = model.pick(p -> p.isOwn() && !p.headerReleased && !p.skb.isCloned());
        if (of != null) {
            of.skb.headerRelease();
            of.headerReleased = true;
        }
    }

    void orphan() {
        SkbPacket of = model.pick(p -> p.skb.destructor() != null);
        if (of != null) {
            of.skb.orphan();
        }
    }

    /** A driver takes what was sent to receive into it. */
    void recycle() {
        SkbPacket of = model.pick(p -> !p.dropped && p.skb.headroom() + p.skb.headlen() > 0);
        if (of == null) {
            return;
        }
        boolean may = shop.edition().has(Behaviour.RECYCLES_SKBS) && !of.isZerocopy() && of.skb.dataLen() == 0
                && of.users == 1 && !of.skb.isCloned();
        boolean done = shop.pool().recycle(of.skb, 1);
        if (done != may) {
            model.report("recycle", "skb: " + of + (done ? " was recycled" : " was refused"));
        }
        if (done && of.skb.len() + of.skb.headroom() != 0) {
            model.report("recycle", "skb: " + of + " is not empty");
        }
        if (done) {
            of.believe(shop);
            of.headerReleased = false;
        }
        model.look(of);
    }

    void free() {
        SkbPacket of = model.pick(p -> true);
        if (of != null) {
            model.free(of, !of.dropped && random.nextBoolean());
        }
    }
}
