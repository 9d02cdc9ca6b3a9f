import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findFfi } from './native-functions.ts';
import { addressOf } from './native-memory.ts';

test('the address of bytes is what Node.js says, of every part of every kind of memory and at each time', () => {
  const ffi = findFfi();
  assert.ok(ffi);
  const growing = new SharedArrayBuffer(10, { maxByteLength: 100_000 });
  const all = [
    new Uint8Array(3),
    Buffer.from('in the pool'),
    Buffer.alloc(1_000_000),
    new Uint8Array(new SharedArrayBuffer(100)),
    new Uint8Array(growing),
  ];
  for (let round = 0; round < 3; round += 1) {
    for (const bytes of all)
      for (const part of [bytes, bytes.subarray(1), bytes.subarray(2, 3)])
        assert.equal(addressOf(part), ffi.getRawPointer(part));
    growing.grow(growing.byteLength + 30_000);
  }
});
