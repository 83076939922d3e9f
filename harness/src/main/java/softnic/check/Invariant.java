package softnic.check;

import static softnic.check.Invariant.Rank.CORE;
import static softnic.check.Invariant.Rank.OTHER;
import static softnic.check.Invariant.Where.ALWAYS;
import static softnic.check.Invariant.Where.AT_THE_END;
import static softnic.check.Invariant.Where.BETWEEN_STEPS;
import static softnic.check.Invariant.Where.IN_CHECK;
import static softnic.check.Invariant.Where.ON_LINE;
import static softnic.check.Invariant.Where.TEST;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.node.ArrayNode;
import java.util.EnumSet;
import java.util.Locale;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * What must be true of the path, and where it is checked. A violation is reported under its number, which never changes
 * its meaning.
 *
 * <p>{@code softnic check --list} prints this list, and docs/INVARIANTS.md is written from it.
 */
public enum Invariant {
    I01(1, CORE,
            "a head that was taken comes back in the used ring, once; none that is not out; a used TX buffer has len "
                    + "0",
            "VhostMonitor.headTaken, headUsed, both rings; GuestVirtqueue.getBuf, GuestVirtioNet; balance "
                    + "posted=used; vhost room: RingWatch",
            "HEAD_TWICE, RX_HEAD_TWICE, INDEX_BEFORE_ELEMENT, HEAD_LOST", ON_LINE, ALWAYS, AT_THE_END, IN_CHECK),
    I02(2, CORE,
            "where copied packets have slots (3.1), heads come back in the order in which they were taken",
            "VhostMonitor.headUsed", "COPIED_OVERTAKES", ON_LINE),
    I03(3, OTHER,
            "the used index is never further ahead than the ring is long",
            "GuestVirtqueue.isMoreUsed; vhost room: RingWatch",
            "INDEX_LEAPS", ALWAYS, IN_CHECK),
    I04(4, OTHER,
            "an element is written before the index covers it",
            "as 1: what the index covers too early is no head that is out", "INDEX_BEFORE_ELEMENT", ON_LINE, ALWAYS),
    I05(5, OTHER,
            "last_avail_idx - last_used_idx is the number of heads taken and not used",
            "VhostMonitor.checkOutstanding, both rings", "INDEX_SKIPS", BETWEEN_STEPS),
    I06(6, CORE,
            "nobody reads a page of a buffer that was reported: it is overwritten at once, and the far end knows "
                    + "every byte of the stream",
            "GuestVirtioNet.poisonReturned; RemoteHostVerifier.checkPayload; memory that its owner takes away: "
                    + "Vmm.unmap; skb room: SkbModel; macvtap room: TapInspector",
            "EARLY_DD, CALLBACK_AT_XMIT, quirk TABLE_CHANGE_RACES_DMA; quirks SPLIT_WITHOUT_OWNER, "
                    + "SEGMENT_SHARES_PAGES", ON_LINE, ALWAYS, IN_CHECK),
    I07(7, CORE,
            "pins of guest pages are the guest pages in live fragments; 0 at the end",
            "House.check; balance pins; Page throws on a release too many; skb room: SkbModel; macvtap room: TapHost",
            "MISSING_PUT, DOUBLE_PUT; quirks SHORT_PIN_LEAKS, SHORT_PIN_PUTS_OTHERS", BETWEEN_STEPS, AT_THE_END, ALWAYS, IN_CHECK),
    I08(8, OTHER,
            "a page has at least as many pins as fragments point at it",
            "House.check", "", BETWEEN_STEPS),
    I09(9, CORE,
            "the callback of a zero-copy send runs once",
            "VhostMonitor.completed; House.releaseBackend, balance zero-copy sends=callbacks; skb room: SkbLoan; "
                    + "macvtap room: TapRun",
            "DOUBLE_CALLBACK, LOST_CALLBACK; quirk COPY_COMPLETED_EARLY", ON_LINE, AT_THE_END, IN_CHECK),
    I10(10, CORE,
            "vhost_ubuf_ref is 1 and the sends in flight",
            "VhostMonitor.checkReferences", "REFERENCE_KEPT", BETWEEN_STEPS, AT_THE_END),
    I11(11, OTHER,
            "put_and_wait returns at 0 only, and nobody touches the vhost_ubuf_ref afterwards",
            "VhostMonitor.ubufsTouchedAfterFree; VhostUbufRefTest", "VhostBackendTest, faithful 3.8; quirks FLUSH_USES_FREED_UBUFS, UBUF_FREED_IN_USE", ON_LINE, TEST),
    I12(12, CORE,
            "a slot goes CLEAR, in progress, finished, CLEAR; copied ones skip the second",
            "VhostMonitor.slotBegun, slotReported", "REPORTED_UNFINISHED", ON_LINE),
    I13(13, CORE,
            "outside [done_idx, upend_idx) slots and markers are CLEAR",
            "VhostMonitor.checkClearOutside", "MARKER_KEPT", BETWEEN_STEPS, AT_THE_END),
    I14(14, OTHER,
            "never more than min(num, 1023) buffers are pending",
            "VhostMonitor.slotBegun", "VhostMonitorTest", ON_LINE),
    I15(15, CORE,
            "upend_idx - done_idx is the number of slots begun and not reported, across the wrap",
            "VhostMonitor.slotBegun", "PENDING_NOT_WRAPPED, quirk PENDING_RING_LAPS", ON_LINE),
    I16(16, OTHER,
            "modern kernels: at most min(128, num / 4) + 1 zero-copy buffers are pending",
            "VhostMonitor.slotBegun; vhost room: VhostRig",
            "VhostMonitorTest", ON_LINE, IN_CHECK),
    I17(17, OTHER,
            "a packet below VHOST_GOODCOPY_LEN is never lent out",
            "VhostMonitor.zerocopyChosen", "GOODCOPY_IGNORED", ON_LINE),
    I18(18, OTHER,
            "SKBTX_DEV_ZEROCOPY means a valid destructor_arg and an unshared head",
            "SkbCheck, of every living packet; skb room",
            "SkbCheckTest; quirk MORPH_SHARES_UBUF", BETWEEN_STEPS, IN_CHECK),
    I19(19, OTHER,
            "skb_copy_ubufs: same bytes, flag cleared, callback before return; on failure nothing changed",
            "SkbCheck.Before, in CopyUbufsTest; skb room: SkbOperations.copyUbufs",
            "SkbCheckTest", IN_CHECK, TEST),
    I20(20, OTHER,
            "skb->len is headlen and fragments, data_len fits, nr_frags <= MAX_SKB_FRAGS",
            "SkbCheck, of every living packet; skb room",
            "SkbCheckTest", BETWEEN_STEPS, IN_CHECK),
    I21(21, CORE,
            "sk_wmem_alloc is the truesize of the packets charged to the socket, and covers the pages they hold; 0 "
                    + "at the end",
            "House.check; in softnic check also House.checkCharge; balance sk_wmem_alloc; skb room: SkbModel; "
                    + "macvtap room: TapHost",
            "WMEM_KEPT, quirk PINNED_BY_BYTES", BETWEEN_STEPS, AT_THE_END, IN_CHECK),
    I22(22, OTHER,
            "a change of truesize of an owned skb shows in sk_wmem_alloc",
            "as 21: the sums would differ", "", BETWEEN_STEPS),
    I23(23, OTHER,
            "what was written arrives and comes back, also if the guest falls silent; nothing stalls",
            "Runs and CheckedRun after draining; vhost room: VhostGuest.atRest; macvtap room: TapJudge",
            "LOST_KICK, LOST_CALL, GUEST_RECHECK_SKIPPED, QUEUE_NOT_WOKEN, UNMASK_FORGETS, REQUEUE_FORGOTTEN, quirks "
                    + "CALLBACK_WAKES_NOBODY, BAD_PACKET_BLOCKS, POLL_BEFORE_MARK, SNDBUF_UNCHECKED", AT_THE_END, IN_CHECK),
    I24(24, OTHER,
            "a worker that sleeps with notifications off has a wake-up source armed",
            "CheckedRun.atRest, TX ring: the next packet would be kicked for; vhost room: VhostGuest.atRest",
            "KICKS_NOT_ENABLED", IN_CHECK),
    I25(25, CORE,
            "the worker sleeps on a ring only if it was empty when kicks were asked for",
            "VhostMonitor.sleepsOnWork, both rings", "VHOST_RECHECK_SKIPPED", ON_LINE),
    I26(26, OTHER,
            "event index: an interrupt exactly if an index crossed used_event since the last",
            "GuestVirtqueueTest; vhost room: VhostGuest.atRest",
            "", IN_CHECK, TEST),
    I27(27, OTHER,
            "a guest that sleeps on a full queue is always woken",
            "CheckedRun.atRest: a stopped queue has no buffers back; bench/src/jcstress: CallStress, CallEventIdxStress",
            "GUEST_SLEEPS_ON", IN_CHECK, TEST),
    I28(28, OTHER,
            "every descriptor is free or in one outstanding chain; the free list has no cycle",
            "House.check, both rings; GuestVirtqueueTest", "GuestVirtqueueTest", BETWEEN_STEPS, TEST),
    I29(29, OTHER,
            "vhost_get_vq_desc ends within num + 65536 steps and reads nothing outside table and regions",
            "VhostVirtqueueTest, HostileRingTest; VhostMonitor.outOfBounds where a kernel would have left its arrays", "HandleRxMergeableTest, faithful", ON_LINE, TEST),
    I30(30, OTHER,
            "the pieces of a translation add up to the descriptor's length, each inside one region",
            "VhostVirtqueueTest, GuestMemoryTest; vhost room: RingWatch.pieces",
            "quirk TRANSLATES_WHOLE_LENGTH", IN_CHECK, TEST),
    I31(31, OTHER,
            "a ring that breaks a rule gives an error and leaves last_avail_idx where it was",
            "VhostVirtqueueTest; vhost room: RingWatch.pieces",
            "quirk AVAIL_JUMP_BELIEVED", IN_CHECK, TEST),
    I32(32, OTHER,
            "dirty log: a bit for each page written, and no other",
            "DirtyLogTest, HostileRingTest; vhost room: VhostDirt",
            "quirk LOGS_EMPTY_DESCS", IN_CHECK, TEST),
    I33(33, OTHER,
            "after a change of backend the old one's packets are reported first",
            "VhostMonitor.slotReported, oldBackendReported", "VhostMonitorTest", ON_LINE),
    I34(34, OTHER,
            "after cleanup no callback can run, nothing is pinned, no work queued",
            "VhostMonitor.cleanedUp, callbackAfterCleanup; Vmm.checkReset; vhost room: VhostRun.release",
            "VhostBackendTest, faithful v8; quirk RELEASES_UNFINISHED", ON_LINE, IN_CHECK),
    I35(35, OTHER,
            "the device owns [TDH, TDT); the tail never runs over a slot that is not clean",
            "IxgbeTxRingCheck, IxgbeAdapter.check; assertion in Ixgbe.doorbell (-ea)", "RING_OVERRUN", BETWEEN_STEPS, ALWAYS),
    I36(36, OTHER,
            "DD at packet ends with RS only, and not before all reads are done",
            "DmaEngineTest", "", TEST),
    I37(37, OTHER,
            "each mapped address is unmapped once, before its slot is free",
            "IxgbeTxRingCheck", "UNMAP_FORGOTTEN", BETWEEN_STEPS),
    I38(38, OTHER,
            "an skb is freed at its EOP slot, in ring order",
            "IxgbeTxRingCheck", "UNMAP_FORGOTTEN", BETWEEN_STEPS),
    I39(39, OTHER,
            "a stopped queue lacks room, and is woken when there is room; no wake-up is lost",
            "as 23; every order of events: not yet; macvtap room: TapHost",
            "QUEUE_NOT_WOKEN", AT_THE_END, IN_CHECK),
    I40(40, OTHER,
            "frames on the wire: addresses, lengths, checksums, consecutive sequence numbers and IP ids, payload",
            "RemoteHostVerifier; macvtap room: TapFrames",
            "STALE_DD, TSO_SEQUENCE, TSO_IP_ID, CARRY_DROPPED, PSEUDO_HEADER_SHORT", ALWAYS, IN_CHECK),
    I41(41, OTHER,
            "the device cuts a TSO packet as software does",
            "TsoTest", "", TEST),
    I42(42, OTHER,
            "a checksum that the device finishes is the full software checksum",
            "DmaEngineTest, Rfc1071Test; RemoteHostVerifier", "", TEST, ALWAYS),
    I43(43, OTHER,
            "the host only reads the guest's headers: ixgbe_tso works on its own copy",
            "GuestVirtioNet.checkAndPoison", "GuestLoopbackTest", ON_LINE),
    I44(44, OTHER,
            "NETDEV_TX_BUSY neither loses nor repeats a packet",
            "RemoteHostVerifier, with fault tx-busy of softnic check; macvtap room: TapJudge",
            "STALE_DD", ALWAYS, IN_CHECK),
    I45(45, OTHER,
            "zero-copy on and off give the same stream on the wire",
            "RemoteHostVerifier: both must give the one stream there is; WorldParityTest", "EARLY_DD", ALWAYS, TEST),
    I46(46, OTHER,
            "zero-copy stops while 64 * errors > packets",
            "HandleTxTest", "", TEST),
    I47(47, OTHER,
            "a work is on the list once; flush waits for all queued before it",
            "VhostWorkerTest", "", TEST),
    I48(48, OTHER,
            "one call handles less than VHOST_NET_WEIGHT bytes and one packet, then the work is queued again",
            "HandleTxTest; vhost room: VhostRig",
            "quirk CONTINUE_SKIPS_WEIGHT", IN_CHECK, TEST),
    I49(49, OTHER,
            "with event index there are no more kicks than without",
            "EventIdxKicksTest: the same work with and without", "", TEST),
    I50(50, OTHER,
            "a failure of any one allocation, pin or copy leaves 1, 5, 7, 10 and 21 true",
            "EveryFailureTest: each passage of each point; softnic check: as the seed chooses", "", TEST, IN_CHECK);

    /** The ten that must be on in every test that moves packets, and the others. */
    enum Rank { CORE, OTHER }

    /** When somebody looks. */
    public enum Where {
        ON_LINE('M', "monitor on line", "virtual, live"),
        ALWAYS('A', "in every run", "virtual, live"),
        BETWEEN_STEPS('C', "between steps", "virtual"),
        AT_THE_END('E', "end of run", "virtual, live"),
        IN_CHECK('R', "softnic check", "virtual"),
        TEST('T', "unit or model test", "");

        private final char letter;
        private final String text;
        private final String worlds;

        Where(char letter, String text, String worlds) {
            this.letter = letter;
            this.text = text;
            this.worlds = worlds;
        }

        /** As docs/INVARIANTS.md abbreviates it. */
        char letter() {
            return letter;
        }
    }

    private static final String NOT_YET = "not yet";

    private final int number;
    private final Rank rank;
    private final String text;
    private final String by;
    private final String trippedBy;
    private final Set<Where> where = EnumSet.noneOf(Where.class);

    Invariant(int number, Rank rank, String text, String by, String trippedBy, Where... where) {
        this.number = number;
        this.rank = rank;
        this.text = text;
        this.by = by;
        this.trippedBy = trippedBy;
        this.where.addAll(Set.of(where));
    }

    /** Its number in reports. */
    public int number() {
        return number;
    }

    /** Where it is checked; empty: nowhere yet. */
    public Set<Where> where() {
        return where;
    }

    /** Classes and methods that check it, or tests. */
    String by() {
        return by;
    }

    /** Planted faults, quirks or tests that show that the check can fail. */
    String trippedBy() {
        return trippedBy;
    }

    private String when() {
        return where.isEmpty() ? NOT_YET : where.stream().map(w -> w.text).collect(Collectors.joining(", "));
    }

    private String worlds() {
        return where.stream().flatMap(w -> Set.of(w.worlds.split(", ")).stream()).filter(w -> !w.isEmpty()).distinct()
                .sorted(java.util.Comparator.reverseOrder()).collect(Collectors.joining(", "));
    }

    /** All of them, for a terminal. */
    public static String toText() {
        StringBuilder text = new StringBuilder();
        for (Invariant i : values()) {
            text.append(String.format(Locale.ROOT, "%2d  %s%n", i.number, i.text));
            text.append("    ").append(i.when());
            text.append(i.worlds().isEmpty() ? "" : " (" + i.worlds() + ")").append(i.by.isEmpty() ? "" : ": " + i.by);
            text.append('\n');
        }
        long none = java.util.Arrays.stream(values()).filter(i -> i.where.isEmpty()).count();
        text.append(values().length - none).append(" are checked, ").append(none).append(" not yet.\n");
        return text.toString().replace(System.lineSeparator(), "\n");
    }

    /** All of them, for a program. */
    public static String toJson() {
        ObjectMapper mapper = new ObjectMapper().enable(SerializationFeature.INDENT_OUTPUT);
        ArrayNode all = mapper.createArrayNode();
        for (Invariant i : values()) {
            var one = all.addObject().put("number", i.number).put("text", i.text);
            var places = one.putArray("where");
            i.where.forEach(w -> places.add(w.text));
            one.put("worlds", i.worlds()).put("by", i.by).put("tripped_by", i.trippedBy);
        }
        try {
            return mapper.writeValueAsString(all) + "\n";
        } catch (JsonProcessingException e) {
            throw new IllegalStateException("check: " + e.getMessage(), e);
        }
    }

    /** The table of docs/INVARIANTS.md. */
    static String toMarkdown() {
        StringBuilder text = new StringBuilder("| # | what must be true | where | by | tripped by |\n|---|---|---|---|---|\n");
        for (Invariant i : values()) {
            String number = i.rank == CORE ? "**" + i.number + "**" : Integer.toString(i.number);
            String letters = i.where.isEmpty() ? NOT_YET
                    : i.where.stream().map(w -> String.valueOf(w.letter())).collect(Collectors.joining(" "));
            text.append("| ").append(number).append(" | ").append(i.text).append(" | ").append(letters).append(" | ")
                    .append(i.by).append(" | ").append(i.trippedBy).append(" |\n");
        }
        return text.toString().replace("|  |", "| |");
    }
}
