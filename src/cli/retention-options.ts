import { InvalidArgumentError, type Command } from 'commander';
import type { RetentionPolicy, RetentionSpan } from '../engine/index.ts';
import { collect } from './vault-options.ts';

/** The options that say what is kept: restic's, and --keep-days. */
export interface RetentionOptions {
  readonly keepLast?: number;
  readonly keepHourly?: number;
  readonly keepDaily?: number;
  readonly keepWeekly?: number;
  readonly keepMonthly?: number;
  readonly keepYearly?: number;
  readonly keepDays?: number;
  readonly keepWithin?: RetentionSpan;
  readonly keepWithinHourly?: RetentionSpan;
  readonly keepWithinDaily?: RetentionSpan;
  readonly keepWithinWeekly?: RetentionSpan;
  readonly keepWithinMonthly?: RetentionSpan;
  readonly keepWithinYearly?: RetentionSpan;
  readonly keepTag?: readonly string[];
}

/** More than anyone has. */
const unlimited = 1_000_000_000;

function parseCount(text: string): number {
  if (text === 'unlimited') return unlimited;
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('A whole number from 1 on, or "unlimited", is expected.');
}

/** "1y6m7d12h" as restic writes it: years, months, days, hours, each at most once. */
export function parseSpan(text: string): RetentionSpan {
  const [, years, months, days, hours] =
    /^(?:(\d{1,4})y)?(?:(\d{1,5})m)?(?:(\d{1,6})d)?(?:(\d{1,7})h)?$/.exec(text) ?? [];
  const given = Object.entries({ years, months, days, hours }).filter(([, count]) => count !== undefined);
  const span: RetentionSpan = Object.fromEntries(given.map(([unit, count]) => [unit, Number(count)]));
  if (Object.values(span).some((count) => count > 0)) return span;
  throw new InvalidArgumentError('A span such as 30d, 12h or 1y6m7d12h is expected.');
}

export function addRetentionOptions(command: Command): Command {
  return command
    .option('-l, --keep-last <n>', 'keep the newest n restore points of each source', parseCount)
    .option('-H, --keep-hourly <n>', 'keep the newest of each of n hours', parseCount)
    .option('-d, --keep-daily <n>', 'keep the newest of each of n days', parseCount)
    .option('-w, --keep-weekly <n>', 'keep the newest of each of n weeks', parseCount)
    .option('-m, --keep-monthly <n>', 'keep the newest of each of n months', parseCount)
    .option('-y, --keep-yearly <n>', 'keep the newest of each of n years', parseCount)
    .option('--keep-days <n>', 'keep what is not older than n days now', parseCount)
    .option('--keep-within <span>', 'keep what is that much older than the newest at most: 30d, 1y6m', parseSpan)
    .option('--keep-within-hourly <span>', 'keep the newest of each hour of that time', parseSpan)
    .option('--keep-within-daily <span>', 'keep the newest of each day of that time', parseSpan)
    .option('--keep-within-weekly <span>', 'keep the newest of each week of that time', parseSpan)
    .option('--keep-within-monthly <span>', 'keep the newest of each month of that time', parseSpan)
    .option('--keep-within-yearly <span>', 'keep the newest of each year of that time', parseSpan)
    .option('--keep-tag <tag[,tag]>', 'keep what has all of these tags; repeat for alternatives', collect);
}

/** The policy that the options make; an empty one when none was given. */
export function retentionOf(options: RetentionOptions): RetentionPolicy {
  const policy: { readonly [Key in keyof RetentionPolicy]-?: RetentionPolicy[Key] | undefined } = {
    last: options.keepLast,
    hourly: options.keepHourly,
    daily: options.keepDaily,
    weekly: options.keepWeekly,
    monthly: options.keepMonthly,
    yearly: options.keepYearly,
    days: options.keepDays,
    within: options.keepWithin,
    withinHourly: options.keepWithinHourly,
    withinDaily: options.keepWithinDaily,
    withinWeekly: options.keepWithinWeekly,
    withinMonthly: options.keepWithinMonthly,
    withinYearly: options.keepWithinYearly,
    tags: options.keepTag?.map((tags) => tags.split(',')),
  };
  return Object.fromEntries(Object.entries(policy).filter(([, value]) => value !== undefined));
}
