package softnic.macvtap;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.Arena;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import softnic.Edition;
import softnic.Kernel;
import softnic.Quirk;
import softnic.mm.Errno;
import softnic.net.EthHeader;
import softnic.skb.SkBuff;
import softnic.virtio.VirtioNetHdr;

/**
 * The bugs of KERNEL-FACTS 2.6 and the CVEs that came of them: a faithful kernel of their time shows each, every other
 * kernel, and every kernel without quirks, does not.
 */
class TapQuirkTest {

    private static final long DATA = 4096;

    private final Random random = new Random(2119);
    private final TapBench.Owner owner = new TapBench.Owner();
    private TapBench bench;

    /** What a packet does to a tap. */
    private interface Story {
        void tell(Edition edition);
    }

    @AfterEach
    void close() {
        if (bench != null) {
            bench.close();
        }
    }

    private void open(Edition edition) {
        close();
        owner.callbacks = 0;
        owner.then = () -> { };
        bench = TapBench.of(edition);
    }

    /** Both: the kernel as it was, and without its bugs. */
    private void both(Kernel kernel, Story story) {
        for (boolean faithful : new boolean[] {true, false}) {
            Edition edition = new Edition(kernel, faithful);
            open(edition);
            story.tell(edition);
        }
    }

    private long broken(TapRule rule) {
        return bench.tap.rules().value(rule);
    }

    private void assertNoRuleBroken() {
        assertThat(Arrays.stream(TapRule.values()).filter(r -> broken(r) > 0)).isEmpty();
    }

    private void assertNothingKept() {
        bench.dev.clean();
        assertThat(bench.missing()).isEmpty();
    }

    /** A piece of which {@code good} pages are memory, and one is not. */
    private void pieceThatEndsOutside(int good) {
        bench.iov.add(bench.guest.hpa(95 * DATA) + (1 - good) * DATA, (good + 1) * 4096);
    }

    /** CVE-2012-2119: 10 MiB in one descriptor. */
    @ParameterizedTest
    @EnumSource
    void b1Cve20122119TheStackIsOverwrittenByPinsNobodyCounted(Kernel kernel) {
        both(kernel, edition -> {
            bench.plain(54).piece(random, DATA, 54);
            bench.iov.add(bench.guest.hpa(2 * DATA), 94 * 4096);
            int rc = bench.send(owner);
            if (edition.has(Quirk.PINS_UNCOUNTED)) {
                assertThat(rc).isEqualTo(-Errno.EFAULT);
                assertThat(broken(TapRule.PINS_BEYOND_ARRAY)).isEqualTo(1);
                assertThat(bench.guest.pins()).as("pinned up to the end of the array, put by nobody").isEqualTo(18);
                assertThat(bench.tap.wmemAlloc()).isZero();
            } else {
                assertThat(rc).isEqualTo(-Errno.EMSGSIZE);
                assertNoRuleBroken();
                assertNothingKept();
            }
            assertThat(owner.callbacks).isZero();
        });
    }

    /** The array ends within the third vector: the two before are in the packet and are put with it. */
    @ParameterizedTest
    @EnumSource
    void b1EarlierVectorsAreStillGivenBack(Kernel kernel) {
        both(kernel, edition -> {
            bench.plain(54).piece(random, DATA, 54);
            bench.iov.add(bench.guest.hpa(2 * DATA), 5 * 4096);
            bench.iov.add(bench.guest.hpa(8 * DATA), 5 * 4096);
            bench.iov.add(bench.guest.hpa(16 * DATA), 60 * 4096);
            assertThat(bench.send(owner)).isEqualTo(edition.has(Quirk.PINS_UNCOUNTED) ? -Errno.EFAULT : -Errno.EMSGSIZE);
            assertThat(bench.guest.pins()).isEqualTo(edition.has(Quirk.PINS_UNCOUNTED) ? 8 : 0);
        });
    }

    @ParameterizedTest
    @EnumSource
    void b2WhatWasPinnedBeforeAPinFailedIsLost(Kernel kernel) {
        for (int good = 0; good < 6; good++) {
            int pages = good;
            both(kernel, edition -> {
                bench.plain(54).piece(random, DATA, 54);
                pieceThatEndsOutside(pages);
                assertThat(bench.send(owner)).isEqualTo(-Errno.EFAULT);
                boolean leaks = edition.has(Quirk.SHORT_PIN_LEAKS);
                assertThat(bench.guest.pins()).as("%s", edition).isEqualTo(leaks ? pages : 0);
                assertThat(broken(TapRule.PIN_LOST)).isEqualTo(leaks ? pages : 0);
                assertThat(bench.tap.wmemAlloc()).isZero();
                assertThat(owner.callbacks).isZero();
            });
        }
    }

    /** 3.6 to 3.10 put page[0..n) where page[i..i+n) were pinned. */
    @ParameterizedTest
    @EnumSource
    void b2After36ThePagesOfEarlierVectorsArePutInstead(Kernel kernel) {
        for (int before = 0; before < 5; before++) {
            for (int good = 0; good < 5; good++) {
                int first = before;
                int pages = good;
                both(kernel, edition -> {
                    bench.plain(54).piece(random, DATA, 54);
                    if (first > 0) {
                        bench.iov.add(bench.guest.hpa(2 * DATA), first * 4096);
                    }
                    pieceThatEndsOutside(pages);
                    assertThat(bench.send(owner)).isEqualTo(-Errno.EFAULT);
                    boolean others = edition.has(Quirk.SHORT_PIN_PUTS_OTHERS);
                    int wrong = others ? Math.min(first, pages) : 0;
                    int lost = edition.has(Quirk.SHORT_PIN_LEAKS) ? pages : wrong;
                    assertThat(broken(TapRule.PAGE_PUT_TWICE)).as("%s %d %d", edition, first, pages).isEqualTo(wrong);
                    assertThat(bench.guest.pins()).isEqualTo(lost);
                });
            }
        }
    }

    /** Headers in two vectors: 14 and 40 bytes copied, and 54 bytes of the second skipped, though it has given only 40. */
    @ParameterizedTest
    @EnumSource
    void b3ALinearPartOfTwoVectorsSkipsBytesOfTheSecond(Kernel kernel) {
        both(kernel, edition -> {
            bench.plain(54).piece(random, DATA, 14).piece(random, 2 * DATA, 1000);
            byte[] frame = bench.frame();
            assertThat(bench.send(owner)).isPositive();
            byte[] sent = bench.content(bench.dev.taken.get(0));
            if (edition.has(Quirk.OFFSET_IS_TOTAL)) {
                assertThat(sent).hasSize(1014 - 14);
                assertThat(Arrays.copyOf(sent, 54)).isEqualTo(Arrays.copyOf(frame, 54));
                assertThat(Arrays.copyOfRange(sent, 54, 1000)).isEqualTo(Arrays.copyOfRange(frame, 68, 1014));
            } else {
                assertThat(sent).isEqualTo(frame);
            }
            assertNothingKept();
        });
    }

    /** Header and data in one vector: 12 bytes are sent twice. */
    @ParameterizedTest
    @EnumSource
    void b3ALinearPartThatStartsInsideAVectorSendsBytesTwice(Kernel kernel) {
        both(kernel, edition -> {
            bench.iov.clear();
            bench.piece(random, 0, TapBench.HDR + 1000);
            new VirtioNetHdr().wrap(bench.memory, bench.guest.hpa(0)).set(0, 0, 54, 0, 0, 0);
            assertThat(bench.send(owner)).isPositive();
            byte[] sent = bench.content(bench.dev.taken.get(0));
            assertThat(sent).hasSize(edition.has(Quirk.OFFSET_IS_TOTAL) ? 1012 : 1000);
            assertThat(sent[54]).isEqualTo(bench.memory.u8(bench.guest.hpa(
                    edition.has(Quirk.OFFSET_IS_TOTAL) ? 54 : 54 + TapBench.HDR)));
            assertNothingKept();
        });
    }

    /** More copied than the current vector is long: the length turns negative. */
    @ParameterizedTest
    @EnumSource
    void b3ANegativeLengthIsCaught(Kernel kernel) {
        both(kernel, edition -> {
            bench.plain(200).piece(random, DATA, 190).piece(random, 2 * DATA, 50).piece(random, 3 * DATA, 500);
            int rc = bench.send(owner);
            if (edition.has(Quirk.OFFSET_IS_TOTAL)) {
                assertThat(rc).isEqualTo(-Errno.EFAULT);
                assertThat(broken(TapRule.OFFSET_BEYOND_VECTOR)).isEqualTo(1);
            } else {
                assertThat(rc).isPositive();
                assertThat(bench.content(bench.dev.taken.get(0))).isEqualTo(bench.frame());
                assertNoRuleBroken();
            }
            assertNothingKept();
        });
    }

    @ParameterizedTest
    @EnumSource
    void b4APacketThatFailsIsFreedThroughACallbackNobodySet(Kernel kernel) {
        both(kernel, edition -> {
            long garbage = edition.has(Quirk.FLAG_BEFORE_SUCCESS) ? 1 : 0;
            bench.plain(54).piece(random, DATA, 54);
            pieceThatEndsOutside(0);
            assertThat(bench.send(owner)).isEqualTo(-Errno.EFAULT);
            assertThat(broken(TapRule.GARBAGE_CALLBACK)).isEqualTo(garbage);
            assertThat(bench.header(0, 2, 54, 1000, 0, 0).piece(random, DATA, 54).piece(random, 2 * DATA, 900)
                    .send(owner)).isEqualTo(-Errno.EINVAL);
            assertThat(broken(TapRule.GARBAGE_CALLBACK)).isEqualTo(2 * garbage);
            assertThat(bench.send(null)).isEqualTo(-Errno.EINVAL);
            assertThat(broken(TapRule.GARBAGE_CALLBACK)).as("copied: no flag").isEqualTo(2 * garbage);
            assertThat(owner.callbacks).isZero();
            assertNothingKept();
        });
    }

    @ParameterizedTest
    @EnumSource
    void b5APinnedPageIsChargedByItsBytes(Kernel kernel) {
        both(kernel, edition -> {
            bench.plain(54).piece(random, DATA, 54);
            for (int i = 0; i < 10; i++) {
                bench.piece(random, DATA * (2 + i), 25);
            }
            assertThat(bench.send(owner)).isPositive();
            SkBuff skb = bench.dev.taken.get(0);
            int head = (54 + edition.tapReserve() + 63) / 64 * 64 + SkBuff.STRUCT_SIZE;
            assertThat(skb.truesize() - head).isEqualTo(edition.has(Quirk.PINNED_BY_BYTES) ? 250 : 10 * 4096);
            assertThat(bench.tap.wmemAlloc()).isEqualTo(skb.truesize());
            assertNothingKept();
        });
    }

    /** Not reachable from vhost, which copies such packets. */
    @ParameterizedTest
    @EnumSource
    void b6AShortPacketEndsInWhatTheHeadHeldBefore(Kernel kernel) {
        both(kernel, edition -> {
            bench.plain(0).piece(random, DATA, 60);
            assertThat(bench.send(owner)).isPositive();
            SkBuff skb = bench.dev.taken.get(0);
            boolean stale = edition.has(Quirk.STALE_TAIL);
            assertThat(skb.len()).isEqualTo(stale ? 128 : 60);
            assertThat(Arrays.copyOf(bench.content(skb), 60)).isEqualTo(bench.frame());
            assertThat(broken(TapRule.STALE_TAIL_SENT)).isEqualTo(stale ? 1 : 0);
            assertNothingKept();
            assertThat(owner.callbacks).isEqualTo(1);
        });
    }

    @ParameterizedTest
    @EnumSource
    void b7TheGuestChoosesHowMuchIsAllocatedInOnePiece(Kernel kernel) {
        both(kernel, edition -> {
            bench.plain(60_000);
            bench.iov.add(bench.guest.hpa(DATA), 61_000);
            assertThat(bench.send(owner)).isPositive();
            assertThat(bench.send(null)).isPositive();
            int expected = edition.has(Quirk.HUGE_LINEAR) ? 60_000 : LinearPart.most(edition);
            assertThat(bench.dev.taken).allSatisfy(skb -> assertThat(skb.headlen()).isEqualTo(expected));
            assertNothingKept();
        });
    }

    /** CVE-2012-2136: the copy path with a short header and more than 18 pages. */
    @ParameterizedTest
    @EnumSource
    void b8Cve20122136MorePagesThanFragmentsAreAllocated(Kernel kernel) {
        both(kernel, edition -> {
            for (int pages = edition.maxSkbFrags() - 1; pages < edition.maxSkbFrags() + 3; pages++) {
                bench.plain(54);
                bench.iov.add(bench.guest.hpa(DATA), 54 + pages * 4096);
                int rc = bench.send(null);
                boolean fits = pages <= edition.maxSkbFrags();
                assertThat(rc).isEqualTo(fits ? (int) bench.iov.length() : -Errno.EMSGSIZE);
                assertNothingKept();
            }
            assertThat(broken(TapRule.PAGES_BEYOND_FRAGS)).isEqualTo(edition.has(Quirk.PSKB_PAGES_UNCOUNTED) ? 2 : 0);
        });
    }

    /** Only 3.6 to 3.10: vectors that are to be copied get pages, and the pins are written over them. */
    @ParameterizedTest
    @EnumSource
    void vectorsMadeLinearBeyondTheHeadersGetPagesThatPinsOverwrite(Kernel kernel) {
        both(kernel, edition -> {
            bench.plain(54).piece(random, DATA, 2000).piece(random, 2 * DATA, 3000);
            for (int i = 0; i < 17; i++) {
                bench.piece(random, (4 + i) * DATA, 100);
            }
            int rc = bench.send(owner);
            if (edition.has(Quirk.PINS_OVER_PAGES)) {
                assertThat(rc).isEqualTo(-Errno.EMSGSIZE);
                assertThat(broken(TapRule.PINS_OVER_ALLOCATED)).isEqualTo(1);
            } else if (!edition.faithful() && rc > 0) {
                assertThat(bench.content(bench.dev.taken.get(0))).isEqualTo(bench.frame());
                assertNoRuleBroken();
            }
            assertNothingKept();
        });
    }

    @ParameterizedTest
    @EnumSource
    void aShortHdrLenLeavesTheEthernetHeaderInThePages(Kernel kernel) {
        both(kernel, edition -> {
            bench.plain(5).piece(random, DATA, 5).piece(random, 2 * DATA, 2000);
            bench.memory.be16(bench.guest.hpa(2 * DATA + 7), EthHeader.ETH_P_IPV6);
            assertThat(bench.send(owner)).isPositive();
            SkBuff skb = bench.dev.taken.get(0);
            boolean shortLinear = edition.has(Quirk.SHORT_LINEAR);
            assertThat(skb.headlen()).isEqualTo(shortLinear ? 5 : 14);
            assertThat(broken(TapRule.ETH_HEADER_NOT_COPIED)).isEqualTo(shortLinear ? 1 : 0);
            if (!shortLinear) {
                assertThat(skb.protocol()).isEqualTo(EthHeader.ETH_P_IPV6);
            }
            assertNothingKept();
        });
    }

    /** 3.11 completes what it copied before it knows that the header is bad: the owner hears, and the sender too. */
    @ParameterizedTest
    @EnumSource
    void aCopiedPacketWithABadHeaderIsCompletedAndRefused(Kernel kernel) {
        both(kernel, edition -> {
            bench.header(0, 2, 54, 1000, 0, 0);
            for (int i = 0; i < 30; i++) {
                bench.piece(random, DATA * (1 + i) + 4000, 90);
            }
            assertThat(bench.send(owner)).isNegative();
            assertThat(owner.callbacks).isEqualTo(edition.has(Quirk.COPY_COMPLETED_EARLY) ? 1 : 0);
            if (!edition.has(Quirk.SHORT_PIN_LEAKS)) {
                assertNothingKept();
            }
        });
    }

    @ParameterizedTest
    @EnumSource
    void aSendBufferOfNothingStopsTheSocketForEver(Kernel kernel) {
        both(kernel, edition -> {
            for (int bytes : new int[] {0, -1, Integer.MIN_VALUE}) {
                boolean taken = edition.has(Quirk.SNDBUF_UNCHECKED);
                assertThat(bench.tap.ioctl(TapIoctl.TUNSETSNDBUF, bytes)).isEqualTo(taken ? 0 : -Errno.EINVAL);
                int rc = bench.plain(54).piece(random, DATA, 500).send(owner);
                assertThat(rc).isEqualTo(taken ? -Errno.EAGAIN : 512);
            }
            assertNothingKept();
        });
    }
}
