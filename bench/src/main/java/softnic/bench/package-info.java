/**
 * Lessons in real time: what one step of a packet's way costs on the machine you sit at, one lesson a file.
 *
 * <pre>
 *   guest --ring--> vhost --> macvtap --> macvlan --> qdisc --> ixgbe --ring--> 82599 --> MAC --> far end
 *                                |                                                |       |
 *                                B02 skb                                          B04 TSO B01 packet memory
 *         |--------------------------------- B03, and back ---------------------------------------|
 * </pre>
 *
 * <p>A lesson first looks at the frames it makes, every byte and checksum, and measures only if they are right; when
 * it ends, every skb and page must be home. Rooms run in {@link softnic.bench.OneThread}: charges cost nothing, so
 * what is measured is the code itself, without hand-over between threads. None of these figures enters the table of
 * {@code ./softnic table}, whose time is virtual.
 *
 * <p>{@code ./softnic bench --help}; how to read the columns is {@link softnic.bench.BenchMain}'s to say.
 */
package softnic.bench;
