/**
 * Seeded runs in which things go wrong, and the list of what must be true in all of them.
 *
 * <pre>
 *            +--> HouseScenario ---> CheckedRun (host): all rooms, a guest that behaves, a VMM that does not
 *            +--> SkbScenario -----> SkbWorkshop: packets alone
 *   seed ----+--> MacvtapScenario -> TapRun: hostile guest | taps, macvlans, qdisc | moody device
 *            +--> VhostScenario ---> VhostRun: hostile rings | vhost | ScriptedSock
 *                                        |
 *                                   violations? --+--> Shrinker: the smallest scenario that still has them
 *                                                 +--> Checker: which quirk of a faithful edition it was
 *
 *   Invariant   the fifty, with where each is checked; docs/INVARIANTS.md is written from it
 * </pre>
 *
 * <p>What a room checks beside the invariants has a name of its own: {@code bytes}, {@code errno}, {@code stale memory},
 * {@code circle} (the worker turns and nothing moves), {@code tap rule} (where the kernel would have left its memory).
 *
 * <p>Classes that begin with Skb, Tap or Vhost belong to one room; {@link softnic.check.HostileRing}, DriverRing,
 * RingWatch, GetVqDescModel and ScriptedSock are vhost's, too.
 */
package softnic.check;
