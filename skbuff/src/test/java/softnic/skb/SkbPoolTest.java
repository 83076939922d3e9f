package softnic.skb;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import softnic.Edition;
import softnic.mm.Page;
import softnic.mm.PageAllocator;
import softnic.mm.PhysMem;
import softnic.trace.Trace;
import softnic.trace.Violations;

/** Where packets come from and go to: what is taken comes back whole, and nothing is taken twice. */
class SkbPoolTest {

    private Workshop shop = new Workshop(Edition.V3_1);
    private final Random random = new Random(8);

    @AfterEach
    void allIsHome() {
        shop.release();
        assertThat(shop.missing()).isEmpty();
        shop.close();
    }

    private void with(Edition edition) {
        shop.close();
        shop = new Workshop(edition);
    }

    private int heads() {
        shop.leaveHeads(0);
        int left = 0;
        for (SkBuff skb = shop.pool.alloc(1); skb != null; skb = shop.pool.alloc(1)) {
            left++;
        }
        assertThat(left).isZero();
        shop.release();
        List<SkbSharedInfo> all = new ArrayList<>();
        for (SkbSharedInfo head = shop.pool.allocHead(1); head != null; head = shop.pool.allocHead(1)) {
            all.add(head);
        }
        all.forEach(shop.pool::freeHead);
        return all.size();
    }

    @Test
    void aPacketThatGetsNoStructGivesItsHeadBack() {
        int before = heads();
        shop.leaveStructs(0);
        for (int i = 0; i < 10; i++) {
            assertThat(shop.pool.alloc(100)).isNull();
        }
        shop.release();
        assertThat(heads()).isEqualTo(before);
    }

    /** skb_recycle_check: the driver gets its packet back as if it were new, and the socket its charge. */
    @Test
    void aSentPacketIsRecycledAsGoodAsNew() {
        List<SkBuff> uncharged = new ArrayList<>();
        SkBuff skb = shop.packet(random, 16, 100);
        skb.destructor(uncharged::add);
        skb.resetMacHeader();
        skb.shinfo().gso(SkbSharedInfo.SKB_GSO_TCPV4, 1448);
        skb.addFragBytes(0, 1000);
        long head = skb.hpa(0);
        assertThat(shop.pool.recycle(skb, 128)).isTrue();
        assertThat(uncharged).containsExactly(skb);
        assertThat(skb.hpa(0)).isEqualTo(head);
        assertThat(List.of(skb.len(), skb.headroom(), skb.macHeader(), skb.shinfo().gsoSize(), skb.tailroom(),
                skb.truesize())).containsExactly(0, 0, 0, 0, 128, 128 + SkBuff.STRUCT_SIZE);
        skb.put(128);
        skb.kfree();
    }

    @Test
    void aPacketThatSomebodyElseMayNeedIsNotRecycled() {
        Workshop.Owner owner = new Workshop.Owner();
        SkBuff zerocopy = shop.zerocopy(random, owner, 0, 100);
        assertThat(shop.pool.recycle(zerocopy, 10)).as("user pages").isFalse();
        assertThat(owner.callbacks).isZero();
        zerocopy.kfree();
        SkBuff frags = shop.packet(random, 0, 100, 5);
        assertThat(shop.pool.recycle(frags, 10)).as("fragments").isFalse();
        frags.kfree();
        SkBuff skb = shop.packet(random, 0, 100);
        assertThat(shop.pool.recycle(skb, 129)).as("too small").isFalse();
        skb.get();
        assertThat(shop.pool.recycle(skb, 10)).as("two users").isFalse();
        skb.kfree();
        SkBuff clone = SkbCopy.clone(skb);
        assertThat(shop.pool.recycle(skb, 10)).as("cloned").isFalse();
        clone.kfree();
        assertThat(skb.len()).isEqualTo(100);
        assertThat(shop.pool.recycle(skb, 10)).isTrue();
        skb.kfree();
        with(Edition.V6_1);
        SkBuff today = shop.packet(random, 0, 100);
        assertThat(shop.pool.recycle(today, 10)).as("nobody recycles since 3.7").isFalse();
        today.kfree();
    }

    @Test
    void eachFragmentOfAGuestPageIsShownAndKernelPagesAreNot() {
        SkBuff skb = shop.packet(random, 0, 10, 100, 200, 300);
        SkBuff kernel = shop.compoundPacket(random, 10, 2, 100);
        SkBuff twice = SkbCopy.pskbCopy(skb);
        List<Page> shown = new ArrayList<>();
        shop.pool.forEachGuestFrag(shown::add);
        assertThat(shown).hasSize(6).allMatch(Page::isGuest);
        assertThat(shown.stream().distinct()).hasSize(3);
        assertThat(shop.pool.guestFrags()).isEqualTo(6);
        twice.kfree();
        skb.kfree();
        kernel.kfree();
    }

    @Test
    void onlyPacketsOfThisSocketAreOnItsAccount() {
        SkBuff.Destructor mine = s -> { };
        SkBuff.Destructor other = s -> { };
        SkBuff first = shop.packet(random, 0, 10);
        SkBuff second = shop.packet(random, 0, 500);
        first.destructor(mine);
        second.destructor(other);
        assertThat(shop.pool.chargedTo(mine)).isEqualTo(first.truesize());
        int gone = second.truesize();
        assertThat(shop.pool.chargedTo(other)).isEqualTo(gone);
        second.kfree();
        assertThat(shop.pool.chargedTo(other)).isZero();
        assertThat(shop.pool.chargedTo(null)).as("in the free list").isZero();
        first.kfree();
    }

    @Test
    void packetsInTheFreeListAreNotChecked() {
        SkBuff skb = shop.packet(random, 0, 10);
        skb.kfree();
        skb.len = 1000;                                 // nobody's business any more
        Violations violations = new Violations();
        shop.pool.check(violations);
        assertThat(violations.count()).isZero();
        skb.len = 0;
    }

    /** A closed pool is dead memory: who still holds an address must not read on. */
    @Test
    void memoryOfAClosedPoolCannotBeRead() {
        PhysMem memory = new PhysMem();
        PageAllocator pages = new PageAllocator(memory, 1);
        SkbPool pool = new SkbPool(memory, pages, Edition.V3_1, shop.cpu, Trace.off(), 4, 64);
        SkBuff skb = pool.alloc(10);
        long head = skb.hpa(0);
        skb.shinfo().frag(0).alloc(pool.compound());
        long compound = skb.shinfo().frag(0).page().hpa();
        assertThat(memory.u8(head)).isZero();
        assertThat(memory.u8(compound)).isZero();
        pool.close();
        assertThatThrownBy(() -> memory.u8(head)).isInstanceOf(IllegalStateException.class);
        assertThatThrownBy(() -> memory.u8(compound)).isInstanceOf(IllegalStateException.class);
        pages.close();
    }

    /** A host of few packets needs few heads: not more than packets, and some that are being exchanged. */
    @Test
    void aSmallPoolHasFewHeadsOfEachSizeAndNeverNone() {
        PhysMem memory = new PhysMem();
        PageAllocator pages = new PageAllocator(memory, 1);
        SkbPool pool = new SkbPool(memory, pages, Edition.V3_1, shop.cpu, Trace.off(), 2, 64);
        int[] expected = {18, 16, 16, 18, 4, 4, 4, 4, 4};
        for (int c = expected.length - 1; c >= 0; c--) {
            int n = 0;
            while (pool.allocHead(512 << c) != null) {
                n++;
            }
            assertThat(n).as("heads of %d bytes", 512 << c).isEqualTo(expected[c]);
        }
        pool.close();
        pages.close();
    }
}
