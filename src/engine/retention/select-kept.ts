import type { RestorePoint } from '../../vault/index.ts';
import { hasRules, type RetentionPolicy, type RetentionSpan } from './retention-policy.ts';
import { suddenShrink } from './sudden-shrink.ts';

/** Rules that keep the newest restore point of each of so many periods, and what tells one period from another. */
const periods = {
  hourly: (time: Temporal.ZonedDateTime) => `${time.toPlainDate().toString()} ${time.hour} ${time.offset}`,
  daily: (time: Temporal.ZonedDateTime) => time.toPlainDate().toString(),
  weekly: (time: Temporal.ZonedDateTime) => `${time.yearOfWeek} ${time.weekOfYear}`,
  monthly: (time: Temporal.ZonedDateTime) => `${time.year} ${time.month}`,
  yearly: (time: Temporal.ZonedDateTime) => `${time.year}`,
} as const;

/**
 * Why a restore point is kept: a rule of the policy; or what no policy may remove: the newest, the newest good one, one
 * that was just made. "no-policy" and "paused" keep everything of a target.
 */
export type KeepReason = keyof RetentionPolicy | 'newest' | 'newest-good' | 'just-made' | 'no-policy' | 'paused';

export interface SelectOptions {
  /** IANA name of the zone in which hours, days, … begin; UTC unless given. */
  readonly timezone?: string;
  /** Ids that stay whatever the policy says: what the run has just made. */
  readonly justMade?: ReadonlySet<string>;
  /** Also removes when the newest restore point has suddenly shrunk. */
  readonly force?: boolean;
}

export interface KeptPoint {
  readonly point: RestorePoint;
  readonly reasons: readonly KeepReason[];
}

export interface Selection {
  /** Newest first, as are the removed ones. */
  readonly kept: readonly KeptPoint[];
  readonly removed: readonly RestorePoint[];
  /** Why nothing is removed although the policy would; undefined when it is not so. */
  readonly paused?: string;
}

type Rule = (point: RestorePoint, time: Temporal.ZonedDateTime) => boolean;

const hourMs = 60 * 60 * 1000;

/**
 * Keeps the first of each of `count` periods; points come newest first. A period may come back: where clocks are put back
 * just after midnight, the day before does.
 */
function firstOfEach(count: number, periodOf: (time: Temporal.ZonedDateTime) => string): Rule {
  const seen = new Set<string>();
  return (_point, time) => {
    const period = periodOf(time);
    if (seen.size === count || seen.has(period)) return false;
    seen.add(period);
    return true;
  };
}

/**
 * What is in a span of time before `end`; all where that is not known. As restic has it, a day that a month does not have
 * is one of the next month: a month before the 31st of March begins with the 3rd.
 */
function inSpanBefore(
  end: Temporal.ZonedDateTime | undefined,
  { years = 0, months = 0, days = 0, hours = 0 }: RetentionSpan,
): Rule {
  const begin = end
    ?.toPlainDateTime()
    .with({ day: 1 })
    .subtract({ years, months })
    .add({ days: end.day - 1 - days })
    .toZonedDateTime(end.timeZoneId)
    .subtract({ hours });
  return (_point, time) => begin === undefined || Temporal.ZonedDateTime.compare(time, begin) > 0;
}

/** The policy's rules, spans of time before `newest`. Each is asked once for every restore point of a target, newest first. */
function rulesOf(
  policy: RetentionPolicy,
  now: Date,
  newest: Temporal.ZonedDateTime | undefined,
): [keyof RetentionPolicy, Rule][] {
  const rules: [keyof RetentionPolicy, Rule][] = [];
  const { last, days, within, tags } = policy;
  if (last !== undefined) {
    let left = last;
    rules.push(['last', () => (left -= 1) >= 0]);
  }
  for (const name of Object.keys(periods) as (keyof typeof periods)[]) {
    const count = policy[name];
    if (count !== undefined) rules.push([name, firstOfEach(count, periods[name])]);
  }
  if (days !== undefined)
    rules.push(['days', ({ startedAt }) => now.getTime() - startedAt.getTime() <= days * 24 * hourMs]);
  if (within !== undefined) rules.push(['within', inSpanBefore(newest, within)]);
  if (tags !== undefined)
    rules.push(['tags', (point) => tags.some((wanted) => wanted.every((tag) => point.tags.includes(tag)))]);
  return [...rules, ...rulesWithin(policy, newest)];
}

/** Rules that keep the newest of each period in a span. */
function rulesWithin(
  policy: RetentionPolicy,
  newest: Temporal.ZonedDateTime | undefined,
): [keyof RetentionPolicy, Rule][] {
  return (Object.keys(periods) as (keyof typeof periods)[]).flatMap((name): [keyof RetentionPolicy, Rule][] => {
    const key = `within${name.charAt(0).toUpperCase()}${name.slice(1)}` as `within${Capitalize<typeof name>}`;
    const span = policy[key];
    if (span === undefined) return [];
    const recent = inSpanBefore(newest, span);
    const first = firstOfEach(Infinity, periods[name]);
    return [[key, (point, time) => recent(point, time) && first(point, time)]];
  });
}

const compareText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** Newest first; those of one moment in an order that is the same each time. */
function newestFirst(points: readonly RestorePoint[]): RestorePoint[] {
  return points.toSorted(
    (a, b) =>
      b.startedAt.getTime() - a.startedAt.getTime() ||
      b.finishedAt.getTime() - a.finishedAt.getTime() ||
      compareText(a.id, b.id),
  );
}

/**
 * Chooses among the restore points of one target what a policy keeps, with restic's meaning of the rules: a restore
 * point that any rule keeps is kept; a period that has none takes nothing of the count. Age and period are those of the
 * moment at which its run began. Besides, and whatever the policy says: without a rule everything is kept; so are the
 * newest restore point, the newest good one, and those just made; and nothing is removed while the newest has suddenly
 * shrunk, unless forced. Changes nothing.
 */
export function selectKept(
  points: readonly RestorePoint[],
  policy: RetentionPolicy | undefined,
  now: Date,
  { timezone = 'UTC', justMade = new Set(), force = false }: SelectOptions = {},
): Selection {
  const sorted = newestFirst(points);
  const [newest] = sorted;
  if (!hasRules(policy) || newest === undefined)
    return { kept: sorted.map((point) => ({ point, reasons: ['no-policy'] })), removed: [] };

  const timeOf = ({ startedAt }: RestorePoint): Temporal.ZonedDateTime =>
    Temporal.Instant.fromEpochMilliseconds(startedAt.getTime()).toZonedDateTimeISO(timezone);
  const newestGood = sorted.find(({ status }) => status === 'ok');
  // One of a clock that was ahead would make all others look old.
  const past = sorted.find(({ startedAt }) => startedAt <= now);
  const rules = rulesOf(policy, now, past && timeOf(past));
  const judged = sorted.map((point) => {
    const time = timeOf(point);
    const reasons: KeepReason[] = rules.filter(([, keeps]) => keeps(point, time)).map(([name]) => name);
    if (point === newest) reasons.push('newest');
    if (point === newestGood) reasons.push('newest-good');
    if (justMade.has(point.id)) reasons.push('just-made');
    return { point, reasons };
  });
  const removed = judged.filter(({ reasons }) => reasons.length === 0).map(({ point }) => point);
  const paused = removed.length > 0 && !force ? suddenShrink(sorted) : undefined;
  if (paused === undefined) return { kept: judged.filter(({ reasons }) => reasons.length > 0), removed };
  const kept = judged.map(({ point, reasons }) => ({
    point,
    reasons: reasons.length > 0 ? reasons : ['paused' as const],
  }));
  return { kept, removed: [], paused };
}
