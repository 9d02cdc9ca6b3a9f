import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { systemClock } from '../base/clock.ts';
import { DryRunStore } from './dry-run-store.ts';
import { MemoryStore } from './memory/memory-store.ts';
import { keysOf, read, testBytes } from './testing/store-testing.ts';
import { testObjectStore } from './testing/test-object-store.ts';

testObjectStore('the dry-run store', async () => {
  const store = new DryRunStore(new MemoryStore(systemClock), systemClock, Number.POSITIVE_INFINITY);
  return { store, close: () => store.close() };
});

describe('a dry-run store', () => {
  it('shows what is below with what was written and without what was deleted, and leaves what is below as it was', async () => {
    const below = new MemoryStore(systemClock);
    for (const key of ['a', 'c', 'e', 'g']) await below.put(key, testBytes(10));
    const store = new DryRunStore(below, systemClock);
    for (const key of ['b', 'c', 'h']) await store.put(key, testBytes(20));
    await store.delete(['a', 'nothing']);
    assert.deepEqual(await keysOf(store), ['b', 'c', 'e', 'g', 'h']);
    assert.equal((await read(store, 'c')).length, 20);
    assert.equal((await read(store, 'e')).length, 10);
    assert.equal(await store.head('a'), undefined);
    await assert.rejects(read(store, 'a'), { code: 'store/not-found' });
    await assert.rejects(store.put('e', testBytes(1), { ifAbsent: true }), { code: 'store/already-exists' });
    await store.put('a', testBytes(1), { ifAbsent: true });
    assert.deepEqual(await keysOf(below), ['a', 'c', 'e', 'g']);
    assert.equal((await read(below, 'c')).length, 10);
  });

  it('keeps of large objects no more than their size', async () => {
    const store = new DryRunStore(new MemoryStore(systemClock), systemClock, 100);
    await store.put('large', testBytes(101));
    const upload = await store.startUpload('larger');
    await upload.putPart(0, testBytes(1000));
    await upload.complete(1);
    assert.equal((await store.head('large'))?.sizeBytes, 101);
    assert.equal((await store.head('larger'))?.sizeBytes, 1000);
    await assert.rejects(read(store, 'large'), { code: 'store/failed' });
    await assert.rejects(read(store, 'larger'), { code: 'store/failed' });
  });
});
