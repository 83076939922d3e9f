/**
 * What differs between kernels: {@link softnic.Edition}, one value that every room asks.
 *
 * <pre>
 *   Edition.V8    the cover letter of July 2011 on 2.6.39   flag notification, ordered completions, polls the socket
 *   Edition.V6_1  Linux 6.1                                 event index, copies when too much is pending
 *
 *     sched   who runs, and what it costs         virtio  what guest and host share
 *     trace   what was done                       skb     a packet
 *     mm      where its bytes are                 net     devices, sockets, protocols
 * </pre>
 *
 * <p>The rooms above ({@code nic}, {@code macvtap}, {@code vhost}) use these packages and never each other.
 */
package softnic;
