package softnic.vhost;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import softnic.Edition;
import softnic.mm.Errno;
import softnic.sched.Cost;
import softnic.sched.CostTable;
import softnic.trace.Trace;
import softnic.virtio.Vring;

/**
 * What the worker enters and leaves, when, what it pays for and what the guest sees of it, in all editions
 * ({@code vhost-story.txt}). Each cost has a price of its own, so a charge that is missing or doubled moves every time
 * behind it. {@code -Dbless=true} writes the file anew; a change of a line wants a reason.
 */
class VhostStoryTest {

    private static final Path FILE = Path.of("src/test/resources/softnic/vhost/vhost-story.txt");

    private final List<String> told = new ArrayList<>();
    private Bench bench;
    private long begin;

    @Test
    void theWorkerEntersPaysAndReportsWhatItDid() throws IOException {
        for (Edition edition : Edition.ALL) {
            told.add("== " + edition.name());
            tellZerocopy(edition);
            tellCopied(edition);
            tellReceived(edition, false);
            tellReceived(edition, true);
        }
        if (Boolean.getBoolean("bless")) {
            Files.createDirectories(FILE.getParent());
            Files.write(FILE, told);
        }
        assertThat(told).isEqualTo(Files.readAllLines(FILE));
    }

    private void open(String chapter, Edition edition, boolean zerocopy, boolean rx, boolean mergeable) {
        CostTable prices = CostTable.free();
        for (Cost cost : Cost.values()) {
            prices = prices.with(cost, 1000L * (100 + 13 * cost.ordinal()));
        }
        told.add("-- " + chapter);
        bench = new Bench(edition, 256, zerocopy, rx, Integer.MAX_VALUE, mergeable, prices, Trace.Level.RECORD);
        bench.net.setBackend(bench.sock);
        begin = bench.world.nowNs();
    }

    private void tell(String what) {
        bench.run();
        StringBuilder line = new StringBuilder(what).append(':');
        long[] last = {-1};
        bench.trace.forEach((time, context, point, entry) -> {
            if (time != last[0]) {
                line.append(" @").append(time - begin).append(' ');
                last[0] = time;
            }
            line.append(entry ? point.name(bench.trace.names()) + "{" : "}");
        });
        bench.trace.clear();
        List<Integer> used = bench.used();
        line.append(" -> used ").append(used.size() > 9 ? used.size() + " heads" : used).append(" pending ").append(bench.net.pending())
                .append(" flags ").append(bench.ring.usedFlags()).append(" calls ")
                .append(bench.txCall.read() + bench.rxCall.read());
        told.add(line.toString());
        begin = bench.world.nowNs();
    }

    private void end() {
        Map<String, Long> counted = new TreeMap<>();
        bench.net.counters().forEach(c -> c.asMap().forEach((name, n) -> {
            if (n != 0) {
                counted.put(c.room() + "." + name, n);
            }
        }));
        told.add("counted: " + counted);
        StringBuilder paid = new StringBuilder("paid:");
        for (Cost cost : Cost.values()) {
            long ns = bench.world.spentNs(bench.processor, cost);
            if (ns != 0) {
                paid.append(' ').append(cost).append(' ').append(ns);
            }
        }
        told.add(paid.toString());
        bench.close();
    }

    private void tellZerocopy(Edition edition) {
        open("zero-copy", edition, true, false, false);
        tell("the backend comes");
        bench.ram.post(1, 1000, 0);
        bench.ram.post(2, 100, 0);
        bench.ram.post(3, 2000, 0);
        bench.kick();
        tell("three packets, one short");
        bench.sock.complete(1);
        tell("the first is done");
        bench.sock.errors.add(Errno.EAGAIN);
        bench.ram.post(4, 1000, 0);
        bench.kick();
        tell("no room in the socket");
        bench.sock.errors.add(Errno.EINVAL);
        bench.ram.post(5, 1000, 0);
        bench.kick();
        tell("a bad packet");
        bench.sock.complete(bench.sock.inFlight.size());
        tell("all are done");
        bench.ram.post(6, 1000, Vring.VRING_DESC_F_WRITE);
        bench.kick();
        tell("a buffer to write to");
        bench.net.releaseBackend();
        tell("the backend goes");
        end();
    }

    private void tellCopied(Edition edition) {
        open("copied", edition, false, false, false);
        for (int head = 0; head < 3; head++) {
            bench.ram.post(head, 500 + head, 0);
        }
        bench.kick();
        tell("three packets");
        for (int head = 0; head < 150; head++) {
            bench.ram.post(head, 500, 0);
        }
        bench.kick();
        bench.run();
        bench.trace.clear();
        tell("more than a batch");
        bench.ring.availFlags(Vring.VRING_AVAIL_F_NO_INTERRUPT);
        bench.ram.post(7, 500, 0);
        bench.kick();
        tell("nobody wants to be called");
        end();
    }

    private void tellReceived(Edition edition, boolean mergeable) {
        open(mergeable ? "received, mergeable" : "received", edition, true, true, mergeable);
        for (int head = 0; head < 4; head++) {
            bench.ram.post(head, 200, Vring.VRING_DESC_F_WRITE);
        }
        bench.sock.arrive(100);
        tell("one packet");
        bench.sock.arrive(300);
        tell("one that needs two buffers");
        bench.sock.arrive(100);
        bench.sock.arrive(60);
        tell("two at once");
        bench.ram.post(4, 200, Vring.VRING_DESC_F_WRITE);
        bench.rxKick.signal();
        tell("a buffer more");
        end();
    }
}
