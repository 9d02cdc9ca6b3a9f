import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import * as fc from 'fast-check';

import { KiB, MiB } from '../../../base/bytes.ts';
import { loadKernels } from '../kernels/load-kernels.ts';
import { cutSerially } from '../testing/serial-chunker.ts';
import { plantCandidate, randomStream, type Stretch, streamOf } from '../testing/sample-stream.ts';
import { cutPoints } from './chunker.ts';
import { CutChooser } from './cut-points.ts';
import { rabinTables } from './rabin-tables.ts';

const polynomial = 0x3da3358b4dc173n;
const tables = rabinTables(polynomial);

/** Scans a stream in segments, as several threads would, and chooses. */
function cutInSegments(bytes: Uint8Array, borders: readonly number[]): number[] {
  const chooser = new CutChooser();
  const places = [0, ...[...borders].sort((a, b) => a - b), bytes.length];
  const cuts = places.slice(1).flatMap((end, i) => {
    const offset = Math.max(0, places[i]! - 64);
    const candidates = loadKernels().findCandidates(tables, bytes.subarray(offset, end), places[i]! - offset);
    return chooser.add({ candidates, offset, end });
  });
  return [...cuts, ...chooser.finish()];
}

const stretch: fc.Arbitrary<Stretch> = fc.record({
  kind: fc.constantFrom('random', 'random', 'zeros', 'repeated'),
  length: fc.oneof(fc.nat(MiB), fc.nat(5 * MiB), fc.constantFrom(512 * KiB, MiB, 8 * MiB)),
  seed: fc.nat(),
});

describe('the chunker', () => {
  it("cuts as restic's does, whole or in segments with borders anywhere", () => {
    const borders = fc.array(fc.oneof(fc.nat(200), fc.nat(20 * MiB)), { maxLength: 8 });
    fc.assert(
      fc.property(fc.array(stretch, { minLength: 1, maxLength: 5 }), borders, (stretches, borders) => {
        const bytes = streamOf(stretches);
        const expected = cutSerially(polynomial, bytes);
        assert.deepEqual(cutPoints(tables, bytes), expected);
        const within = borders.map((border) => border % (bytes.length + 1));
        assert.deepEqual(cutInSegments(bytes, within), expected);
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
      assert.deepEqual(cutPoints(tables, bytes), expected);
      for (const border of [position - 1, position, position + 1, position - 512 * KiB, 512 * KiB - 64]) {
        assert.deepEqual(cutInSegments(bytes, [Math.max(0, border)]), expected, `${position}, border ${border}`);
      }
    }
  });

  it('finds the candidates that a repeated pattern has at every few bytes', () => {
    const pattern = randomStream(5, 131);
    plantCandidate(pattern, 100, polynomial);
    const bytes = Buffer.alloc(6 * MiB, pattern);
    const expected = cutSerially(polynomial, bytes);
    assert.ok(expected.length > 10);
    assert.deepEqual(cutPoints(tables, bytes), expected);
    assert.deepEqual(cutInSegments(bytes, [MiB, 3 * MiB]), expected);
  });

  it('cuts zeros into the smallest chunks, and short streams not at all', () => {
    assert.deepEqual(cutPoints(tables, Buffer.alloc(MiB + 1)), [512 * KiB, MiB, MiB + 1]);
    assert.deepEqual(cutPoints(tables, Buffer.alloc(0)), []);
    assert.deepEqual(cutInSegments(Buffer.alloc(0), []), []);
    for (const length of [1, 64, 65, 512 * KiB - 1, 512 * KiB]) {
      assert.deepEqual(cutPoints(tables, Buffer.alloc(length)), [length]);
      assert.deepEqual(cutInSegments(Buffer.alloc(length), []), [length]);
    }
  });
});
