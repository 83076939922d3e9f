package softnic.fault;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/**
 * Who watches the watchmen: each planted fault is caught, and by the one who is there for it.
 *
 * <pre>
 *   sound classes --edit--> FaultLoader: all of softnic anew, one fault in it
 *                              FaultRun: a monitored run --> lines of text --> here
 * </pre>
 */
class PlantedFaultTest {

    private static final Path TABLE = Path.of("..", "docs", "PLANTED-FAULTS.md");

    /** Without a fault nothing is noticed, on any stage. */
    @TestFactory
    Stream<DynamicTest> withoutAFaultTheStageIsSound() {
        Map<Stage, PlantedFault> stages = new LinkedHashMap<>();
        for (PlantedFault fault : PlantedFault.values()) {
            stages.putIfAbsent(fault.stage(), fault);
        }
        return stages.values().stream().map(fault -> DynamicTest.dynamicTest(fault.stage().toString(),
                () -> assertThat(run(fault, fault.stage().settings())).isEmpty()));
    }

    @TestFactory
    Stream<DynamicTest> eachFaultIsCaught() {
        return Stream.of(PlantedFault.values()).map(fault -> DynamicTest.dynamicTest(fault.name(), () -> {
            List<Edit> edits = new ArrayList<>(fault.stage().settings());
            edits.addAll(fault.edits());
            assertThat(run(fault, edits)).anySatisfy(line -> assertThat(line).startsWith(fault.caught()));
        }));
    }

    @Test
    void theDocumentHasTheTableOfTheFaults() throws IOException {
        List<String> lines = Files.readAllLines(TABLE);
        for (PlantedFault fault : PlantedFault.values()) {
            assertThat(lines).contains(fault.row());
        }
    }

    private static List<String> run(PlantedFault fault, List<Edit> edits) throws ReflectiveOperationException {
        FaultLoader loader = new FaultLoader(edits, fault.needsAssertions());
        Object inside = loader.loadClass(FaultRun.class.getName()).getDeclaredConstructor().newInstance();
        @SuppressWarnings("unchecked")      // FaultRun is declared so
        Function<String, List<String>> run = (Function<String, List<String>>) inside;
        List<String> wrong = run.apply(fault.name());
        assertThat(loader.planted()).containsExactlyInAnyOrderElementsOf(edits);
        return wrong;
    }
}
