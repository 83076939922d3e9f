package softnic.check;

import java.util.ArrayDeque;
import java.util.Deque;

/** What one receiver must get, in order: each packet once, none left out but those that were allowed to be. */
final class TapStream {

    private final Deque<TapFrames.Progress> expected = new ArrayDeque<>();

    void expect(TapPacket packet) {
        expected.add(new TapFrames.Progress(packet));
    }

    /** It was dropped, and counted, if it was the last. */
    void lastMayBeMissing(TapPacket packet) {
        if (!expected.isEmpty() && expected.getLast().packet == packet) {
            expected.getLast().mayHaveGaps();
        }
    }

    /** It was refused after all. @return what is wrong with that, or null */
    String withdraw(TapPacket packet) {
        if (expected.isEmpty() || expected.getLast().packet != packet) {
            return null;
        }
        boolean seen = expected.removeLast().hasBegun();
        return seen ? packet + " was refused, and has come" : null;
    }

    /** What is more has found the queue full. */
    void keepFirst(int packets) {
        while (expected.size() > packets) {
            expected.removeLast();
        }
    }

    /** Something failed that may have cost any of those not there yet. */
    void anyMayBeMissing() {
        expected.forEach(TapFrames.Progress::mayHaveGaps);
    }

    /** Nothing more comes for now. @return what is missing, or null */
    String end() {
        String missing = next();
        expected.clear();
        return missing;
    }

    /** The first that must come and is not there, or null. */
    String next() {
        return expected.stream().filter(p -> !p.mayBeMissing()).findFirst()
                .map(p -> p.packet + (p.hasBegun() ? " came in part" : " did not come")).orElse(null);
    }

    /** Takes a frame; @return the packet of which it is next, or null: it is one that nobody expected here or now. */
    TapFrames.Progress take(int tag) {
        while (!expected.isEmpty()) {
            TapFrames.Progress first = expected.getFirst();
            if (first.packet.id == tag) {
                return first;
            }
            if (!first.mayBeMissing()) {
                return null;
            }
            expected.removeFirst();
        }
        return null;
    }
}
