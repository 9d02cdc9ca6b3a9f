import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import * as fc from 'fast-check';

import { hasCode } from '../../../base/errors.ts';
import { randomStream } from '../testing/sample-stream.ts';
import { open, randomSealingKey, seal, sealedOverhead, sealInto } from './sealing-key.ts';

const key = randomSealingKey();
const isCorrupt = (error: unknown): boolean => hasCode(error, 'vault/corrupt');

describe('a sealing key', () => {
  it('opens what it sealed, of any length', () => {
    for (const length of [0, 1, 15, 16, 17, 1000, 65_535, 65_536, 65_537, 300_000, 1_100_003]) {
      const plaintext = randomStream(length, length);
      const sealed = seal(key, plaintext);
      assert.equal(sealed.length, length + sealedOverhead);
      assert.deepEqual(open(key, sealed), plaintext);
    }
  });

  it('seals into the middle of a buffer and touches nothing else', () => {
    const plaintext = randomStream(1, 100_000);
    const target = Buffer.alloc(200_000, 0x5a);
    const length = sealInto(key, [plaintext], target, 1001);
    assert.equal(length, plaintext.length + sealedOverhead);
    assert.deepEqual(open(key, target.subarray(1001, 1001 + length)), plaintext);
    assert.ok(target.subarray(0, 1001).every((byte) => byte === 0x5a));
    assert.ok(target.subarray(1001 + length).every((byte) => byte === 0x5a));
  });

  it('seals parts as the one message that they are', () => {
    const plaintext = randomStream(4, 300_000);
    for (const ends of [
      [1, 2],
      [0, 65_535],
      [65_536, 65_537],
      [100, 131_072],
      [150_000, 150_000],
    ]) {
      const [first = 0, second = 0] = ends;
      const parts = [plaintext.subarray(0, first), plaintext.subarray(first, second), plaintext.subarray(second)];
      const target = Buffer.alloc(plaintext.length + sealedOverhead);
      assert.equal(sealInto(key, parts, target, 0), target.length);
      assert.deepEqual(open(key, target), plaintext);
    }
  });

  it('opens nothing in which a bit was changed', () => {
    const sealed = seal(key, randomStream(2, 333));
    fc.assert(
      fc.property(fc.nat(sealed.length * 8 - 1), (bit) => {
        const changed = Buffer.from(sealed);
        changed[bit >> 3]! ^= 1 << (bit & 7);
        assert.throws(() => open(key, changed), isCorrupt);
      }),
    );
  });

  it('opens nothing that was cut or made with another key, and no zero nonce', () => {
    const sealed = seal(key, Buffer.from('secret'));
    for (let length = 0; length < sealed.length; length += 1) {
      assert.throws(() => open(key, sealed.subarray(0, length)), isCorrupt);
    }
    assert.throws(() => open(randomSealingKey(), sealed), isCorrupt);
    assert.throws(() => open(key, Buffer.alloc(sealed.length)), isCorrupt);
    const other = randomSealingKey();
    assert.throws(() => open({ ...key, macK: other.macK }, sealed), isCorrupt);
    assert.throws(() => open({ ...key, macR: other.macR }, sealed), isCorrupt);
  });

  it('never seals twice alike', () => {
    assert.notDeepEqual(seal(key, Buffer.alloc(10)), seal(key, Buffer.alloc(10)));
  });
});
