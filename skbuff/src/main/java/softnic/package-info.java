/**
 * What differs between kernels: {@link softnic.Edition}, one value that every room asks.
 *
 * <pre>
 *   Kernel     v8   3.1   3.8   3.14   4.20   6.1   6.18
 *   Behaviour  |----|--------------|...             what each does on purpose, from one kernel to another
 *   Quirk      |----|                               what some did by mistake
 *   Edition    a kernel, with its quirks or without
 *
 *     sched   who runs, and what it costs         virtio  what guest and host share
 *     trace   what was done                       skb     a packet
 *     mm      where its bytes are                 net     devices, sockets, protocols
 * </pre>
 *
 * <p>The rooms above ({@code nic}, {@code macvtap}, {@code vhost}) use these packages and never each other.
 */
package softnic;
