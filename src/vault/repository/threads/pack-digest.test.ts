import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { digestStateBytes, packDigest } from './pack-digest.ts';

test(
  'a digest that is made in steps is that of the whole, also where two are made in turn',
  { skip: !packDigest },
  () => {
    const states = new Uint8Array(2 * digestStateBytes);
    const at = [states.subarray(0, digestStateBytes), states.subarray(digestStateBytes)] as const;
    const bytes = randomBytes(300_000);
    for (const state of at) packDigest?.add(state, bytes.subarray(0, 100_001), true);
    packDigest?.add(at[1], bytes.subarray(100_001, 100_001), false);
    packDigest?.add(at[1], bytes.subarray(100_001), false);
    assert.equal(packDigest?.end(at[0]), createHash('sha256').update(bytes.subarray(0, 100_001)).digest('hex'));
    assert.equal(packDigest?.end(at[1]), createHash('sha256').update(bytes).digest('hex'));
    assert.throws(() => packDigest?.add(new Uint8Array(16), bytes, true), RangeError);
  },
);
