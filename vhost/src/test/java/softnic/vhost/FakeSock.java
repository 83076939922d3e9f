package softnic.vhost;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import softnic.mm.Errno;
import softnic.mm.IoVec;
import softnic.net.Sock;
import softnic.skb.UbufInfo;

/** A socket that writes down what it is sent, and answers as the test says. */
final class FakeSock extends Sock {

    static final int HDR = 12;

    /** What was sent, and how. */
    record Sent(int len, boolean zerocopy) {
    }

    final List<Sent> sent = new ArrayList<>();
    final Deque<UbufInfo> inFlight = new ArrayDeque<>();
    final Deque<Integer> errors = new ArrayDeque<>();
    final Deque<Integer> arrived = new ArrayDeque<>();
    int recvError;
    boolean callbackBeforeError;        // as macvtap, that copied and then found an error
    int attempts;
    Runnable onSend = () -> { };
    Runnable onReceive = () -> { };

    FakeSock(int sndbuf, boolean zerocopy) {
        super(null, null, sndbuf);
        zerocopy(zerocopy);
    }

    @Override
    public int sendmsg(IoVec iov, int lenBytes, UbufInfo ubuf) {
        attempts++;
        if (!errors.isEmpty() && ubuf != null && callbackBeforeError) {
            ubuf.callback(false);
        }
        if (!errors.isEmpty()) {
            return -errors.remove();
        }
        sent.add(new Sent(lenBytes, ubuf != null));
        if (ubuf != null) {
            inFlight.add(ubuf);
        }
        onSend.run();
        return lenBytes;
    }

    /** The network is done with the {@code n} oldest. */
    void complete(int n) {
        for (int i = 0; i < n; i++) {
            inFlight.remove().callback(true);
        }
    }

    void arrive(int len) {
        arrived.add(len);
        dataReady();
    }

    @Override
    public int recvmsg(IoVec iov, int lenBytes) {
        if (arrived.isEmpty()) {
            return -Errno.EAGAIN;
        }
        int len = arrived.remove() + HDR;
        onReceive.run();
        if (recvError != 0) {
            return -recvError;
        }
        if (lenBytes > iov.length()) {
            throw new AssertionError("recvmsg of " + lenBytes + " into " + iov.length());
        }
        return lenBytes < HDR ? -Errno.EINVAL : Math.min(len, lenBytes);
    }

    @Override
    public int peekHeadLen() {
        return arrived.isEmpty() ? 0 : arrived.peek();
    }

    @Override
    public int vnetHdrSz() {
        return HDR;
    }
}
