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

    private static final Path FILES = Path.of("src/test/resources/softnic/vhost");

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
        assertCommitted("vhost-story.txt");
    }

    @Test
    void whereItStopsAndWhatMakesItGoOnAgain() throws IOException {
        for (Edition edition : Edition.ALL) {
            told.add("== " + edition.name());
            tellMistakes(edition);
            tellFullSocket(edition);
            tellPending(edition);
            tellWeight(edition, true);
            tellWeight(edition, false);
            tellReceiveTrouble(edition);
        }
        assertCommitted("vhost-limits.txt");
    }

    private void assertCommitted(String name) throws IOException {
        Path file = FILES.resolve(name);
        if (Boolean.getBoolean("bless")) {
            Files.createDirectories(FILES);
            Files.write(file, told);
        }
        assertThat(told).isEqualTo(Files.readAllLines(file));
    }

    private void open(String chapter, Edition edition, boolean zerocopy, boolean rx, boolean mergeable) {
        open(chapter, edition, zerocopy, rx, mergeable, Integer.MAX_VALUE);
    }

    private void open(String chapter, Edition edition, boolean zerocopy, boolean rx, boolean mergeable, int sndbuf) {
        CostTable prices = CostTable.free();
        for (Cost cost : Cost.values()) {
            prices = prices.with(cost, 1000L * (100 + 13 * cost.ordinal()));
        }
        told.add("-- " + chapter);
        bench = new Bench(edition, 256, zerocopy, rx, sndbuf, mergeable, prices, Trace.Level.RECORD);
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

    /** As {@link #tell}, where there is too much to tell: how often each function was entered, and when it was over. */
    private void sum(String what) {
        bench.run();
        Map<String, Integer> entered = new TreeMap<>();
        long[] last = {begin};
        bench.trace.forEach((time, context, point, entry) -> {
            last[0] = time;
            entered.merge(point.name(bench.trace.names()), entry ? 1 : 0, Integer::sum);
        });
        bench.trace.clear();
        told.add(what + ": " + entered + " @" + (last[0] - begin) + " -> used " + bench.used().size() + " pending "
                + bench.net.pending() + " sent " + bench.sock.attempts + " flags " + bench.ring.usedFlags() + " calls "
                + (bench.txCall.read() + bench.rxCall.read()));
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

    private void tellMistakes(Edition edition) {
        open("mistakes of a guest", edition, true, false, false);
        bench.ram.post(1, 0, 0);
        bench.kick();
        tell("a packet of nothing");
        bench.ram.post(300);
        bench.txKick.signal();
        tell("a head that is none");
        end();
        open("no backend", edition, true, false, false);
        bench.net.releaseBackend();
        bench.run();
        bench.trace.clear();
        bench.ram.post(1, 1000, 0);
        bench.txKick.signal();
        tell("a kick");
        bench.rxKick.signal();
        tell("a kick for received packets");
        end();
    }

    private void tellFullSocket(Edition edition) {
        open("a full socket", edition, true, false, false, 10_000);
        bench.sock.onSend = () -> bench.sock.charge(3000);
        for (int head = 0; head < 5; head++) {
            bench.ram.post(head, 1000, 0);
        }
        bench.kick();
        tell("five packets, room for three");
        bench.ram.post(5, 1000, 0);
        bench.txKick.signal();
        tell("a kick though it is full");
        DeadSkb.uncharge(bench.sock, 9000);
        tell("less than three quarters");
        DeadSkb.uncharge(bench.sock, bench.sock.wmemAlloc());
        tell("room again");
        bench.sock.complete(bench.sock.inFlight.size());
        sum("all are done");
        end();
        open("a socket that errs", edition, true, false, false, 10_000);
        bench.sock.charge(8000);
        bench.sock.errors.add(Errno.ENOBUFS);
        bench.ram.post(1, 1000, 0);
        bench.txKick.signal();
        tell("no memory");
        bench.ram.post(2, 1000, 0);
        bench.txKick.signal();
        tell("another kick");
        DeadSkb.uncharge(bench.sock, 8000);
        tell("room again");
        end();
    }

    private void tellPending(Edition edition) {
        open("too many pending", edition, true, false, false);
        for (int head = 0; head < 200; head++) {
            bench.ram.post(head, 1000, 0);
        }
        bench.kick();
        sum("200 packets");
        bench.ram.post(200, 1000, 0);
        bench.txKick.signal();
        sum("one more");
        bench.sock.complete(bench.sock.inFlight.size() / 2);
        sum("half are done");
        bench.ram.post(201, 100, 0);
        bench.txKick.signal();
        sum("a short one");
        bench.sock.complete(bench.sock.inFlight.size());
        sum("all are done");
        end();
    }

    private void tellWeight(Edition edition, boolean zerocopy) {
        open(zerocopy ? "more than one call may move" : "more than one call may copy", edition, zerocopy, false, false);
        int sent = 0;
        for (int len : new int[] {64 << 10, 100}) {
            for (int head = 0; head < 16; head++) {
                bench.ram.post(head, len, 0);
            }
            sent += 16;
            bench.txKick.signal();
            sum(len + " bytes each");
            bench.sock.complete(bench.sock.inFlight.size());
            bench.txKick.signal();
            sum("and done");
        }
        for (int head = 0; head < 256; head++) {
            bench.ram.post(head, 60, 0);
        }
        bench.txKick.signal();
        sum("256 short ones");
        end();
    }

    private void tellReceiveTrouble(Edition edition) {
        for (int mergeable = 0; mergeable < 2; mergeable++) {
            open(mergeable == 1 ? "trouble in receiving, mergeable" : "trouble in receiving", edition, true, true,
                    mergeable == 1);
            bench.ram.post(1, 5, Vring.VRING_DESC_F_WRITE);
            bench.sock.arrive(100);
            sum("a buffer shorter than the header");
            bench.ram.post(2, 2000, Vring.VRING_DESC_F_WRITE);
            bench.rxKick.signal();
            sum("a proper one");
            bench.ram.post(3, 2000, Vring.VRING_DESC_F_WRITE);
            bench.sock.recvError = Errno.EFAULT;
            bench.sock.arrive(100);
            tell("reading fails");
            bench.sock.recvError = 0;
            bench.rxKick.signal();
            tell("a kick");
            bench.ram.post(4, 2000, 0);
            bench.sock.arrive(100);
            tell("a buffer to read from");
            bench.sock.onReceive = () -> bench.ram.post(9, 2000, Vring.VRING_DESC_F_WRITE);
            bench.sock.arrive(100);
            tell("a buffer that comes meanwhile");
            bench.sock.onReceive = () -> { };
            for (int head = 0; head < 200; head++) {
                bench.ram.post(head, 5000, Vring.VRING_DESC_F_WRITE);
            }
            for (int i = 0; i < 150; i++) {
                bench.sock.arrived.add(4500);
            }
            bench.sock.arrive(4500);
            sum("more than one call may move");
            end();
        }
    }
}
