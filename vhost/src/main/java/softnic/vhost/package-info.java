/**
 * vhost-net: the host's side of a guest's network device, one worker thread a device.
 *
 * <pre>
 *   kick --&gt; VhostWork --&gt; VhostWorker --&gt; HandleTx --&gt; Sock.sendmsg       room --&gt; TxPoll
 *                                            |   |
 *                              VhostVirtqueue    VhostZerocopy   [ . D . P D P P . ]
 *                              take chains,       ^ done            | report in order
 *                              give them back     |                 v
 *                                            UbufInfo.callback     used ring, signal
 *
 *   kick, arrival --&gt; VhostWork --&gt; VhostWorker --&gt; HandleRx --&gt; Sock.recvmsg
 *
 *   owner's ioctls --&gt; VhostDev --&gt; VringSetup, one a ring: size, places, eventfds, memory table, DirtyLog
 * </pre>
 *
 * <p>Set-up apart, everything is the worker's, except {@code VhostWorker.queue} and the callbacks, which any agent may
 * call. An ioctl on a device in use is a work too ({@link softnic.vhost.VhostNet#ioctl}): it comes between two others, and
 * what it waits for does not hold the worker. The
 * guest is hostile: each rule of {@link softnic.vhost.VqRule} that it breaks is counted, and the worker goes on. What
 * the guest can see leaves settled, as the last act of a step. {@link softnic.vhost.VhostMonitor} watches, when
 * asked to.
 */
package softnic.vhost;
