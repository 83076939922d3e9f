package softnic.skb;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import softnic.Behaviour;
import softnic.Edition;

/** Where the bytes of a packet are, and who still needs them. */
class SkBuffTest {

    private final Workshop shop = new Workshop(Edition.V8);
    private final Random random = new Random(3);

    @AfterEach
    void allIsHome() {
        assertThat(shop.missing()).isEmpty();
        shop.close();
    }

    @Test
    void roomMovesBetweenHeadDataAndTail() {
        SkBuff skb = shop.pool.alloc(100);
        assertThat(skb.tailroom()).isEqualTo(128);              // SKB_DATA_ALIGN
        skb.reserve(20);
        skb.put(50);
        assertThat(List.of(skb.headroom(), skb.headlen(), skb.len(), skb.tailroom())).containsExactly(20, 50, 50, 58);
        skb.push(14);
        assertThat(List.of(skb.headroom(), skb.len())).containsExactly(6, 64);
        skb.pull(64);
        assertThat(skb.len()).isZero();
        assertThat(skb.dataHpa()).isEqualTo(skb.hpa(70));
        skb.kfree();
    }

    @Test
    void whoWritesOutsideTheRoomIsStopped() {
        SkBuff skb = shop.pool.alloc(64);
        assertThatThrownBy(() -> skb.put(65)).hasMessageContaining("skb_over_panic");
        assertThatThrownBy(() -> skb.push(1)).hasMessageContaining("skb_under_panic");
        assertThatThrownBy(() -> skb.pull(1)).isInstanceOf(AssertionError.class);
        skb.put(1);
        assertThatThrownBy(() -> skb.reserve(1)).isInstanceOf(AssertionError.class);
        skb.kfree();
    }

    @Test
    void lenIsTheHeadAndTheFragments() {
        SkBuff skb = shop.packet(random, 2, 66, 1000, 4096, 1);
        assertThat(skb.len()).isEqualTo(66 + 5097);
        assertThat(skb.dataLen()).isEqualTo(5097);
        assertThat(skb.headlen()).isEqualTo(66);
        assertThat(skb.tailroom()).isZero();
        assertThat(skb.shinfo().nrFrags()).isEqualTo(3);
        assertThat(shop.pool.guestFrags()).isEqualTo(3);
        assertThat(shop.guest.pins()).isEqualTo(3);
        assertThatThrownBy(() -> skb.put(1)).isInstanceOf(AssertionError.class);
        skb.consume();
    }

    @Test
    void truesizeIsTheAlignedRoomTheStructAndWhatFragmentsWereCharged() {
        SkBuff skb = shop.packet(random, 0, 100, 5);
        assertThat(skb.truesize()).isEqualTo(128 + SkBuff.STRUCT_SIZE + 5);
        skb.kfree();
    }

    @Test
    void headersAreKeptFromHeadAndSeenFromData() {
        SkBuff skb = shop.pool.alloc(128);
        skb.reserve(10);
        skb.put(100);
        skb.resetMacHeader();
        skb.networkHeaderAt(14);
        skb.transportHeaderAt(34);
        skb.checksumPartial(34, 16);
        skb.pull(14);
        assertThat(skb.macHeader()).isEqualTo(10);
        assertThat(skb.networkOffset()).isZero();
        assertThat(skb.transportOffset()).isEqualTo(20);
        assertThat(skb.checksumStartOffset()).isEqualTo(20);
        assertThat(skb.csumOffset()).isEqualTo(16);
        assertThat(skb.networkHeader()).isEqualTo(24);
        assertThat(skb.transportHeader()).isEqualTo(44);
        skb.kfree();
    }

    @Test
    void aSecondUserKeepsItAlive() {
        SkBuff skb = shop.pool.alloc(10);
        assertThat(skb.get()).isSameAs(skb);
        assertThat(skb.isShared()).isTrue();
        skb.consume();
        assertThat(skb.users()).isEqualTo(1);
        assertThat(shop.pool.inUse()).isEqualTo(1);
        skb.kfree();
        assertThatThrownBy(skb::kfree).hasMessageContaining("freed twice");
        assertThatThrownBy(skb::get).isInstanceOf(AssertionError.class);
    }

    @Test
    void aCloneSharesTheDataUntilTheLastOneGoes() {
        SkBuff skb = shop.packet(random, 0, 40, 100);
        SkBuff clone = SkbCopy.clone(skb);
        assertThat(clone.shinfo()).isSameAs(skb.shinfo());
        assertThat(skb.shinfo().dataref()).isEqualTo(2);
        assertThat(skb.isCloned()).isTrue();
        assertThat(clone.isCloned()).isTrue();
        assertThat(shop.content(clone)).isEqualTo(shop.content(skb));
        skb.kfree();
        assertThat(clone.isCloned()).isFalse();
        assertThat(shop.guest.pins()).isEqualTo(1);
        clone.kfree();
    }

    /** dataref's halves: TCP keeps the payload and gives the header to its clone. */
    @Test
    void aReleasedHeaderIsTheClonesAlone() {
        SkBuff skb = shop.packet(random, 0, 40, 100);
        skb.headerRelease();
        SkBuff clone = SkbCopy.clone(skb);
        assertThat(skb.shinfo().dataref()).isEqualTo((1 << 16) + 2);
        assertThat(clone.isCloned()).isTrue();
        assertThat(clone.isHeaderCloned()).isFalse();
        clone.kfree();
        assertThat(skb.shinfo().dataref()).isEqualTo((1 << 16) + 1);
        skb.kfree();
        assertThat(shop.pool.guestFrags()).isZero();
    }

    @Test
    void theChargeIsTakenOffOnceAndACloneOwesNothing() {
        List<Integer> uncharged = new ArrayList<>();
        SkBuff.Destructor socket = skb -> uncharged.add(skb.truesize());
        SkBuff skb = shop.pool.alloc(10);
        skb.destructor(socket);
        SkBuff clone = SkbCopy.clone(skb);
        assertThat(shop.pool.chargedTo(socket)).isEqualTo(skb.truesize());
        clone.kfree();
        assertThat(uncharged).isEmpty();
        skb.orphan();
        skb.orphan();
        assertThat(skb.destructor()).isNull();
        skb.kfree();
        assertThat(uncharged).hasSize(1);
    }

    /** KERNEL-FACTS 1.6: the charge, then pages and callback in the edition's order, then the head. */
    @Test
    void theFreePathKeepsTheEditionsOrder() {
        for (Edition edition : Edition.ALL) {
            try (Workshop room = new Workshop(edition)) {
                List<String> story = new ArrayList<>();
                Workshop.Owner owner = new Workshop.Owner();
                owner.then = () -> story.add("callback with " + room.guest.pins() + " pins");
                SkBuff skb = room.zerocopy(random, owner, 0, 40, 100, 200);
                skb.destructor(s -> story.add("destructor with " + room.guest.pins() + " pins"));
                skb.consume();
                assertThat(story).as(edition.name()).containsExactly("destructor with 2 pins",
                        edition.has(Behaviour.CALLBACK_BEFORE_PAGES) ? "callback with 2 pins" : "callback with 0 pins");
                assertThat(owner.callbacks).isEqualTo(1);
                assertThat(owner.success).isTrue();
                assertThat(room.missing()).isEmpty();
            }
        }
    }

    @Test
    void poolsRunDryWithoutAWordAndNothingIsHalfAllocated() {
        shop.leaveStructs(0);
        assertThat(shop.pool.alloc(10)).isNull();
        shop.release();
        shop.leaveHeads(0);
        assertThat(shop.pool.alloc(10)).isNull();
        shop.release();
        assertThat(shop.pool.counters().value(SkbPool.Count.ALLOC_FAILED)).isEqualTo(2);
        shop.pool.alloc(10).kfree();
    }

    @Test
    void headsAreAtLeastAsLargeAsAskedAndThereIsALimit() {
        for (int size : new int[] {0, 1, 64, 65, 512, 513, 4096, 65536, 65537, SkbPool.MAX_HEAD}) {
            SkBuff skb = shop.pool.alloc(size);
            assertThat(skb.tailroom()).isBetween(size, size + 63);
            assertThat(shop.memory.isMemory(skb.hpa(0), skb.tailroom())).isTrue();
            skb.kfree();
        }
        for (int size : new int[] {SkbPool.MAX_HEAD + 1, Integer.MAX_VALUE - 10, Integer.MAX_VALUE, -1}) {
            assertThat(shop.pool.alloc(size)).as("size %d", size).isNull();
        }
    }

    @Test
    void whenTheRightHeadsAreGoneALargerOneServes() {
        List<SkBuff> all = new ArrayList<>();
        for (int i = 0; i < 5; i++) {                           // the workshop has 4 heads of 64 KiB
            all.add(shop.pool.alloc(60_000));
        }
        assertThat(all).doesNotContainNull();
        assertThat(all.get(4).tailroom()).isEqualTo(60_032);
        all.forEach(SkBuff::kfree);
    }

    @Test
    void freesAreCountedByTheirReason() {
        shop.pool.alloc(1).kfree();
        shop.pool.alloc(1).consume();
        shop.pool.napiConsume(shop.pool.alloc(1));
        assertThat(shop.pool.counters().value(SkbPool.Count.FREE)).isEqualTo(3);
        assertThat(shop.pool.counters().value(SkbPool.Count.FREE_DROPPED)).isEqualTo(1);
    }

    @Test
    void dropsAreCountedByTheirReason() {
        shop.pool.alloc(1).kfree(DropReason.SKB_DROP_REASON_FULL_RING);
        shop.pool.alloc(1).kfree(DropReason.SKB_DROP_REASON_FULL_RING);
        shop.pool.alloc(1).kfree();
        SkBuff twice = shop.pool.alloc(1).get();
        twice.kfree(DropReason.SKB_DROP_REASON_NOMEM);
        assertThat(shop.pool.drops().value(DropReason.SKB_DROP_REASON_NOMEM)).as("somebody has it yet").isZero();
        twice.consume();
        assertThat(shop.pool.drops().asMap()).containsEntry("skb_drop_reason_full_ring", 2L)
                .containsEntry("skb_drop_reason_not_specified", 1L)
                .containsEntry("skb_drop_reason_nomem", 0L);
        assertThat(shop.pool.counters().value(SkbPool.Count.FREE_DROPPED)).isEqualTo(3);
    }

    @Test
    void aLinearPacketIsCutButNotMadeLonger() {
        SkBuff skb = shop.packet(random, 6, 50);
        byte[] before = shop.content(skb);
        skb.trim(50);
        skb.trim(60);
        assertThat(shop.content(skb)).isEqualTo(before);
        skb.trim(20);
        assertThat(shop.content(skb)).isEqualTo(Arrays.copyOf(before, 20));
        assertThat(skb.tailroom()).isEqualTo(64 - 26);
        assertThat(skb.append(5)).isEqualTo(skb.dataHpa() + 20);
        assertThat(skb.len()).isEqualTo(25);
        skb.kfree();
        SkBuff frags = shop.packet(random, 0, 10, 10);
        assertThatThrownBy(() -> frags.trim(5)).isInstanceOf(AssertionError.class);
        frags.kfree();
    }

    @Test
    void aHeaderIsReleasedOnceAndThePayloadMayThenHaveOwnersOfItsOwn() {
        SkBuff skb = shop.packet(random, 0, 40, 100);
        skb.headerRelease();
        assertThatThrownBy(skb::headerRelease).hasMessageContaining("twice");
        SkBuff first = SkbCopy.clone(skb);
        SkBuff second = SkbCopy.clone(skb);
        assertThat(skb.shinfo().dataref()).isEqualTo((1 << 16) + 3);
        assertThat(first.isHeaderCloned()).as("two headers, one payload").isTrue();
        assertThat(SkbCopy.expandHead(skb, 0, 0)).isZero();
        assertThat(first.shinfo().dataref()).as("both halves given back").isEqualTo(2);
        assertThat(skb.shinfo().dataref()).isEqualTo(1);
        first.kfree();
        second.kfree();
        skb.kfree();
    }

    @Test
    void aUbufOfOnePacketCannotBeSharedAndACountedOneIsCompletedOnce() {
        assertThat(new Workshop.Owner().isRefcounted()).isFalse();
        assertThatThrownBy(() -> new Workshop.Owner().hold()).isInstanceOf(UnsupportedOperationException.class);
        Workshop.SharedOwner sender = new Workshop.SharedOwner();
        sender.hold();
        assertThat(sender.refcnt()).isEqualTo(2);
        sender.callback(true);
        assertThat(sender.completions).isZero();
        sender.callback(true);
        assertThat(sender.completions).isEqualTo(1);
        assertThat(sender.zerocopy).isTrue();
        assertThatThrownBy(sender::hold).hasMessageContaining("after it was completed");
        Workshop.SharedOwner copied = new Workshop.SharedOwner();
        copied.callback(false);
        assertThat(copied.zerocopy).isFalse();
        assertThatThrownBy(() -> copied.callback(true)).hasMessageContaining("twice");
    }

    @Test
    void aMessageNamesThePacketAndTheHolderOfAPage() {
        SkBuff skb = shop.packet(random, 0, 40, 100, 300).get();
        assertThat(skb).hasToString("skb#" + skb.index + "{len=440 dataLen=400 users=2}");
        assertThat(skb.shinfo().frag(1).referenceName())
                .isEqualTo("skb data 0x" + Long.toHexString(skb.hpa(0)) + " frag 1");
        skb.shinfo().frag(1).skip(7);
        skb.shinfo().frag(1).pageOffset = 50;
        assertThat(skb.shinfo().frag(1).pageOffset()).isEqualTo(50);
        assertThat(skb.shinfo().frag(1).hpa()).isEqualTo(skb.shinfo().frag(1).page().hpa() + 50);
        assertThat(skb.shinfo().frag(1).size()).isEqualTo(293);
        skb.kfree();
        skb.kfree();
    }

    @Test
    void whatADeviceSaidOfTheChecksumAndWhatIsOwedStaysWithThePacket() {
        SkBuff skb = shop.packet(random, 0, 40);
        assertThat(skb.isGso()).isFalse();
        assertThat(skb.ipSummed()).isEqualTo(SkBuff.CHECKSUM_NONE);
        skb.checksumComplete(0x1234);
        SkBuff.Destructor socket = s -> { };
        skb.destructor(socket);
        assertThat(skb.destructor()).isSameAs(socket);
        SkBuff clone = SkbCopy.clone(skb);
        assertThat(clone.ipSummed()).isEqualTo(SkBuff.CHECKSUM_COMPLETE);
        assertThat(clone.csum()).isEqualTo(0x1234);
        assertThat(clone.destructor()).isNull();
        clone.kfree();
        skb.kfree();
    }

    /** A flag that promises an owner, and no owner: a kernel calls through what lay there before. */
    @Test
    void aFlagWithoutAnOwnerIsCountedWhenThePacketDies() {
        SkBuff skb = shop.zerocopy(random, new Workshop.Owner(), 0, 40, 100);
        assertThat(skb.shinfo().txFlags()).isEqualTo(SkbSharedInfo.SKBTX_DEV_ZEROCOPY);
        skb.shinfo().destructorArg = null;
        assertThat(skb.shinfo().isUbufRefcounted()).isFalse();
        skb.kfree();
        assertThat(shop.pool.counters().value(SkbPool.Count.FLAG_WITHOUT_UBUF)).isEqualTo(1);
        SkBuff plain = shop.packet(random, 0, 40, 100);
        assertThat(plain.shinfo().txFlags()).isZero();
        plain.kfree();
        assertThat(shop.pool.counters().value(SkbPool.Count.FLAG_WITHOUT_UBUF)).isEqualTo(1);
    }

    @Test
    void anOwnerOfManyPacketsIsHeldByEachAndOneOfASinglePacketIsNot() {
        Workshop.SharedOwner sender = new Workshop.SharedOwner();
        SkBuff first = shop.packet(random, 0, 40, 100);
        first.shinfo().zcopySet(sender);
        assertThat(sender.refcnt()).isEqualTo(2);
        assertThat(first.shinfo().isUbufRefcounted()).isTrue();
        Workshop.Owner single = new Workshop.Owner();
        SkBuff second = shop.packet(random, 0, 40, 100);
        second.shinfo().zcopySet(single);
        assertThat(second.shinfo().isZerocopy()).isTrue();
        assertThat(second.shinfo().isUbufRefcounted()).isFalse();
        first.kfree();
        second.kfree();
        assertThat(single.callbacks).isEqualTo(1);
        sender.callback(true);
        assertThat(sender.completions).isEqualTo(1);
    }

    @Test
    void aLinearPacketsRoomGrowsInFrontAndBehind() {
        SkBuff skb = shop.packet(random, 6, 50);
        byte[] before = shop.content(skb);
        assertThat(SkbCopy.expandHead(skb, 10, 70)).isZero();
        assertThat(List.of(skb.headroom(), skb.headlen(), skb.tailroom())).containsExactly(16, 50, 192 - 66);
        assertThat(skb.append(4)).isEqualTo(skb.dataHpa() + 50);
        assertThat(shop.content(skb)).startsWith(before).hasSize(54);
        skb.kfree();
    }
}
