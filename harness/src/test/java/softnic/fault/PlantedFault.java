package softnic.fault;

import static softnic.fault.Edit.argument;
import static softnic.fault.Edit.callAfterWrite;
import static softnic.fault.Edit.constant;
import static softnic.fault.Edit.drop;
import static softnic.fault.Edit.ignore;
import static softnic.fault.Edit.operator;
import static softnic.fault.Edit.repeat;
import static softnic.fault.Edit.replace;
import static softnic.fault.Stage.v61;
import static softnic.fault.Stage.v8;

import java.lang.classfile.CodeBuilder;
import java.lang.classfile.Opcode;
import java.lang.constant.ClassDesc;
import java.lang.constant.MethodTypeDesc;
import java.util.List;
import java.util.stream.Collectors;

/**
 * Mistakes that a zero-copy path can have, each as edits of the code that is right, and who must notice.
 *
 * <p>{@link PlantedFaultTest} runs them; docs/PLANTED-FAULTS.md lists them.
 */
enum PlantedFault {

    // ---- the used ring

    COPIED_OVERTAKES("a small copied packet is reported at once, before the zero-copy packet it follows",
            v8(2996), "invariant 2: vhost: head",
            ignore("vhost.HandleTx", "send", "takesSlot", 0)),
    REPORTED_UNFINISHED("a buffer is reported as long as the DMA still reads it",
            v8(65536), "invariant 12: vhost: slot",
            ignore("vhost.VhostZerocopy", "isOldestDone", "isDone", 1)),
    HEAD_TWICE("a head is put into the used ring twice",
            v8(4096), "invariant 1: vhost: head",
            repeat("vhost.VhostZerocopy", "report", "addUsed")),
    HEAD_LOST("a head never comes back",
            v8(4096), "balance posted=used",
            drop("vhost.VhostZerocopy", "report", "addUsed")),
    RX_HEAD_TWICE("a receive buffer is put into the used ring twice",
            v8(4096), "invariant 1: vhost: head",
            repeat("vhost.RxBufs", "signalUsed", "addUsed")),
    INDEX_BEFORE_ELEMENT("the used index covers an element that is not written yet",
            v8(4096), "invariant 1: guest",
            argument("vhost.VhostVirtqueue", "publishUsed", "usedIdxRelease", "publish index + 1",
                    code -> code.iconst_1().iadd())),
    INDEX_LEAPS("the used index jumps by more than the ring holds",
            v8(4096), "invariant 3: guest",
            argument("vhost.VhostVirtqueue", "publishUsed", "usedIdxRelease", "publish index + 1024",
                    code -> code.sipush(1024).iadd())),

    INDEX_SKIPS("last_used_idx moves on by two elements for one head",
            v8(4096), "invariant 5: vhost: last_avail_idx",
            constant("vhost.VhostVirtqueue", "addUsed", 1, 1, 2)),

    // ---- the pending ring

    MARKER_KEPT("a reported slot keeps its marker",
            v8(4096), "invariant 13: vhost: slot",
            constant("vhost.VhostZerocopy", "report", 0, 2, 1)),
    PENDING_NOT_WRAPPED("upend_idx - done_idx is not taken modulo 1024",
            v8(4096).pendingAt(1020), "invariant 15: vhost: upend_idx",
            operator("vhost.VhostZerocopy", "pending", Opcode.IAND, 1, "no & MASK", CodeBuilder::pop)),
    REFERENCE_KEPT("the callback does not give vhost_ubuf_ref back",
            v8(4096), "invariant 10: vhost: vhost_ubuf_ref",
            drop("vhost.VhostZerocopy$Ubuf", "begin", "drop", 2)),
    GOODCOPY_IGNORED("short packets are lent out instead of copied",
            v8(4096), "invariant 17: vhost: zero-copy for a packet",
            ignore("vhost.HandleTx", "wantsZerocopy", "isSmall", 0)),

    // ---- whose the guest's pages are

    EARLY_DD("the device reports a packet when it has read its descriptors, not its bytes",
            v8(65536), "invariant 6: far end: byte",
            callAfterWrite("nic.DmaEngine", "beginPacket", "busy", "writeBack")),
    STALE_DD("a descriptor is posted with the DD of its last round, and cleaned before it was sent",
            v8(65536), "invariant 40: far end: BAD_SEQUENCE_LOST",
            argument("nic.driver.Ixgbe", "txMap", "data", "write olinfo with DD set",
                    code -> code.iconst_1().ior())),
    CALLBACK_AT_XMIT("the zero-copy callback runs when the packet is sent, not when it is cleaned",
            v8(65536), "invariant 6: far end: byte",
            replace("macvtap.MacvtapSock", "getUser", "zerocopy", "call callback instead of zerocopy",
                    code -> code.iconst_1().invokeinterface(ClassDesc.of("softnic.skb.UbufInfo"), "callback",
                            MethodTypeDesc.ofDescriptor("(Z)V")).pop())),
    DOUBLE_CALLBACK("the zero-copy callback runs twice",
            v8(4096), "invariant 9: vhost: callback",
            repeat("skb.SkbSharedInfo", "zcopyClear", "callback")),
    LOST_CALLBACK("the zero-copy callback never runs",
            v61(4096), "invariant 9: house:",
            drop("skb.SkbSharedInfo", "zcopyClear", "callback")),
    DOUBLE_PUT("a page is given back twice",
            v8(4096), "thrown net.openhft.chronicle.core.io.ClosedIllegalStateException: softnic.mm.Page",
            repeat("mm.PageHolder", "put", "put")),
    MISSING_PUT("a page is not given back",
            v8(4096), "invariant 7: mm:",
            drop("mm.PageHolder", "put", "put")),
    WMEM_KEPT("a packet dies and its socket stays charged",
            v8(4096), "invariant 21: macvtap: sk_wmem_alloc",
            drop("skb.SkbPool", "free", "orphan")),

    // ---- wake-ups

    LOST_KICK("the guest does not kick",
            v8(4096), "invariant 23: house:",
            drop("guest.GuestVirtioNet", "kick", "signal")),
    LOST_CALL("the guest is not interrupted",
            v61(4096), "invariant 23: house:",
            ignore("vhost.VhostVirtqueue", "publishUsed", "notifyWanted", 0)),
    VHOST_RECHECK_SKIPPED("the worker enables kicks and does not look again",
            v8(256).copying(), "invariant 25: vhost: the worker sleeps",
            ignore("vhost.HandleTx", "enableNotify", "enableNotify", 0)),
    KICKS_NOT_ENABLED("the worker goes to sleep without asking for kicks",
            v61(4096).inCheck(), "invariant 24: vhost: the worker sleeps",
            drop("vhost.VhostVirtqueue", "enableNotify", "availEvent")),
    GUEST_RECHECK_SKIPPED("the guest stops its queue and does not look again",
            v61(256).copying().smallGuestRing(), "invariant 23: house:",
            ignore("guest.GuestVirtioNet", "stopQueue", "enableCbDelayed", 1)),
    GUEST_SLEEPS_ON("the same, looked at when all is at rest",
            v61(256).copying().smallGuestRing().inCheck(), "invariant 27: guest: the TX queue is stopped",
            ignore("guest.GuestVirtioNet", "stopQueue", "enableCbDelayed", 1)),
    QUEUE_NOT_WOKEN("the clean finds room and does not wake the stopped queue",
            v8(4096).smallNicRing(), "invariant 23: house:",
            drop("nic.driver.IxgbeTxRing", "wake", "wakeQueue")),
    UNMASK_FORGETS("an interrupt that came while the vector was masked is lost",
            v8(4096).longer(), "invariant 23: house:",
            drop("nic.InterruptVector", "unmask", "wakeUp")),
    REQUEUE_FORGOTTEN("the worker makes room for others and does not queue itself again",
            v8(65536).smallWeight(), "invariant 23: house:",
            drop("vhost.HandleTx", "exceedsWeight", "run")),

    // ---- the NIC and the wire

    RING_OVERRUN("the driver fills ring slots that have not been cleaned",
            v8(4096).smallNicRing(), "thrown java.lang.AssertionError: nic: tail",
            ignore("nic.driver.IxgbeTxRing", "maybeStop", "unused", 4096).times(2)),
    UNMAP_FORGOTTEN("the clean frees a packet and leaves its slots as they were",
            v8(65536), "invariant 37: nic: slot",
            drop("nic.driver.IxgbePoll", "freeTx", "reset")),
    TSO_SEQUENCE("the sequence number of a segment goes down instead of up",
            v8(65536), "invariant 40: far end: BAD_SEQUENCE",
            operator("nic.TxPacket", "segment", Opcode.IADD, 4, "protoSeq - sent", CodeBuilder::isub)),
    TSO_IP_ID("the IP id of a segment goes down instead of up",
            v8(65536), "invariant 40: far end: BAD_IP_ID",
            operator("nic.TxPacket", "segment", Opcode.IADD, 7, "frames - 1", CodeBuilder::isub)),
    CARRY_DROPPED("the device's checksum loses the carries",
            v8(65536), "invariant 40: far end: BAD_TCP_CHECKSUM",
            argument("nic.TxPacket", "storeCheck", "fold", "sum & 0xFFFF",
                    code -> code.loadConstant(0xFFFFL).land())),
    PSEUDO_HEADER_SHORT("all share a pseudo header without the protocol: the same mistake on both sides",
            v8(65536), "invariant 40: far end: BAD_TCP_CHECKSUM",
            operator("net.Checksum", "pseudoIpv4", Opcode.LADD, 1, "no protocol in the sum", CodeBuilder::pop2));

    private static final String ASSERTION = "thrown java.lang.AssertionError";

    private final String story;
    private final Stage stage;
    private final String caught;
    private final List<Edit> edits;

    /**
     * @param story what is wrong, in one sentence
     * @param caught how a line of the report must begin
     */
    PlantedFault(String story, Stage stage, String caught, Edit... edits) {
        this.story = story;
        this.stage = stage;
        this.caught = caught;
        this.edits = List.of(edits);
    }

    Stage stage() {
        return stage;
    }

    List<Edit> edits() {
        return edits;
    }

    String caught() {
        return caught;
    }

    /** An assertion catches it, and nothing that runs without {@code -ea}. */
    boolean needsAssertions() {
        return caught.startsWith(ASSERTION);
    }

    /** Its line in docs/PLANTED-FAULTS.md. */
    String row() {
        String where = edits.stream().map(edit -> "`" + edit.place() + "`: " + edit.what())
                .collect(Collectors.joining("; "));
        return "| " + name() + " | " + story + " | " + where + " | `" + caught + "` | " + stage + " |";
    }
}
