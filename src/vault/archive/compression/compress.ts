import { availableParallelism } from 'node:os';
import { promisify } from 'node:util';
import zlib from 'node:zlib';

import { KiB, MiB } from '../../../base/bytes.ts';
import { mapOrdered } from '../../../base/concurrency.ts';
import type { Compression, CompressionAlgorithm } from '../archive-spec.ts';
import { gzipHeader, zstdHeader } from './frame-header.ts';

const gzip = promisify<Uint8Array, zlib.ZlibOptions, Buffer>(zlib.gzip);
const zstdCompress = promisify<Uint8Array, zlib.ZstdOptions, Buffer>(zlib.zstdCompress);

/** How much plain content goes into one frame: bigger costs memory, smaller costs ratio. */
export const blockBytesOf: Readonly<Record<CompressionAlgorithm, number>> = {
  gzip: MiB,
  zstd: 2 * MiB,
  none: MiB,
};

/** As many frames are worked on at once as there are processors, and one waits. */
export const framesInFlight = availableParallelism() + 1;

/** zlib's own header without optional fields; ours, which has one, replaces it. */
const plainGzipHeaderBytes = 10;

/**
 * An output buffer that holds the whole result makes one trip to the thread pool of each block; one that is larger than
 * needed makes garbage collections more frequent.
 */
const outputBytes = (bytes: number, incompressible: boolean): number =>
  incompressible ? bytes + (bytes >> 8) + 1024 : (bytes >> 1) + 1024;

const sampleCount = 8;
const sampleBytes = 1024;

/** Guesses from a few samples whether deflate would gain anything: where not, storing is twenty times faster. */
export function looksIncompressible(block: Uint8Array): boolean {
  if (block.length < sampleCount * sampleBytes * 2) return false;
  const step = Math.floor((block.length - sampleBytes) / (sampleCount - 1));
  const samples = Array.from({ length: sampleCount }, (_, index) =>
    block.subarray(index * step, index * step + sampleBytes),
  );
  const sample = Buffer.concat(samples);
  return zlib.deflateRawSync(sample, { level: 1 }).length > sample.length * 0.97;
}

async function gzipFrame(block: Uint8Array, level: number): Promise<Uint8Array[]> {
  const incompressible = looksIncompressible(block);
  const packed = await gzip(block, {
    level: incompressible ? 0 : level,
    chunkSize: outputBytes(block.length, incompressible),
  });
  const body = packed.subarray(plainGzipHeaderBytes);
  return [gzipHeader(body.length), body];
}

/** zstd's own bound on a frame's size. With less room it takes a slower way, by a window that it copies into. */
const zstdBoundBytes = (bytes: number): number => bytes + (bytes >> 8) + 64 * KiB;

async function zstdFrame(block: Uint8Array, level: number): Promise<Uint8Array[]> {
  const packed = await zstdCompress(block, {
    chunkSize: zstdBoundBytes(block.length),
    params: {
      [zlib.constants.ZSTD_c_compressionLevel]: level,
      [zlib.constants.ZSTD_c_checksumFlag]: 1,
    },
    pledgedSrcSize: block.length,
  });
  return [zstdHeader(packed.length), packed];
}

/**
 * Compresses each block to a frame of its own, several at once, and yields the frames in order. `onDone` gives a block
 * back whose bytes are no longer needed; with "none" that is never.
 */
export async function* compress(
  blocks: AsyncIterable<Uint8Array>,
  { algorithm, level }: Compression,
  onDone: (block: Uint8Array) => void,
): AsyncGenerator<Uint8Array> {
  if (algorithm === 'none') {
    yield* blocks;
    return;
  }
  const makeFrame = algorithm === 'gzip' ? gzipFrame : zstdFrame;
  const frames = mapOrdered(blocks, framesInFlight, async (block) => {
    const frame = await makeFrame(block, level);
    onDone(block);
    return frame;
  });
  for await (const frame of frames) yield* frame;
}
