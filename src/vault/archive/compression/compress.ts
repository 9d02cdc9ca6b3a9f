import { availableParallelism } from 'node:os';
import { promisify } from 'node:util';
import zlib from 'node:zlib';

import { MiB } from '../../../base/bytes.ts';
import { mapOrdered } from '../../../base/concurrency.ts';
import type { Compression, CompressionAlgorithm } from '../archive-spec.ts';
import { gzipHeader, zstdHeader } from './frame-header.ts';
import { ZstdFrames } from './zstd-frames.ts';

const gzip = promisify<Uint8Array, zlib.ZlibOptions, Buffer>(zlib.gzip);

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

async function zstdFrame(block: Uint8Array, frames: ZstdFrames): Promise<Uint8Array[]> {
  const parts = await frames.make(block);
  return [zstdHeader(parts.reduce((sum, part) => sum + part.length, 0)), ...parts];
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
  const zstd = new ZstdFrames(level);
  const frames = mapOrdered(blocks, framesInFlight, async (block) => {
    const frame = await (algorithm === 'gzip' ? gzipFrame(block, level) : zstdFrame(block, zstd));
    onDone(block);
    return frame;
  });
  try {
    for await (const frame of frames) yield* frame;
  } finally {
    zstd.close();
  }
}
