import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { collect, MiB } from '../../../base/bytes.ts';
import { systemClock } from '../../../base/clock.ts';
import { MemoryStore, type ObjectStore } from '../../../store/index.ts';
import { fileKey, type FileKind } from '../layout.ts';
import { openCachedFiles } from './cached-files.ts';
import { CachedStore } from './cached-store.ts';

const repositoryId = 'ab'.repeat(32);

interface Setting {
  readonly cacheDir: string;
  readonly store: ObjectStore;
  /** Keys that the store itself was asked for. */
  readonly asked: string[];
  readonly open: (kinds?: readonly FileKind[]) => Promise<CachedStore>;
}

async function setUp(t: TestContext): Promise<Setting> {
  const cacheDir = join(await mkdtemp(join(tmpdir(), 'holdfast-cache-')), 'holdfast');
  t.after(() => rm(join(cacheDir, '..'), { recursive: true }));
  const store = new MemoryStore(systemClock);
  const asked: string[] = [];
  const get = store.get.bind(store);
  store.get = (key, options) => {
    asked.push(key);
    return get(key, options);
  };
  const open = async (kinds: readonly FileKind[] = ['index', 'snapshots']): Promise<CachedStore> => {
    const files = await openCachedFiles(cacheDir, repositoryId, systemClock);
    assert.ok(files);
    return new CachedStore(store, files, kinds);
  };
  return { cacheDir, store, asked, open };
}

const named = (kind: FileKind, bytes: Uint8Array): string =>
  fileKey(kind, createHash('sha256').update(bytes).digest('hex'));

const all = (store: ObjectStore, key: string, range = {}): Promise<Buffer> => collect(store.get(key, range), MiB);

test('a file is fetched once, and what was written need not be fetched', async (t) => {
  const { store, asked, open } = await setUp(t);
  const [ours, theirs] = [randomBytes(100), randomBytes(100)];
  await store.put(named('index', theirs), theirs);
  const first = await open();
  await first.put(named('snapshots', ours), ours);
  assert.deepEqual(await all(first, named('index', theirs)), theirs);
  const second = await open();
  assert.deepEqual(await all(second, named('index', theirs)), theirs);
  assert.deepEqual(await all(second, named('snapshots', ours)), ours);
  assert.deepEqual(asked, [named('index', theirs)]);
});

test('packs are kept only where they are of trees, whole, and give their ranges', async (t) => {
  const { store, asked, open } = await setUp(t);
  const pack = randomBytes(1000);
  const key = named('data', pack);
  await store.put(key, pack);
  const range = { offset: 10, length: 20 };
  assert.deepEqual(await all(await open(), key, range), pack.subarray(10, 30));
  assert.equal(asked.length, 1);
  const trees = await open(['data']);
  const both = await Promise.all([all(trees, key, range), all(trees, key, { offset: 980 })]);
  assert.deepEqual(both, [pack.subarray(10, 30), pack.subarray(980)]);
  assert.equal(asked.length, 2);
  await assert.rejects(all(trees, key, { offset: 990, length: 20 }), { code: 'store/bad-range' });
});

test('a damaged copy is not believed, nor is a file of the store that its name belies kept', async (t) => {
  const { cacheDir, store, open } = await setUp(t);
  const bytes = randomBytes(100);
  const key = named('index', bytes);
  await store.put(key, bytes);
  await all(await open(), key);
  const copy = join(cacheDir, repositoryId, key);
  await writeFile(copy, randomBytes(100));
  assert.deepEqual(await all(await open(), key), bytes);
  assert.deepEqual(await readFile(copy), bytes);
  const wrong = named('index', randomBytes(5));
  await store.put(wrong, bytes);
  assert.deepEqual(await all(await open(), wrong), bytes);
  assert.deepEqual(await readdir(join(cacheDir, repositoryId, 'index')), [key.slice('index/'.length)]);
});

test('copies are their owner’s alone; those of vanished files and unused repositories are removed', async (t) => {
  const { cacheDir, store, open } = await setUp(t);
  const [gone, deleted, left] = [randomBytes(10), randomBytes(10), randomBytes(10)];
  const cached = await open();
  for (const bytes of [gone, deleted, left]) await cached.put(named('index', bytes), bytes);
  const folder = join(cacheDir, repositoryId);
  assert.equal((await stat(folder)).mode & 0o777, 0o700);
  assert.equal((await stat(join(folder, named('index', left)))).mode & 0o777, 0o600);
  await store.delete([named('index', gone)]);
  await cached.delete([named('index', deleted)]);
  await Array.fromAsync(cached.list({ prefix: 'index/' }));
  assert.deepEqual(await readdir(join(folder, 'index')), [named('index', left).slice('index/'.length)]);
  await utimes(folder, new Date(0), new Date(0));
  await openCachedFiles(cacheDir, 'cd'.repeat(32), systemClock);
  assert.deepEqual((await readdir(cacheDir)).sort(), ['CACHEDIR.TAG', 'cd'.repeat(32)]);
});

test('where nothing can be kept, everything comes from the store', async (t) => {
  const { cacheDir } = await setUp(t);
  await writeFile(cacheDir, 'a file where the folder should be');
  assert.equal(await openCachedFiles(cacheDir, repositoryId, systemClock), undefined);
});
