/**
 * A program's standard output as a source: one file of unknown size, read while the program runs.
 *
 * Invariants: only exit status 0 and at least one byte (unless allowed otherwise) make a whole content; whoever stops
 * reading ends the program and everything that it started, and waits for that; nothing of the command line but the
 * program's name is ever shown, since arguments hold secrets.
 */
export type { CommandSourceSpec } from './command-source-spec.ts';
export { openCommandSource } from './open-command-source.ts';
