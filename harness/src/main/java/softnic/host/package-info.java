/**
 * The wiring: the only package that names all rooms. It builds a house, runs it in one of the two worlds, and adds up
 * what came of it.
 *
 * <pre>
 *   Scenario --> Runs --+--> VirtualTimeRunner   one thread, an event queue, prices
 *                       +--> LiveRunner          threads guest, vhost, softirq, nic
 *                       |
 *                       +--> House --> Guest
 *                       |          --> HostKernel   memory, skbs, stack, macvtap, vhost-net
 *                       |          --> Port         82599, driver, two MACs
 *                       |          --> RemoteHost   the far end
 *                       v
 *                    RunResult       time, counters, accounts, what went in and what came out
 *
 *   OneFrame         HostKernel over a dummy device or a Port, no guest: one frame put into the TX ring by hand
 * </pre>
 *
 * <p>No packet is handled here. A run is: start, send, stop, drain, release the backend, account.
 */
package softnic.host;
