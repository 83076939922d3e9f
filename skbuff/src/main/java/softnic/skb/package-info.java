/**
 * A packet and its two counts.
 *
 * <pre>
 *   SkBuff (users) ---+
 *                     +--&gt; SkbSharedInfo (dataref) --&gt; head, linear bytes
 *   clone  (users) ---+         |            |
 *                               |            +--&gt; SkbFrag --&gt; page of the guest (a pin) or of the kernel
 *                               +-- SKBTX_DEV_ZEROCOPY --&gt; UbufInfo.callback, once, when the data dies or is copied
 * </pre>
 *
 * <p>{@link softnic.skb.SkbPool} gives birth and buries, {@link softnic.skb.SkbCopy} does what needs both packets. One
 * agent has a packet at a time and may change it; any agent may drop a reference.
 */
package softnic.skb;
