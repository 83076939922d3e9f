/**
 * Seeded runs in which things go wrong, and the list of what must be true in all of them.
 *
 * <pre>
 *   seed --> CheckScenario --> CheckedRun --> violations? --+--> Shrinker: the smallest scenario that still has them
 *            edition, features,  (host)                     +--> Checker: which quirk of a faithful edition it was
 *            sizes, Faults
 *
 *   Invariant   the fifty, with where each is checked; docs/INVARIANTS.md is written from it
 * </pre>
 */
package softnic.check;
