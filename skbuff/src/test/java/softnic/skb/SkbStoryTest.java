package softnic.skb;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.function.Function;
import org.junit.jupiter.api.Test;
import softnic.Edition;
import softnic.trace.Counters;
import softnic.trace.Story;

/**
 * What each operation on a packet enters, pays for and leaves behind, in all editions ({@code skb-story.txt}): bytes,
 * room, fragments, references, owners told. The text is read by people; a change of a line wants a reason.
 */
class SkbStoryTest {

    private final Random random = new Random(7);
    private Workshop shop;
    private Story story;
    private Workshop.Owner owner;

    @Test
    void everyOperationEntersPaysAndLeavesWhatItDid() throws IOException {
        List<String> told = new ArrayList<>();
        for (Edition edition : Edition.ALL) {
            story = new Story(edition);
            story.chapter(edition.name());
            try (Workshop room = new Workshop(edition, story, story.trace())) {
                shop = room;
                tellLives();
                tellCopies();
                tellHeads();
                tellPieces();
                story.tell("counted", nonZero(shop.pool.counters()) + " " + nonZero(shop.pool.drops()));
                assertThat(shop.missing()).isEmpty();
            }
            told.addAll(story.lines());
        }
        assertThat(told).isEqualTo(Story.committed("softnic/skb/skb-story.txt", told));
    }

    private static Map<String, Long> nonZero(Counters<?> counters) {
        Map<String, Long> map = new LinkedHashMap<>(counters.asMap());
        map.values().removeIf(n -> n == 0);
        return map;
    }

    private SkBuff fresh() {
        owner = new Workshop.Owner();
        SkBuff skb = shop.zerocopy(random, owner, 16, 66, 100, 4096);
        skb.resetMacHeader();
        skb.networkHeaderAt(14);
        skb.transportHeaderAt(34);
        skb.checksumPartial(34, 16);
        skb.protocol(0x800);
        skb.recordRxQueue(3);
        skb.shinfo().gso(SkbSharedInfo.SKB_GSO_TCPV4, 1448);
        skb.shinfo().gsoSegs(3);
        story.skip();
        return skb;
    }

    private static String state(SkBuff skb) {
        if (skb == null) {
            return "null";
        }
        StringBuilder frags = new StringBuilder();
        for (int i = 0; i < skb.shinfo().nrFrags(); i++) {
            frags.append(' ').append(skb.shinfo().frag(i).size());
        }
        int ref = skb.shinfo().dataref();
        return "[" + skb.headroom() + " " + skb.headlen() + " " + skb.tailroom() + "|" + skb.dataLen() + frags
                + "] truesize " + skb.truesize() + " users " + skb.users() + " ref " + (ref >>> 16) + ":" + (ref & 0xFFFF)
                + (skb.shinfo().isZerocopy() ? " zc" : "") + (skb.isCloned() ? " cloned" : "");
    }

    private static String headers(SkBuff skb) {
        return " mac " + skb.macHeader() + " net " + skb.networkOffset() + " trans " + skb.transportOffset() + " csum "
                + skb.ipSummed() + "@" + skb.checksumStartOffset() + "+" + skb.csumOffset() + " type 0x"
                + Integer.toHexString(skb.protocol()) + " rxq " + skb.rxQueue() + " gso " + skb.shinfo().gsoType() + "/"
                + skb.shinfo().gsoSize() + "/" + skb.shinfo().gsoSegs();
    }

    private String told() {
        return " owner heard " + owner.callbacks + (owner.success ? " ok" : "") + " pins " + shop.guest.pins()
                + " pages " + shop.pages.inUse();
    }

    private void tell(String what, SkBuff skb, Object result) {
        story.tell(what, result + " " + state(skb) + told());
    }

    private void tellLives() {
        SkBuff skb = fresh();
        tell("a packet of user pages", skb, headers(skb));
        skb.consume();
        story.tell("consume", told());
        skb = fresh();
        skb.kfree();
        story.tell("kfree", told());
        skb = fresh();
        shop.pool.napiConsume(skb);
        story.tell("napi_consume", told());
        skb = fresh().get();
        skb.consume();
        tell("consume by the first of two users", skb, "");
        shop.pool.napiConsume(skb.get());
        tell("napi_consume by the first of two users", skb, "");
        skb.kfree(DropReason.SKB_DROP_REASON_FULL_RING);
        story.tell("kfree by the last", told());
        skb = fresh();
        SkbCopy.txError(skb);
        tell("tx error", skb, "");
        skb.kfree();
        story.skip();
    }

    private void tellCopies() {
        tellCopy("clone", SkbCopy::clone);
        tellCopy("copy", SkbCopy::copy);
        tellCopy("copy with other room", skb -> SkbCopy.copyExpand(skb, 4, 70));
        tellCopy("pskb_copy", SkbCopy::pskbCopy);
        tellCopy("realloc_headroom to less", skb -> SkbCopy.reallocHeadroom(skb, 16));
        tellCopy("realloc_headroom to more", skb -> SkbCopy.reallocHeadroom(skb, 17));
        tellCopy("morph", skb -> {
            SkBuff to = shop.pool.alloc(1);
            SkbCopy.morph(to, skb);
            return to;
        });
        SkBuff skb = fresh();
        tell("copy_ubufs", skb, SkbCopy.copyUbufs(skb));
        skb.kfree();
        skb = fresh();
        tell("orphan_frags_rx", skb, SkbCopy.orphanFragsRx(skb));
        tell("orphan_frags of kernel pages", skb, SkbCopy.orphanFrags(skb));
        skb.kfree();
        skb = fresh();
        shop.leavePages(0);
        tell("copy_ubufs without pages", skb, SkbCopy.copyUbufs(skb));
        shop.release();
        skb.kfree();
        story.skip();
    }

    private void tellCopy(String what, Function<SkBuff, SkBuff> operation) {
        SkBuff skb = fresh();
        SkBuff copy = operation.apply(skb);
        tell(what, skb, "");
        story.tell("  the copy", state(copy) + headers(copy));
        skb.kfree();
        story.tell("  the original goes", state(copy) + told());
        copy.kfree();
        story.tell("  the copy goes", told());
    }

    private void tellHeads() {
        SkBuff skb = fresh();
        tell("expand_head", skb, SkbCopy.expandHead(skb, 70, 100) + headers(skb));
        skb.destructor(s -> { });
        tell("expand_head of a charged packet", skb, SkbCopy.expandHead(skb, 0, 64));
        skb.consume();
        skb = fresh();
        SkBuff clone = SkbCopy.clone(skb);
        story.skip();
        tell("expand_head of a clone", clone, SkbCopy.expandHead(clone, 6, 0));
        tell("  its original", skb, "");
        clone.kfree();
        story.skip();
        shop.leaveHeads(0);
        tell("expand_head without memory", skb, SkbCopy.expandHead(skb, 6, 0));
        shop.release();
        skb.kfree();
        story.skip();
    }

    private void tellPieces() {
        SkBuff skb = fresh();
        tell("pull_tail", skb, SkbCopy.pullTail(skb, 46));
        tell("pull_tail into a larger head", skb, SkbCopy.pullTail(skb, 54));
        tell("pull_tail of all", skb, SkbCopy.linearize(skb));
        skb.kfree();
        skb = fresh();
        tell("trim into the last fragment", skb, SkbCopy.trim(skb, 266));
        tell("trim into the head", skb, SkbCopy.trim(skb, 60));
        skb.kfree();
        for (int sg = 0; sg < 2; sg++) {
            skb = fresh();
            int err = SkbSegment.segment(skb, 54, 1448, sg == 1);
            tell(sg == 1 ? "segments that share pages" : "segments that are copies", skb, err);
            for (SkBuff s = skb.next(); s != null;) {
                SkBuff next = s.next();
                story.tell("  one", state(s) + headers(s));
                s.consume();
                story.skip();
                s = next;
            }
            skb.next(null);
            skb.consume();
            story.tell("  the original goes", told());
        }
        skb = fresh();
        SkBuff second = shop.pool.alloc(100);
        tell("split", skb, SkbSplit.split(skb, second, 200));
        story.tell("  the second part", state(second));
        skb.kfree();
        second.kfree();
        story.tell("  both go", told());
        skb = fresh();
        skb.pull(66);
        second = shop.pool.alloc(1);
        tell("shift", skb, SkbSplit.shift(second, skb, 300));
        story.tell("  to", state(second));
        second.kfree();
        skb.kfree();
        story.skip();
    }
}
