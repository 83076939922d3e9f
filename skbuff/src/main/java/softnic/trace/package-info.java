/**
 * What happened: in order, in numbers, and against the rules.
 *
 * <pre>
 *   room --enter, exit, mix--&gt; Trace        times, contexts, kernel names of an edition; fingerprint of the run
 *   room --bump, add---------&gt; Counters     every unusual branch has a name
 *   monitor --report---------&gt; Violations   an invariant of ours was broken
 * </pre>
 *
 * <p>For any agent, except that a {@link softnic.trace.Trace} that is on belongs to the one thread of the
 * virtual world.
 */
package softnic.trace;
