import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MiB } from './bytes.ts';
import { giveBackPages, useLargePages } from './large-pages.ts';

test('memory that was given back can be used again, after it has grown too', () => {
  const memory = new SharedArrayBuffer(5 * MiB + 1000, { maxByteLength: 32 * MiB });
  useLargePages(memory);
  for (const size of [5 * MiB + 1000, 9 * MiB]) {
    memory.grow(size);
    const bytes = new Uint8Array(memory);
    bytes.fill(7);
    giveBackPages(memory);
    assert.ok(bytes.every((byte) => byte === bytes[0]));
    bytes.fill(8);
    assert.equal(bytes.at(-1), 8);
  }
});

test('of memory of which a part is given back the rest stays as it is', () => {
  const memory = new SharedArrayBuffer(8 * MiB, { maxByteLength: 32 * MiB });
  const bytes = new Uint8Array(memory).fill(7);
  giveBackPages(memory, 2 * MiB, 4 * MiB);
  const around = [bytes.subarray(0, 2 * MiB), bytes.subarray(6 * MiB)];
  assert.ok(around.every((part) => part.every((byte) => byte === 7)));
  assert.ok(bytes.subarray(2 * MiB, 6 * MiB).every((byte) => byte === bytes[2 * MiB]));
});

test('memory that is not a mapping of its own is left alone', () => {
  const memory = new SharedArrayBuffer(100_000);
  const bytes = new Uint8Array(memory).fill(7);
  assert.equal(useLargePages(memory), false);
  giveBackPages(memory);
  assert.ok(bytes.every((byte) => byte === 7));
});
