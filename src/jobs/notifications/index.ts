/**
 * Who is told of a run's end: a webhook gets a POST with what happened, a heartbeat a GET after each good run, so that a
 * service can miss it. An address is a secret: whoever has it can write there.
 *
 * Invariants: a notification that can't be delivered is a warning and never a failed run; it takes a bounded time; no
 * address is in a message.
 */
export { notifyAll } from './notify-all.ts';
