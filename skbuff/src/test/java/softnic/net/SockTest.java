package softnic.net;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import softnic.Edition;
import softnic.mm.Errno;
import softnic.mm.IoVec;
import softnic.skb.SkBuff;
import softnic.skb.UbufInfo;
import softnic.skb.Workshop;

/** A socket charges what is sent, refuses when full, and wakes who asked when half of it is free again. */
class SockTest {

    private static final int SNDBUF = 10_000;

    private final Workshop shop = new Workshop(Edition.V6_1);
    private final TestSock sock = new TestSock();
    private int woken;

    private final class TestSock extends Sock {

        TestSock() {
            super(shop.pool, shop.pages, SNDBUF);
        }

        SkBuff alloc(int header, int data) {
            return allocSendPskb(header, data);
        }

        int why() {
            return allocErr();
        }

        void arrived() {
            dataReady();
        }

        @Override
        public int sendmsg(IoVec iov, int lenBytes, UbufInfo ubuf) {
            return -Errno.EAGAIN;
        }

        @Override
        public int recvmsg(IoVec iov, int lenBytes) {
            return -Errno.EAGAIN;
        }

        @Override
        public int peekHeadLen() {
            return 0;
        }

        @Override
        public int vnetHdrSz() {
            return 10;
        }
    }

    @AfterEach
    void allIsHome() {
        shop.release();
        assertThat(shop.missing()).isEmpty();
        assertThat(sock.wmemAlloc()).isZero();
        shop.close();
    }

    @Test
    void aPacketIsChargedUntilItDies() {
        SkBuff skb = sock.alloc(100, 5000);
        assertThat(skb.shinfo().nrFrags()).isEqualTo(2);
        assertThat(skb.dataLen()).isEqualTo(5000);
        assertThat(sock.wmemAlloc()).isEqualTo(skb.truesize()).isEqualTo(128 + SkBuff.STRUCT_SIZE + 8192);
        assertThat(shop.pool.chargedTo(sock)).isEqualTo(sock.wmemAlloc());
        skb.kfree();
    }

    @Test
    void aFullSocketSaysEagainAndWakesWhenHalfIsFree() {
        SkBuff first = sock.alloc(4000, 0);
        SkBuff second = sock.alloc(4000, 0);
        SkBuff third = sock.alloc(4000, 0);
        assertThat(sock.alloc(1, 0)).isNull();
        assertThat(sock.why()).isEqualTo(-Errno.EAGAIN);
        assertThat(sock.pollOut(() -> woken++)).isFalse();
        first.kfree();
        assertThat(woken).isZero();                     // still more than half
        second.kfree();
        assertThat(woken).isEqualTo(1);
        third.kfree();
        assertThat(woken).isEqualTo(1);                 // nobody asked again
    }

    @Test
    void whoAsksWhileThereIsRoomIsToldAtOnceAndNotWoken() {
        assertThat(sock.pollOut(() -> woken++)).isTrue();
        sock.alloc(4000, 0).kfree();
        assertThat(woken).isZero();
    }

    @Test
    void whoLeavesIsNotWokenAndAsksForNothing() {
        SkBuff full = sock.alloc(9000, 0);
        sock.pollOut(() -> woken++);
        assertThat(sock.pollOut(null)).isFalse();
        full.kfree();
        assertThat(sock.pollOut(null)).isFalse();
        assertThat(woken).isZero();
    }

    @Test
    void thereIsRoomBelowHalfOfTheBufferAndNoneAtItsEnd() {
        assertThat(sock.sndbuf()).isEqualTo(SNDBUF);
        sock.charge(SNDBUF / 2 - 1);
        assertThat(sock.isWriteable()).isTrue();
        sock.charge(1);
        assertThat(sock.isWriteable()).isFalse();
        assertThat(sock.pollOut(() -> woken++)).isFalse();
        sock.charge(SNDBUF / 2 - 1);
        SkBuff last = sock.alloc(1, 0);
        assertThat(last).as("one byte is left").isNotNull();
        last.kfree();
        sock.charge(1);
        assertThat(sock.alloc(1, 0)).isNull();
        assertThat(sock.why()).isEqualTo(-Errno.EAGAIN);
        sock.charge(-SNDBUF);
        sock.zerocopy(true);
        assertThat(sock.isZerocopy()).isTrue();
        sock.zerocopy(false);
        assertThat(sock.isZerocopy()).isFalse();
    }

    @Test
    void tooLargeIsAnErrorBeforeAnythingIsAllocated() {
        assertThat(sock.alloc(100, 17 * 4096 + 1)).isNull();
        assertThat(sock.why()).isEqualTo(-Errno.EMSGSIZE);
        assertThat(sock.alloc(100, Integer.MAX_VALUE)).isNull();
        assertThat(sock.why()).isEqualTo(-Errno.EMSGSIZE);
        assertThat(sock.alloc(Integer.MAX_VALUE, 0)).isNull();
        assertThat(sock.why()).isEqualTo(-Errno.ENOBUFS);
        SkBuff most = sock.alloc(100, 17 * 4096);
        assertThat(most.shinfo().nrFrags()).isEqualTo(17);
        most.kfree();
    }

    @Test
    void shortMemoryLeavesNoPageAndNoCharge() {
        for (int left = 0; left < 3; left++) {
            shop.leavePages(left);
            int before = shop.pages.inUse();
            assertThat(sock.alloc(100, 3 * 4096)).isNull();
            assertThat(sock.why()).isEqualTo(-Errno.ENOBUFS);
            assertThat(shop.pages.inUse()).isEqualTo(before);
            assertThat(sock.wmemAlloc()).isZero();
            shop.release();
        }
        shop.leaveStructs(0);
        assertThat(sock.alloc(100, 0)).isNull();
        assertThat(sock.why()).isEqualTo(-Errno.ENOBUFS);
    }

    @Test
    void arrivalsWakeTheReaderWhileThereIsOne() {
        sock.arrived();
        sock.pollIn(() -> woken++);
        sock.arrived();
        sock.pollIn(null);
        sock.arrived();
        assertThat(woken).isEqualTo(1);
    }

    @Test
    void aQueueOfPacketsIsBoundedAndOrdered() {
        Random random = new Random(1);
        for (int limit : new int[] {1, 2, 3, 4, 5}) {
            SkbQueue queue = new SkbQueue(limit);
            assertThat(queue.poll()).isNull();
            for (int round = 0; round < 3; round++) {
                for (int i = 0; i < limit; i++) {
                    SkBuff skb = shop.packet(random, 0, 10);
                    skb.protocol(i);
                    assertThat(queue.add(skb)).isTrue();
                }
                SkBuff tooMany = shop.pool.alloc(1);
                assertThat(queue.add(tooMany)).isFalse();
                tooMany.kfree();
                assertThat(queue.size()).isEqualTo(limit);
                for (int i = 0; i < limit; i++) {
                    assertThat(queue.peek().protocol()).isEqualTo(i);
                    queue.poll().kfree();
                }
            }
        }
    }
}
