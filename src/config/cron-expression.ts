import { Cron } from 'croner';
import { momentAt } from '../base/clock.ts';
import { configError } from './errors.ts';

/**
 * When something is due, as five fields of local time: minute, hour, day of the month, month, day of the week; names of
 * months and days, lists, ranges, steps; also "@daily" and its like. A day is meant when either of its two fields names
 * it, as cron has always done. Zones are no concern of this file: the fields are compared with a calendar that knows none.
 */
export interface CronExpression {
  /**
   * The first minute after `clockMs` that the fields name; undefined: never again. Both are what a clock shows, as
   * milliseconds since its 1 January 1970, 00:00.
   */
  next(clockMs: number): number | undefined;
  /** True when no hour is left out: such a schedule means "every so many minutes", not times of the day. */
  readonly everyHour: boolean;
}

function fieldsOf(text: string): Cron {
  return new Cron(text, { mode: '5-part', timezone: 'UTC', paused: true });
}

/** What is wrong with a cron expression, in words; undefined when it is right. */
export function cronProblem(text: string): string | undefined {
  try {
    const cron = fieldsOf(text);
    return cron.nextRun('2000-01-01T00:00:00Z') ? undefined : 'it names a day that no year has';
  } catch (error) {
    const words = (error as Error).message.replace(/^CronPattern: /, '');
    return /parts/.test(words) ? 'it does not have five fields (minute, hour, day, month, weekday)' : words;
  }
}

/** Reads a cron expression. Throws config/invalid when it can't be understood. */
export function parseCron(text: string): CronExpression {
  const problem = cronProblem(text);
  if (problem !== undefined)
    throw configError('invalid', {
      message: `"${text}" is no schedule: ${problem}`,
      hint: 'Write five fields, such as "0 3 * * *" for every day at 03:00.',
    });
  const cron = fieldsOf(text);
  const hours = text.trim().split(/\s+/)[1] ?? '';
  return {
    everyHour: /^(?:\*|\?)(?:\/1)?$/.test(hours) || hours === '0-23' || text.trim().toLowerCase() === '@hourly',
    next: (clockMs) => cron.nextRun(momentAt(clockMs))?.getTime(),
  };
}

/** True when `name` is a zone of the IANA database, or UTC. */
export function isTimeZone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone.length > 0;
  } catch {
    return false;
  }
}
