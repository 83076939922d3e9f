/**
 * The link: packet memory on both sides and the serialisation between them.
 *
 * <pre>
 *   sender's packet buffer          Mac: WIRE_BYTE per byte,         receiver's packet buffer
 *   FrameRing [ f f f . . ] ------> 60 bytes at least, preamble, --> FrameRing [ f . . . . ]
 *        ^                          gap and FCS, WIRE_DELAY              ^ not before arrivalNs
 *        |                                                               |
 *   a full ring is back-pressure: the producer sleeps until a slot is released
 * </pre>
 *
 * <p>A {@link softnic.wire.FrameRing} is a Disruptor ring of 2 KiB slots between one producing and one consuming
 * agent. A {@link softnic.wire.Mac} is one direction of a full-duplex link.
 */
package softnic.wire;
