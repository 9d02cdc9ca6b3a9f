import { momentAt } from '../../base/clock.ts';
import type { ScheduleSpec } from '../../config/index.ts';
import { jitterMs } from './jitter.ts';
import { nextDue } from './next-due.ts';

/** Whether a job has to run, and the moment from which on it has to (jitter included). */
export interface DueState {
  readonly due: boolean;
  /** In the past when it is due; undefined: never. */
  readonly at: Date | undefined;
}

function withJitter(spec: ScheduleSpec, at: Date | undefined, seed: string): Date | undefined {
  if (at === undefined || !('cron' in spec) || !spec.jitterSeconds) return at;
  return momentAt(at.getTime() + jitterMs(spec.jitterSeconds, `${seed} ${at.toISOString()}`));
}

/**
 * Whether a job that was last looked after at `lastRunAt` is due now. However many due times have passed since then,
 * they are one: a single run makes up for all of them. A job that never ran is due at once when it has an interval, and
 * at the next time of its expression when it has one. `seed` names machine and job, for the jitter.
 */
export function dueState(spec: ScheduleSpec, lastRunAt: Date | undefined, now: Date, seed = ''): DueState {
  const isFirst = lastRunAt === undefined && !('cron' in spec);
  const at = withJitter(spec, isFirst ? now : nextDue(spec, lastRunAt ?? now), seed);
  return { at, due: at !== undefined && at.getTime() <= now.getTime() };
}
