import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KiB } from '../../../base/bytes.ts';
import { randomStream } from '../testing/sample-stream.ts';
import { isEvenlySpread } from './spread-of-bytes.ts';

test('random bytes of any size are evenly spread, whatever shrinks by more than a hundredth is not', () => {
  for (let seed = 1; seed < 200; seed += 1) {
    const random = randomStream(seed, KiB + seed * 997);
    assert.ok(isEvenlySpread(random), `random bytes by ${seed}`);
    const zeros = random.map((byte, at) => (at % 20 === 0 ? 0 : byte));
    assert.ok(!isEvenlySpread(zeros), `of which every twentieth is 0, by ${seed}`);
    const digits = Buffer.from(Buffer.from(random).toString('base64'));
    assert.ok(!isEvenlySpread(digits), `in base64 by ${seed}`);
    const floats = Float32Array.from(random, (byte) => byte / 7);
    assert.ok(!isEvenlySpread(new Uint8Array(floats.buffer)), `as fractions by ${seed}`);
  }
});
