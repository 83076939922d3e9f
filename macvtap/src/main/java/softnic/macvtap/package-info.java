/**
 * macvtap: a character device whose other end is a network device on top of a real one.
 *
 * <pre>
 *   vhost --sendmsg--&gt; MacvtapSock.getUser                              recvmsg --&gt; vhost
 *                        | VnetHdrToSkb: offload fields, checked            ^
 *                        | ZerocopySg: headers copied, pages pinned         | VnetHdrToSkb, back
 *                        v                                                  |
 *                      Macvlan.startXmit                            receive queue, 500 packets
 *                        |                                                  ^
 *                        v                                                  | Macvlan.handleFrame: is it ours?
 *                      lower device ------------------------------------ softirq
 * </pre>
 *
 * <p>Used by the vhost worker (send, receive) and the host's softirq (arrivals, freed packets). Errors are errnos and
 * counters; a packet that is refused leaves no pin and no charge. Not modelled: bridge, private and passthru modes,
 * several queues, write() without vhost.
 */
package softnic.macvtap;
