package softnic.check;

import java.util.ArrayList;
import java.util.List;
import softnic.Behaviour;
import softnic.Edition;
import softnic.Quirk;
import softnic.mm.Errno;
import softnic.mm.GuestMemory;
import softnic.mm.PhysMem;
import softnic.mm.VhostMemory;

/**
 * What {@code vhost_get_vq_desc} shall answer, written down from its description, slowly: guest memory is a function
 * from address to byte, a piece is a run of bytes of one region, and nothing is done but once.
 *
 * <p>Beside the device, never in it: reads the same memory at the same moment.
 */
public final class GetVqDescModel {

    /** A run of guest bytes inside one region. */
    public record Piece(long gpa, long bytes) {
    }

    private final Edition edition;
    private final PhysMem memory;
    private final GuestMemory guest;
    private final VhostMemory table;
    private final int num;
    private final long descGpa;
    private final long availGpa;
    private final List<Piece> pieces = new ArrayList<>();
    private int last;
    private int cached;
    private int out;
    private int in;
    private int steps;
    private int budget;

    /**
     * @param guest where descriptors and rings are read
     * @param table what the device was told of it
     */
    public GetVqDescModel(Edition edition, PhysMem memory, GuestMemory guest, VhostMemory table, int num, long descGpa,
            long availGpa) {
        this.edition = edition;
        this.memory = memory;
        this.guest = guest;
        this.table = table;
        this.num = num;
        this.descGpa = descGpa;
        this.availGpa = availGpa;
    }

    /** The base was set: whatever was cached is forgotten. */
    public void base(int idx) {
        last = idx;
        cached = idx;
    }

    /** A head, {@code num} for an empty ring, or a negated errno. */
    public int next() {
        clear();
        if (!edition.has(Behaviour.AVAIL_IDX_CACHED) || cached == last) {
            int now = u16(availGpa + 2);
            int ahead = (now - last + 65536) % 65536;
            if (ahead > num) {
                if (edition.has(Quirk.AVAIL_JUMP_BELIEVED)) {
                    cached = now;
                }
                return edition.has(Behaviour.AVAIL_JUMP_EINVAL) ? -Errno.EINVAL : -Errno.EFAULT;
            }
            cached = now;
        }
        if (cached == last) {
            return num;
        }
        int head = u16(availGpa + 4 + 2 * (last % num));
        if (head >= num) {
            return -Errno.EINVAL;
        }
        int err = walk(head);
        if (err == 0) {
            last = (last + 1) % 65536;
        }
        return err == 0 ? head : err;
    }

    /** Forgets the pieces. */
    public void clear() {
        pieces.clear();
        out = 0;
        in = 0;
    }

    /** The pieces of one chain more, behind those there are. @return 0 or a negated errno */
    public int walk(int head) {
        out = 0;
        in = 0;
        steps = 0;
        budget = 65536;
        return chain(head);
    }

    /** The next entry to take. */
    public int base() {
        return last;
    }

    public List<Piece> pieces() {
        return pieces;
    }

    /** Readable pieces of the chain walked last. */
    public int out() {
        return out;
    }

    /** Writable pieces of it. */
    public int in() {
        return in;
    }

    /** Descriptors that it looked at. */
    public int steps() {
        return steps;
    }

    private int chain(int head) {
        int i = head;
        for (int found = 1; ; found++) {
            if (i >= num || found > num) {
                return -Errno.EINVAL;
            }
            steps++;
            long at = descGpa + 16L * i;
            int flags = u16(at + 12);
            int err = (flags & 4) != 0 ? table(u64(at), u32(at + 8)) : piece(u64(at), u32(at + 8), flags);
            if (err != 0) {
                return err;
            }
            if ((flags & 1) == 0) {
                return 0;
            }
            i = u16(at + 14);
        }
    }

    private int table(long addr, long len) {
        if (len % 16 != 0) {
            return -Errno.EINVAL;
        }
        List<Piece> where = new ArrayList<>();
        int err = translate(addr, len, where);
        if (err != 0) {
            return err;
        }
        if (len / 16 > 65536) {
            return -Errno.E2BIG;
        }
        for (long i = 0; ; i++) {
            if (i == len / 16 || budget-- == 0) {
                return -Errno.EINVAL;
            }
            steps++;
            long at = addr + 16 * i;
            int flags = u16(at + 12);
            if ((flags & 4) != 0) {
                return -Errno.EINVAL;
            }
            err = piece(u64(at), u32(at + 8), flags);
            if (err != 0 || (flags & 1) == 0) {
                return err;
            }
        }
    }

    private int piece(long addr, long len, int flags) {
        int before = pieces.size();
        int err = translate(addr, len, pieces);
        if (err != 0) {
            return err;
        }
        if ((flags & 2) != 0) {
            in += pieces.size() - before;
        } else if (in > 0) {
            return -Errno.EINVAL;
        } else {
            out += pieces.size() - before;
        }
        return 0;
    }

    private int translate(long addr, long len, List<Piece> to) {
        if (len > 0 && Long.compareUnsigned(addr + len - 1, addr) < 0) {
            return -Errno.EFAULT;
        }
        for (long done = 0; done < len; ) {
            if (to.size() >= 1024) {
                return -Errno.ENOBUFS;
            }
            int region = region(addr + done);
            if (region < 0) {
                return -Errno.EFAULT;
            }
            long end = table.guestPhysAddr(region) + table.memorySize(region);
            long room = end - (addr + done);
            boolean wrong = edition.has(Quirk.TRANSLATES_WHOLE_LENGTH);
            to.add(new Piece(addr + done, Math.min(wrong ? len : len - done, room)));
            done += room;
        }
        return 0;
    }

    private int region(long addr) {
        for (int r = 0; r < table.regions(); r++) {
            long first = table.guestPhysAddr(r);
            if (addr >= first && addr < first + table.memorySize(r)) {      // all of our regions lie low
                return r;
            }
        }
        return -1;
    }

    private int u8(long gpa) {
        return Byte.toUnsignedInt(memory.u8(guest.hpa(gpa)));
    }

    private int u16(long gpa) {
        return u8(gpa) | u8(gpa + 1) << 8;
    }

    private long u32(long gpa) {
        return u16(gpa) | (long) u16(gpa + 2) << 16;
    }

    private long u64(long gpa) {
        return u32(gpa) | u32(gpa + 4) << 32;
    }
}
