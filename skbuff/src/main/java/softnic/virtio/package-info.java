/**
 * The bytes that guest and host share: split rings and the header in front of each packet.
 *
 * <pre>
 *         guest                                                host
 *   writes descriptors, avail.ring   --release idx, acquire--&gt;  takes heads
 *   reads used.ring                  &lt;--acquire, release idx--  writes elements
 *   used_event, NO_INTERRUPT         "signal me"                reads after a full fence
 *   reads after a full fence         "kick me"                  avail_event, NO_NOTIFY
 * </pre>
 *
 * <p>Flyweights: each side has its own object over the same memory. The host reads a field once, into a local:
 * the guest may change it at any time.
 */
package softnic.virtio;
