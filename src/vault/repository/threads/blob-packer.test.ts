import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { KiB, MiB } from '../../../base/bytes.ts';
import { decompressBlob } from '../format/zstd.ts';
import { randomStream } from '../testing/sample-stream.ts';
import { BlobCompressor } from './blob-compressor.ts';
import { BlobPacker, type PackedContent } from './blob-packer.ts';

const text = (seed: number, length: number): Buffer => {
  const lines: string[] = [];
  for (let size = 0, line = seed; size < length; line += 1) {
    lines.push(`${line}\t${(line * 7919) % 1000003}\tsome words that come again and again\t${line % 97}\n`);
    size += lines.at(-1)?.length ?? 0;
  }
  return Buffer.from(lines.join('')).subarray(0, length);
};

const inParts = (bytes: Uint8Array, at: number): Uint8Array[] => [bytes.subarray(0, at), bytes.subarray(at)];

function contentOf({ parts, rawLength }: PackedContent): Buffer {
  const stored = Buffer.concat(parts);
  if (rawLength === 0) return stored;
  const plain = decompressBlob(stored);
  assert.equal(plain.length, rawLength);
  return plain;
}

const storedSize = ({ parts }: PackedContent): number => parts.reduce((sum, { length }) => sum + length, 0);

describe('what is sealed of blobs', () => {
  it('is the content, whatever came before it and whatever parts it lies in', () => {
    const packer = new BlobPacker(new BlobCompressor(3), true);
    const blob = fc.record({ random: fc.nat(600 * KiB), text: fc.nat(600 * KiB), seed: fc.nat(), at: fc.nat(MiB) });
    fc.assert(
      fc.property(fc.array(blob, { maxLength: 6 }), (blobs) => {
        for (const { random, text: textLength, seed, at } of blobs) {
          const content = Buffer.concat([randomStream(seed, random), text(seed, textLength)]);
          assert.ok(contentOf(packer.pack('data', inParts(content, at % (content.length + 1)))).equals(content));
        }
      }),
      { numRuns: 20 },
    );
  });

  it('stays as it is when it does not shrink, and no text is taken for such', () => {
    const packer = new BlobPacker(new BlobCompressor(3), true);
    for (let seed = 0; seed < 4; seed += 1) assert.equal(packer.pack('data', [randomStream(seed, MiB)]).rawLength, 0);
    const packed = packer.pack('data', inParts(text(1, MiB), 300_000));
    assert.equal(packed.rawLength, MiB);
    assert.ok(storedSize(packed) < MiB / 3);
  });

  it('is compressed of small contents that shrink, also where those before did not', () => {
    const packer = new BlobPacker(new BlobCompressor(3), true);
    for (let seed = 0; seed < 40; seed += 1) {
      const random = randomStream(seed, 2 * KiB + seed * 500);
      assert.equal(packer.pack('data', [random]).rawLength, 0);
      const small = text(seed, 900 + seed * 500);
      assert.equal(packer.pack('data', [small]).rawLength, small.length);
      assert.equal(packer.pack('data', [random]).rawLength, 0);
      assert.equal(packer.pack('data', inParts(small, 100)).rawLength, small.length);
    }
  });

  it('is at most a few thousandths larger than if all had been compressed, with text between what does not shrink', () => {
    const tried = new BlobPacker(new BlobCompressor(3), true);
    const compressor = new BlobCompressor(3);
    let size = 0;
    let least = 0;
    for (let seed = 0; seed < 24; seed += 1) {
      const [before, shrinking] = [seed * 37_777, (seed % 5) * 60_000];
      const content = Buffer.concat([
        randomStream(seed, before),
        text(seed, shrinking),
        randomStream(seed + 99, 400_000),
      ]);
      size += storedSize(tried.pack('data', [content]));
      least += Math.min(content.length, compressor.compress(content).length);
    }
    assert.ok(size <= least * 1.003, `${size} bytes where ${least} are possible`);
  });

  it('is compressed for every tree, and for no content where that is not wanted', () => {
    const packer = new BlobPacker(new BlobCompressor(3), false);
    assert.equal(packer.pack('tree', [Buffer.from('{"nodes":[]}\n')]).rawLength, 13);
    assert.equal(packer.pack('data', [text(1, 100_000)]).rawLength, 0);
  });
});
