package softnic.net;

import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.ZZ_Result;
import softnic.mm.IoVec;
import softnic.skb.OneSkb;
import softnic.skb.SkBuff;
import softnic.skb.UbufInfo;

/** A packet dies while its sender goes to sleep for want of room: the sender sees the room, or is woken. */
@JCStressTest
@Outcome(id = "true, false", expect = Expect.ACCEPTABLE, desc = "seen")
@Outcome(id = "false, true", expect = Expect.ACCEPTABLE, desc = "woken")
@Outcome(id = "true, true", expect = Expect.ACCEPTABLE, desc = "both")
@Outcome(id = "false, false", expect = Expect.FORBIDDEN, desc = "room of which nobody hears")
@State
public class SockStress {

    private final SkBuff skb = OneSkb.take();
    private final Tap sock = new Tap(skb.truesize());
    private final Runnable wake = this::wake;
    private volatile boolean woken;

    public SockStress() {
        sock.setOwnerW(skb);
    }

    private void wake() {
        woken = true;
    }

    @Actor
    public void softirq() {
        skb.consume();
    }

    @Actor
    public void worker(ZZ_Result r) {
        r.r1 = sock.pollOut(wake);
    }

    @Arbiter
    public void after(ZZ_Result r) {
        r.r2 = woken;
    }

    /** A socket that is full with one packet. */
    private static final class Tap extends Sock {

        Tap(int sndbuf) {
            super(null, null, sndbuf);
        }

        @Override
        public int sendmsg(IoVec iov, int lenBytes, UbufInfo ubuf) {
            return 0;
        }

        @Override
        public int recvmsg(IoVec iov, int lenBytes) {
            return 0;
        }

        @Override
        public int peekHeadLen() {
            return 0;
        }

        @Override
        public int vnetHdrSz() {
            return 0;
        }
    }
}
