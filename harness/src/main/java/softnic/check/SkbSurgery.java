package softnic.check;

import java.util.Arrays;
import softnic.mm.Errno;
import softnic.skb.SkBuff;
import softnic.skb.SkbCopy;
import softnic.skb.SkbSegment;
import softnic.skb.SkbSplit;

/** What is done to several packets of a {@link SkbScenario} at once: fragments move, packets are cut and joined. */
final class SkbSurgery {

    private static final int MAX_SEGMENTS = 10;
    private static final int MAX_LISTED = 3;

    private final SkbWorkshop shop;
    private final SkbModel model;
    private final SkbDice random;

    SkbSurgery(SkbWorkshop shop, SkbModel model, SkbDice random) {
        this.shop = shop;
        this.model = model;
        this.random = random;
    }

    /** One packet gives up what it is and becomes a clone of another. */
    void morph() {
        SkbPacket to = model.pick(SkbPacket::isOwn);
        SkbPacket from = model.pick(p -> p != to && p.isOwn());
        if (from == null) {
            return;
        }
        model.look(to);
        if (SkbCopy.morph(to.skb, from.skb)) {
            to.become(from);
            to.headerReleased = false;
        } else {
            model.failed(from, -Errno.ENOMEM, from.skb.headlen());
        }
        model.look(to);
        model.look(from);
    }

    void split() {
        SkbPacket from = model.pick(p -> p.isOwn() && !p.skb.isCloned() && !p.hasList() && p.skb.len() > 0
                && p.skb.destructor() == null);
        SkbPacket to = from == null ? null : shop.linear(0, new byte[0], from.skb.headlen());
        if (to == null) {
            return;
        }
        to.skb.orphan();
        int len = random.nextInt(from.skb.len());
        int err = SkbSplit.split(from.skb, to.skb, len);
        if (err != 0) {
            model.failed(from, err, from.skb.headlen());
            to.skb.kfree();
        } else {
            to.bytes = Arrays.copyOfRange(from.bytes, len, from.bytes.length);
            from.cut(len);
            to.large = from.large;
            model.add(to);
            model.look(to);
        }
        model.look(from);
    }

    /** Both as TCP has them: charged to nobody but its own account, without a list. */
    private boolean isTcps(SkbPacket p) {
        return p.isOwn() && !p.hasList() && p.skb.destructor() == null;
    }

    void shift() {
        SkbPacket from = model.pick(p -> isTcps(p) && p.skb.headlen() == 0 && p.skb.len() > 0);
        SkbPacket to = model.pick(p -> p != from && isTcps(p));
        if (from == null || to == null) {
            return;
        }
        int bytes = 1 + random.nextInt(from.skb.len());
        boolean moves = !from.isZerocopy() && !to.isZerocopy()
                && from.skb.shinfo().nrFrags() + to.skb.shinfo().nrFrags() <= shop.pool().maxFrags();
        int head = Math.max(from.skb.headlen(), to.skb.headlen());
        int shifted = SkbSplit.shift(to.skb, from.skb, bytes);
        if (shifted == bytes) {
            to.append(Arrays.copyOf(from.bytes, bytes));
            from.bytes = Arrays.copyOfRange(from.bytes, bytes, from.bytes.length);
            to.large |= from.large;
        } else if (shifted != 0) {
            model.report("shift", "skb: " + shifted + " of " + bytes + " bytes went from " + from + " to " + to);
        } else if (moves) {
            model.failed(from, -Errno.ENOMEM, head);
        }
        model.look(from);
        model.look(to);
    }

    void coalesce() {
        SkbPacket from = model.pick(this::isTcps);
        SkbPacket to = model.pick(p -> p != from && isTcps(p));
        if (from == null || to == null) {
            return;
        }
        if (SkbSplit.tryCoalesce(to.skb, from.skb)) {
            to.append(from.bytes);
            to.large |= from.large;
            model.remove(from);
            from.skb.kfree();
        }
        model.look(to);
    }

    /** Some packets become the further data of one, as fragments of a datagram do: kernel pages, nobody's charge. */
    void fragList() {
        SkbPacket head = model.pick(p -> p.isOwn() && !p.hasList() && !p.skb.isCloned());
        if (head == null) {
            return;
        }
        head.skb.orphan();
        SkBuff list = null;
        byte[] listed = {};
        for (int i = random.nextInt(MAX_LISTED); i >= 0; i--) {
            SkbPacket part = model.pick(p -> p != head && p.isOwn() && !p.hasList() && p.skb.len() > 0);
            if (part == null) {
                break;
            }
            int err = SkbCopy.orphanFragsRx(part.skb);
            if (err != 0) {
                model.failed(part, err, part.skb.headlen());
                break;
            }
            part.skb.orphan();
            model.remove(part);
            part.skb.next(list);
            list = part.skb;
            part.append(listed);
            listed = part.bytes;
            head.large |= part.large;
        }
        if (list != null) {
            head.skb.addFragList(list);
            head.append(listed);
        }
        model.look(head);
    }

    /** Any bytes behind any headers; the segments are on their way when the whole packet dies. */
    void segment() {
        SkbPacket of = model.pick(p -> p.isOwn() && p.skb.len() > 1);
        if (of == null) {
            return;
        }
        int headers = random.nextInt(Math.min(of.skb.headlen(), of.skb.len() - 1) + 1);
        int payload = of.skb.len() - headers;
        int mss = Math.max(1 + random.nextInt(payload), (payload + MAX_SEGMENTS - 1) / MAX_SEGMENTS);
        boolean sg = random.nextInt(4) > 0;
        boolean copies = !sg || of.hasList();
        if (copies && mss > SkbOperations.MAX_LINEAR) {
            return;
        }
        int err = SkbSegment.segment(of.skb, headers, mss, sg);
        if (err != 0) {
            model.failed(of, err, of.skb.headlen() + (copies ? mss : 0));
            model.look(of);
            return;
        }
        int at = headers;
        SkBuff segment = takeSegments(of.skb);
        while (segment != null && at < of.bytes.length) {
            int n = Math.min(mss, of.bytes.length - at);
            byte[] bytes = Arrays.copyOf(of.bytes, headers + n);
            System.arraycopy(of.bytes, at, bytes, headers, n);
            SkBuff next = segment.next();
            segment.next(null);
            SkbPacket packet = model.add(new SkbPacket(segment, bytes));
            packet.large = of.large;
            packet.transport = of.transport;
            segment = next;
            at += n;
        }
        if (segment != null || at < of.bytes.length) {
            model.report("segments", "skb: " + of + " has segments for " + (at - headers) + " of " + payload + " bytes");
        }
        model.free(of, true);
        model.lookAtAll();
    }

    static SkBuff takeSegments(SkBuff skb) {
        SkBuff first = skb.next();
        skb.next(null);
        return first;
    }
}
