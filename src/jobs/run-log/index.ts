/**
 * How runs are told in a log where a configuration asks for a form of its own: JSON lines with event names, lines of
 * text, and a file per run. Each form is a listener of the same events.
 *
 * Invariants: every line has been scrubbed of secrets; a log that can't be written never fails a run.
 */
export { createRunLog, type RunLogOptions } from './create-run-log.ts';
