import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import * as fc from 'fast-check';

import { KiB, MiB } from '../../../base/bytes.ts';
import { cutStream } from '../testing/cut-stream.ts';
import { cutSerially } from '../testing/serial-chunker.ts';
import { plantCandidate, randomStream, type Stretch, streamOf } from '../testing/sample-stream.ts';
import { rabinTables } from './rabin-tables.ts';

const polynomial = 0x3da3358b4dc173n;
const tables = rabinTables(polynomial);

const stretch: fc.Arbitrary<Stretch> = fc.record({
  kind: fc.constantFrom('random', 'random', 'zeros', 'repeated'),
  length: fc.oneof(fc.nat(MiB), fc.nat(5 * MiB), fc.constantFrom(512 * KiB, MiB, 8 * MiB)),
  seed: fc.nat(),
});

describe('the chunker', () => {
  it("cuts as restic's does, whole or in pieces with borders anywhere", () => {
    const borders = fc.array(fc.oneof(fc.nat(200), fc.nat(20 * MiB)), { maxLength: 8 });
    fc.assert(
      fc.property(fc.array(stretch, { minLength: 1, maxLength: 5 }), borders, (stretches, borders) => {
        const bytes = streamOf(stretches);
        const expected = cutSerially(polynomial, bytes);
        assert.deepEqual(cutStream(tables, bytes), expected);
        const within = borders.map((border) => border % (bytes.length + 1));
        assert.deepEqual(cutStream(tables, bytes, within), expected);
      }),
      { numRuns: 12 },
    );
  });

  it('cuts where a chunk is just long enough, and not a byte before', () => {
    for (const position of [
      512 * KiB - 1,
      512 * KiB,
      512 * KiB + 1,
      512 * KiB + 63,
      8 * MiB - 1,
      8 * MiB,
      8 * MiB + 1,
    ]) {
      const bytes = Buffer.alloc(9 * MiB, 1);
      plantCandidate(bytes, position, polynomial);
      const expected = cutSerially(polynomial, bytes);
      assert.equal(expected[0] === position, position >= 512 * KiB && position <= 8 * MiB, `${position}`);
      assert.deepEqual(cutStream(tables, bytes), expected);
      for (const border of [position - 1, position, position + 1, position - 512 * KiB, 512 * KiB - 64]) {
        assert.deepEqual(cutStream(tables, bytes, [Math.max(0, border)]), expected, `${position}, border ${border}`);
      }
    }
  });

  it('finds a cut wherever the scan goes in steps, and where a piece ends', () => {
    const scanStep = 16 * 33 * 64;
    const places = [0, 1, 63, 64, 65, 2112, scanStep - 1, scanStep, scanStep + 1, scanStep + 64, 3 * scanStep];
    for (const place of places) {
      const bytes = Buffer.alloc(3 * MiB, 1);
      const position = 512 * KiB + place;
      plantCandidate(bytes, position, polynomial);
      const expected = cutSerially(polynomial, bytes);
      assert.equal(expected[0], position);
      assert.deepEqual(cutStream(tables, bytes), expected);
      for (const near of [-65, -64, -63, -2, -1, 0, 1, 2, 63, 64])
        assert.deepEqual(cutStream(tables, bytes, [position + near]), expected, `${position}, border at ${near}`);
    }
  });

  it('cuts alike when every byte comes by itself, or a few at a time', () => {
    const bytes = randomStream(9, MiB + 70_000);
    plantCandidate(bytes, 512 * KiB + 100, polynomial);
    const expected = cutSerially(polynomial, bytes);
    assert.equal(expected[0], 512 * KiB + 100);
    for (const size of [1, 7, 63, 64, 65]) {
      const borders = Array.from({ length: Math.floor(bytes.length / size) }, (_, index) => index * size);
      assert.deepEqual(cutStream(tables, bytes, borders), expected, `${size} at a time`);
    }
  });

  it('finds the candidates that a repeated pattern has at every few bytes', () => {
    const pattern = randomStream(5, 131);
    plantCandidate(pattern, 100, polynomial);
    const bytes = Buffer.alloc(6 * MiB, pattern);
    const expected = cutSerially(polynomial, bytes);
    assert.ok(expected.length > 10);
    assert.deepEqual(cutStream(tables, bytes), expected);
    assert.deepEqual(cutStream(tables, bytes, [MiB, 3 * MiB]), expected);
  });

  it('cuts zeros into the smallest chunks, and short streams not at all', () => {
    assert.deepEqual(cutStream(tables, Buffer.alloc(MiB + 1)), [512 * KiB, MiB, MiB + 1]);
    assert.deepEqual(cutStream(tables, Buffer.alloc(0)), []);
    assert.deepEqual(cutStream(tables, Buffer.alloc(0), [0]), []);
    for (const length of [1, 64, 65, 512 * KiB - 1, 512 * KiB]) {
      assert.deepEqual(cutStream(tables, Buffer.alloc(length)), [length]);
      assert.deepEqual(cutStream(tables, Buffer.alloc(length), []), [length]);
    }
  });
});
