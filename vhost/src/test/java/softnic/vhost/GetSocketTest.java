package softnic.vhost;

import static org.assertj.core.api.Assertions.assertThat;
import static softnic.vhost.VhostNet.VHOST_NET_VQ_RX;
import static softnic.vhost.VhostNet.VHOST_NET_VQ_TX;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.FieldSource;
import softnic.Edition;
import softnic.mm.Errno;
import softnic.net.FileTable;

/** A backend is named by the number of a file: what may stand behind it, and that it is looked up once. */
@ParameterizedClass
@FieldSource("softnic.Edition#ALL")
class GetSocketTest {

    private static final int FD = 7;
    private static final int AF_AX25 = 3;
    private static final int SOCK_DGRAM = 2;

    private final Bench bench;
    private final FakeSock sock = new FakeSock(Integer.MAX_VALUE, true);
    private final FakeSock other = new FakeSock(Integer.MAX_VALUE, true);
    private FileTable.File file = new FileTable.TapFile(sock);
    private int lookUps;

    GetSocketTest(Edition edition) {
        bench = Bench.tx(edition, 256, true);
    }

    @AfterEach
    void close() {
        assertThat(bench.violations.kept()).isEmpty();
        bench.close();
    }

    private FileTable.File fget(int fd) {
        lookUps++;
        return fd == FD ? file : null;
    }

    private int set(int index, int fd) {
        return bench.net.setBackend(index, this::fget, fd);
    }

    /** Sends one packet. @return true if it came out of {@code where} */
    private boolean sendsTo(FakeSock where) {
        int before = where.attempts;
        bench.ram.post(1, 100, 0);
        bench.txKick.signal();
        bench.run();
        return where.attempts == before + 1;
    }

    @Test
    void aTapAndARawPacketSocketCanBeABackend() {
        assertThat(set(VHOST_NET_VQ_TX, FD)).isZero();
        assertThat(sendsTo(sock)).isTrue();
        file = new FileTable.SocketFile(FileTable.AF_PACKET, FileTable.SOCK_RAW, other);
        assertThat(set(VHOST_NET_VQ_TX, FD)).isZero();
        assertThat(sendsTo(other)).isTrue();
        assertThat(set(VHOST_NET_VQ_TX, -1)).isZero();
        assertThat(sendsTo(other)).as("none any more").isFalse();
    }

    @Test
    void noOtherFileCan() {
        set(VHOST_NET_VQ_TX, FD);
        file = new FileTable.OtherFile();
        assertThat(set(VHOST_NET_VQ_TX, FD)).isEqualTo(-Errno.ENOTSOCK);
        assertThat(set(VHOST_NET_VQ_TX, FD + 1)).as("not open").isEqualTo(-Errno.ENOTSOCK);
        assertThat(set(VHOST_NET_VQ_TX, -2)).isEqualTo(-Errno.ENOTSOCK);
        assertThat(sendsTo(sock)).as("the old one serves on").isTrue();
    }

    /** A ring that the device has not, or that is not there, is refused before anybody looks at a file. */
    @Test
    void theRingIsLookedAtFirst() {
        assertThat(set(2, FD)).isEqualTo(-Errno.ENOBUFS);
        assertThat(set(-1, FD)).isEqualTo(-Errno.ENOBUFS);
        bench.net.setBackend(VHOST_NET_VQ_RX, null);
        bench.net.rx().setup().reset();
        assertThat(set(VHOST_NET_VQ_RX, FD)).isEqualTo(-Errno.EFAULT);
        assertThat(lookUps).isZero();
    }

    /** The name of an AX.25 socket is longer than that of a packet socket; the buffer for it was not. */
    @Test
    void cve202010942ARawSocketOfAnotherFamilyIsRefusedByItsFamilyNotByItsName() {
        for (int family : new int[] {0, 1, AF_AX25, FileTable.AF_PACKET + 1}) {
            file = new FileTable.SocketFile(family, FileTable.SOCK_RAW, sock);
            assertThat(set(VHOST_NET_VQ_TX, FD)).as("family %d", family).isEqualTo(-Errno.ENOTSOCK);
        }
        file = new FileTable.SocketFile(FileTable.AF_PACKET, SOCK_DGRAM, sock);
        assertThat(set(VHOST_NET_VQ_TX, FD)).isEqualTo(-Errno.ENOTSOCK);
        assertThat(sendsTo(sock)).isFalse();
    }

    /** Another thread's dup2 puts another file under the number, as soon as it was looked up. */
    @Test
    void cve20231838ANumberIsLookedUpOnceSoSocketAndRingAreOfOneFile() {
        FakeSock[] next = {sock, other};
        FileTable files = fd -> new FileTable.TapFile(next[lookUps++]);
        assertThat(bench.net.setBackend(VHOST_NET_VQ_RX, files, FD)).isZero();
        assertThat(lookUps).isEqualTo(1);
        other.arrive(100);
        bench.run();
        assertThat(other.arrived).as("its packets are nobody's").hasSize(1);
        sock.recvError = Errno.EFAULT;
        bench.ram.memory.le16(bench.ram.guest.hpa(Ram.DATA + 256 + 2), 1);      // one buffer of the RX ring
        bench.ram.desc(Ram.DATA, Ram.DATA + 4096, 2000, 2, 0);
        sock.arrive(100);
        bench.run();
        assertThat(sock.arrived).as("read from the file that was checked").isEmpty();
    }
}
