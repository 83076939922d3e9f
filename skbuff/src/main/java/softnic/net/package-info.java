/**
 * The stack between a virtual device and a driver, and the seams at which rooms meet.
 *
 * <pre>
 *   Sock.sendmsg          vhost --&gt; macvtap
 *      |                                        PacketSock (tcpdump)
 *      v                                             ^ clone
 *   NetCore.devQueueXmit --&gt; Qdisc --&gt; [Gso, checksum, linearize] --&gt; NetDevice.startXmit
 *   NetCore.netifReceiveSkb &lt;------------------------------------------ driver
 *      |
 *      v
 *   NetDevice.RxHandler   macvlan, and from there the SkbQueue of the tap
 * </pre>
 *
 * <p>The qdisc serialises its device's driver; everything else runs on whoever calls. Header classes are static methods
 * over bytes.
 */
package softnic.net;
