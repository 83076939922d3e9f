/**
 * The network controller itself, as an 82599 behaves: descriptor rings, DMA engines, interrupt moderation.
 *
 * <pre>
 *        host memory                          the chip
 *   +--------------------+   +-----------------------------------------------+
 *   | TX ring            |   |           TxContext x 2                       |
 *   |  [TDH, TDT) -------+---+-> DmaEngine --> TxPacket --> packet buffer ---+--> MAC
 *   |  DD  <-------------+---+------/    \                                   |
 *   |                    |   |            \--> InterruptVector --> MSI-X     |
 *   |                    |   |            /      (EITR, EIMS)                |
 *   | RX ring            |   |           /                                   |
 *   |  [RDH, RDT) <------+---+--- RxDma <--- RxChecksum <--- packet buffer <-+--- MAC
 *   +--------------------+   +-----------------------------------------------+
 * </pre>
 *
 * <p>Three agents on three processors that are nobody's CPU: {@link softnic.nic.DmaEngine},
 * {@link softnic.nic.RxDma}, {@link softnic.nic.InterruptVector}. Heads, tails and the packet buffers are Disruptor
 * sequences and rings. Bits and offsets carry the names of drivers/net/ixgbe/ixgbe_type.h.
 *
 * <p>Not modelled: VLAN insertion, SCTP checksums, RSC, DCB, several queues, write-back thresholds other than 0.
 */
package softnic.nic;
