/**
 * The command line: one file a verb in commands/, each with the definition of its options and the function that does
 * it. It reads the configuration, opens stores, vaults and sources, hands them to the engine, and prints results.
 *
 * Invariants: results go to stdout, everything else to stderr, both through `Output`, which scrubs secrets; the exit
 * status of a failure comes from one table (exit-status.ts).
 */
export { runCommandLine } from './program.ts';
export type { Surroundings } from './context.ts';
