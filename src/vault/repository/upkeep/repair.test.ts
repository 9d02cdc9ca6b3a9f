import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { before, describe, it } from 'node:test';
import type { MemoryStore } from '../../../store/index.ts';
import { sampleBytes, sampleFile, sampleRoot } from '../../testing/sample-entries.ts';
import { bytesOf, keysIn, newPoint, writeTree } from '../../testing/vault-testing.ts';
import { checkRepository } from '../check/check-repository.ts';
import type { Repository } from '../repository.ts';
import { listSnapshots } from '../snapshot/list-snapshots.ts';
import { KeptRepository } from '../testing/kept-repository.ts';
import { adoptOrphans } from '../saving/adopt-orphans.ts';
import { repairIndex } from './repair/repair-index.ts';
import { repairPacks } from './repair/repair-packs.ts';
import { repairSnapshots } from './repair/repair-snapshots.ts';
import { rewriteSnapshots } from './snapshots/rewrite-snapshots.ts';
import { changedTags, tagSnapshots } from './snapshots/tag-snapshots.ts';

const { signal } = new AbortController();
const kept = new KeptRepository();

const files = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, at) => sampleFile(`f${from + at}`, sampleBytes(40_000 + from + at, from + at)));

before(async () => {
  for (const [from, to] of [
    [10, 40],
    [20, 60],
  ] as const)
    await writeTree(kept.vault, newPoint(), { entries: [sampleRoot, ...files(from, to)] });
});

async function findingsIn(store: MemoryStore): Promise<readonly string[]> {
  const { findings } = await checkRepository(await kept.open(store), { readData: true, signal });
  return findings.map(({ message }) => message);
}

const keysOf = async (store: MemoryStore, kind: string): Promise<string[]> =>
  (await keysIn(store)).filter((key) => key.startsWith(kind));

/** The pack with the contents of the first snapshot, by its size. */
async function dataPack(store: MemoryStore): Promise<string> {
  const sizes = new Map<string, number>();
  for (const key of await keysOf(store, 'data/')) sizes.set(key, (await bytesOf(store, key)).length);
  return [...sizes].toSorted((a, b) => b[1] - a[1])[0]?.[0] ?? '';
}

const nameOf = (key: string): string => key.slice(key.lastIndexOf('/') + 1);

async function flip(store: MemoryStore, key: string, at: number): Promise<void> {
  const bytes = await bytesOf(store, key);
  bytes[at] = (bytes[at] ?? 0) ^ 4;
  await store.put(key, bytes);
}

const all = (repository: Repository) => listSnapshots(repository, { signal });

describe('a repair of the index', () => {
  it('finds lost packs again, forgets those that are gone, and gives up what can not be read', async () => {
    const store = await kept.copy();
    const [lost = '', damaged = ''] = await keysOf(store, 'index/');
    await store.delete([lost]);
    await flip(store, damaged, 40);
    const report = await repairIndex(await kept.open(store), { signal });
    assert.deepEqual([report.unreadableIndexes, report.added], [1, (await keysOf(store, 'data/')).length]);
    assert.deepEqual(await findingsIn(store), []);
    const gone = await dataPack(store);
    await store.delete([gone]);
    assert.deepEqual((await repairIndex(await kept.open(store), { signal })).forgotten, [nameOf(gone)]);
    assert.ok((await findingsIn(store)).every((message) => !message.includes(nameOf(gone))));
  });

  it('keeps what the index says of a pack that is cut short: what is left of it can still be saved', async () => {
    const store = await kept.copy();
    const pack = await dataPack(store);
    await store.put(pack, (await bytesOf(store, pack)).subarray(0, 300_000));
    const repository = await kept.open(store);
    const { damagedPacks, unreadablePacks } = await repairIndex(repository, { signal });
    assert.deepEqual([damagedPacks.map(({ id }) => id), unreadablePacks], [[nameOf(pack)], []]);
    const { savedBlobs, lostBlobs } = await repairPacks(repository, [nameOf(pack)], { signal });
    assert.ok(savedBlobs > 5 && lostBlobs > 0);
    await repairSnapshots(repository, await all(repository), { forget: true, dryRun: false, signal });
    assert.deepEqual(await findingsIn(store), []);
  });

  it('changes nothing of an index that is right, and leaves a pack alone that it can not read', async () => {
    const store = await kept.copy();
    const keys = await keysIn(store);
    await repairIndex(await kept.open(store), { signal });
    assert.deepEqual(await keysIn(store), keys);
    await store.put(`data/ab/${'ab'.repeat(32)}`, Buffer.alloc(1000, 7));
    const { unreadablePacks } = await repairIndex(await kept.open(store), { signal });
    assert.deepEqual(
      unreadablePacks.map(({ id }) => id),
      ['ab'.repeat(32)],
    );
    assert.deepEqual(await findingsIn(store), []);
  });
});

describe('an adoption of orphans', () => {
  it('indexes packs that nobody has, once, and none that is damaged', async () => {
    const store = await kept.copy();
    await store.delete(await keysOf(store, 'index/'));
    await store.put(`data/ab/${'ab'.repeat(32)}`, Buffer.alloc(100, 7));
    const repository = await kept.open(store);
    await repository.loadIndex(signal);
    const { packs } = await adoptOrphans(repository, signal);
    assert.equal(packs, (await keysOf(store, 'data/')).length - 1);
    assert.deepEqual(await findingsIn(store), []);
    assert.deepEqual(await adoptOrphans(repository, signal), { packs: 0, blobs: 0, bytes: 0 });
  });
});

describe('a repair of packs and snapshots', () => {
  it('keeps all but what a damaged blob held', async () => {
    const store = await kept.copy();
    const pack = await dataPack(store);
    await flip(store, pack, 100);
    const repository = await kept.open(store);
    const lost: string[] = [];
    const report = await repairPacks(repository, [nameOf(pack)], { signal, onLost: ({ why }) => lost.push(why) });
    assert.deepEqual([report.lostBlobs, lost.length], [1, 1]);
    const losses: string[] = [];
    const options = { forget: false, dryRun: true, signal, onLoss: (path: string) => losses.push(path) };
    const told = await repairSnapshots(repository, await all(repository), options);
    assert.ok(told.repaired.length >= 1 && told.repaired.every(({ newId }) => newId === undefined));
    assert.equal((await all(repository)).length, 2);
    const { repaired } = await repairSnapshots(repository, await all(repository), { ...options, dryRun: false });
    const now = await all(repository);
    assert.equal(now.length, 2 + repaired.length);
    const made = now.find(({ id }) => id === repaired[0]?.newId);
    assert.equal(made?.snapshot.original, repaired[0]?.oldId);
    assert.ok(made?.snapshot.tags?.includes('repaired'));
    const damaged = now.filter(({ id }) => repaired.some(({ oldId }) => oldId === id));
    await repairSnapshots(repository, damaged, { forget: true, dryRun: false, signal });
    assert.deepEqual(await findingsIn(store), []);
  });

  it('leaves a pack of which nobody can tell what it holds, and says so', async () => {
    const store = await kept.copy();
    const pack = await dataPack(store);
    await store.put(pack, (await bytesOf(store, pack)).subarray(0, 100_000));
    await store.delete(await keysOf(store, 'index/'));
    const repository = await kept.open(store);
    await repairIndex(repository, { signal });
    const report = await repairPacks(repository, [nameOf(pack)], { signal });
    assert.deepEqual(report, { savedBlobs: 0, lostBlobs: 0, unreadablePacks: [nameOf(pack)] });
    assert.equal((await bytesOf(store, pack)).length, 100_000);
  });

  it('deletes a snapshot of which nothing is left only when it is told to forget', async () => {
    const store = await kept.copy();
    const repository = await kept.open(store);
    await repository.loadIndex(signal);
    const [first] = await all(repository);
    assert.ok(first);
    const { packId } = repository.index.place(repository.index.find('tree', Buffer.from(first.snapshot.tree, 'hex')));
    await store.delete([`data/${packId.slice(0, 2)}/${packId}`]);
    await repairIndex(repository, { signal });
    const options = { forget: false, dryRun: false, signal };
    const { lost } = await repairSnapshots(repository, await all(repository), options);
    assert.ok(lost.includes(first.id));
    assert.equal((await all(repository)).length, 2);
    await repairSnapshots(repository, await all(repository), { ...options, forget: true });
    assert.deepEqual(await findingsIn(store), []);
  });
});

it('a lost tree of an empty folder is there again after a repair of the snapshots', async () => {
  const empty = new KeptRepository();
  const folder = { ...sampleRoot, path: Buffer.from('empty') };
  await writeTree(empty.vault, newPoint(), { entries: [sampleRoot, folder] });
  const { store } = empty;
  const repository = await empty.open(store);
  const id = createHash('sha256').update('{"nodes":[]}\n').digest();
  await repository.loadIndex(signal);
  const { packId, offset } = repository.index.place(repository.index.find('tree', id));
  await flip(store, `data/${packId.slice(0, 2)}/${packId}`, offset + 20);
  await repairPacks(repository, [packId], { signal });
  const losses: string[] = [];
  const options = { forget: true, dryRun: false, signal, onLoss: (path: string) => losses.push(path) };
  assert.deepEqual(await repairSnapshots(repository, await all(repository), options), { repaired: [], lost: [] });
  assert.equal(losses.length, 1);
  const { findings } = await checkRepository(await empty.open(store), { readData: true, signal });
  assert.deepEqual(findings, []);
});

it('a snapshot that can not be read is lost, and deleted only when that is asked for', async () => {
  const store = await kept.copy();
  const repository = await kept.open(store);
  const [key = ''] = await keysOf(store, 'snapshots/');
  await flip(store, key, 30);
  const unreadable: string[] = [];
  const read = { signal, onUnreadable: (at: string) => unreadable.push(nameOf(at)) };
  const sound = await listSnapshots(repository, read);
  const options = { dryRun: false, signal, unreadable: [...unreadable, ...sound.map(({ id }) => id)] };
  for (const forget of [false, true]) {
    const { lost } = await repairSnapshots(repository, sound, { ...options, forget });
    assert.deepEqual(lost, [nameOf(key)]);
    assert.equal((await keysOf(store, 'snapshots/')).includes(key), !forget);
  }
  assert.deepEqual(await findingsIn(store), []);
});

describe('snapshots that are changed', () => {
  it('get tags as they were asked for', () => {
    assert.deepEqual(changedTags(['a', 'b'], { add: ['c', 'b', 'c'] }), ['a', 'b', 'c']);
    assert.deepEqual(changedTags(['a', 'b'], { remove: ['a', 'x'] }), ['b']);
    assert.deepEqual(changedTags(['a'], { set: [''] }), []);
    assert.deepEqual(changedTags(['a'], { set: ['z', 'z'] }), ['z']);
  });

  it('say how much is left of them when something was left out', async () => {
    const repository = await kept.open(await kept.copy());
    const first = (await all(repository)).find(({ snapshot }) => snapshot.summary?.totalFilesProcessed === 30);
    assert.ok(first);
    const options = { exclude: ['f1?'], forget: true, dryRun: false, signal };
    const [changed] = await rewriteSnapshots(repository, [first], options);
    const made = (await all(repository)).find(({ id }) => id === changed?.newId);
    const sizeBytes = Array.from({ length: 20 }, (_, at) => 40_020 + at).reduce((sum, size) => sum + size, 0);
    assert.deepEqual(
      [made?.snapshot.summary?.totalFilesProcessed, made?.snapshot.summary?.totalBytesProcessed],
      [20, sizeBytes],
    );
    assert.deepEqual(await rewriteSnapshots(repository, await all(repository), { ...options, exclude: ['no'] }), []);
  });
});

it('nothing is made of a snapshot that somebody has forgotten since it was chosen', async () => {
  const store = await kept.copy();
  const repository = await kept.open(store);
  const chosen = await all(repository);
  await store.delete(chosen.map(({ id }) => `snapshots/${id}`));
  const options = { forget: false, dryRun: false, signal };
  assert.deepEqual(await tagSnapshots(repository, chosen, { change: { add: ['kept'] }, signal }), []);
  assert.deepEqual(await rewriteSnapshots(repository, chosen, { ...options, newHost: 'other' }), []);
  assert.deepEqual(await repairSnapshots(repository, chosen, options), { repaired: [], lost: [] });
  assert.deepEqual(await keysOf(store, 'snapshots/'), []);
});
