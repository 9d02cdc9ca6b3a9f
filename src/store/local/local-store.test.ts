import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { systemClock } from '../../base/clock.ts';
import type { HoldfastError } from '../../base/errors.ts';
import { keysOf, read, rejectsWith } from '../testing/store-testing.ts';
import { testObjectStore } from '../testing/test-object-store.ts';
import { LocalStore } from './local-store.ts';

testObjectStore('the local store', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-local-'));
  const store = new LocalStore(join(folder, 'not', 'yet'), systemClock);
  return { store, close: () => rm(folder, { recursive: true }) };
});

/** What became of each of many objects: "stored", or the error's code. */
async function putMany(store: LocalStore, keys: readonly string[]): Promise<string[]> {
  const outcomes: string[] = [];
  await store.putAll(
    keys.map((key) => ({ key, bytes: Buffer.from(key) })),
    { onDone: (index, error) => (outcomes[index] = error === undefined ? 'stored' : (error as HoldfastError).code) },
  );
  return outcomes;
}

describe('a local store', () => {
  let folder: string;
  let store: LocalStore;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'holdfast-local-'));
    store = new LocalStore(join(folder, 'store'), systemClock);
  });
  afterEach(() => rm(folder, { recursive: true }));

  it('keeps each object as a plain file that any program can read', async () => {
    await store.put('job/a b.txt', Buffer.from('plain'));
    assert.equal(await readFile(join(folder, 'store/job/a b.txt'), 'utf8'), 'plain');
    assert.deepEqual(await readdir(join(folder, 'store/job')), ['a b.txt']);
  });

  it('leads nowhere else through a symbolic link in the folder', async () => {
    const outside = join(folder, 'outside');
    await mkdir(outside);
    await writeFile(join(outside, 'secret'), 'secret');
    await store.put('inside', Buffer.from('x'));
    await symlink(outside, join(folder, 'store/link'));
    await symlink(join(outside, 'secret'), join(folder, 'store/file'));
    await rejectsWith(read(store, 'link/secret'), 'store/bad-key');
    await rejectsWith(read(store, 'file'), 'store/bad-key');
    await rejectsWith(store.put('link/new', Buffer.from('x')), 'store/bad-key');
    await rejectsWith(store.put('link/deep/new', Buffer.from('x')), 'store/bad-key');
    await rejectsWith(store.delete(['link/secret']), 'store/bad-key');
    await rejectsWith(store.head('link/secret'), 'store/bad-key');
    assert.deepEqual(await keysOf(store), ['inside']);
    assert.deepEqual(await keysOf(store, 'inside'), ['inside']);
    await rejectsWith(keysOf(store, 'link/'), 'store/bad-key');
    assert.deepEqual(await readdir(outside), ['secret']);
    await store.put('file', Buffer.from('mine'));
    assert.equal(await readFile(join(outside, 'secret'), 'utf8'), 'secret');
  });

  /** First in this thread, then in that which writes. */
  const rounds = [3, 300];

  it('leads nowhere else when many objects are written at once, and writes the others', async () => {
    await mkdir(join(folder, 'outside'));
    await store.put('inside', Buffer.from('x'));
    await symlink(join(folder, 'outside'), join(folder, 'store/link'));
    await symlink(join(folder, 'nowhere'), join(folder, 'store/dangling'));
    await symlink(join(folder, 'outside'), join(folder, 'store/file'));
    for (const count of rounds) {
      const fine = Array.from({ length: count }, (_, n) => `fine ${count}/${n}`);
      const outcomes = await putMany(store, ['link/new', 'link/deep/new', 'dangling/new', 'file', ...fine]);
      assert.deepEqual(outcomes.slice(0, 2), ['store/bad-key', 'store/bad-key']);
      assert.notEqual(outcomes[2], 'stored');
      assert.ok(outcomes.slice(3).every((outcome) => outcome === 'stored'));
    }
    assert.deepEqual(await readdir(join(folder, 'outside')), []);
    assert.equal(await readFile(join(folder, 'store/file'), 'utf8'), 'file');
    assert.equal((await keysOf(store)).length, 2 + 303);
    assert.equal(await store.sweep(new Date(Date.now() + 60_000)), 0);
    await store.close();
  });

  it('says of each of many objects what stands in its way', async () => {
    await store.put('a', Buffer.from('x'));
    await store.put('b/c', Buffer.from('x'));
    for (const count of rounds) {
      const fine = Array.from({ length: count }, (_, n) => `fine ${count}/${n}`);
      const bad = ['a/b', 'a/b/c', 'b', 'x'.repeat(300), '.holdfast-tmp-1'];
      const outcomes = await putMany(store, [...bad, ...fine]);
      assert.deepEqual(outcomes.slice(0, bad.length), [
        'store/unsupported',
        'store/unsupported',
        'store/unsupported',
        'store/bad-key',
        'store/bad-key',
      ]);
      assert.ok(outcomes.slice(bad.length).every((outcome) => outcome === 'stored'));
    }
    assert.equal(await store.sweep(new Date(Date.now() + 60_000)), 0);
    await store.close();
  });

  it('makes its own folder again when that is gone', async () => {
    for (const count of rounds) {
      const keys = Array.from({ length: count }, (_, n) => `${count}/${n}`);
      assert.ok((await putMany(store, keys)).every((outcome) => outcome === 'stored'));
      await rm(join(folder, 'store'), { recursive: true });
      assert.ok((await putMany(store, keys)).every((outcome) => outcome === 'stored'));
      assert.equal((await keysOf(store, `${count}/`)).length, count);
    }
    await store.close();
  });

  it('may itself be reached through a symbolic link', async () => {
    await mkdir(join(folder, 'real'));
    await symlink(join(folder, 'real'), join(folder, 'store'));
    await store.put('a/b', Buffer.from('x'));
    assert.deepEqual(await keysOf(store), ['a/b']);
    assert.equal(await readFile(join(folder, 'real/a/b'), 'utf8'), 'x');
  });

  it('sweeps at every depth, through a symbolic link to its own folder and through no other', async () => {
    await mkdir(join(folder, 'real/a/b'), { recursive: true });
    await mkdir(join(folder, 'outside'));
    await symlink(join(folder, 'real'), join(folder, 'store'));
    await symlink(join(folder, 'outside'), join(folder, 'real/link'));
    const dead = ['real', 'real/a', 'real/a/b'].map((path) => join(folder, path, '.holdfast-tmp-1'));
    for (const path of [...dead, join(folder, 'outside/.holdfast-tmp-1')]) await writeFile(path, '');
    await mkdir(join(folder, 'real/a/.holdfast-tmp-folder'));
    await writeFile(join(folder, 'real/a/.holdfast-other'), '');
    assert.equal(await store.sweep(new Date(Date.now() - 60_000)), 0);
    assert.equal(await store.sweep(new Date(Date.now() + 60_000)), 3);
    assert.deepEqual(await readdir(join(folder, 'outside')), ['.holdfast-tmp-1']);
    assert.deepEqual((await readdir(join(folder, 'real/a'))).sort(), ['.holdfast-other', '.holdfast-tmp-folder']);
  });

  it('refuses keys that look like its own temporary files, and lists none', async () => {
    await rejectsWith(store.put('.holdfast-tmp-1', Buffer.from('x')), 'store/bad-key');
    await rejectsWith(store.put('a/.holdfast-tmp-1/b', Buffer.from('x')), 'store/bad-key');
    const upload = await store.startUpload('a/b');
    assert.deepEqual(await keysOf(store), []);
    assert.equal((await readdir(join(folder, 'store/a'))).length, 1);
    await upload.abort();
    assert.deepEqual(await readdir(join(folder, 'store')), []);
  });

  it("leaves a file system's own folder alone", async () => {
    await store.put('a/lost+found/b', Buffer.from('x'));
    await mkdir(join(folder, 'store/lost+found'));
    await writeFile(join(folder, 'store/lost+found/.holdfast-tmp-x'), '');
    await rejectsWith(store.put('lost+found/x', Buffer.from('x')), 'store/bad-key');
    assert.deepEqual(await keysOf(store), ['a/lost+found/b']);
    assert.equal(await store.sweep(new Date(Date.now() + 60_000)), 0);
  });

  it('says that an object can stand in the way of others', async () => {
    await store.put('a', Buffer.from('x'));
    await rejectsWith(store.put('a/b', Buffer.from('x')), 'store/unsupported');
    await store.put('b/c', Buffer.from('x'));
    await rejectsWith(store.put('b', Buffer.from('x')), 'store/unsupported');
    assert.deepEqual(await keysOf(store), ['a', 'b/c']);
  });

  it('refuses a name that the file system has no room for', async () => {
    await rejectsWith(store.put('x'.repeat(300), Buffer.from('x')), 'store/bad-key');
    assert.equal(await store.head('fine'), undefined);
  });

  it('breaks the lock of a dead process', async () => {
    const { etag } = await store.put('a', Buffer.from('1'));
    const { createHash } = await import('node:crypto');
    const name = createHash('sha256').update('a').digest('hex').slice(0, 32);
    const lock = join(folder, 'store', `.holdfast-tmp-lock-${name}`);
    await writeFile(lock, '');
    await utimes(lock, new Date(0), new Date(0));
    await store.put('a', Buffer.from('2'), { ifMatch: etag });
    assert.equal((await read(store, 'a')).toString(), '2');
    assert.deepEqual(await readdir(join(folder, 'store')), ['a']);
  });
});
