package softnic.net;

/**
 * The open files of a process by number, as {@code fget} and {@code sockfd_lookup} see them (fs/file.c, net/socket.c).
 *
 * <p>Two look-ups of one number may give two files: another thread may call {@code dup2} between them. Whoever looks up
 * keeps what he got.
 */
@FunctionalInterface
public interface FileTable {

    int AF_PACKET = 17;
    int SOCK_RAW = 3;

    /** {@code struct file}: what stands behind a number. */
    sealed interface File {
    }

    /**
     * A socket of {@code socket()}.
     *
     * @param family {@code sk_family}
     * @param type {@code sk_type}
     */
    record SocketFile(int family, int type, Sock sock) implements File {
    }

    /** An open tap, with its socket and its ring of received packets in one. */
    record TapFile(Sock sock) implements File {
    }

    /** Anything else. */
    record OtherFile() implements File {
    }

    /** The file of a number, or null ({@code fget}). */
    File fget(int fd);
}
