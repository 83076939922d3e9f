package softnic.sched;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.sun.management.ThreadMXBean;
import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Time passes only by being charged, and nobody sees a thing before it has been paid for. */
class VirtualTimeRunnerTest {

    /** One unit of it is one microsecond. */
    private static final Cost MICROS = Cost.VHOST_TX;
    private static final CostTable PRICES = CostTable.free().with(MICROS, 1_000_000)
            .with(Cost.VHOST_WAKE, 2_000_000).with(Cost.VHOST_WAKE_LATENCY, 5_000_000);

    private final VirtualTimeRunner world = new VirtualTimeRunner(PRICES);
    private final List<String> story = new ArrayList<>();

    private Script agent(String name, int processor) {
        Script script = new Script(name, world);
        world.add(processor, script, script.waitQueue);
        return script;
    }

    private int processor(String name) {
        return world.addProcessor(name, name, Cost.NONE, Cost.NONE);
    }

    private void tell(String what) {
        story.add(world.nowNs() + " " + what);
    }

    @Test
    void chargesMakeTimePassOnTheProcessorThatPays() {
        int cpu = processor("cpu");
        Script a = agent("a", cpu).then(() -> {
            world.charge(MICROS, 3);
            return 1;
        });

        assertThat(world.runUntilQuiet(1_000_000)).isTrue();

        assertThat(a.ranAtNs).containsExactly(0L, 3000L);
        assertThat(world.busyNs(cpu)).isEqualTo(3000);
        assertThat(world.spentNs(cpu, MICROS)).isEqualTo(3000);
        assertThat(world.eventCount()).as("two slices").isEqualTo(2);
    }

    @Test
    void whatIsDueAtTheLimitIsStillDone() {
        Script a = agent("a", processor("cpu"));
        a.deadlineNs = 1000;
        a.then(() -> 0).then(() -> {
            a.deadlineNs = Agent.NO_DEADLINE_NS;
            return 0;
        });
        assertThat(world.runUntilQuiet(1000)).isTrue();
        assertThat(a.ranAtNs).containsExactly(0L, 1000L);
    }

    @Test
    void aSettledActionRunsWhenWhatWasChargedBeforeItIsPaid() {
        int one = processor("one");
        int two = processor("two");
        agent("a", one).then(() -> {
            world.charge(MICROS, 2);
            world.settle(() -> tell("published"));
            world.charge(MICROS, 5);
            tell("end of slice");
            return 1;
        }).then(() -> {
            tell("next slice");
            return 0;
        });
        Script b = agent("b", two).then(() -> {
            world.charge(MICROS, 1);
            return 1;
        }).then(() -> {
            world.charge(MICROS, 3);
            tell("b saw " + story);
            return 1;
        });

        world.runUntilQuiet(1_000_000);

        assertThat(story).containsExactly("7000 end of slice", "4000 b saw [7000 end of slice]", "2000 published",
                "7000 next slice");
        assertThat(b.ranAtNs).containsExactly(0L, 1000L, 4000L);
    }

    @Test
    void anActionsOwnChargesDelayItsProcessorsNextSlice() {
        int cpu = processor("cpu");
        Script a = agent("a", cpu).then(() -> {
            world.charge(MICROS, 2);
            world.settle(() -> {
                world.charge(MICROS, 4);
                world.settle(() -> tell("signal"));
            });
            world.charge(MICROS, 1);
            return 1;
        });

        world.runUntilQuiet(1_000_000);

        assertThat(story).containsExactly("6000 signal");
        assertThat(a.ranAtNs).containsExactly(0L, 7000L);
        assertThat(world.busyNs(cpu)).isEqualTo(7000);
    }

    @Test
    void whatAnActionAmidASliceSettlesTakesItsPlaceByTime() {
        Script a = agent("a", processor("cpu")).then(() -> {
            world.charge(MICROS, 1);
            world.settle(() -> {
                world.charge(MICROS, 3);
                world.settle(() -> tell("settled by the action"));
            });
            world.charge(MICROS, 1);
            world.settle(() -> tell("before it"));
            world.charge(MICROS, 3);
            world.settle(() -> tell("behind it"));
            return 1;
        });

        world.runUntilQuiet(1_000_000);

        assertThat(story).containsExactly("2000 before it", "4000 settled by the action", "5000 behind it");
        assertThat(a.ranAtNs).containsExactly(0L, 8000L);
    }

    @Test
    void delaysAreCountedInWholeAndRoundedOnce() {
        assertThat(world.delayNs(Cost.VHOST_WAKE_LATENCY, 3)).isEqualTo(15_000);
        VirtualTimeRunner wire = new VirtualTimeRunner(CostTable.free().with(Cost.WIRE_BYTE, 820));
        assertThat(wire.delayNs(Cost.WIRE_BYTE, 1538)).isEqualTo(1261);
    }

    @Test
    void actionsOfOneTimeRunInTheOrderInWhichTheyWereSettled() {
        agent("a", processor("cpu")).then(() -> {
            for (int i = 0; i < 5; i++) {
                int number = i;
                world.settle(() -> tell("action " + number));
            }
            return 1;
        });
        world.runUntilQuiet(1_000_000);
        assertThat(story).containsExactly("0 action 0", "0 action 1", "0 action 2", "0 action 3", "0 action 4");
    }

    @Test
    void agentsOfEqualTimeRunByOrderOfRegistration() {
        for (String name : List.of("first", "second", "third")) {
            agent(name, processor(name)).then(() -> {
                tell(name);
                return 0;
            });
        }
        world.runUntilQuiet(1_000_000);
        assertThat(story).containsExactly("0 first", "0 second", "0 third");
    }

    @Test
    void theFirstRegisteredAgentOfAProcessorGoesFirstButPreemptsNobody() {
        int cpu = processor("cpu");
        Script irq = agent("irq", cpu).then(() -> 0).then(() -> {
            tell("irq");
            return 0;
        });
        agent("process", cpu).then(() -> {
            world.charge(MICROS, 1);
            world.settle(irq.waitQueue::wakeUp);
            world.charge(MICROS, 4);
            tell("process 1 done");
            return 1;
        }).then(() -> {
            tell("process 2");
            return 0;
        });
        world.runUntilQuiet(1_000_000);
        assertThat(story).containsExactly("5000 process 1 done", "5000 irq", "5000 process 2");
    }

    @Test
    void wakingAnIdleProcessorCostsLatencyOnNobodysAccountAndAPriceOnItsOwn() {
        int sleeper = world.addProcessor("vhost", "vhost", Cost.VHOST_WAKE, Cost.VHOST_WAKE_LATENCY);
        int waker = processor("waker");
        Script s = agent("s", sleeper);
        agent("w", waker).then(() -> {
            world.charge(MICROS, 100);
            world.settle(s.waitQueue::wakeUp);
            world.settle(s.waitQueue::wakeUp);      // it is on its way already
            return 1;
        });

        world.runUntilQuiet(1_000_000);

        assertThat(s.ranAtNs).containsExactly(7000L, 107_000L);
        assertThat(world.spentNs(sleeper, Cost.VHOST_WAKE)).isEqualTo(4000);
        assertThat(world.delayNs(Cost.VHOST_WAKE_LATENCY)).isEqualTo(5000);
        assertThat(world.busyNs(sleeper)).isEqualTo(4000);
    }

    @Test
    void aWakeUpDuringTheSliceThatDoesNothingIsNotLost() {
        int cpu = processor("cpu");
        Script a = new Script("a", world);
        world.add(cpu, a, a.waitQueue);
        a.then(() -> {
            world.charge(MICROS, 1);
            a.waitQueue.wakeUp();
            return 0;
        });
        world.runUntilQuiet(1_000_000);
        assertThat(a.ranAtNs).containsExactly(0L, 1000L);
    }

    @Test
    void aDeadlineWakesOnceAndANewOneReplacesIt() {
        Script a = agent("a", processor("cpu"));
        a.deadlineNs = 50_000;
        world.runUntil(10_000);
        a.deadlineNs = 80_000;
        a.waitQueue.wakeUp();
        world.runUntil(60_000);
        a.deadlineNs = Agent.NO_DEADLINE_NS;
        world.runUntilQuiet(1_000_000);
        assertThat(a.ranAtNs).containsExactly(0L, 10_000L, 80_000L);
    }

    @Test
    void runUntilStopsBeforeTheEventsOfThatVeryTime() {
        Script a = agent("a", processor("cpu"));
        a.deadlineNs = 10_000;
        world.runUntil(10_000);
        assertThat(a.ranAtNs).containsExactly(0L);
        assertThat(world.nowNs()).isEqualTo(10_000);
        a.deadlineNs = Agent.NO_DEADLINE_NS;
        world.runUntil(10_001);
        assertThat(a.ranAtNs).containsExactly(0L, 10_000L);
    }

    @Test
    void aWorldWithoutEndSaysSoAtTheLimitAndAnyLimitIsAllowed() {
        Script a = agent("a", processor("cpu"));
        a.deadlineNs = 1000;
        assertThat(world.runUntilQuiet(500)).isFalse();
        a.deadlineNs = Agent.NO_DEADLINE_NS;
        assertThat(world.runUntilQuiet(Long.MAX_VALUE)).isTrue();
        assertThat(a.ranAtNs).containsExactly(0L, 1000L);
    }

    @Test
    void anAgentThatNamesNoDeadlineSleepsUntilItIsWoken() {
        int[] slices = {0};
        WaitQueue queue = new WaitQueue();
        world.add(processor("cpu"), new Agent() {
            @Override
            public int doWork() {
                slices[0]++;
                return 0;
            }

            @Override
            public String roleName() {
                return "sleeper";
            }
        }, queue);
        assertThat(world.runUntilQuiet(1_000_000)).isTrue();
        assertThat(slices[0]).isEqualTo(1);
        queue.wakeUp();
        world.runUntilQuiet(1_000_000);
        assertThat(slices[0]).isEqualTo(2);
    }

    @Test
    void aDeadlineThatIsStillDueComesAgainAtOnce() {
        Script a = agent("a", processor("cpu"));
        a.deadlineNs = 50_000;
        a.then(() -> 0).then(() -> 0).then(() -> {
            a.deadlineNs = Agent.NO_DEADLINE_NS;
            return 0;
        });
        assertThat(world.runUntilQuiet(1_000_000)).isTrue();
        assertThat(a.ranAtNs).containsExactly(0L, 50_000L, 50_000L);
    }

    @Test
    void quietIsTheTimeOfTheLastEvent() {
        Script a = agent("a", processor("cpu"));
        a.deadlineNs = 50_000;
        a.then(() -> 0).then(() -> {
            a.deadlineNs = Agent.NO_DEADLINE_NS;
            return 0;
        });
        assertThat(world.runUntilQuiet(1_000_000)).isTrue();
        assertThat(world.nowNs()).isEqualTo(50_000);
        assertThat(world.eventCount()).as("first slice, timer, second slice").isEqualTo(3);
    }

    @Test
    void aDeadlineGivenUpIsNoReasonToWaitButOneThatStandsIs() {
        Script givenUp = agent("given up", processor("one"));
        Script stands = agent("stands", processor("two"));
        givenUp.deadlineNs = 700_000;
        stands.deadlineNs = 800_000;
        world.runUntil(10_000);
        givenUp.deadlineNs = Agent.NO_DEADLINE_NS;
        givenUp.waitQueue.wakeUp();
        assertThat(world.runUntilQuiet(500_000)).as("the second still waits").isFalse();
        stands.deadlineNs = Agent.NO_DEADLINE_NS;
        stands.waitQueue.wakeUp();
        assertThat(world.runUntilQuiet(500_000)).as("only given up deadlines are left").isTrue();
    }

    @Test
    void whatIsSettledBetweenTwoRunsRunsFirstInTheNext() {
        assertThat(world.cpu()).isSameAs(world);
        world.runUntil(3000);
        world.settle(() -> tell("settled by nobody"));
        Script a = agent("a", processor("cpu"));
        assertThat(story).isEmpty();
        world.runUntilQuiet(1_000_000);
        assertThat(story).containsExactly("3000 settled by nobody");
        assertThat(a.ranAtNs).containsExactly(3000L);
        assertThat(world.eventCount()).isEqualTo(2);
    }

    @Test
    void anAgentThatRunsWithoutTimePassingIsNamed() {
        Agent busy = new Agent() {
            @Override
            public int doWork() {
                return 1;
            }

            @Override
            public String roleName() {
                return "perpetuum mobile";
            }
        };
        world.add(processor("cpu"), busy, new WaitQueue());
        assertThatThrownBy(() -> world.runUntilQuiet(1000)).isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("perpetuum mobile");
    }

    @Test
    void tooManySettledActionsAreAnErrorNotALoss() {
        Runnable nothing = () -> { };
        agent("a", processor("cpu")).then(() -> {
            for (int i = 0; i < 5000; i++) {
                world.settle(nothing);
            }
            return 1;
        });
        assertThatThrownBy(() -> world.runUntilQuiet(1000)).isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("settled more than 64 actions");
    }

    @Test
    void runningAndSettlingAllocateNothing() {
        ThreadMXBean thread = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        Ticker ticker = new Ticker(world);
        WaitQueue queue = new WaitQueue();
        world.add(processor("cpu"), ticker, queue);
        long least = Long.MAX_VALUE;
        for (int round = 0; round < 40 && least > 0; round++) {     // the JIT allocates too, while it compiles
            long before = thread.getCurrentThreadAllocatedBytes();
            ticker.left = 2000;
            queue.wakeUp();
            world.runUntilQuiet(Long.MAX_VALUE);
            least = Math.min(least, thread.getCurrentThreadAllocatedBytes() - before);
        }
        assertThat(least).isZero();
        assertThat(ticker.settled).isPositive();
    }

    private static final class Ticker implements Agent {

        private final Cpu cpu;
        private final Runnable publish = this::publish;
        int left;
        int settled;

        Ticker(Cpu cpu) {
            this.cpu = cpu;
        }

        private void publish() {
            settled++;
        }

        @Override
        public int doWork() {
            if (left == 0) {
                return 0;
            }
            cpu.charge(MICROS, 1);
            cpu.settle(publish);
            return left-- % 3 == 0 ? 0 : 1;
        }

        @Override
        public long nextDeadlineNs() {
            return left == 0 ? NO_DEADLINE_NS : cpu.nowNs() + 500;
        }

        @Override
        public String roleName() {
            return "ticker";
        }
    }
}
