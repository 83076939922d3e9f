package softnic.check;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

/** The list of the invariants, and docs/INVARIANTS.md, whose table is written from it with {@code -Dbless=true}. */
class InvariantTest {

    private static final Path DOCUMENT = Path.of(System.getProperty("basedir", "."), "..", "docs", "INVARIANTS.md");
    private static final String HEADER = "| # | what must be true";

    @Test
    void thereAreFiftyInOrder() {
        assertThat(Invariant.values()).hasSize(50);
        for (Invariant i : Invariant.values()) {
            assertThat(i.number()).isEqualTo(i.ordinal() + 1);
        }
    }

    /** Who says where also says by whom; what nobody checks has no checker. */
    @Test
    void eachIsCheckedSomewhereOrSaysThatItIsNot() {
        for (Invariant i : Invariant.values()) {
            assertThat(i.by().isEmpty()).as(i.name()).isEqualTo(i.where().isEmpty());
            assertThat(i.trippedBy().isEmpty() || !i.where().isEmpty()).as(i.name()).isTrue();
        }
    }

    @Test
    void theTableOfTheDocumentIsThisList() throws IOException {
        String document = Files.readString(DOCUMENT, StandardCharsets.UTF_8);
        int begin = document.indexOf(HEADER);
        int end = document.indexOf("\n\n", begin) + 1;
        assertThat(begin).isPositive();
        if (Boolean.getBoolean("bless")) {
            document = document.substring(0, begin) + Invariant.toMarkdown() + document.substring(end);
            Files.writeString(DOCUMENT, document, StandardCharsets.UTF_8);
            end = document.indexOf("\n\n", begin) + 1;
        }

        assertThat(document.substring(begin, end)).isEqualTo(Invariant.toMarkdown());
    }
}
