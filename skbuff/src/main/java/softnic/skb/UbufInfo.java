package softnic.skb;

/**
 * How the owner of user pages learns that the network is done with them: {@code struct ubuf_info}
 * (include/linux/skbuff.h). Its fields {@code arg} and {@code desc} are the implementing object's own.
 */
public interface UbufInfo {

    /**
     * Called exactly once, by whoever drops the last reference to the skb's data; that may be any agent.
     * Must not block, throw or touch the skb.
     *
     * @param zerocopySuccess false if the data was copied on the way ({@code zerocopy_success}, 3.8)
     */
    void callback(boolean zerocopySuccess);
}
