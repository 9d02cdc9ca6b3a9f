import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { collect } from '../../base/bytes.ts';
import { SharedContent } from './shared-content.ts';

async function* chunksOf(bytes: Uint8Array, size: number, onRead: () => void = () => {}): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) {
    onRead();
    yield bytes.subarray(at, at + size);
  }
}

test('every reader gets all bytes, whatever the others do, and the content is read once', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.uint8Array({ minLength: 1, maxLength: 2000 }),
      fc.integer({ min: 1, max: 300 }),
      fc.array(fc.constantFrom('reads', 'leaves', 'stops early'), { minLength: 1, maxLength: 4 }),
      async (bytes, size, behaviours) => {
        let reads = 0;
        let opened = 0;
        const content = new SharedContent(() => {
          opened += 1;
          return chunksOf(bytes, size, () => (reads += 1));
        }, behaviours.length);
        await Promise.all(
          behaviours.map(async (behaviour, index) => {
            if (behaviour === 'leaves') return content.leave(index);
            if (behaviour === 'stops early') {
              for await (const chunk of content.read(index)) {
                assert.ok(chunk.length > 0);
                break;
              }
              return undefined;
            }
            return assert.deepEqual(
              new Uint8Array(await collect(content.read(index), bytes.length)),
              new Uint8Array(bytes),
            );
          }),
        );
        assert.ok(opened <= 1);
        assert.ok(reads <= Math.ceil(bytes.length / size));
      },
    ),
  );
});

test('a failure of the source reaches every reader', async () => {
  const content = new SharedContent(async function* () {
    yield new Uint8Array(1);
    throw new Error('the disk is gone');
  }, 2);
  for (const result of await Promise.allSettled([collect(content.read(0), 10), collect(content.read(1), 10)])) {
    assert.equal(result.status, 'rejected');
    assert.match(String(result.reason), /the disk is gone/);
  }
});

test('a reader that leaves while it waits is let go, and does not hold up the others', async () => {
  const content = new SharedContent(() => chunksOf(new Uint8Array(10), 1), 2);
  const waiting = collect(content.read(0), 10);
  content.leave(0);
  assert.equal((await waiting).length, 0);
  assert.equal((await collect(content.read(1), 10)).length, 10);
});
