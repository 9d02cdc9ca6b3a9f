import { momentAt } from '../../base/clock.ts';
import { type CronExpression, parseCron, type ScheduleSpec } from '../../config/index.ts';
import { clockSeason, type ClockSeason } from './clock-season.ts';

/** The first moment after `afterMs` that is due in a season of the clocks, or in a later one; undefined: never. */
function dueFrom(expression: CronExpression, season: ClockSeason, afterMs: number): number | undefined {
  const { fromMs, offsetMs, earlierOffsetMs } = season;
  const after = Math.max(afterMs, fromMs - 1);
  // Times that the clocks showed before they were set back have been due already, unless every hour is meant.
  const shownUntil = expression.everyHour ? -Infinity : fromMs + earlierOffsetMs - 1;
  const shown = expression.next(Math.max(after + offsetMs, shownUntil));
  const dueMs = shown === undefined ? Infinity : shown - offsetMs;
  // Times that were left out are due by the clock as it ran before.
  const lost = earlierOffsetMs < offsetMs ? expression.next(after + earlierOffsetMs) : undefined;
  const lostMs = lost === undefined || lost >= fromMs + offsetMs ? Infinity : lost - earlierOffsetMs;
  const first = Math.min(dueMs, lostMs);
  return first === Infinity ? undefined : first;
}

/**
 * The first moment after `afterMs` at which the expression is due, by its zone's clocks.
 *
 * A local time that the clocks leave out is due as much later as they were set forward: once. One that they show twice
 * is due the first time only, unless the expression names every hour: "every ten minutes" has no hole of an hour.
 */
function nextCronMs(cron: string, timezone: string, afterMs: number): number | undefined {
  const expression = parseCron(cron);
  let season = clockSeason(afterMs + 1, timezone);
  for (;;) {
    const dueMs = dueFrom(expression, season, afterMs);
    if (dueMs === undefined || dueMs < season.untilMs) return dueMs;
    season = clockSeason(season.untilMs, timezone);
  }
}

/**
 * When a job is due next after a moment: by the cron expression, or `everySeconds` later. Jitter is not in it.
 * Undefined when the expression names no time that is still to come. Throws config/invalid for a wrong expression.
 */
export function nextDue(spec: ScheduleSpec, after: Date): Date | undefined {
  const ms =
    'cron' in spec
      ? nextCronMs(spec.cron, spec.timezone ?? 'UTC', after.getTime())
      : after.getTime() + spec.everySeconds * 1000;
  return ms === undefined ? undefined : momentAt(ms);
}
