package softnic.report;

import java.util.function.Function;
import java.util.stream.Collectors;
import softnic.Behaviour;
import softnic.Edition;
import softnic.Quirk;

/** What differs between the editions, as docs/EDITIONS.md: written from {@link Behaviour}, {@link Quirk} and {@link Edition}. */
public final class EditionsReport {

    private static final String HAS = "yes";
    private static final String HAS_NOT = "";

    private EditionsReport() {
    }

    /** All of the document. */
    public static String toMarkdown() {
        StringBuilder text = new StringBuilder("""
                # Editions

                Written from `Behaviour`, `Quirk` and `Edition` by `EditionsReportTest` with `-Dbless=true`; do not edit.

                An edition is one state of the kernel's transmit zero-copy path: `--edition` of each command. Code asks it at the
                place where kernels differ (`edition.has(...)`), and never compares versions. `v8` is the cover letter of July
                2011 on 2.6.39; the others are kernels as they were released.

                ## Numbers

                """);
        header(text, "what");
        row(text, "`MAX_SKB_FRAGS`: fragments a packet can have", e -> Integer.toString(e.maxSkbFrags()));
        row(text, "headroom of the tap in front of the Ethernet header, bytes", e -> Integer.toString(e.tapReserve()));
        row(text, "`VHOST_DMA_IN_PROGRESS` in `heads[i].len`", e -> e.dmaInProgress() == 0 ? "length"
                : Integer.toString(e.dmaInProgress()));
        row(text, "`VHOST_DMA_DONE_LEN`", e -> Integer.toString(e.dmaDone()));
        row(text, "`VHOST_NET_PKT_WEIGHT`: packets of one call", e -> e.packetWeight() == 0 ? "no limit"
                : Integer.toString(e.packetWeight()));
        row(text, "function names in traces", e -> e.names().name().substring("KERNEL_".length()).replace('_', '.'));
        text.append("\n## Behaviours: what a kernel does on purpose\n\n");
        header(text, "`Behaviour`");
        for (Behaviour behaviour : Behaviour.values()) {
            row(text, "`" + behaviour + "`: " + behaviour.what(), e -> e.has(behaviour) ? HAS : HAS_NOT);
        }
        text.append("\n## Quirks: bugs that a kernel had\n\nWith `--no-quirks` an edition has none of them. No quirk reads or "
                + "writes outside the memory it was given.\n\n");
        header(text, "`Quirk`");
        for (Quirk quirk : Quirk.values()) {
            row(text, "`" + quirk + "`: " + quirk.what(), e -> e.has(quirk) ? HAS : HAS_NOT);
        }
        return text.toString();
    }

    private static void header(StringBuilder text, String first) {
        text.append("| ").append(first).append(" | ")
                .append(Edition.ALL.stream().map(Edition::name).collect(Collectors.joining(" | "))).append(" |\n")
                .append("|---").repeat("|---", Edition.ALL.size()).append("|\n");
    }

    private static void row(StringBuilder text, String first, Function<Edition, String> cell) {
        text.append("| ").append(first.replace("|", "\\|"));
        for (Edition edition : Edition.ALL) {
            String value = cell.apply(edition);
            text.append(" |").append(value.isEmpty() ? "" : " " + value);
        }
        text.append(" |\n");
    }
}
