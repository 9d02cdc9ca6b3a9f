/**
 * When a job is due: five cron fields read by a zone's clocks, or an interval. Pure functions of their arguments; they
 * know no job and no clock.
 *
 * Invariants: a local time that the clocks leave out is due once, later; one that they show twice is due once, the
 * first time (an expression for every hour: each time); missed times are made up for by one run.
 */
export { dueState, type DueState } from './due-state.ts';
export { nextDue } from './next-due.ts';
