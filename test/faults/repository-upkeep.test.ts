import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import type { MemoryStore } from '../../src/store/index.ts';
import { FaultyStore, type FaultyMethod } from '../../src/store/testing/faulty-store.ts';
import { checkRepository } from '../../src/vault/repository/check/check-repository.ts';
import type { Repository } from '../../src/vault/repository/repository.ts';
import { listSnapshots } from '../../src/vault/repository/snapshot/list-snapshots.ts';
import { KeptRepository } from '../../src/vault/repository/testing/kept-repository.ts';
import { copySnapshots } from '../../src/vault/repository/upkeep/snapshots/copy-snapshots.ts';
import { prune } from '../../src/vault/repository/upkeep/prune/prune.ts';
import { repairIndex } from '../../src/vault/repository/upkeep/repair/repair-index.ts';
import { repairPacks } from '../../src/vault/repository/upkeep/repair/repair-packs.ts';
import { repairSnapshots } from '../../src/vault/repository/upkeep/repair/repair-snapshots.ts';
import { rewriteSnapshots } from '../../src/vault/repository/upkeep/snapshots/rewrite-snapshots.ts';
import { tagSnapshots } from '../../src/vault/repository/upkeep/snapshots/tag-snapshots.ts';
import { sampleBytes, sampleFile, sampleRoot } from '../../src/vault/testing/sample-entries.ts';
import { bytesOf, keysIn, newPoint, writeTree } from '../../src/vault/testing/vault-testing.ts';

const { signal } = new AbortController();
/** Three restore points; the second has been forgotten, so that there is something to prune. */
const kept = new KeptRepository();

const files = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, at) =>
    sampleFile(`f${from + at}`, sampleBytes(150_000 + from + at, from + at)),
  );

before(async () => {
  const points = [];
  for (const [from, to] of [
    [10, 60],
    [30, 90],
    [80, 110],
  ] as const)
    points.push(await writeTree(kept.vault, newPoint(), { entries: [sampleRoot, ...files(from, to)] }));
  await kept.vault.forget(points.slice(1, 2), signal);
});

const all = (repository: Repository) => listSnapshots(repository, { signal });

const keysOf = async (store: MemoryStore, kind: string): Promise<string[]> =>
  (await keysIn(store)).filter((key) => key.startsWith(kind));

async function assertSound(store: MemoryStore): Promise<void> {
  const { findings } = await checkRepository(await kept.open(store), { readData: true, signal });
  assert.deepEqual(findings, []);
}

/** Fails each call of a method in turn, until none is left; `done` looks at what came of it. */
async function failEach(
  methods: readonly FaultyMethod[],
  work: (repository: Repository) => Promise<unknown>,
  done: (store: MemoryStore) => Promise<void>,
): Promise<void> {
  for (const method of methods)
    for (let call = 0; call < 20; call += 1) {
      const store = await kept.copy();
      const faulty = new FaultyStore(store);
      faulty.fail(method, ...Array.from({ length: call }, () => ({ error: null })), { after: call % 2 === 1 });
      const failed = await work(await kept.open(faulty)).then(
        () => false,
        () => true,
      );
      await done(store);
      if (!failed) break;
    }
}

const methods = ['put', 'delete', 'get', 'sync', 'list'] as const;

describe('whichever call of the store fails, a repository is sound', () => {
  it('after a prune, and the next one does what was left to do', async () => {
    await failEach(
      methods,
      (repository) => prune(repository, { maxUnused: 0, signal }),
      async (store) => {
        await assertSound(store);
        await store.delete(await keysOf(store, 'locks/')); // the call that failed may have been the one that removes it
        await prune(await kept.open(store), { maxUnused: 0, signal });
        await assertSound(store);
        assert.ok((await keysOf(store, 'data/')).length < 8);
      },
    );
  });

  it('after a repair of the index', async () => {
    await failEach(methods, (repository) => repairIndex(repository, { readAllPacks: true, signal }), assertSound);
  });

  it('after a repair of a pack and of snapshots', async () => {
    const sizes = new Map<string, number>();
    for (const key of await keysOf(kept.store, 'data/')) sizes.set(key, (await bytesOf(kept.store, key)).length);
    const [largest] = [...sizes].toSorted((a, b) => b[1] - a[1]);
    const pack = largest?.[0].slice(-64) ?? '';
    await failEach(
      methods,
      async (repository) => {
        await repairPacks(repository, [pack], { signal });
        await repairSnapshots(repository, await all(repository), { forget: true, dryRun: false, signal });
      },
      assertSound,
    );
  });

  it('after snapshots were tagged and rewritten, and they are there, old or new', async () => {
    await failEach(
      methods,
      async (repository) => {
        const [first, second] = await all(repository);
        assert.ok(first && second);
        await tagSnapshots(repository, [first], { change: { add: ['x'] }, signal });
        const options = { exclude: ['f9*'], forget: true, dryRun: false, signal };
        await rewriteSnapshots(repository, [second], options);
      },
      async (store) => {
        await assertSound(store);
        assert.ok((await keysOf(store, 'snapshots/')).length >= 2);
      },
    );
  });

  it('after a copy into it, which is then completed', async () => {
    const other = new KeptRepository();
    const from = await kept.open(kept.store);
    await other.vault.open(signal, true);
    for (const method of methods)
      for (let call = 0; call < 12; call += 1) {
        const store = await other.copy();
        const faulty = new FaultyStore(store);
        faulty.fail(method, ...Array.from({ length: call }, () => ({ error: null })), { after: call % 2 === 1 });
        const snapshots = await all(from);
        const copy = async (to: Repository) => copySnapshots(from, to, snapshots, { signal });
        const failed = await copy(await other.open(faulty)).then(
          () => false,
          () => true,
        );
        const to = await other.open(store);
        assert.deepEqual((await checkRepository(to, { readData: true, signal })).findings, []);
        const { skipped, copied } = await copy(await other.open(store));
        assert.equal(skipped + copied, snapshots.length);
        assert.deepEqual((await checkRepository(to, { readData: true, signal })).findings, []);
        if (!failed) break;
      }
  });
});
