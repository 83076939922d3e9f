package softnic.check;

import java.util.ArrayDeque;
import java.util.Deque;
import softnic.virtio.VirtioNetHdr;

/** What a driver finds in its receive buffers: packet by packet what the socket wrote, and nothing behind it. */
final class VhostReader {

    private final VhostRig rig;
    private final DriverRing ring;
    private final int[] heads = new int[VhostScenario.LARGEST_RING];
    private final int[] lens = new int[VhostScenario.LARGEST_RING];

    VhostReader(VhostRig rig, DriverRing ring) {
        this.rig = rig;
        this.ring = ring;
    }

    /** Takes back one packet's buffers. */
    void read() {
        int n = 0;
        int wanted = 1;
        int bytes = 0;
        while (n < wanted) {
            if (!ring.hasUsed()) {
                rig.broken.add("num_buffers: says " + wanted + ", there are " + n);
                break;
            }
            heads[n] = ring.usedId();
            lens[n] = ring.usedLen();
            if (!ring.takeBack()) {
                return;                     // said elsewhere
            }
            bytes += lens[n++];
            if (rig.scenario.mergeable() && bytes >= ScriptedSock.HDR) {
                wanted = Math.max(n, at(VirtioNetHdr.SIZE) | at(VirtioNetHdr.SIZE + 1) << 8);
            } else if (rig.scenario.mergeable()) {
                wanted = n + 1;
            }
        }
        compare(n, bytes);
    }

    /** Byte {@code offset} of the packet. */
    private int at(int offset) {
        int i = 0;
        int left = offset;
        while (left >= lens[i]) {
            left -= lens[i++];
        }
        return ring.byteOf(heads[i], left);
    }

    private void compare(int n, int bytes) {
        ScriptedSock.Read read = rig.nextRead();
        if (rig.scenario.has(Fault.COPY)) {
            return;
        }
        if (read == null || read.bytes() != bytes) {
            rig.broken.add("rx length: " + bytes + " bytes reported, packet " + read);
            return;
        }
        for (int i = 0; i < n; i++) {
            if (lens[i] > ring.size(heads[i]) || i < n - 1 && lens[i] != ring.size(heads[i])) {
                rig.broken.add("rx length: " + lens[i] + " bytes in buffer " + i + " of " + n + ", which has "
                        + ring.size(heads[i]));
                return;
            }
            int last = lens[i] - 1;
            boolean header = i == 0 && last < ScriptedSock.HDR || n > 1 && lens[0] < ScriptedSock.HDR && i < ScriptedSock.HDR;
            if (!header && ring.byteOf(heads[i], last) != read.pattern()
                    || ring.byteOf(heads[i], lens[i]) != DriverRing.poison()) {
                rig.broken.add("rx bytes: buffer " + i + " of " + n + " ends in other bytes than the packet's " + read);
                return;
            }
        }
    }
}
