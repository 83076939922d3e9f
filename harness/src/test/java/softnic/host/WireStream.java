package softnic.host;

import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.zip.CRC32C;
import softnic.wire.StreamPattern;

/**
 * What a passive listener on the wire makes of the frames: for each TCP flow the bytes of its stream, as a running
 * hash that does not depend on how the stream was cut into segments.
 *
 * <p>It parses by itself, from the RFCs, and shares no code with the far end's verifier.
 */
final class WireStream implements FrameObserver {

    /** The hash is noted each time the stream has grown by so many bytes. */
    static final int CHECKPOINT = 4096;

    private static final int ETH = 14;
    private static final int SYN = 0x02;

    /** One direction of one connection, from its SYN on. */
    static final class Flow {
        private final CRC32C crc = new CRC32C();
        private final List<Long> checkpoints = new ArrayList<>();
        private final List<String> faults = new ArrayList<>();
        private int nextSeq;
        private long bytes;
        private long segments;

        long bytes() {
            return bytes;
        }

        long segments() {
            return segments;
        }

        /** Hash of the whole stream so far. */
        long hash() {
            return crc.getValue();
        }

        /** Hash of the first 4 KiB, 8 KiB, 12 KiB, ... */
        List<Long> checkpoints() {
            return checkpoints;
        }

        /** Bytes that came twice, or not at all. */
        List<String> faults() {
            return faults;
        }

        private void segment(int seq, boolean syn, ByteBuffer payload) {
            if (syn) {
                nextSeq = seq + 1;
                return;
            }
            if (payload.hasRemaining() && seq != nextSeq && faults.size() < 10) {
                faults.add("segment " + segments + " at stream byte " + bytes + " is " + (seq - nextSeq) + " bytes off");
            }
            if (payload.hasRemaining()) {
                segments++;
                nextSeq = seq + payload.remaining();
                append(payload);
            }
        }

        private void append(ByteBuffer more) {
            while (more.hasRemaining()) {
                int room = (int) (CHECKPOINT - bytes % CHECKPOINT);
                int now = Math.min(room, more.remaining());
                crc.update(more.slice(more.position(), now));
                more.position(more.position() + now);
                bytes += now;
                if (bytes % CHECKPOINT == 0) {
                    checkpoints.add(crc.getValue());
                }
            }
        }
    }

    private final Map<String, Flow> flows = new LinkedHashMap<>();
    private long frames;

    @Override
    public void frame(MemorySegment memory, long offset, int len, long arrivalNs) {
        frames++;
        ByteBuffer ip = memory.asSlice(offset + ETH, len - ETH).asByteBuffer();
        int ipHeader = (ip.get(0) & 0xF) * 4;
        int total = ip.getShort(2) & 0xFFFF;                // what is behind it is padding
        ByteBuffer tcp = ip.slice(ipHeader, total - ipHeader);
        int tcpHeader = (tcp.get(12) >>> 4 & 0xF) * 4;
        String name = dotted(ip.getInt(12)) + ":" + (tcp.getShort(0) & 0xFFFF) + " > "
                + dotted(ip.getInt(16)) + ":" + (tcp.getShort(2) & 0xFFFF);
        flows.computeIfAbsent(name, any -> new Flow()).segment(tcp.getInt(4), (tcp.get(13) & SYN) != 0,
                tcp.slice(tcpHeader, tcp.limit() - tcpHeader));
    }

    /** A frame passed while the listener looked away. */
    void missed() {
        frames++;
    }

    private static String dotted(int address) {
        return (address >>> 24) + "." + (address >>> 16 & 0xFF) + "." + (address >>> 8 & 0xFF) + "." + (address & 0xFF);
    }

    /** By "source > destination". */
    Map<String, Flow> flows() {
        return flows;
    }

    long frames() {
        return frames;
    }

    /** The hash that the first {@code bytes} bytes of netperf's stream have. */
    static long expectedHash(long bytes) {
        byte[] run = new byte[CHECKPOINT];
        CRC32C crc = new CRC32C();
        for (long at = 0; at < bytes; at += CHECKPOINT) {
            int len = (int) Math.min(CHECKPOINT, bytes - at);
            StreamPattern.fill(MemorySegment.ofArray(run), 0, len, at);
            crc.update(run, 0, len);
        }
        return crc.getValue();
    }
}
