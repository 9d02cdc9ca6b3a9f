/** restic as the judge of what a policy keeps: the same history, the same policies, the same snapshots left. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { promisify } from 'node:util';
import { selectKept, type RetentionPolicy } from '../../src/engine/index.ts';
import { sampleRestorePoint } from '../../src/engine/testing/sample-restore-point.ts';

const folder = await mkdtemp(join(tmpdir(), 'holdfast-restic-'));
after(() => rm(folder, { recursive: true }));

const run = promisify(execFile);

async function restic(...args: readonly string[]): Promise<string> {
  const environment = { RESTIC_REPOSITORY: join(folder, 'repo'), RESTIC_PASSWORD: 'x', TZ: 'UTC' };
  const options = { env: { ...process.env, ...environment, RESTIC_CACHE_DIR: join(folder, 'cache') } };
  return (await run('restic', ['--quiet', ...args], { ...options, maxBuffer: 64 * 1024 * 1024 })).stdout;
}

/** Moments around the ends of hours, days, ISO weeks, months and years, and some with no rule at all. */
const times = [
  '2020-12-27T23:59:59Z',
  '2020-12-28T00:00:00Z',
  '2020-12-31T23:59:59Z',
  '2021-01-01T00:00:00Z',
  '2021-01-03T12:00:00Z',
  '2021-01-04T00:00:01Z',
  '2023-06-15T10:20:30Z',
  '2024-02-28T03:00:00Z',
  '2024-02-29T03:00:00Z',
  '2024-03-01T03:00:00Z',
  '2024-12-29T22:00:00Z',
  '2024-12-30T02:00:00Z',
  '2025-01-01T02:00:00Z',
  '2025-03-30T00:59:00Z',
  '2025-03-30T01:00:00Z',
  '2025-03-31T12:00:00Z',
  '2025-04-01T12:00:00Z',
  '2025-04-01T12:30:00Z',
  '2025-04-01T12:59:59Z',
  '2025-04-01T13:00:00Z',
  '2025-04-02T13:00:00Z',
  '2025-04-03T13:00:00Z',
  '2025-04-05T13:00:00Z',
  '2025-04-06T23:00:00Z',
  '2025-04-07T01:00:00Z',
];

const policies: readonly RetentionPolicy[] = [
  { last: 1 },
  { last: 7 },
  { last: 99 },
  { hourly: 3 },
  { hourly: 12 },
  { daily: 1 },
  { daily: 7 },
  { weekly: 2 },
  { weekly: 9 },
  { monthly: 3 },
  { monthly: 12 },
  { yearly: 2 },
  { yearly: 9 },
  { last: 2, daily: 3, weekly: 4, monthly: 5, yearly: 6 },
  { hourly: 4, monthly: 2 },
  { daily: 2, yearly: 3 },
  { within: { days: 7 } },
  { within: { months: 1, hours: 3 } },
  { within: { years: 4, months: 3 }, last: 1 },
];

function optionsOf(policy: RetentionPolicy): string[] {
  return Object.entries(policy).flatMap(([rule, value]) => {
    if (typeof value === 'number') return [`--keep-${rule}`, String(value)];
    const { years = 0, months = 0, days = 0, hours = 0 } = value;
    return ['--keep-within', `${years}y${months}m${days}d${hours}h`];
  });
}

interface Forgotten {
  readonly reasons: readonly { readonly snapshot: { readonly time: string }; readonly matches: readonly string[] }[];
}

/** What restic keeps, but for the oldest of all, which newer versions keep while a count is not used up. */
function keptTimes({ reasons }: Forgotten): string[] {
  const byRule = reasons.filter(({ matches }) => matches.some((match) => !match.startsWith('oldest ')));
  return byRule.map(({ snapshot }) => new Date(snapshot.time).toISOString()).sort();
}

test('restic keeps the same for each policy', async () => {
  await writeFile(join(folder, 'file'), 'x');
  await restic('init');
  for (const time of times)
    await restic('backup', join(folder, 'file'), '--host', 'h', '--time', time.replace('T', ' ').replace('Z', ''));

  const points = times.map((time) => sampleRestorePoint(time));
  for (const policy of policies) {
    const answer = await restic('forget', '--dry-run', '--json', '--group-by', 'host', ...optionsOf(policy));
    const [group] = JSON.parse(answer) as Forgotten[];
    const kept = selectKept(points, policy, new Date(), { force: true }).kept.map(({ point }) => point.startedAt);
    assert.deepEqual(kept.map((time) => time.toISOString()).sort(), keptTimes(group!), JSON.stringify(policy));
  }
});
