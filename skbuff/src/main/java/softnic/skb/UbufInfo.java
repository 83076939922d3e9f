package softnic.skb;

/**
 * How the owner of user pages learns that the network is done with them: {@code struct ubuf_info}
 * (include/linux/skbuff.h). Its fields {@code arg} and {@code desc} are the implementing object's own.
 *
 * <p>There are two kinds. vhost's belongs to one skb: whoever wants to share that skb copies the pages first. That of
 * MSG_ZEROCOPY (4.14) is counted: each skb that refers to it calls back once.
 */
public interface UbufInfo {

    /**
     * Called exactly once for each skb with {@code SKBTX_DEV_ZEROCOPY}, by whoever drops the last reference to its
     * data; that may be any agent. Must not block, throw or touch the skb.
     *
     * @param zerocopySuccess false if the data was copied on the way ({@code zerocopy_success}, 3.8)
     */
    void callback(boolean zerocopySuccess);

    /** True for the kind that several skbs may share. */
    default boolean isRefcounted() {
        return false;
    }

    /** One more skb refers to it ({@code refcount_inc}); only if {@link #isRefcounted}. */
    default void hold() {
        throw new UnsupportedOperationException("skb: a ubuf of one skb was shared [skb_zcopy_set, include/linux/skbuff.h]");
    }
}
