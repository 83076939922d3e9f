/**
 * What a run says, for people and for programs.
 *
 * <pre>
 *   RunResult --> Row ----+--> TableReport   text, JSON, CSV, Markdown: ours, published, deviation
 *   Published ------------+
 *   RunResult ---------------> RunReport     text, JSON: accounts, counters, conservation
 *   Trace -------------------> CallGraph     the form of the goldens, or function_graph's
 * </pre>
 *
 * <p>Nothing is computed here that a run did not count: percentages and deviations, no corrections. Every table says
 * its world, edition, seed and, in the virtual world, fingerprint.
 */
package softnic.report;
