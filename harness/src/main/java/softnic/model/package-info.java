/**
 * What time costs in the virtual world: the price file, read and checked.
 *
 * <pre>
 *   2011-westmere.yaml --> PriceFile --+--> CostTable    picoseconds a unit, one for each softnic.sched.Cost
 *     price, per, account,             |                 --> VirtualTimeRunner
 *     range, source                    +--> parameters   windows, buffers, moderation, cache share
 *                                                        --> softnic.host
 * </pre>
 *
 * <p>A price is charged by the code that does the work, never by row, message size or mode. Every price names its
 * unit, its range and its source; those whose source begins with "fit" were fitted to the published table. The live
 * world charges nothing and takes from here only the parameters.
 */
package softnic.model;
