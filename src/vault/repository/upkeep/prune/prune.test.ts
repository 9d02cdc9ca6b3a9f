import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { HoldfastError } from '../../../../base/errors.ts';
import type { MemoryStore } from '../../../../store/index.ts';
import { readBack, sampleBytes, sampleFile, sampleRoot } from '../../../testing/sample-entries.ts';
import { keysIn, newPoint, writeTree } from '../../../testing/vault-testing.ts';
import type { RestorePoint } from '../../../vault.ts';
import { checkRepository } from '../../check/check-repository.ts';
import { fileKey } from '../../layout.ts';
import { KeptRepository } from '../../testing/kept-repository.ts';
import { prune } from './prune.ts';
import { mayStayUnused } from './prune-plan.ts';

const { signal } = new AbortController();

/** Three restore points, of which the second has been forgotten. */
const kept = new KeptRepository();
const points: RestorePoint[] = [];

const files = (seeds: readonly number[]) =>
  seeds.map((seed) => sampleFile(`f${String(seed).padStart(3, '0')}`, sampleBytes(150_000 + seed, seed)));

const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, at) => from + at);

before(async () => {
  const { vault } = kept;
  for (const seeds of [range(1, 60), range(30, 90), range(80, 120)])
    points.push(await writeTree(vault, newPoint(), { entries: [sampleRoot, ...files(seeds)] }));
  await vault.forget([points[1] as RestorePoint], signal);
});

async function assertSound(store: MemoryStore): Promise<void> {
  const { findings } = await checkRepository(await kept.open(store), { readData: true, signal });
  assert.deepEqual(findings, []);
}

describe('a prune', () => {
  it('leaves what the snapshots need, whole and readable, and next to nothing else', async () => {
    const store = await kept.copy();
    const report = await prune(await kept.open(store), { maxUnused: 0, signal });
    await assertSound(store);
    assert.equal(report.used.blobs, 59 + 40 + 2 * 3);
    assert.ok(report.unused.blobs >= 20);
    assert.ok(report.packs.repack > 0);
    assert.equal(report.remaining.blobs, report.used.blobs);
    assert.equal(report.remainingUnusedBytes, 0);
    const vault = kept.vaultIn(store);
    for (const point of [points[0], points[2]]) assert.ok((await readBack(vault, point as RestorePoint)).length > 40);
    const again = await prune(await kept.open(store), { maxUnused: 0, signal });
    assert.deepEqual([again.unused.blobs, again.duplicate.blobs, again.packs.repack], [0, 0, 0]);
  });

  it('changes nothing in a dry run, and tells the same', async () => {
    const store = await kept.copy();
    const keys = await keysIn(store);
    const told = await prune(await kept.open(store), { maxUnused: 0, dryRun: true, signal });
    assert.deepEqual(await keysIn(store), keys);
    assert.deepEqual(await prune(await kept.open(store), { maxUnused: 0, signal }), told);
  });

  it('repacks nothing where any unused share may stay, and no more than it may', async () => {
    const store = await kept.copy();
    const { packs } = await prune(await kept.open(store), { maxUnused: 'unlimited', dryRun: true, signal });
    assert.ok(packs.repack <= 3, 'packs of trees only');
    const none = await prune(await kept.open(store), { maxUnused: 0, maxRepackBytes: 0, signal });
    assert.equal(none.packs.repack, 0);
    await assertSound(store);
  });

  it('removes packs that no index names, whole or not', async () => {
    const store = await kept.copy();
    const id = 'ab'.repeat(32);
    await store.put(fileKey('data', id), Buffer.alloc(10));
    const report = await prune(await kept.open(store), { signal });
    assert.equal(report.packs.unreferenced, 1);
    assert.equal(await store.head(fileKey('data', id)), undefined);
    await assertSound(store);
  });

  it('deletes nothing when a pack, an index or a snapshot that is needed is missing or damaged', async () => {
    for (const kind of ['data/', 'index/', 'snapshots/']) {
      let refused = 0;
      for (const key of (await keysIn(kept.store)).filter((name) => name.startsWith(kind))) {
        const store = await kept.copy();
        if (kind === 'snapshots/') await store.put(key, Buffer.alloc(100, 1));
        else await store.delete([key]);
        const keys = await keysIn(store);
        try {
          await prune(await kept.open(store), { maxUnused: 0, signal });
          await assertSound(store); // nobody needed it
        } catch (error) {
          assert.ok(error instanceof HoldfastError, String(error));
          assert.deepEqual(await keysIn(store), keys, kind);
          refused += 1;
        }
      }
      assert.ok(refused > 0, kind);
    }
  });

  it('takes a share as restic does', () => {
    assert.equal(mayStayUnused('5%', 95), 5);
    assert.equal(mayStayUnused('100%', 95), Infinity);
    assert.equal(mayStayUnused(7, 95), 7);
    assert.throws(() => mayStayUnused('-1%', 1), { code: 'vault/bad-options' });
  });
});
