import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { MiB } from '../base/bytes.ts';
import { systemClock } from '../base/clock.ts';
import { storeError } from './errors.ts';
import { MemoryStore } from './memory/memory-store.ts';
import type { PutOptions, Upload } from './object-store.ts';
import { putStream } from './put-stream.ts';
import { FaultyStore } from './testing/faulty-store.ts';
import { keysOf, testBytes } from './testing/store-testing.ts';

/** A store that is slow and counts the parts under way. */
class SlowStore extends MemoryStore {
  underWay = 0;
  most = 0;

  override async startUpload(key: string, options?: PutOptions): Promise<Upload> {
    const upload = await super.startUpload(key, options);
    return {
      ...upload,
      putPart: async (index, bytes) => {
        this.underWay += 1;
        this.most = Math.max(this.most, this.underWay);
        await delay(3);
        await upload.putPart(index, bytes);
        this.underWay -= 1;
      },
    };
  }
}

async function* megabytes(count: number, onChunk: (n: number) => void = () => {}): AsyncGenerator<Uint8Array> {
  for (let n = 0; n < count; n += 1) {
    onChunk(n);
    yield testBytes(MiB, n);
  }
}

describe('storing a stream', () => {
  it('reads no further ahead than a few parts', async () => {
    const store = new SlowStore(systemClock);
    let given = 0;
    await putStream(
      store,
      'a',
      megabytes(40, (n) => (given = n)),
    );
    assert.equal(given, 39);
    assert.equal(store.most, 3);
  });

  it('sends a small one in one request', async () => {
    const faulty = new FaultyStore(new MemoryStore(systemClock));
    await putStream(faulty, 'a', megabytes(3));
    assert.deepEqual([...faulty.calls], [['put', 1]]);
  });

  it('stops reading, waits for what is under way and removes it when a part fails for good', async () => {
    const slow = new SlowStore(systemClock);
    const faulty = new FaultyStore(slow);
    const full = storeError('full', { message: 'the disk is full' });
    faulty.fail('putPart', { error: null }, { error: full });
    let given = 0;
    let returned = false;
    async function* chunks(): AsyncGenerator<Uint8Array> {
      try {
        yield* megabytes(1000, (n) => (given = n));
      } finally {
        returned = true;
      }
    }
    await assert.rejects(putStream(faulty, 'a', chunks()), (error) => error === full);
    assert.ok(given < 20, `${given}`);
    assert.equal(returned, true);
    assert.equal(slow.underWay, 0);
    assert.equal(faulty.calls.get('abort'), 1);
    assert.deepEqual(await keysOf(slow), []);
    assert.equal(await slow.sweep(new Date(Date.now() + 1000)), 0);
    faulty.assertAllUsed();
  });

  it('tells the first failure even when cleaning up fails too', async () => {
    const faulty = new FaultyStore(new MemoryStore(systemClock));
    const first = storeError('full', { message: 'first' });
    faulty.fail('complete', { error: first }).fail('abort', {});
    await assert.rejects(putStream(faulty, 'a', megabytes(9)), (error) => error === first);
    faulty.assertAllUsed();
  });
});
