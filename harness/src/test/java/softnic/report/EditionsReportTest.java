package softnic.report;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import softnic.Behaviour;
import softnic.Quirk;

/**
 * docs/EDITIONS.md says what the code says. To write it anew:
 *
 * <pre>
 *   mvn -q -pl harness -am verify -Dtest=EditionsReportTest -Dsurefire.failIfNoSpecifiedTests=false -Dbless=true
 * </pre>
 */
class EditionsReportTest {

    private static final Path DOCUMENT = Path.of(System.getProperty("basedir", "."), "..", "docs", "EDITIONS.md");

    @Test
    void theDocumentIsWhatTheCodeSays() throws IOException {
        if (Boolean.getBoolean("bless")) {
            Files.writeString(DOCUMENT, EditionsReport.toMarkdown(), StandardCharsets.UTF_8);
            System.out.println("blessed: " + DOCUMENT);
        }

        assertThat(EditionsReport.toMarkdown()).as("docs/EDITIONS.md; if the change was meant, bless it (see Javadoc)")
                .isEqualTo(Files.readString(DOCUMENT, StandardCharsets.UTF_8));
    }

    @Test
    void everyBehaviourAndQuirkHasALineWithSevenCells() {
        String text = EditionsReport.toMarkdown();

        for (Behaviour behaviour : Behaviour.values()) {
            assertThat(text).contains("| `" + behaviour + "`: " + behaviour.what());
        }
        for (Quirk quirk : Quirk.values()) {
            assertThat(text).contains("| `" + quirk + "`: " + quirk.what());
        }
        assertThat(text.lines().filter(line -> line.startsWith("|"))).allSatisfy(line ->
                assertThat(line.replace("\\|", "").chars().filter(c -> c == '|').count()).as(line).isEqualTo(9));
        assertThat(text).contains("| `MAX_SKB_FRAGS`: fragments a packet can have | 18 | 18 | 17 |");
    }
}
