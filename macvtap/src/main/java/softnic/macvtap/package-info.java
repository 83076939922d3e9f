/**
 * macvtap: a character device whose other end is a network device on top of a real one.
 *
 * <pre>
 *   vhost --sendmsg--&gt; MacvtapSock.getUser                              recvmsg --&gt; vhost
 *                        | ZerocopySg: headers copied, pages pinned         ^ PutUser: header and frame
 *                        | VnetHdrToSkb: offload fields, checked            |
 *                        v                                                TapRing, 500 packets a queue
 *                      Macvlan.startXmit --bridge, sibling--+               ^
 *                        |                                  v               | Macvlan.queueFor
 *                        v                                MacvlanPort: whose is it?
 *                      lower device --------------------- softirq
 * </pre>
 *
 * <p>Used by the vhost worker (send, receive) and the host's softirq (arrivals, freed packets). Errors are errnos and
 * counters; a packet that is refused leaves no pin and no charge, but where a faithful edition's bug does
 * ({@link softnic.Quirk}). Where that bug would leave the kernel's memory, a {@link softnic.macvtap.TapRule} is counted.
 *
 * <p>Not modelled: waiting in write() and read(), segmentation for a reader that switched its offloads off, VLAN tags,
 * pages of higher order in copied packets (6.6), batches of XDP buffers.
 */
package softnic.macvtap;
