/**
 * The driver: drivers/net/ixgbe as far as one queue pair needs it.
 *
 * <pre>
 *            qdisc (serialises)                      NetCore.netifReceiveSkb
 *              |                                            ^
 *              v                                            |
 *   Ixgbe.startXmit                    IxgbePoll: clean TX, clean RX, complete
 *      |  context, data descriptors        |  ^                |
 *      v                                   |  | schedule       | unmask
 *   IxgbeTxRing                            |  |                v
 *   [ clean .. head .. tail .. use ] <-----+  +---------- InterruptVector
 *      |
 *      | doorbell (settled)
 *      v
 *   DmaEngine
 * </pre>
 *
 * <p>Two agents meet here: whoever runs the qdisc (the vhost worker, or the softirq that woke it) in
 * {@link softnic.nic.driver.Ixgbe}, and the host softirq in {@link softnic.nic.driver.IxgbePoll}. Between them the
 * ring's {@code nextToClean} is the gate. {@link softnic.nic.driver.IxgbeAdapter} puts device and driver together.
 */
package softnic.nic.driver;
