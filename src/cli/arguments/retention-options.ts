import { InvalidArgumentError, type Command } from 'commander';
import type { RetentionPolicy, RetentionSpan } from '../../engine/index.ts';
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
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('A whole number, or "unlimited", is expected.');
}

const spanUnits = { y: 'years', m: 'months', d: 'days', h: 'hours' } as const;

/** "1y6m7d12h" as restic writes it: years, months, days, hours in any order. */
export function parseSpan(text: string): RetentionSpan {
  if (!/^(?:\d{1,7}[ymdh])+$/.test(text))
    throw new InvalidArgumentError('A span such as 30d, 12h or 1y6m7d12h is expected.');
  const parts = Array.from(
    text.matchAll(/(\d+)([ymdh])/g),
    ([, count, unit]) => [spanUnits[unit as keyof typeof spanUnits], Number(count)] as const,
  );
  return Object.fromEntries(parts);
}

export function addRetentionOptions(command: Command): Command {
  return command
    .optionsGroup('What a policy keeps:')
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
    .option('--keep-tag <tag[,tag]>', 'keep what has all of these tags; repeat for alternatives', collect)
    .optionsGroup('Options:');
}

const isSpan = (value: unknown): value is RetentionSpan => typeof value === 'object' && !Array.isArray(value);

/** restic's way to say that there is no rule: 0, or a span of nothing. */
const saysNothing = (value: unknown): boolean =>
  value === undefined || value === 0 || (isSpan(value) && Object.values(value).every((count) => count === 0));

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
  return Object.fromEntries(Object.entries(policy).filter(([, value]) => !saysNothing(value)));
}
