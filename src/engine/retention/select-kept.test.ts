import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  array,
  assert as checkProperty,
  constantFrom,
  integer,
  oneof,
  option,
  property,
  record,
  tuple,
} from 'fast-check';
import type { RestorePoint } from '../../vault/index.ts';
import { sampleRestorePoint } from '../testing/sample-restore-point.ts';
import type { RetentionPolicy } from './retention-policy.ts';
import { selectKept, type SelectOptions } from './select-kept.ts';

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
const now = new Date('2026-03-20T12:00:00Z');

const daily = (count: number, more: (index: number) => Partial<RestorePoint> = () => ({})): RestorePoint[] =>
  Array.from({ length: count }, (_, index) => sampleRestorePoint(now.getTime() - index * dayMs, more(index)));

const shrunk = (more: Partial<RestorePoint>, earlier = 3): RestorePoint[] =>
  daily(earlier + 1, (index) => (index === 0 ? more : {}));

const days = (points: readonly RestorePoint[]): string[] =>
  points.map(({ startedAt }) => startedAt.toISOString().slice(0, 10));

const keptDays = (points: readonly RestorePoint[], policy?: RetentionPolicy, options?: SelectOptions): string[] =>
  days(selectKept(points, policy, now, options).kept.map(({ point }) => point));

const keptOf = (times: readonly string[], policy: RetentionPolicy, timezone: string): number =>
  selectKept(
    times.map((time) => sampleRestorePoint(time)),
    policy,
    now,
    { timezone },
  ).kept.length;

const reasonsOf = (points: readonly RestorePoint[], policy: RetentionPolicy, index: number): readonly string[] =>
  selectKept(points, policy, now).kept[index]?.reasons ?? [];

describe('what a policy keeps', () => {
  it('is everything without a policy, and with an empty one', () => {
    assert.equal(keptDays(daily(9)).length, 9);
    assert.equal(keptDays(daily(9), {}).length, 9);
    assert.deepEqual(selectKept([], { last: 1 }, now), { kept: [], removed: [] });
  });

  it('is exactly the newest so many, in whatever order they come', () => {
    const points = daily(6);
    assert.deepEqual(keptDays(points.toReversed(), { last: 5 }), days(points.slice(0, 5)));
    assert.deepEqual(days(selectKept(points, { last: 5 }, now).removed), ['2026-03-15']);
  });

  it('is the newest of each period, and a period without any takes nothing of the count', () => {
    const points = ['2026-03-20T09:00Z', '2026-03-20T08:00Z', '2026-03-11T23:00Z', '2026-03-11T01:00Z', '2026-01-02Z'];
    const { kept } = selectKept(
      points.map((time) => sampleRestorePoint(time)),
      { daily: 2 },
      now,
    );
    assert.deepEqual(
      kept.map(({ point, reasons }) => [point.startedAt.toISOString().slice(0, 13), reasons]),
      [
        ['2026-03-20T09', ['daily', 'newest', 'newest-good']],
        ['2026-03-11T23', ['daily']],
      ],
    );
  });

  it('is what is not older than so many times 24 hours, to the millisecond', () => {
    const at = (ms: number): RestorePoint => sampleRestorePoint(now.getTime() - ms);
    const { kept, removed } = selectKept([at(0), at(7 * dayMs), at(7 * dayMs + 1)], { days: 7 }, now);
    assert.equal(kept.length, 2);
    assert.equal(removed.length, 1);
  });

  it('is what is within a span of the newest, however old that is', () => {
    const points = ['2025-03-31T12:00Z', '2025-03-04T00:00Z', '2025-03-03T13:00Z', '2025-03-03T12:00Z'];
    const { kept } = selectKept(
      points.map((time) => sampleRestorePoint(time)),
      { within: { months: 1 } },
      now,
    );
    assert.deepEqual(
      kept.map(({ point }) => point.startedAt.toISOString().slice(0, 13)),
      ['2025-03-31T12', '2025-03-04T00', '2025-03-03T13'],
    );
  });

  it('is what is within a span of the newest that is not of the future', () => {
    const points = ['2099-01-01', '2026-03-20', '2026-03-18', '2026-03-10'].map((time) => sampleRestorePoint(time));
    for (const policy of [{ within: { days: 3 } }, { withinDaily: { days: 3 } }])
      assert.deepEqual(keptDays(points, policy), ['2099-01-01', '2026-03-20', '2026-03-18']);
    const future = ['2099-01-01', '2098-01-01'].map((time) => sampleRestorePoint(time));
    assert.equal(selectKept(future, { within: { days: 3 } }, now).kept.length, 2);
  });

  it('reads days and weeks in the zone that is given', () => {
    const night = ['2026-03-20T02:00Z', '2026-03-19T23:00Z'];
    assert.equal(keptOf(night, { daily: 9 }, 'UTC'), 2);
    assert.equal(keptOf(night, { daily: 9 }, 'America/Sao_Paulo'), 1);
    const monday = ['2026-03-16T01:00Z', '2026-03-15T23:00Z'];
    assert.equal(keptOf(monday, { weekly: 9 }, 'UTC'), 2);
    assert.equal(keptOf(monday, { weekly: 9 }, 'America/Sao_Paulo'), 1);
  });

  it('knows that the hour in which clocks are put back comes twice', () => {
    const points = ['2026-10-25T00:30Z', '2026-10-25T01:30Z'].map((time) => sampleRestorePoint(time));
    assert.equal(selectKept(points, { hourly: 5 }, now, { timezone: 'Europe/Berlin' }).kept.length, 2);
  });
});

describe('what no policy removes', () => {
  it('is the newest restore point, and the newest good one behind partial ones', () => {
    const points = daily(6, (index) => (index < 3 ? { status: 'partial' } : {}));
    assert.deepEqual(keptDays(points, { last: 1 }), ['2026-03-20', '2026-03-17']);
    assert.deepEqual(reasonsOf(points, { last: 1 }, 0), ['last', 'newest']);
    assert.deepEqual(reasonsOf(points, { last: 1 }, 1), ['newest-good']);
  });

  it('is the last one when nothing new has come for longer than the policy keeps', () => {
    const old = daily(9).map(({ startedAt }) => sampleRestorePoint(startedAt.getTime() - 100 * dayMs));
    assert.deepEqual(keptDays(old, { days: 7 }), ['2025-12-10']);
  });

  it('is what was just made, even by a machine whose clock is behind', () => {
    const points = [...daily(3), sampleRestorePoint(0)];
    assert.deepEqual(keptDays(points, { last: 3 }, { justMade: new Set([points[3]!.id]) }), [
      ...days(points.slice(0, 3)),
      '1970-01-01',
    ]);
  });
});

describe('a backup that suddenly shrinks', () => {
  it('pauses the removal, by its bytes or its files, and says why', () => {
    for (const [more, why] of [
      [{ sizeBytes: 499_999 }, /the newest has 488\.28 KiB where 976\.56 KiB are usual/],
      [{ files: 4 }, /the newest has 4 files where 10 are usual/],
      [{ sizeBytes: 0, files: 0, status: 'partial' as const }, /0 B where/],
    ] as const) {
      const { kept, removed, paused } = selectKept(shrunk(more), { last: 1 }, now);
      assert.deepEqual(removed, []);
      assert.equal(kept.length, 4);
      assert.match(paused ?? '', why);
      assert.deepEqual(kept[3]?.reasons, ['paused']);
    }
  });

  it('pauses nothing at half the size, with fewer than three to compare, or when forced', () => {
    assert.equal(selectKept(shrunk({ sizeBytes: 500_000, files: 5 }), { last: 1 }, now).removed.length, 3);
    assert.equal(selectKept(shrunk({ sizeBytes: 0 }, 2), { last: 1 }, now).removed.length, 2);
    assert.equal(selectKept(shrunk({ sizeBytes: 0 }), { last: 1 }, now, { force: true }).removed.length, 3);
  });

  it('says nothing where nothing would be removed', () => {
    assert.equal(selectKept(shrunk({ sizeBytes: 0 }), { last: 9 }, now).paused, undefined);
  });

  it('is not hidden by a first small one, nor by partial ones', () => {
    const points = daily(7, (index) => ({
      sizeBytes: index < 2 ? 10 : 1_000_000,
      ...(index < 4 ? { status: 'partial' as const } : {}),
    }));
    assert.notEqual(selectKept(points, { last: 2 }, now).paused, undefined);
  });
});

/** The same rules, slowly and by other means: Intl for the zone, the week counted from its Thursday. */
function oracle(points: readonly RestorePoint[], policy: RetentionPolicy, timezone: string): Set<string> {
  const format = new Intl.DateTimeFormat('en-CA', {
    timeZone: timezone,
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    hourCycle: 'h23',
    timeZoneName: 'longOffset',
  });
  const periodOf = ({ startedAt }: RestorePoint, rule: string): string => {
    const parts = Object.fromEntries(format.formatToParts(startedAt).map(({ type, value }) => [type, value]));
    const { year = '', month = '', day = '', hour = '', timeZoneName = '' } = parts;
    if (rule === 'yearly') return year;
    if (rule === 'monthly') return year + month;
    if (rule === 'daily') return year + month + day;
    if (rule === 'hourly') return year + month + day + hour + timeZoneName;
    const thursday = new Date(Date.UTC(Number(year), Number(month) - 1, Number(day)));
    thursday.setUTCDate(thursday.getUTCDate() + 3 - ((thursday.getUTCDay() + 6) % 7));
    return thursday.toISOString().slice(0, 10);
  };
  const sorted = points.toSorted((a, b) => b.startedAt.getTime() - a.startedAt.getTime());
  const kept = new Set<string>([sorted[0]!.id]);
  const good = sorted.find(({ status }) => status === 'ok');
  if (good) kept.add(good.id);
  for (const [rule, count] of Object.entries(policy)) {
    if (rule === 'last') for (const { id } of sorted.slice(0, count)) kept.add(id);
    else if (rule === 'days')
      for (const { id, startedAt } of sorted) {
        if (startedAt.getTime() + count * dayMs >= now.getTime()) kept.add(id);
      }
    else {
      const wanted = [...new Set(sorted.map((point) => periodOf(point, rule)))].slice(0, count);
      for (const period of wanted) kept.add(sorted.find((point) => periodOf(point, rule) === period)!.id);
    }
  }
  return kept;
}

const zones = ['UTC', 'America/Sao_Paulo', 'America/St_Johns', 'Asia/Kathmandu', 'Pacific/Apia', 'Africa/Casablanca'];
const counts = option(integer({ min: 1, max: 12 }), { nil: undefined });
const policies = record({
  last: counts,
  hourly: counts,
  daily: counts,
  weekly: counts,
  monthly: counts,
  yearly: counts,
  days: counts,
})
  .map((policy) => Object.fromEntries(Object.entries(policy).filter(([, count]) => count !== undefined)))
  .filter((policy) => Object.keys(policy).length > 0);
const step = oneof(
  integer({ min: 1, max: 3 * hourMs }),
  integer({ min: 1, max: 3 * dayMs }),
  integer({ min: 1, max: 200 * dayMs }),
);
const histories = array(tuple(step, constantFrom('ok' as const, 'partial' as const)), {
  minLength: 1,
  maxLength: 60,
}).map((steps) => {
  let at = now.getTime();
  return steps.map(([ms, status]) => sampleRestorePoint((at -= ms), { status }));
});

it('keeps what a slow reading of the rules by other means keeps, in zones with odd clocks', () => {
  checkProperty(
    property(histories, policies, constantFrom(...zones), (points, policy, timezone) => {
      const { kept, removed } = selectKept(points, policy, now, { timezone });
      assert.deepEqual(new Set(kept.map(({ point }) => point.id)), oracle(points, policy, timezone));
      assert.equal(kept.length + removed.length, points.length);
    }),
    { numRuns: 300 },
  );
});

it('keeps the same when it is asked again about what it has kept', () => {
  checkProperty(
    property(histories, policies, (points, policy) => {
      const kept = selectKept(points, policy, now).kept.map(({ point }) => point);
      assert.deepEqual(selectKept(kept, policy, now).removed, []);
    }),
    { numRuns: 200 },
  );
});
