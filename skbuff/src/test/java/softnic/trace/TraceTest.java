package softnic.trace;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import softnic.sched.Cost;
import softnic.sched.CostTable;
import softnic.sched.VirtualTimeRunner;

/** What a run did, told once as events and once as a number. */
class TraceTest {

    private enum Things { APPLES, PEARS }

    private final VirtualTimeRunner cpu = new VirtualTimeRunner(CostTable.free().with(Cost.VHOST_TX, 1000));

    private Trace trace(Trace.Level level, Tracepoint.Names names) {
        return new Trace(level, cpu, names, 4);
    }

    private static List<String> events(Trace trace) {
        List<String> all = new ArrayList<>();
        trace.forEach((time, context, point, entry) -> all.add(time + " " + context + (entry ? " > " : " < ")
                + point.name(trace.names())));
        return all;
    }

    @Test
    void entriesAndExitsAreKeptWithTimeAndContext() {
        Trace trace = trace(Trace.Level.RECORD, Tracepoint.Names.KERNEL_6_1);
        trace.enter(Tracepoint.HANDLE_TX);
        cpu.charge(Cost.VHOST_TX, 7);
        trace.context(Trace.Context.SOFTIRQ);
        trace.exit(Tracepoint.HANDLE_TX);
        assertThat(events(trace)).containsExactly("0 WORKER > handle_tx", "7 SOFTIRQ < handle_tx");
        trace.clear();
        assertThat(trace.count()).isZero();
    }

    @Test
    void functionsAKernelHasNotDoNotAppear() {
        Trace old = trace(Trace.Level.RECORD, Tracepoint.Names.KERNEL_3_1);
        old.enter(Tracepoint.VALIDATE_XMIT_SKB);
        old.enter(Tracepoint.GET_USER);
        assertThat(events(old)).containsExactly("0 WORKER > macvtap_get_user");
    }

    @Test
    void whatDoesNotFitIsCountedAndStillInTheFingerprint() {
        Trace small = trace(Trace.Level.RECORD, Tracepoint.Names.KERNEL_6_1);
        for (int i = 0; i < 6; i++) {
            small.enter(Tracepoint.HANDLE_TX);
        }
        assertThat(small.count()).isEqualTo(4);
        assertThat(small.lost()).isEqualTo(2);
        Trace hash = trace(Trace.Level.FINGERPRINT, Tracepoint.Names.KERNEL_6_1);
        for (int i = 0; i < 6; i++) {
            hash.enter(Tracepoint.HANDLE_TX);
        }
        assertThat(hash.fingerprint()).isEqualTo(small.fingerprint());
        hash.mix(1);
        assertThat(hash.fingerprint()).isNotEqualTo(small.fingerprint());
        small.stopRecording();
        small.clear();
        small.enter(Tracepoint.HANDLE_TX);
        assertThat(small.count()).isZero();
    }

    /** Time, function, entry or exit, and context: whoever changes what a fingerprint covers changes this one. */
    @Test
    void aFingerprintIsTheSameOnEveryMachine() {
        Trace trace = trace(Trace.Level.FINGERPRINT, Tracepoint.Names.KERNEL_6_1);
        trace.enter(Tracepoint.HANDLE_TX);
        cpu.charge(Cost.VHOST_TX, 7);
        trace.context(Trace.Context.SOFTIRQ);
        trace.exit(Tracepoint.HANDLE_TX);
        trace.mix(4096);
        assertThat(Long.toHexString(trace.fingerprint())).isEqualTo("fb01367fa2f7efe");
    }

    @Test
    void whatHappensLaterOrElsewhereOrComesBackIsAnotherRun() {
        Set<Long> seen = new HashSet<>();
        for (int later = 0; later < 2; later++) {
            for (Trace.Context context : Trace.Context.values()) {
                for (Tracepoint point : new Tracepoint[] {Tracepoint.HANDLE_TX, Tracepoint.GET_USER}) {
                    Trace entered = trace(Trace.Level.FINGERPRINT, Tracepoint.Names.KERNEL_6_1);
                    entered.context(context);
                    entered.enter(point);
                    seen.add(entered.fingerprint());
                    Trace left = trace(Trace.Level.FINGERPRINT, Tracepoint.Names.KERNEL_6_1);
                    left.context(context);
                    left.exit(point);
                    seen.add(left.fingerprint());
                }
            }
            cpu.charge(Cost.VHOST_TX, 1);
        }
        assertThat(seen).hasSize(16);
    }

    @Test
    void offIsOff() {
        Trace off = Trace.off();
        long before = off.fingerprint();
        off.enter(Tracepoint.HANDLE_TX);
        off.mix(5);
        assertThat(off.fingerprint()).isEqualTo(before);
        assertThat(off.count()).isZero();
    }

    @Test
    void countersHaveNamesAndSeveralMayCount() throws InterruptedException {
        Counters<Things> shared = Counters.shared("shop", Things.class);
        Thread[] threads = new Thread[3];
        for (int i = 0; i < threads.length; i++) {
            threads[i] = new Thread(() -> {
                for (int n = 0; n < 10_000; n++) {
                    shared.bump(Things.APPLES);
                }
            });
            threads[i].start();
        }
        for (Thread thread : threads) {
            thread.join();
        }
        Counters<Things> own = Counters.of("stall", Things.class);
        own.add(Things.PEARS, 5);
        own.add(Things.PEARS, -2);
        assertThat(shared.value(Things.APPLES)).isEqualTo(30_000);
        assertThat(own.asMap()).containsEntry("pears", 3L).containsEntry("apples", 0L);
        assertThat(own.room()).isEqualTo("stall");
    }

    @Test
    void theFirstViolationsAreKeptAndAllAreCounted() {
        Violations violations = new Violations();
        for (int i = 0; i < 30; i++) {
            violations.report(7, "pin " + i);
        }
        assertThat(violations.count()).isEqualTo(30);
        assertThat(violations.kept()).hasSize(3).first().isEqualTo("invariant 7: pin 0");
    }

    @Test
    void anInvariantThatBreaksAtEveryLookHidesNoOther() {
        Violations violations = new Violations();
        for (int i = 0; i < 100; i++) {
            violations.report(21, "charge " + i);
        }
        for (int number = 1; number <= 50; number++) {
            violations.report(number, "late");
        }
        assertThat(violations.kept()).contains("invariant 23: late", "invariant 50: late").hasSize(52);
        assertThat(violations.counts()).hasSize(50).containsEntry(21, 101L).containsEntry(23, 1L);
    }

    @Test
    void fiftyAreKeptAndBeyondThemOnlyTheFirstOfEach() {
        Violations violations = new Violations();
        for (int number = 1; number <= 20; number++) {
            for (int i = 1; i <= 4; i++) {
                violations.report(number, "" + i);
            }
        }
        assertThat(violations.kept()).hasSize(53).contains("invariant 16: 3", "invariant 17: 2", "invariant 20: 1")
                .doesNotContain("invariant 1: 4", "invariant 17: 3", "invariant 18: 2");
        assertThat(violations.count()).isEqualTo(80);
    }
}
