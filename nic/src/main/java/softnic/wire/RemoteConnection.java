package softnic.wire;

import softnic.trace.Counters;
import softnic.trace.Violations;

/**
 * One connection as the far end has it: what GRO holds of it ({@code NAPI_GRO_CB}), its socket ({@code struct tcp_sock}),
 * and the reader that knows what must come. The far end's agent only.
 */
final class RemoteConnection {

    private static final int INITIAL_SEQ = 0x2F3A_0000;
    private static final int SEQ_STEP = 0x0E1F_2A35;

    final TcpFlow flow;
    final RemoteHostVerifier verifier;
    final int initialSeq;

    int heldBytes;                      // the packet that GRO still holds
    int heldMss;
    int heldTimestamp;

    int rcvWup;                         // what the last ACK said ({@code rcv_wup})
    int rcvMss;                         // the largest segment that came
    int echo;                           // timestamp to echo ({@code ts_recent})
    int ipId;
    int quickAcks;
    boolean ackWanted;
    boolean synAckWanted;
    long ackTimerNs = RemoteHost.NO_DEADLINE_NS;

    /** @param stream which of {@code options.streams()} */
    RemoteConnection(RemoteHostOptions options, int stream, Counters<RemoteHostCounter> counters, Violations violations) {
        flow = options.flow().stream(stream);
        String name = options.streams() == 1 ? "far end" : "far end: stream " + stream;
        verifier = new RemoteHostVerifier(name, flow, StreamPattern.start(stream), options.lossy(), counters,
                violations);
        initialSeq = INITIAL_SEQ + stream * SEQ_STEP;
    }
}
