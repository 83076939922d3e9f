package softnic.skb;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;

/**
 * User pages that several skbs may share: {@code struct ubuf_info_msgzc} with {@code msg_zerocopy_callback}
 * (net/core/skbuff.c, 4.14). The sender holds the first reference, each skb one.
 */
public abstract class UbufInfoMsgzc implements UbufInfo {

    private static final VarHandle REFCNT;

    static {
        try {
            REFCNT = MethodHandles.lookup().findVarHandle(UbufInfoMsgzc.class, "refcnt", int.class);
        } catch (ReflectiveOperationException e) {
            throw new ExceptionInInitializerError(e);
        }
    }

    private volatile int refcnt = 1;
    private volatile boolean zerocopy = true;

    /** Nobody refers to the pages any more. Any agent. @param zerocopy false if somebody copied them */
    protected abstract void complete(boolean zerocopy);

    @Override
    public final boolean isRefcounted() {
        return true;
    }

    @Override
    public final void hold() {
        int before = (int) REFCNT.getAndAdd(this, 1);
        assert before > 0 : "ubuf held after it was completed";
    }

    /** One reference less ({@code msg_zerocopy_put}). */
    @Override
    public final void callback(boolean zerocopySuccess) {
        if (!zerocopySuccess) {
            zerocopy = false;
        }
        int before = (int) REFCNT.getAndAdd(this, -1);
        assert before > 0 : "ubuf completed twice";
        if (before == 1) {
            complete(zerocopy);
        }
    }

    /** References of the sender and of skbs. */
    public final int refcnt() {
        return refcnt;
    }
}
