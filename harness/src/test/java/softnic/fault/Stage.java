package softnic.fault;

import java.util.ArrayList;
import java.util.List;
import softnic.Edition;
import softnic.host.Scenario;

/**
 * Where a fault plays: a short monitored run in virtual time, with sizes that no scenario can choose set by edits.
 *
 * @param settings edits that are no faults: a run with these alone is sound
 * @param checked run as {@code softnic check} does, which looks at rest too
 */
record Stage(Scenario scenario, List<Edit> settings, boolean checked) {

    private static final long DURATION_NS = 3_000_000;

    /** The cover letter's kernel, zero-copy, messages of that many bytes. */
    static Stage v8(int messageBytes) {
        Scenario monitored = Scenario.DEFAULT.withMonitored(true).withDurationNs(DURATION_NS);
        return new Stage(monitored.withMessageBytes(messageBytes), List.of(), false);
    }

    /** Linux 6.1. */
    static Stage v61(int messageBytes) {
        return new Stage(v8(messageBytes).scenario.withEdition(Edition.V6_1), List.of(), false);
    }

    /** Long enough for what is rare. */
    Stage longer() {
        return new Stage(scenario.withDurationNs(4 * DURATION_NS), settings, checked);
    }

    /** As {@code softnic check} runs it. */
    Stage inCheck() {
        return new Stage(scenario, settings, true);
    }

    Stage copying() {
        return new Stage(scenario.withZerocopy(false), settings, checked);
    }

    /** Pending indices start there. */
    Stage pendingAt(int index) {
        return new Stage(scenario.withPendingStart(index), settings, checked);
    }

    /** The guest's rings have 32 descriptors and no indirect ones, so that its queue stops. */
    Stage smallGuestRing() {
        Stage direct = new Stage(scenario.withIndirect(false), settings, checked);
        return direct.with(Edit.constant("host.HouseOptions", "<clinit>", 256, 1, 32).named("guest rings of 32"));
    }

    /** The NIC's transmit ring has 64 descriptors, so that the host's queue stops. */
    Stage smallNicRing() {
        Edit small = Edit.constant("host.HouseOptions", "<clinit>", 512, 1, 64);
        return with(small.named("NIC ring of 64"));
    }

    /** The worker makes room for others after 64 KiB, so that it does so at all. */
    Stage smallWeight() {
        return with(Edit.constant("vhost.HandleTx", "exceedsWeight", 0x80000, 1, 0x10000).named("VHOST_NET_WEIGHT 64 KiB"));
    }

    private Stage with(Edit setting) {
        List<Edit> all = new ArrayList<>(settings);
        all.add(setting);
        return new Stage(scenario, List.copyOf(all), checked);
    }

    /** As the table of the faults shows it. */
    @Override
    public String toString() {
        StringBuilder text = new StringBuilder(scenario.edition().name()).append(", ")
                .append(scenario.messageBytes()).append(" B, ")
                .append(scenario.zerocopy() ? "zero-copy" : "copying");
        if (scenario.durationNs() != DURATION_NS) {
            text.append(", ").append(scenario.durationNs() / 1_000_000).append(" ms");
        }
        if (scenario.pendingStart() != 0) {
            text.append(", pending ring from ").append(scenario.pendingStart());
        }
        if (checked) {
            text.append(", in check");
        }
        settings.forEach(setting -> text.append(", ").append(setting.what()));
        return text.toString();
    }
}
