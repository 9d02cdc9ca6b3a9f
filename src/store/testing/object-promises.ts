import assert from 'node:assert/strict';
import { MiB } from '../../base/bytes.ts';
import { compareKeys } from '../object-key.ts';
import type { ObjectInfo } from '../object-store.ts';
import { keysOf, listAll, read, rejectsWith, testBytes, type Promises } from './store-testing.ts';

/** Keys that something on the way may mangle. */
const oddKeys = [
  'a b',
  'a+b',
  'a%20b',
  'a%2Fb',
  'a&b=c?d#e',
  'quote\'quote"',
  'back\\slash',
  'ä/ö/€/😀',
  'e\u0301',
  '*(~)!',
  '<tag>&amp;',
  ' leading and trailing ',
  'ends.',
  '...',
  '日本語',
  'deep/'.repeat(60) + 'end',
  'x'.repeat(200),
];

const badKeys = [
  '',
  '/',
  '/a',
  'a/',
  'a//b',
  '.',
  '..',
  '../a',
  'a/../b',
  'a/./b',
  'a\nb',
  'a\0b',
  'a\u007Fb',
  '\uD800',
];

/** What is put, read, deleted. */
export function describeObjects(promises: Promises): void {
  promises('gives back the bytes that were put, none included', async (store) => {
    for (const size of [0, 1, 65_535, 65_536, 3 * MiB + 7]) {
      const bytes = testBytes(size);
      const info = await store.put(`size/${size}`, bytes);
      assert.equal(info.sizeBytes, size);
      assert.deepEqual(await read(store, `size/${size}`), bytes);
      const head = await store.head(`size/${size}`);
      assert.equal(head?.sizeBytes, size);
      assert.equal(head?.etag, info.etag);
      assert.ok(Math.abs(head.modifiedAt.getTime() - info.modifiedAt.getTime()) < 60_000);
    }
  });

  promises('keeps no hold of the bytes that it was given or gave', async (store) => {
    const bytes = Buffer.from('before');
    await store.put('a', bytes);
    bytes.write('behind');
    for await (const chunk of store.get('a')) chunk.fill(0);
    assert.equal((await read(store, 'a')).toString(), 'before');
  });

  promises('reads any range, and refuses one past the end', async (store) => {
    const bytes = testBytes(2 * MiB + 100);
    await store.put('a', bytes);
    for (const [offset, length] of [
      [0, 1],
      [5, 10],
      [MiB - 1, 2],
      [bytes.length - 1, 1],
      [0, bytes.length],
      [7, undefined],
      [3, 0],
      [bytes.length, 0],
      [bytes.length, undefined],
    ] as const) {
      const range = length === undefined ? { offset } : { offset, length };
      const end = length === undefined ? bytes.length : offset + length;
      assert.deepEqual(await read(store, 'a', range), bytes.subarray(offset, end), `${offset} ${length}`);
      const into = new Uint8Array(new SharedArrayBuffer(end - offset));
      assert.deepEqual(await read(store, 'a', { ...range, into }), bytes.subarray(offset, end), `${offset} ${length}`);
    }
    const past = { offset: bytes.length - 1, length: 2 };
    await rejectsWith(read(store, 'a', past), 'store/bad-range');
    await rejectsWith(read(store, 'a', { ...past, into: new Uint8Array(2) }), 'store/bad-range');
    await rejectsWith(read(store, 'b', { ...past, into: new Uint8Array(2) }), 'store/not-found');
    await rejectsWith(read(store, 'a', { offset: bytes.length + 1 }), 'store/bad-range');
    await rejectsWith(read(store, 'a', { offset: bytes.length + 1, length: 0 }), 'store/bad-range');
  });

  promises('tells what is read, and reads only what still has the etag', async (store) => {
    const { etag } = await store.put('a', Buffer.from('one'));
    let told: ObjectInfo | undefined;
    await read(store, 'a', { offset: 1, length: 1, onInfo: (info) => (told = info) });
    assert.equal(told?.etag, etag);
    assert.equal(told?.sizeBytes, 3);
    await store.put('a', Buffer.from('two'));
    await rejectsWith(read(store, 'a', { ifMatch: etag }), 'store/changed');
  });

  promises('says of what is not there that it is not there', async (store) => {
    assert.equal(await store.head('nothing'), undefined);
    assert.equal(await store.head('no/thing'), undefined);
    await rejectsWith(read(store, 'nothing'), 'store/not-found');
    await rejectsWith(read(store, 'no/thing', { offset: 3, length: 0 }), 'store/not-found');
    await store.put('folder/file', Buffer.from('x'));
    assert.equal(await store.head('folder'), undefined);
    await rejectsWith(read(store, 'folder'), 'store/not-found');
    assert.equal(await store.head('folder/file/below'), undefined);
  });

  promises('keeps odd keys apart and gives them back as they are', async (store) => {
    for (const key of oddKeys) await store.put(key, Buffer.from(key));
    assert.deepEqual((await keysOf(store)).sort(), oddKeys.toSorted());
    for (const key of oddKeys) assert.equal((await read(store, key)).toString(), key);
    await store.delete(oddKeys);
    assert.deepEqual(await keysOf(store), []);
  });

  promises('refuses keys that may not be', async (store) => {
    for (const key of [...badKeys, 'x'.repeat(1025)]) {
      await rejectsWith(store.put(key, Buffer.alloc(1)), 'store/bad-key');
      await rejectsWith(read(store, key), 'store/bad-key');
      await rejectsWith(store.head(key), 'store/bad-key');
      await rejectsWith(store.startUpload(key), 'store/bad-key');
      await rejectsWith(store.delete([key]), 'store/bad-key');
    }
    assert.deepEqual(await keysOf(store), []);
  });

  promises('deletes what is there, and minds not what is not', async (store) => {
    await Promise.all(['a', 'b/c', 'b/d'].map((key) => store.put(key, Buffer.from(key))));
    await store.delete([]);
    await store.delete(['a', 'nothing', 'b/c', 'b', 'b/c/d', 'no/thing']);
    assert.deepEqual(await keysOf(store), ['b/d']);
    await store.delete(['a', 'b/d', 'b/d']);
    assert.deepEqual(await keysOf(store), []);
    await store.put('b/c', Buffer.from('again'));
    assert.equal((await read(store, 'b/c')).toString(), 'again');
  });

  promises('shows one of the versions, whole, to whoever reads while it is overwritten', async (store) => {
    const versions = [testBytes(300_000, 1), testBytes(300_000, 2)];
    await store.put('a', versions[0]!);
    const writing = (async () => {
      for (let n = 0; n < 20; n += 1) await store.put('a', versions[n % 2]!);
    })();
    for (let n = 0; n < 20; n += 1) {
      const seen = await read(store, 'a');
      assert.ok(versions.some((version) => version.equals(seen)));
    }
    await writing;
  });

  promises('does many things at once', async (store) => {
    const keys = Array.from({ length: 60 }, (_, n) => `many/${n % 7}/${n}`);
    await Promise.all(
      keys.map(async (key, n) => {
        await store.put(key, testBytes(1000 + n, n));
        assert.deepEqual(await read(store, key), testBytes(1000 + n, n));
        if (n % 2 === 0) await store.delete([key]);
      }),
    );
    assert.equal((await keysOf(store)).length, 30);
  });
}

/** What is listed, and in which order. */
export function describeListing(promises: Promises): void {
  promises('lists in the order of the UTF-8 bytes of the keys', async (store) => {
    const keys = ['a', 'a.txt', 'a-b/x', 'a0', 'ab/c', 'b/a', 'b/a.b', 'b/a-/x', 'Z', '\uFF5E', '\u{1F600}', 'ä', '~'];
    await Promise.all(keys.toReversed().map((key) => store.put(key, Buffer.from(key))));
    assert.deepEqual(await keysOf(store), keys.toSorted(compareKeys));
    for (const info of await listAll(store)) assert.equal(info.sizeBytes, Buffer.byteLength(info.key));
  });

  promises('lists what begins with the prefix, and what comes after a key', async (store) => {
    const keys = ['a/1', 'a/2', 'a/b/3', 'ab', 'b/1'];
    for (const key of keys) await store.put(key, Buffer.from('x'));
    for (const prefix of ['', 'a', 'a/', 'a/b', 'a/b/', 'a/b/3', 'ab', 'c', 'a/1/', '/', '../', 'a//', 'A'])
      assert.deepEqual(
        await keysOf(store, prefix),
        keys.filter((key) => key.startsWith(prefix)),
        prefix,
      );
    for (const after of [...keys, 'a', 'a/b', 'a/bb', 'z']) {
      const found = await Array.fromAsync(store.list({ after }), ({ key }) => key);
      assert.deepEqual(
        found,
        keys.filter((key) => compareKeys(key, after) > 0),
        after,
      );
    }
    assert.deepEqual(await Array.fromAsync(store.list({ prefix: 'a/', after: 'a/1' }), ({ key }) => key), [
      'a/2',
      'a/b/3',
    ]);
  });

  promises('lists an empty store', async (store) => {
    assert.deepEqual(await keysOf(store), []);
    assert.deepEqual(await keysOf(store, 'a/b/'), []);
  });

  promises('lists and deletes more than a page of keys', async (store) => {
    const keys = Array.from({ length: 2105 }, (_, n) => `page/${String(n).padStart(5, '0')}`);
    for (let start = 0; start < keys.length; start += 64)
      await Promise.all(keys.slice(start, start + 64).map((key) => store.put(key, Buffer.from('x'))));
    assert.deepEqual(await keysOf(store, 'page/'), keys);
    await store.delete(keys);
    assert.deepEqual(await keysOf(store), []);
  });
}
