package softnic;

import static com.tngtech.archunit.base.DescribedPredicate.describe;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAnyPackage;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.Architectures.layeredArchitecture;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.tngtech.archunit.base.DescribedPredicate;
import com.tngtech.archunit.core.domain.JavaAccess;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.domain.JavaMethodCall;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.lang.ArchRule;
import java.util.Arrays;
import java.util.Random;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import softnic.skb.SkBuff;

/**
 * The walls of the house (DESIGN section 1): who may name whom, and what no room may do.
 *
 * <p>Each kind of rule is also shown a class that breaks it: a rule whose package names match nothing would hold
 * for ever.
 */
class ArchitectureTest {

    private static final String[] SKBUFF = {"softnic", "softnic.sched..", "softnic.trace..", "softnic.mm..",
        "softnic.virtio..", "softnic.skb..", "softnic.net.."};
    private static final String[] NIC = {"softnic.nic..", "softnic.wire.."};
    private static final String[] MACVTAP = {"softnic.macvtap.."};
    private static final String[] VHOST = {"softnic.vhost.."};
    private static final String[] SIBLINGS = all(NIC, MACVTAP, VHOST);
    private static final String[] HARNESS = {"softnic.guest..", "softnic.host..", "softnic.model..",
        "softnic.report..", "softnic.cli..", "softnic.web..", "softnic.fault..", "softnic.check.."};
    /** Where packets are handled: no clock, chance, thread or print of its own. */
    private static final String[] ROOMS = all(SKBUFF, SIBLINGS, new String[] {"softnic.guest.."});

    private static JavaClasses house;

    @BeforeAll
    static void importClasses() {
        house = new ClassFileImporter().withImportOption(new ImportOption.DoNotIncludeTests())
                .importPackages("softnic");
    }

    // --- who may name whom -------------------------------------------------------------------------

    /** The importer found every room, or the rules below would hold of nothing. */
    @ParameterizedTest
    @ValueSource(strings = {"softnic.sched", "softnic.trace", "softnic.mm", "softnic.virtio", "softnic.skb",
        "softnic.net", "softnic.nic", "softnic.nic.driver", "softnic.wire", "softnic.macvtap", "softnic.vhost",
        "softnic.guest", "softnic.host", "softnic.model", "softnic.report", "softnic.cli", "softnic.check"})
    void everyRoomIsSeen(String packageName) {
        assertThat(house.stream().filter(c -> c.getPackageName().equals(packageName))).isNotEmpty();
    }

    @Test
    void nicMacvtapAndVhostNeverNameEachOther() {
        neverNames(NIC, all(MACVTAP, VHOST)).check(house);
        neverNames(MACVTAP, all(NIC, VHOST)).check(house);
        neverNames(VHOST, all(NIC, MACVTAP)).check(house);
    }

    @Test
    void skbuffNamesNoOtherRoom() {
        neverNames(SKBUFF, all(SIBLINGS, HARNESS)).check(house);
    }

    @Test
    void noRoomNamesTheHarness() {
        neverNames(SIBLINGS, HARNESS).check(house);
    }

    /** host wires; the guest meets the host in its rings and knows the far end only as an address and a stream. */
    @Test
    void onlyHostNamesAllRooms() {
        neverNames(new String[] {"softnic.guest.."}, new String[] {"softnic.nic..", "softnic.macvtap..",
            "softnic.vhost..", "softnic.host..", "softnic.report..", "softnic.cli.."}).check(house);
        neverNames(new String[] {"softnic.model..", "softnic.report.."}, all(SIBLINGS, new String[] {"softnic.cli.."}))
                .check(house);
        neverNames(new String[] {"softnic.cli.."}, all(NIC, MACVTAP, new String[] {"softnic.guest.."})).check(house);
        neverNames(new String[] {"softnic.host.."}, new String[] {"softnic.report..", "softnic.cli..", "softnic.check.."}).check(house);
    }

    @Test
    void skbuffIsBuiltInLayers() {
        layeredArchitecture().consideringOnlyDependenciesInLayers()
                .layer("sched").definedBy("softnic.sched..")
                .layer("mm").definedBy("softnic.mm..")
                .layer("trace").definedBy("softnic.trace..")
                .layer("virtio").definedBy("softnic.virtio..")
                .layer("edition").definedBy("softnic")
                .layer("skb").definedBy("softnic.skb..")
                .layer("net").definedBy("softnic.net..")
                .whereLayer("sched").mayNotAccessAnyLayer()
                .whereLayer("mm").mayNotAccessAnyLayer()
                .whereLayer("trace").mayOnlyAccessLayers("sched")
                .whereLayer("virtio").mayOnlyAccessLayers("mm")
                .whereLayer("edition").mayOnlyAccessLayers("trace")
                .whereLayer("skb").mayOnlyAccessLayers("edition", "mm", "sched", "trace")
                .whereLayer("net").mayOnlyAccessLayers("edition", "skb", "mm", "sched", "trace", "virtio")
                .check(house);
    }

    @Test
    void noPackagesGoInCircles() {
        slices().matching("softnic.(*)..").should().beFreeOfCycles().check(house);
    }

    // --- what no room may do -------------------------------------------------------------------------

    @Test
    void roomsHaveNoClockChanceThreadOrPrint() {
        roomsDoNot(BANNED).check(house);
    }

    /** JAVA-NOTES 2.4: absolute access of a BytesStore has no bounds check at all, and offsets may be a guest's. */
    @Test
    void guestGivenOffsetsNeverReachABytesStore() {
        noClasses().that().resideInAnyPackage(all(SIBLINGS, new String[] {"softnic.guest..", "softnic.virtio.."}))
                .should().callMethodWhere(ABSOLUTE_BYTES_ACCESS).allowEmptyShould(false).check(house);
    }

    /** A drop has a reason. In these two a kernel calls kfree_skb for a packet that was passed on in pieces or copies. */
    @Test
    void whoDropsAPacketSaysWhy() {
        noClasses().that().resideOutsideOfPackages("softnic.skb..", "softnic.check..")
                .and().doNotHaveFullyQualifiedName("softnic.net.NetCore")
                .and().doNotHaveFullyQualifiedName("softnic.macvtap.MacvlanPort")
                .should().callMethod(SkBuff.class, "kfree").check(house);
    }

    // --- the rules can fail --------------------------------------------------------------------------

    @Test
    void theRulesSeeABrokenWall() {
        JavaClasses host = house.that(resideInAnyPackage("softnic.host.."));

        for (String[] room : new String[][] {SKBUFF, NIC, MACVTAP, VHOST, {"softnic.guest.."}}) {
            assertThatThrownBy(() -> neverNames(new String[] {"softnic.host.."}, room).check(host))
                    .isInstanceOf(AssertionError.class);
        }
        assertThatThrownBy(() -> neverNames(new String[] {"softnic.cli.."}, HARNESS).check(house))
                .isInstanceOf(AssertionError.class);
    }

    @Test
    void theRulesSeeABannedCall() {
        JavaClasses bad = new ClassFileImporter().importClasses(EverythingBanned.class);

        assertThat(noClasses().should().accessTargetWhere(BANNED).evaluate(bad).getFailureReport().getDetails())
                .as("each banned access of EverythingBanned")
                .hasSize(EverythingBanned.BANNED_ACCESSES);
        assertThatThrownBy(() -> noClasses().should().callMethodWhere(ABSOLUTE_BYTES_ACCESS).check(bad))
                .isInstanceOf(AssertionError.class);
    }

    /** What a room must not do; never run. */
    private static final class EverythingBanned {

        static final int BANNED_ACCESSES = 13;

        static long clock() throws InterruptedException {
            Thread.sleep(1);
            Thread.ofVirtual().start(() -> { });
            new Thread(() -> { }).interrupt();
            System.out.println(Math.random());
            System.err.println(new Random().nextInt());
            System.out.println(java.util.concurrent.ThreadLocalRandom.current().nextInt());
            System.err.println(java.time.Instant.now());
            return System.nanoTime() + System.currentTimeMillis();
        }

        static byte absolute(net.openhft.chronicle.bytes.BytesStore<?, ?> store, long guestGiven) {
            return store.readByte(guestGiven);
        }
    }

    // --- the words the rules are made of -------------------------------------------------------------

    private static final Set<String> THREAD_STARTS = Set.of("<init>", "sleep", "ofVirtual", "ofPlatform",
            "startVirtualThread", "yield", "onSpinWait");

    private static final DescribedPredicate<JavaAccess<?>> BANNED =
            describe("is a clock, chance, a thread or a print", access -> {
                String name = access.getName();
                return switch (access.getTargetOwner().getFullName()) {
                    case "java.lang.System" -> Set.of("nanoTime", "currentTimeMillis", "out", "err", "in").contains(name);
                    case "java.lang.Math", "java.lang.StrictMath" -> name.equals("random");
                    case "java.lang.Thread" -> THREAD_STARTS.contains(name);
                    case "java.util.Random", "java.security.SecureRandom", "java.util.UUID" ->
                        name.equals("<init>") || name.equals("randomUUID");
                    case "java.util.concurrent.ThreadLocalRandom" -> name.equals("current");
                    case "java.time.Instant", "java.time.LocalDateTime", "java.time.Clock" -> true;
                    case "java.util.concurrent.Executors", "java.util.concurrent.CompletableFuture",
                        "java.util.Timer" -> true;
                    default -> false;
                };
            });

    private static final DescribedPredicate<JavaMethodCall> ABSOLUTE_BYTES_ACCESS =
            describe("reads or writes a BytesStore at an absolute offset", call -> {
                boolean chronicle = call.getTargetOwner().getPackageName().startsWith("net.openhft.chronicle");
                String name = call.getName();
                boolean access = name.startsWith("read") || name.startsWith("write") || name.startsWith("unsafe")
                        || name.startsWith("compareAndSwap") || name.startsWith("addAndGet") || name.startsWith("move");
                boolean atOffset = call.getTarget().getRawParameterTypes().stream().map(JavaClass::getFullName)
                        .anyMatch("long"::equals);
                return chronicle && access && atOffset;
            });

    private static ArchRule neverNames(String[] who, String[] whom) {
        return noClasses().that().resideInAnyPackage(who).should().dependOnClassesThat().resideInAnyPackage(whom);
    }

    /** LiveRunner is the one place where the live world's clock and threads come from. */
    private static ArchRule roomsDoNot(DescribedPredicate<JavaAccess<?>> banned) {
        DescribedPredicate<JavaClass> runner = describe("LiveRunner",
                c -> c.getFullName().startsWith("softnic.sched.LiveRunner"));
        return noClasses().that().resideInAnyPackage(ROOMS).and(DescribedPredicate.not(runner))
                .should().accessTargetWhere(banned);
    }

    private static String[] all(String[]... parts) {
        return Arrays.stream(parts).flatMap(Stream::of).toArray(String[]::new);
    }
}
