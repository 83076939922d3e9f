/**
 * The link: packet memory on both sides and the serialisation between them.
 *
 * <pre>
 *   sender --> Mac.send(): WIRE_BYTE per byte, 60 at least, --> FrameRing [ f f f . . ] --> receiver
 *     ^        preamble, gap and FCS, WIRE_DELAY                   |  not before arrivalNs
 *     |                                                            |
 *     +-- back-pressure: so many frames have not left (Mac), or no slot is free (FrameRing)
 * </pre>
 *
 * <p>Both sides' packet buffers are one ring: a frame does not move when it leaves, only time does.
 * A {@link softnic.wire.FrameRing} is a Disruptor ring of 2 KiB slots between one producing and one consuming
 * agent. A {@link softnic.wire.Mac} is one direction of a full-duplex link.
 */
package softnic.wire;
