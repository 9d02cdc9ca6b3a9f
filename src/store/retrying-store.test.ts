import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { MiB } from '../base/bytes.ts';
import { systemClock } from '../base/clock.ts';
import { messageOf } from '../base/errors.ts';
import { createLogger, silentLogger } from '../base/log.ts';
import { storeError } from './errors.ts';
import { MemoryStore } from './memory/memory-store.ts';
import { putAll } from './put-all.ts';
import { putStream } from './put-stream.ts';
import type { RetryOptions } from './retry-policy.ts';
import { RetryingStore } from './retrying-store.ts';
import { FaultyStore, type Fault } from './testing/faulty-store.ts';
import { InstantClock } from './testing/instant-clock.ts';
import { keysOf, read, rejectsWith, testBytes } from './testing/store-testing.ts';
import { testObjectStore } from './testing/test-object-store.ts';

testObjectStore('the retrying store', async () => {
  const context = { clock: systemClock, logger: silentLogger, random: Math.random };
  const store = new RetryingStore(new MemoryStore(systemClock), context);
  return { store, close: () => store.close() };
});

testObjectStore('the retrying store over one that fails now and then', async () => {
  const faulty = new FaultyStore(new MemoryStore(systemClock));
  // The first call of each method succeeds; every third later one fails, before or after its work in turn.
  const some: Fault[] = Array.from({ length: 400 }, (_, n) => (n % 3 === 1 ? { after: n % 2 === 0 } : { error: null }));
  for (const method of ['put', 'putPart', 'complete', 'abort', 'get', 'head', 'list', 'delete'] as const)
    faulty.fail(method, ...some);
  faulty.fail('startUpload', {}); // a lost answer would leave an upload that only a sweep finds
  const context = { clock: new InstantClock(), logger: silentLogger, random: Math.random };
  const store = new RetryingStore(faulty, context);
  return { store, close: () => store.close() };
});

function setUp(options: RetryOptions = {}) {
  const clock = new InstantClock();
  const lines: string[] = [];
  const logger = createLogger({ level: 'warn', format: 'text', clock, write: (line) => void lines.push(line) });
  const memory = new MemoryStore(clock);
  const faulty = new FaultyStore(memory);
  const store = new RetryingStore(faulty, { clock, logger, random: () => 0.999 }, options);
  return { clock, lines, memory, faulty, store };
}

const permanent = storeError('access-denied', { message: 'no' });

describe('a retrying store', () => {
  it('without jitter pauses exactly twice as long each time', async () => {
    const { faulty, store, clock } = setUp({ attempts: 4, baseDelayMs: 5000, jitter: false });
    faulty.fail('put', {}, {}, {});
    const begun = clock.monotonicMs();
    await store.put('a', Buffer.from('x'));
    assert.equal(clock.monotonicMs() - begun, 35_000);
  });

  it('tries again what failed in passing, and tells so', async () => {
    const { faulty, store, lines } = setUp();
    faulty.fail('put', {}, {});
    await store.put('a', Buffer.from('x'));
    faulty.assertAllUsed();
    assert.equal(lines.length, 2);
    assert.match(lines[0]!, /put a failed and is tried again.*injected fault/);
  });

  it('tries nothing again that the driver calls permanent', async () => {
    const { faulty, store } = setUp();
    faulty.fail('put', { error: permanent }).fail('get', { error: permanent }).fail('list', { error: permanent });
    await rejectsWith(store.put('a', Buffer.from('x')), 'store/access-denied');
    await rejectsWith(read(store, 'a'), 'store/access-denied');
    await rejectsWith(keysOf(store), 'store/access-denied');
    assert.deepEqual([...faulty.calls.values()], [1, 1, 1]);
    faulty.fail('put', { error: new TypeError('a bug') });
    await assert.rejects(store.put('a', Buffer.from('x')), TypeError);
  });

  it('of many objects tries again those that failed in passing, and tells the others at once', async () => {
    const { faulty, store, memory } = setUp({ attempts: 3 });
    const objects = ['a', 'b', 'c', 'd', 'e'].map((key) => ({ key, bytes: Buffer.from(key) }));
    const fine = { error: null };
    faulty.fail('put', fine, {}, { error: permanent }, {}, fine, {}, {}, {});
    const told: string[] = [];
    const onDone = (index: number, error?: unknown): void => void told.push(`${index} ${messageOf(error ?? 'stored')}`);
    await putAll(store, objects, { onDone });
    faulty.assertAllUsed();
    assert.deepEqual(told.toSorted(), [
      '0 stored',
      '1 put: an injected fault (tried 3 times)',
      '2 no',
      '3 stored',
      '4 stored',
    ]);
    assert.deepEqual(await keysOf(memory), ['a', 'd', 'e']);
  });

  it('gives up after so many tries, with pauses that double up to a limit', async () => {
    const { faulty, store, clock } = setUp({ attempts: 6, baseDelayMs: 100, maxDelayMs: 500 });
    faulty.fail('head', {}, {}, {}, {}, {}, {});
    await assert.rejects(store.head('a'), /\(tried 6 times\)/);
    faulty.assertAllUsed();
    assert.deepEqual(clock.slept, [100, 200, 400, 500, 500]);
  });

  it('starts no try after the deadline', async () => {
    const { faulty, store, clock } = setUp({ attempts: 100, baseDelayMs: 1000, deadlineMs: 10_000 });
    faulty.fail('head', ...Array.from({ length: 4 }, () => ({})));
    await assert.rejects(store.head('a'), /\(tried 4 times\)/);
    faulty.assertAllUsed();
    assert.ok(clock.monotonicMs() <= 10_000);
  });

  it('knows its own object again when the answer to a conditional put was lost', async () => {
    const { faulty, store, memory } = setUp();
    faulty.fail('put', { after: true });
    const info = await store.put('a', testBytes(3 * MiB), { ifAbsent: true });
    assert.deepEqual(info, await memory.head('a'));
    faulty.fail('put', { after: true });
    await store.put('a', Buffer.from('two'), { ifMatch: info.etag });
    assert.equal((await read(memory, 'a')).toString(), 'two');
    faulty.assertAllUsed();
  });

  it("takes nobody else's object for its own", async () => {
    const { faulty, store, memory } = setUp();
    for (const theirs of ['other', 'mine and more', 'min', '']) {
      await memory.put('a', Buffer.from(theirs));
      faulty.fail('put', {});
      await rejectsWith(store.put('a', Buffer.from('mine'), { ifAbsent: true }), 'store/already-exists');
      faulty.fail('put', {});
      await rejectsWith(store.put('a', Buffer.from('mine'), { ifMatch: 'old' }), 'store/changed');
    }
    await memory.put('a', Buffer.from('mine'));
    await rejectsWith(store.put('a', Buffer.from('mine'), { ifAbsent: true }), 'store/already-exists');
    faulty.assertAllUsed();
  });

  it('goes on reading where the bytes broke off, however often', async () => {
    const { faulty, store, memory } = setUp({ attempts: 2 });
    const bytes = testBytes(500_000);
    await memory.put('a', bytes);
    faulty.fail('get', {}, { items: 1 }, { items: 123_456 }, { items: 200_000 }, { items: 1 });
    assert.ok((await read(store, 'a')).equals(bytes));
    faulty.assertAllUsed();
    faulty.fail('get', { items: 10 }, { items: 10 });
    assert.ok((await read(store, 'a', { offset: 100, length: 50 })).equals(bytes.subarray(100, 150)));
    faulty.fail('get', { items: 50 });
    assert.ok((await read(store, 'a', { offset: 100, length: 50 })).equals(bytes.subarray(100, 150)));
    faulty.fail('get', { items: 400_000 });
    assert.ok((await read(store, 'a', { offset: 100_000 })).equals(bytes.subarray(100_000)));
    faulty.assertAllUsed();
  });

  it('mixes no two versions of an object when it goes on reading', async () => {
    const { faulty, store, memory } = setUp();
    await memory.put('a', testBytes(1000, 1));
    faulty.fail('get', { items: 400 });
    const iterator = store.get('a')[Symbol.asyncIterator]();
    assert.equal((await iterator.next()).value?.length, 400);
    await memory.put('a', testBytes(1000, 2));
    await rejectsWith(iterator.next(), 'store/changed');
  });

  it('goes on listing after the last key that was seen', async () => {
    const { faulty, store, memory } = setUp({ attempts: 2 });
    const keys = Array.from({ length: 50 }, (_, n) => `k/${String(n).padStart(2, '0')}`);
    for (const key of keys) await memory.put(key, Buffer.from('x'));
    faulty.fail('list', {}, { items: 7 }, { items: 1 }, { items: 20 });
    assert.deepEqual(await keysOf(store, 'k/'), keys);
    faulty.assertAllUsed();
  });

  it('completes a stream whatever fails on the way', async () => {
    const { faulty, store, memory } = setUp();
    faulty.fail('startUpload', {}).fail('putPart', {}, { after: true }, {}).fail('complete', {}, { after: true });
    const bytes = testBytes(9 * MiB + 1);
    async function* chunks() {
      yield bytes;
    }
    await putStream(store, 'a', chunks(), { ifAbsent: true });
    assert.ok((await read(memory, 'a')).equals(bytes));
    faulty.assertAllUsed();
  });

  it('waits no longer when it is told to stop', async () => {
    const { faulty, store } = setUp();
    const controller = new AbortController();
    const reason = new Error('stopped');
    faulty.fail('putPart', {});
    const upload = await store.startUpload('a', { signal: controller.signal });
    controller.abort(reason);
    await assert.rejects(upload.putPart(0, Buffer.from('x')), (error) => error === reason);
    faulty.fail('abort', {});
    await upload.abort();
    faulty.assertAllUsed();
  });
});
