/**
 * What the concurrency tests share. A test stands in the package of what it tests.
 *
 * <pre>
 *   one agent ----+                 +---- the other agent        each test is one meeting of two agents, some million
 *                 v                 v                            times, under several compilers; every outcome has a
 *              publish  - - - &gt;  acquire                         name: allowed, interesting, forbidden
 *              flag, fence, look &lt;- - &gt; look, fence, flag
 * </pre>
 */
package softnic.stress;
