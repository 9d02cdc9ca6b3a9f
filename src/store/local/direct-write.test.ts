import assert from 'node:assert/strict';
import { randomFillSync } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { systemClock } from '../../base/clock.ts';
import { LocalStore } from './local-store.ts';

/** Memory that begins at a page, as that of packs does. */
const pages = (bytes: number): Uint8Array => new Uint8Array(new SharedArrayBuffer(bytes, { maxByteLength: bytes * 2 }));

test('a large object whose durability is deferred is whole, whatever its length and wherever its memory lies', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-direct-'));
  const store = new LocalStore(folder, systemClock);
  try {
    for (const length of [0, 1, 4095, 4096, 4097, 300_000, 1_048_576, 3_000_001])
      for (const shift of [0, 5, 4096]) {
        const bytes = pages(length + shift).subarray(shift);
        randomFillSync(bytes);
        const { sizeBytes } = await store.put('a/object', bytes, { deferSync: true });
        assert.equal(sizeBytes, length);
        assert.deepEqual(await readFile(join(folder, 'a/object')), Buffer.from(bytes));
      }
    await store.sync();
  } finally {
    await store.close();
    await rm(folder, { recursive: true });
  }
});
