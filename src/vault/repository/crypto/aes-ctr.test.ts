import assert from 'node:assert/strict';
import { createCipheriv, randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { CtrCipher } from './aes-ctr.ts';

test('what node:crypto encrypted comes out as it was, whatever its length and where its memory lies', () => {
  const key = randomBytes(32);
  const decrypter = new CtrCipher(key);
  for (const length of [0, 1, 15, 16, 4096, 65_535, 65_536, 65_537, 1_000_003]) {
    const iv = randomBytes(16);
    const plain = randomBytes(length);
    const from = new Uint8Array(new SharedArrayBuffer(length + 5), 5);
    from.set(createCipheriv('aes-256-ctr', key, iv).update(plain));
    const to = new Uint8Array(new SharedArrayBuffer(length + 9), 3);
    const pieces: Buffer[] = [];
    decrypter.applyTo(iv, [from.subarray(0, 7), from.subarray(7)], to, (piece) => pieces.push(Buffer.from(piece)));
    assert.deepEqual(Buffer.from(to.subarray(0, length)), plain);
    assert.deepEqual(Buffer.concat(pieces), plain);
    assert.deepEqual([...to.subarray(length)], [0, 0, 0, 0, 0, 0], 'nothing behind it is written');
  }
});
