package softnic.vhost;

import softnic.net.FileTable;
import softnic.net.Sock;

/**
 * Which files can be a backend: {@code get_socket} with {@code get_raw_socket} and {@code get_tap_socket}
 * (drivers/vhost/net.c).
 */
final class GetSocket {

    private GetSocket() {
    }

    /**
     * Looks a number up, once: what is served later is what was checked (CVE-2023-1838). A socket says itself of which
     * family it is; nobody asks it for its name, which may be longer than there is room for (CVE-2020-10942).
     *
     * @return its socket, or null for what is neither a raw packet socket nor a tap
     */
    static Sock of(FileTable files, int fd) {
        FileTable.File file = files.fget(fd);
        return switch (file) {
            case FileTable.TapFile tap -> tap.sock();
            case FileTable.SocketFile socket when socket.type() == FileTable.SOCK_RAW
                    && socket.family() == FileTable.AF_PACKET -> socket.sock();
            case null, default -> null;
        };
    }
}
