import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { systemClock } from '../base/clock.ts';
import { createLogger } from '../base/log.ts';
import { LimitedStore } from './limited-store.ts';
import { LoggedStore } from './logged-store.ts';
import { MemoryStore } from './memory/memory-store.ts';
import { putAll } from './put-all.ts';
import { InstantClock } from './testing/instant-clock.ts';
import { keysOf, read, testBytes } from './testing/store-testing.ts';
import { testObjectStore } from './testing/test-object-store.ts';

testObjectStore('the limited store', async () => {
  const limits = { uploadKBps: 100_000_000, downloadKBps: 100_000_000, connections: 2 };
  const store = new LimitedStore(new MemoryStore(systemClock), systemClock, limits);
  return { store, close: () => store.close() };
});

testObjectStore('the logged store', async () => {
  const logger = createLogger({
    level: 'debug',
    format: 'json',
    clock: systemClock,
    write: (line) => JSON.parse(line),
  });
  const store = new LoggedStore(new MemoryStore(systemClock), logger, systemClock);
  return { store, close: () => store.close() };
});

describe('a limited store', () => {
  it('sends no faster than its rate, over all puts together', async () => {
    const clock = new InstantClock();
    const store = new LimitedStore(new MemoryStore(clock), clock, { uploadKBps: 1000 });
    await Promise.all(['a', 'b', 'c', 'd'].map((key) => store.put(key, testBytes(1_000_000))));
    const upload = await store.startUpload('e');
    await upload.putPart(0, testBytes(1_000_000));
    await upload.complete(1);
    assert.ok(clock.monotonicMs() >= 4900, `${clock.monotonicMs()} ms`);
  });

  it('receives no faster than its rate', async () => {
    const clock = new InstantClock();
    const store = new LimitedStore(new MemoryStore(clock), clock, { downloadKBps: 500 });
    await store.put('a', testBytes(1_000_000));
    assert.ok((await read(store, 'a')).equals(testBytes(1_000_000)));
    assert.ok(clock.monotonicMs() >= 1900, `${clock.monotonicMs()} ms`);
  });

  it('has no more requests at work than it may', async () => {
    let working = 0;
    let most = 0;
    class Counting extends MemoryStore {
      override async put(...args: Parameters<MemoryStore['put']>) {
        working += 1;
        most = Math.max(most, working);
        await delay(1);
        working -= 1;
        return super.put(...args);
      }
    }
    const store = new LimitedStore(new Counting(systemClock), systemClock, { connections: 3 });
    await Promise.all(Array.from({ length: 20 }, (_, n) => store.put(`k${n}`, testBytes(1))));
    assert.equal(most, 3);
    assert.equal((await keysOf(store)).length, 20);
  });

  it('lets a reader write to the same store, even over one connection', async () => {
    const store = new LimitedStore(new MemoryStore(systemClock), systemClock, { connections: 1 });
    await store.put('a', testBytes(3_000_000));
    let part = 0;
    for await (const chunk of store.get('a')) await store.put(`copy/${part++}`, chunk);
    for await (const { key } of store.list({ prefix: 'copy/' })) await store.delete([key]);
    assert.deepEqual(await keysOf(store), ['a']);
  });
});

const three = ['a', 'b', '/'].map((key) => ({ key, bytes: testBytes(1_000_000) }));

describe('many objects at once', () => {
  it('are sent no faster than the rate, over one connection where the store takes them so', async () => {
    const clock = new InstantClock();
    const store = new LimitedStore(new MemoryStore(clock), clock, { uploadKBps: 1000, connections: 1 });
    await putAll(store, three, { onDone: () => {} });
    assert.ok(clock.monotonicMs() >= 1900, `${clock.monotonicMs()} ms`);
  });

  it('make one line of the log, which tells what failed', async () => {
    const clock = new InstantClock();
    const lines: Record<string, unknown>[] = [];
    const write = (line: string): void => void lines.push(JSON.parse(line) as Record<string, unknown>);
    const logger = createLogger({ level: 'debug', format: 'json', clock, write });
    await putAll(new LoggedStore(new MemoryStore(clock), logger, clock), three, { onDone: () => {} });
    assert.equal(lines.length, 1);
    const { message, objects, bytes, failures, failed } = lines[0]!;
    assert.deepEqual([message, objects, bytes, failures], ['store: put all', 3, 3_000_000, 1]);
    assert.match(String(failed), /^\/: /);
  });
});

describe('a logged store', () => {
  it('writes one line for each operation, with what it was and how it ended', async () => {
    const clock = new InstantClock();
    const lines: Record<string, unknown>[] = [];
    const write = (line: string): void => void lines.push(JSON.parse(line) as Record<string, unknown>);
    const store = new LoggedStore(
      new MemoryStore(clock),
      createLogger({ level: 'debug', format: 'json', clock, write }),
      clock,
    );
    await store.put('a', testBytes(10));
    await read(store, 'a', { offset: 2 });
    await keysOf(store);
    await assert.rejects(read(store, 'b'));
    await assert.rejects(store.put('/', testBytes(1)));
    assert.deepEqual(
      lines.map(({ message, key, bytes, objects, failed }) => [message, key, bytes ?? objects, failed !== undefined]),
      [
        ['store: put', 'a', 10, false],
        ['store: get', 'a', 8, false],
        ['store: list', undefined, 1, false],
        ['store: get', 'b', undefined, true],
        ['store: put', '/', 1, true],
      ],
    );
  });
});
