import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { digestByNode, openSslDigest, writeDigest } from './blob-digest.ts';

test('a digest is the same whoever computes it, wherever the bytes lie, and touches nothing beside it', () => {
  const byOpenSsl = openSslDigest();
  assert.ok(byOpenSsl, 'this Node.js has OpenSSL');
  for (const length of [0, 1, 63, 64, 4096, 100_001]) {
    const bytes = new Uint8Array(new SharedArrayBuffer(length + 5), 5);
    bytes.set(randomBytes(length));
    const expected = createHash('sha256').update(bytes).digest();
    for (const write of [byOpenSsl, digestByNode]) {
      const ids = new Uint8Array(96);
      write(bytes, ids, 32);
      assert.deepEqual(Buffer.from(ids), Buffer.concat([Buffer.alloc(32), expected, Buffer.alloc(32)]));
    }
    const ids = Buffer.alloc(32);
    writeDigest([bytes.subarray(0, length >> 1), bytes.subarray(length >> 1)], ids, 0);
    assert.deepEqual(ids, expected);
  }
  assert.throws(() => byOpenSsl(new Uint8Array(1), new Uint8Array(33), 2), RangeError);
});
