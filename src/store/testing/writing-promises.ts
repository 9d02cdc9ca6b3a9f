import assert from 'node:assert/strict';
import { MiB } from '../../base/bytes.ts';
import { hasCode, type HoldfastError, messageOf } from '../../base/errors.ts';
import type { ObjectStore, PutAllOptions } from '../object-store.ts';
import { putAll } from '../put-all.ts';
import { putStream } from '../put-stream.ts';
import { keysOf, read, rejectsWith, testBytes, type Promises } from './store-testing.ts';

/** Writes that depend on what is there. */
export function describeConditions(promises: Promises): void {
  promises('lets one of 16 win who put the same absent key', async (store) => {
    for (let round = 0; round < 3; round += 1) {
      const racers = Array.from({ length: 16 }, (_, n) =>
        store.put(`race/${round}`, Buffer.from(`racer ${n}`), { ifAbsent: true }).then(
          () => n,
          (error: unknown) => {
            assert.ok(hasCode(error, 'store/already-exists'), String(error));
            return undefined;
          },
        ),
      );
      const winners = (await Promise.all(racers)).filter((n) => n !== undefined);
      assert.equal(winners.length, 1);
      assert.equal((await read(store, `race/${round}`)).toString(), `racer ${winners[0]}`);
    }
    assert.equal((await keysOf(store)).length, 3);
  });

  promises('overwrites only the version that ifMatch names', async (store) => {
    const first = await store.put('a', Buffer.from('1'));
    const second = await store.put('a', Buffer.from('2'), { ifMatch: first.etag });
    await rejectsWith(store.put('a', Buffer.from('3'), { ifMatch: first.etag }), 'store/changed');
    assert.equal((await read(store, 'a')).toString(), '2');
    assert.equal((await store.head('a'))?.etag, second.etag);
    await store.delete(['a']);
    await rejectsWith(store.put('a', Buffer.from('4'), { ifMatch: second.etag }), 'store/changed', 'store/not-found');
    assert.equal(await store.head('a'), undefined);
  });

  promises('lets one of 16 win who replace the same version', async (store) => {
    const { etag } = await store.put('a', Buffer.from('old'));
    const racers = Array.from({ length: 16 }, (_, n) =>
      store.put('a', Buffer.from(`new ${n}`), { ifMatch: etag }).then(
        () => 1,
        (error: unknown) => {
          assert.ok(hasCode(error, 'store/changed'), String(error));
          return 0;
        },
      ),
    );
    const wins = await Promise.all(racers);
    assert.equal(
      wins.reduce<number>((sum, won) => sum + won, 0),
      1,
    );
  });
}

/** Writes whose durability is left to `sync`. */
export function describeDeferredSync(promises: Promises): void {
  promises('shows at once what is to become durable later, whole, and keeps it', async (store) => {
    await store.sync();
    const keys = Array.from({ length: 40 }, (_, n) => `deferred/${n % 5}/${n}`);
    const put = (seed: number) => async (key: string, n: number) => {
      await store.put(key, testBytes(n * 10_000, seed), { deferSync: true });
      assert.deepEqual(await read(store, key), testBytes(n * 10_000, seed));
    };
    await Promise.all(keys.map(put(1)));
    await Promise.all(keys.map(put(2)));
    await store.delete(keys.slice(0, 20));
    await Promise.all(keys.slice(0, 10).map(put(3)));
    await store.sync();
    await store.sync();
    assert.deepEqual((await keysOf(store)).length, 30);
    for (const [n, key] of keys.slice(0, 10).entries())
      assert.deepEqual(await read(store, key), testBytes(n * 10_000, 3));
    await rejectsWith(store.put('../out', Buffer.from('x'), { deferSync: true }), 'store/bad-key');
    const { etag } = await store.put('a', Buffer.from('1'), { deferSync: true, ifAbsent: true });
    await rejectsWith(store.put('a', Buffer.from('2'), { deferSync: true, ifAbsent: true }), 'store/already-exists');
    await store.put('a', Buffer.from('3'), { deferSync: true, ifMatch: etag });
    assert.equal((await read(store, 'a')).toString(), '3');
  });
}

/** What `putAll` told of each object: "stored", or the error's code. */
async function outcomesOf(
  store: ObjectStore,
  objects: readonly (readonly [key: string, bytes: Buffer])[],
  options: Omit<PutAllOptions, 'onDone'> = {},
): Promise<string[]> {
  const outcomes: string[] = [];
  const onDone = (index: number, error?: unknown): void => {
    assert.equal(outcomes[index], undefined, 'each is told once');
    outcomes[index] = error === undefined ? 'stored' : ((error as HoldfastError).code ?? messageOf(error));
  };
  await putAll(
    store,
    objects.map(([key, bytes]) => ({ key, bytes })),
    { ...options, onDone },
  );
  return outcomes;
}

/** Many objects that are written at once. */
export function describePutAll(promises: Promises): void {
  promises('writes many objects at once, which are there when it is told of them', async (store) => {
    const put = async (count: number, seed: number): Promise<void> => {
      const objects = Array.from({ length: count }, (_, n) => [`all/${n % 7}/${n}`, testBytes(n * 97, seed)] as const);
      assert.deepEqual(
        await outcomesOf(store, objects),
        objects.map(() => 'stored'),
      );
      for (const [key, bytes] of objects) assert.deepEqual(await read(store, key), bytes, key);
    };
    await put(0, 1);
    await put(3, 1);
    await put(300, 2); // overwritten as well
    await store.delete(await keysOf(store));
    await Promise.all([put(300, 3), outcomesOf(store, [['other', testBytes(400_000)]])]);
    await store.sync();
    assert.equal((await keysOf(store, 'all/')).length, 300);
  });

  promises('leaves out of many what can not be written, and tells why', async (store) => {
    const objects = Array.from({ length: 20 }, (_, n) => [n === 7 ? '../out' : `n/${n}`, testBytes(n)] as const);
    const outcomes = await outcomesOf(store, objects);
    assert.deepEqual(
      outcomes,
      objects.map((_, n) => (n === 7 ? 'store/bad-key' : 'stored')),
    );
    assert.equal((await keysOf(store)).length, 19);
  });

  promises('ends many writes at a signal, or with what is thrown at it', async (store) => {
    const reason = new Error('stopped');
    const isReason = (error: unknown): boolean => error === reason;
    const objects = [
      { key: 'a', bytes: testBytes(1) },
      { key: 'b', bytes: testBytes(1) },
    ];
    const told: number[] = [];
    const onDone = (index: number): void => void told.push(index);
    await assert.rejects(putAll(store, objects, { signal: AbortSignal.abort(reason), onDone }), isReason);
    assert.deepEqual(told, []);
    assert.deepEqual(await keysOf(store), []);
    const failing = (): void => {
      throw reason;
    };
    await assert.rejects(putAll(store, objects, { onDone: failing }), isReason);
  });

  promises('sends many objects no faster than their pace allows', async (store) => {
    let seen = 0;
    const pace = async (bytes: number): Promise<void> => void (seen += bytes);
    const objects = Array.from({ length: 10 }, (_, n) => [`p/${n}`, testBytes(100_000)] as const);
    await outcomesOf(store, objects, { pace });
    assert.ok(seen >= 1_000_000); // what is tried again has to wait again
  });
}

/** Objects that are written in parts. */
export function describeUploads(promises: Promises): void {
  promises('puts parts together that came out of order and repeated', async (store) => {
    const upload = await store.startUpload('big');
    const sizes = [upload.partSizeBytes(0), upload.partSizeBytes(1), 1234];
    const parts = sizes.map((size, index) => testBytes(size, index + 1));
    await upload.putPart(2, parts[2]!);
    await Promise.all([upload.putPart(1, parts[1]!), upload.putPart(0, parts[0]!)]);
    await upload.putPart(1, parts[1]!);
    assert.equal(await store.head('big'), undefined);
    assert.deepEqual(await keysOf(store), []);
    const info = await upload.complete(3);
    assert.deepEqual(await upload.complete(3), info);
    await upload.abort();
    assert.equal(info.sizeBytes, Buffer.concat(parts).length);
    assert.equal((await store.head('big'))?.etag, info.etag);
    assert.ok((await read(store, 'big')).equals(Buffer.concat(parts)));
  });

  promises('makes an empty object of an upload without parts', async (store) => {
    const upload = await store.startUpload('empty');
    assert.equal((await upload.complete(0)).sizeBytes, 0);
    assert.equal((await upload.complete(0)).sizeBytes, 0);
    assert.equal((await store.head('empty'))?.sizeBytes, 0);
    assert.equal(await store.sweep(new Date(Date.now() + 3_600_000)), 0);
  });

  promises('completes no upload that lacks a part', async (store) => {
    const upload = await store.startUpload('holes');
    await upload.putPart(0, testBytes(upload.partSizeBytes(0)));
    await upload.putPart(2, testBytes(10));
    await rejectsWith(upload.complete(3), 'store/failed');
    await upload.abort();
    const short = await store.startUpload('holes');
    await short.putPart(0, testBytes(10));
    await short.putPart(1, testBytes(10));
    await rejectsWith(short.complete(2), 'store/failed');
    await short.abort();
    assert.equal(await store.head('holes'), undefined);
  });

  promises('leaves nothing of an upload that was aborted', async (store) => {
    const upload = await store.startUpload('gone/away');
    await upload.putPart(0, testBytes(upload.partSizeBytes(0)));
    await upload.abort();
    await upload.abort();
    assert.deepEqual(await keysOf(store), []);
    assert.equal(await store.sweep(new Date(Date.now() + 3_600_000)), 0);
    await assert.rejects(upload.complete(1));
    assert.equal(await store.head('gone/away'), undefined);
  });

  promises('keeps the conditions of an upload when it completes', async (store) => {
    const upload = await store.startUpload('a', { ifAbsent: true });
    await upload.putPart(0, Buffer.from('upload'));
    const { etag } = await store.put('a', Buffer.from('put'));
    await rejectsWith(upload.complete(1), 'store/already-exists');
    await upload.abort();
    assert.equal((await read(store, 'a')).toString(), 'put');
    const replacing = await store.startUpload('a', { ifMatch: etag });
    await replacing.putPart(0, Buffer.from('replaced'));
    await replacing.complete(1);
    assert.equal((await read(store, 'a')).toString(), 'replaced');
    const late = await store.startUpload('a', { ifMatch: etag });
    await late.putPart(0, Buffer.from('late'));
    await rejectsWith(late.complete(1), 'store/changed');
    await late.abort();
    assert.equal((await read(store, 'a')).toString(), 'replaced');
  });

  promises('names an object when all of it is there, where it can', async (store) => {
    const upload = await store.startUnnamed?.('late/');
    if (!upload) return;
    const parts = [testBytes(upload.partSizeBytes(0), 1), testBytes(1234, 2)] as const;
    await Promise.all(parts.map((part, index) => upload.putPart(index, part)));
    assert.deepEqual(await keysOf(store), []);
    const info = await upload.complete('late/deep/name', 2);
    assert.deepEqual(await upload.complete('late/deep/name', 2), info);
    await upload.abort();
    assert.equal((await store.head('late/deep/name'))?.etag, info.etag);
    assert.ok((await read(store, 'late/deep/name')).equals(Buffer.concat(parts)));
    const over = await store.startUnnamed?.('late/', { deferSync: true });
    await over?.putPart(0, parts[1]);
    await over?.complete('late/deep/name', 1);
    assert.ok((await read(store, 'late/deep/name')).equals(parts[1]));
    const given = await store.startUnnamed?.('late/');
    await given?.putPart(0, parts[0]);
    await given?.abort();
    await rejectsWith(given!.complete('late/given', 1), 'store/not-found');
    assert.equal(await store.sweep(new Date(Date.now() + 3_600_000)), 0);
    const dead = await store.startUnnamed?.('late/');
    await dead?.putPart(0, parts[0]);
    assert.equal(await store.sweep(new Date(Date.now() + 3_600_000)), 1);
    await dead?.abort();
    assert.deepEqual(await keysOf(store), ['late/deep/name']);
  });

  promises('sweeps what dead writers left, when it is old, and nothing else', async (store) => {
    await store.put('visible', Buffer.from('x'));
    const upload = await store.startUpload('left/behind');
    await upload.putPart(0, testBytes(1000));
    assert.equal(await store.sweep(new Date(Date.now() - 3_600_000)), 0);
    assert.equal(await store.sweep(new Date(Date.now() + 3_600_000)), 1);
    assert.equal(await store.sweep(new Date(Date.now() + 3_600_000)), 0);
    assert.deepEqual(await keysOf(store), ['visible']);
    await assert.rejects(upload.complete(1));
    await upload.abort();
    assert.deepEqual(await keysOf(store), ['visible']);
  });

  promises('stores a stream of unknown length, and nothing of one that breaks', async (store) => {
    for (const size of [0, 1, 4 * MiB, 4 * MiB + 1, 19 * MiB + 3]) {
      const bytes = testBytes(size);
      const info = await putStream(store, 'stream', pieces(bytes));
      assert.equal(info.sizeBytes, size);
      assert.ok((await read(store, 'stream')).equals(bytes), `${size}`);
      await store.delete(['stream']);
    }
    for (const size of [1, 19 * MiB])
      await assert.rejects(putStream(store, 'broken', pieces(testBytes(size), new Error('the source broke'))), {
        message: 'the source broke',
      });
    assert.deepEqual(await keysOf(store), []);
    assert.equal(await store.sweep(new Date(Date.now() + 3_600_000)), 0);
  });
}

async function* pieces(bytes: Buffer, failure?: Error): AsyncGenerator<Uint8Array> {
  for (let start = 0; start < bytes.length; start += 300_001) yield bytes.subarray(start, start + 300_001);
  if (failure !== undefined) throw failure;
}

/** What an abort signal ends, and a pace slows down. */
export function describeSignals(promises: Promises): void {
  promises("rejects with the signal's reason when it is aborted", async (store) => {
    await store.put('a', testBytes(100));
    const reason = new Error('stopped');
    const signal = AbortSignal.abort(reason);
    const isReason = (error: unknown): boolean => error === reason;
    await assert.rejects(store.put('b', testBytes(1), { signal }), isReason);
    await assert.rejects(store.startUpload('b', { signal }), isReason);
    await assert.rejects(read(store, 'a', { signal }), isReason);
    await assert.rejects(store.head('a', signal), isReason);
    await assert.rejects(Array.fromAsync(store.list({ signal })), isReason);
    await assert.rejects(store.delete(['a'], signal), isReason);
    await assert.rejects(store.sweep(new Date(), signal), isReason);
    assert.deepEqual(await keysOf(store), ['a']);
  });

  promises('ends a stream that is under way when the signal is aborted, and removes it', async (store) => {
    const controller = new AbortController();
    const reason = new Error('stopped');
    async function* chunks(): AsyncGenerator<Uint8Array> {
      for (let n = 0; n < 30; n += 1) {
        if (n === 20) controller.abort(reason);
        yield testBytes(MiB, n);
      }
    }
    await assert.rejects(
      putStream(store, 'a', chunks(), { signal: controller.signal }),
      (error: unknown) => error === reason,
    );
    assert.deepEqual(await keysOf(store), []);
    assert.equal(await store.sweep(new Date(Date.now() + 3_600_000)), 0);
  });

  promises('sends a put no faster than its pace allows', async (store) => {
    const seen: number[] = [];
    const pace = async (bytes: number): Promise<void> => void seen.push(bytes);
    await store.put('a', testBytes(200_000), { pace });
    assert.equal(
      seen.reduce((sum, bytes) => sum + bytes, 0),
      200_000,
    );
    assert.ok(seen.every((bytes) => bytes <= 65_536));
    assert.ok((await read(store, 'a')).equals(testBytes(200_000)));
  });
}
