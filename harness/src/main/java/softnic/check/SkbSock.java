package softnic.check;

import softnic.mm.IoVec;
import softnic.mm.PageAllocator;
import softnic.net.Sock;
import softnic.skb.SkBuff;
import softnic.skb.SkbPool;
import softnic.skb.UbufInfo;

/** A socket that is charged for packets, and has no other use. */
final class SkbSock extends Sock {

    SkbSock(SkbPool pool, PageAllocator pages) {
        super(pool, pages, Integer.MAX_VALUE);
    }

    /** A charged packet with {@code data} bytes in pages of the kernel, or null. */
    SkBuff alloc(int linear, int data) {
        return allocSendPskb(linear, data);
    }

    @Override
    public int sendmsg(IoVec iov, int lenBytes, UbufInfo ubuf) {
        throw new UnsupportedOperationException();
    }

    @Override
    public int recvmsg(IoVec iov, int lenBytes) {
        throw new UnsupportedOperationException();
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
