/**
 * The guest: netperf, TCP, the virtio-net driver and its rings, as a Linux 2.6.39 or 3.0 guest has them.
 *
 * <pre>
 *   NetperfProcess (vCPU 0), one a stream       GuestInterrupt (vCPU 1, interrupts and softirq)
 *     send() : copy into SendBuffer               txCall -&gt; skb_xmit_done -&gt; qdisc restart
 *        v                                        rxCall -&gt; NAPI -&gt; tcp_ack -&gt; tcp_write_xmit
 *     GuestTcp : SendQueue, tcp_write_xmit  &lt;---------+
 *        v                                            |
 *     GuestQdisc (pfifo)                              |
 *        v                                            |
 *     GuestVirtioNet.startXmit                  GuestReceiveQueue
 *        v                                            ^
 *   GuestVirtqueue | TX ring | --kick--&gt; host --signal--&gt; | RX ring | GuestVirtqueue
 * </pre>
 *
 * <p>Both agents run on one thread: on two processors of the virtual world, or together in the live one.
 * Whatever the host or the other vCPU can see leaves through {@link softnic.sched.Cpu#settle}.
 */
package softnic.guest;
