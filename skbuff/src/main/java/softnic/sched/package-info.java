/**
 * Agents and the two worlds that run them.
 *
 * <pre>
 *                     Agent.doWork()                      EventFd, WaitQueue: wake-ups
 *                          ^                                       |
 *            +-------------+--------------+                        v
 *       LiveRunner                VirtualTimeRunner <--- "look again, no earlier than now"
 *       threads, spin, park       one thread, EventHeap
 *            |                            |
 *            +---------&gt; Cpu &lt;------------+
 *       nowNs    monotonic clock    start of the slice + what it has charged
 *       charge   nothing            makes time pass (CostTable, Cost)
 *       settle   acts at once       acts when all charged before is paid for
 * </pre>
 *
 * <p>Every room is given the one {@link softnic.sched.Cpu}; only the house knows the runner. A room never reads a
 * clock, starts a thread or sleeps.
 */
package softnic.sched;
