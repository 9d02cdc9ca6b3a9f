import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { silentLogger } from '../../base/log.ts';
import type { RestorePoint, Vault, VaultPruneReport } from '../../vault/index.ts';
import { ManualClock } from '../testing/manual-clock.ts';
import { sampleRestorePoint } from '../testing/sample-restore-point.ts';
import { pruneAfterRun } from './prune-after-run.ts';
import { pruneVault } from './prune-vault.ts';
import type { RetentionPolicy } from './retention-policy.ts';
import type { RetentionTarget } from './retention-target.ts';

const clock = new ManualClock();
const { signal } = new AbortController();
const dayMs = 86_400_000;

const unused = (): never => assert.fail('pruning has no business here');

/** A vault of restore points in memory: what pruning sees of one. */
function memoryVault(name: string, given: readonly RestorePoint[]): Vault & { readonly points: RestorePoint[] } {
  const points = given.map((point) => ({ ...point, vault: name }));
  return {
    name,
    type: 'archive',
    label: 'memory:',
    points,
    list: async () => [...points],
    forget: async (gone) => {
      for (const { id } of gone) {
        const at = points.findIndex((point) => point.id === id);
        if (at >= 0) points.splice(at, 1);
      }
    },
    write: unused,
    read: unused,
    verify: unused,
    sweep: unused,
    close: async () => {},
  };
}

/** The same, whose restore points share bytes: `free` says how many bytes a prune frees, of as many as are left. */
function sharingVault(name: string, given: readonly RestorePoint[], free: (left: number) => number) {
  const vault = memoryVault(name, given);
  vault.prune = async ({ forget = [], onForgotten, signal: abort }) => {
    await vault.forget(forget, abort);
    onForgotten?.();
    return { freedBytes: free(vault.points.length) } as VaultPruneReport;
  };
  return vault;
}

function history(count: number, more: Partial<RestorePoint> = {}): RestorePoint[] {
  return Array.from({ length: count }, (_, n) => sampleRestorePoint(clock.now().getTime() - n * dayMs, more));
}

const other = { source: { type: 'postgres', name: 'wiki', shape: 'file', paths: ['db:5432/wiki'] } } as const;

const fail = (why: string): never => assert.fail(why);

const onlyWiki = ({ source }: RetentionTarget): RetentionPolicy | undefined =>
  source.name === 'wiki' ? { last: 1 } : undefined;

describe('pruning a vault', () => {
  it('leaves exactly N of each target, whatever the others have', async () => {
    const vault = memoryVault('main', [...history(8), ...history(3, other), ...history(7, { job: 'weekly' })]);
    const report = await pruneVault(vault, () => ({ last: 5 }), { clock, signal });
    assert.deepEqual([report.deleted, report.retained, report.findings], [5, 13, []]);
    assert.equal(vault.points.filter(({ job, source }) => job === 'nightly' && source.name === 'shop').length, 5);
    assert.equal(vault.points.filter(({ source }) => source.name === 'wiki').length, 3);
    assert.equal(vault.points.filter(({ job }) => job === 'weekly').length, 5);
  });

  it('touches no target without a policy, nor with an empty one, and counts none of its restore points', async () => {
    const vault = memoryVault('main', [...history(4), ...history(4, other)]);
    const report = await pruneVault(vault, onlyWiki, { clock, signal });
    assert.deepEqual([report.deleted, report.retained], [3, 1]);
    assert.deepEqual((await pruneVault(vault, () => ({}), { clock, signal })).deleted, 0);
    assert.equal(vault.points.length, 5);
  });

  it('tells hosts and paths apart when asked to', async () => {
    const elsewhere = { source: { type: 'postgres', name: 'shop', shape: 'file', paths: ['elsewhere'] } } as const;
    const points = [...history(2), ...history(2, { host: 'host-b' }), ...history(2, elsewhere)];
    for (const [options, left] of [
      [{}, 1],
      [{ byHost: true }, 2],
      [{ byPaths: true }, 2],
      [{ byHost: true, byPaths: true }, 3],
    ] as const) {
      const vault = memoryVault('main', points);
      await pruneVault(vault, () => ({ last: 1 }), { clock, signal, ...options });
      assert.equal(vault.points.length, left);
    }
  });

  it('deletes nothing in a dry run, and says what it would', async () => {
    const vault = memoryVault('main', history(4));
    const report = await pruneVault(vault, () => ({ last: 1 }), { clock, signal, dryRun: true });
    assert.deepEqual([report.deleted, report.retained, vault.points.length], [3, 1, 4]);
    assert.equal(report.targets[0]?.removed.length, 3);
  });

  it('tells a failure as a finding, counts what is really gone, and deletes oldest first', async () => {
    const vault = memoryVault('main', history(9));
    const forget = vault.forget.bind(vault);
    const order: string[] = [];
    vault.forget = async (points, abort) => {
      if (order.length === 3) throw new Error('access denied');
      order.push(...points.map(({ startedAt }) => startedAt.toISOString().slice(0, 10)));
      await forget(points, abort);
    };
    const report = await pruneVault(vault, () => ({ last: 1 }), { clock, signal });
    assert.deepEqual(order, ['2025-12-24', '2025-12-25', '2025-12-26']);
    assert.deepEqual([report.deleted, report.retained, vault.points.length], [3, 6, 6]);
    assert.equal(report.findings[0]?.code, 'prune-failed');
    assert.match(report.findings[0].message, /5 old restore points could not be removed: access denied/);
  });

  it('removes nothing when it can not list, is interrupted, or can not make sense of the policy', async () => {
    const vault = memoryVault('main', history(9));
    const aborted = AbortSignal.abort(new Error('SIGTERM'));
    const zone = { clock, signal, timezone: 'Mars/Olympus' };
    for (const [options, why] of [
      [{ clock, signal: aborted }, /SIGTERM/],
      [zone, /time zone/],
    ] as const) {
      const report = await pruneVault(vault, () => ({ daily: 1 }), options);
      assert.match(report.findings[0]?.message ?? '', why);
    }
    vault.list = () => Promise.reject(new Error('no route'));
    const report = await pruneVault(vault, () => ({ last: 1 }), { clock, signal });
    assert.match(report.findings[0]?.message ?? '', /can't|no route/);
    assert.equal(vault.points.length, 9);
  });

  it('says which restore point it can not read, and leaves it', async () => {
    const vault = memoryVault('main', history(2));
    const points = [...vault.points];
    vault.list = async ({ onUnreadable }) => {
      onUnreadable?.('x.manifest.json', new Error('not JSON'));
      return points;
    };
    const report = await pruneVault(vault, () => ({ last: 1 }), { clock, signal });
    assert.deepEqual(
      report.findings.map(({ code }) => code),
      ['prune-unreadable'],
    );
    assert.equal(report.deleted, 1);
  });

  it('pauses for the target that shrank, and for no other', async () => {
    const [newest, ...older] = history(5);
    const vault = memoryVault('main', [{ ...newest!, sizeBytes: 5 }, ...older, ...history(5, other)]);
    const report = await pruneVault(vault, () => ({ last: 2 }), { clock, signal });
    assert.deepEqual([report.deleted, report.retained], [3, 7]);
    assert.match(report.findings[0]?.message ?? '', /nothing of postgres shop \(job nightly\) is removed.*--force/);
    assert.equal((await pruneVault(vault, () => ({ last: 2 }), { clock, signal, force: true })).deleted, 3);
  });
});

describe('a vault whose restore points share bytes', () => {
  it('frees them when some were deleted and that was asked for, and at no other time', async () => {
    const freed: number[] = [];
    const vault = sharingVault('main', history(4), (left) => freed.push(left));
    await pruneVault(vault, () => ({ last: 3 }), { clock, signal, reclaim: {}, dryRun: true });
    await pruneVault(vault, () => ({ last: 9 }), { clock, signal, reclaim: {} });
    await pruneVault(vault, () => ({ last: 3 }), { clock, signal });
    assert.deepEqual(freed, []);
    const report = await pruneVault(vault, () => ({ last: 2 }), { clock, signal, reclaim: {} });
    assert.deepEqual([freed, report.reclaimed?.freedBytes, report.findings], [[2], 1, []]);
  });

  it('tells what went wrong there; what was deleted is deleted all the same', async () => {
    const vault = sharingVault('main', history(4), () => fail('no space'));
    const report = await pruneVault(vault, () => ({ last: 1 }), { clock, signal, reclaim: {} });
    assert.deepEqual([report.deleted, report.reclaimed, report.findings.length], [3, undefined, 1]);
    assert.match(report.findings[0]?.message ?? '', /could not be freed.*no space/);
    vault.prune = async () => fail('locked by kim');
    vault.points.push(...history(3));
    const locked = await pruneVault(vault, () => ({ last: 1 }), { clock, signal, reclaim: {} });
    assert.deepEqual([locked.deleted, locked.findings.length], [0, 1]);
    assert.match(locked.findings[0]?.message ?? '', /3 old restore points could not be removed: locked by kim/);
  });
});

it('after a run only what the run has made is pruned, in each vault by its own policy', async () => {
  const points = [...history(5), ...history(5, other), ...history(5, { job: 'weekly' })];
  const reclaimed: string[] = [];
  const sharing = (name: string) => sharingVault(name, points, () => reclaimed.push(name) * 7);
  const a = sharing('a');
  const b = memoryVault('b', points);
  const c = sharing('c');
  const made = [a, b].map(({ points: own }) => own[0]!); // the source "shop", in the vaults a and b; c failed
  const times = { startedAt: clock.now(), finishedAt: clock.now() };
  const source = { source: points[0]!.source, problems: [] } as const;
  const infos: string[] = [];
  const reports = await pruneAfterRun({
    result: {
      job: 'nightly',
      runId: 'r',
      ...times,
      status: 'partial',
      sources: [
        { ...source, status: 'partial', restorePoints: made, failures: [{ vault: 'c', error: new Error('down') }] },
        { ...source, source: other.source, status: 'failed', restorePoints: [], failures: [] },
      ],
    },
    vaults: [
      { vault: a, policy: { last: 2 } },
      { vault: b, policy: { last: 4 } },
      { vault: c, policy: { last: 1 } },
    ],
    clock,
    signal,
    logger: { ...silentLogger, info: (message) => void infos.push(message) },
  });
  assert.deepEqual(
    [a, b, c].map(({ points: left }) => left.length),
    [12, 14, 15],
  );
  assert.deepEqual(
    reports.map(({ vault, deleted, retained }) => [vault, deleted, retained]),
    [
      ['a', 3, 2],
      ['b', 1, 4],
    ],
  );
  assert.deepEqual([reclaimed, reports[0]?.reclaimed?.freedBytes, reports[1]?.reclaimed], [['a'], 7, undefined]);
  assert.ok(infos.includes('Retention pruning completed: 3 deleted, 2 retained'));
  assert.equal(infos.length, 2);
});
