/**
 * The command {@code ./softnic}: what the user typed becomes a scenario, and what came of it is printed.
 *
 * <pre>
 *   softnic table --> TableCommand --> Runs.run, once a row --> TableReport --+
 *   softnic run ----> RunCommand ----> Runs.run ------------> RunReport ------+--> standard output
 *   softnic trace --> TraceCommand --> OneFrame.run --------> CallGraph ------+
 *
 *   RunResults of table and run --> Faults --> standard error, exit status 1
 * </pre>
 *
 * <p>{@code softnic bench} does not come here: the launcher starts the module bench. Exit status: 0 done, 1 the run
 * found a fault, 2 bad usage, 3 no JDK 25 (the launcher's own).
 */
package softnic.cli;
