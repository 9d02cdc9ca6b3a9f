import { promisify } from 'node:util';
import zlib from 'node:zlib';

import { MiB } from '../../../base/bytes.ts';
import { mapOrdered } from '../../../base/concurrency.ts';
import { messageOf } from '../../../base/errors.ts';
import { vaultError } from '../../errors.ts';
import type { CompressionAlgorithm } from '../archive-spec.ts';
import { ByteReader } from '../byte-reader.ts';
import { blockBytesOf, framesInFlight } from './compress.ts';
import { bytesAfter, gzipHeaderBytes, zstdHeaderBytes } from './frame-header.ts';

const gunzip = promisify<Uint8Array, zlib.ZlibOptions, Buffer>(zlib.gunzip);
const zstdDecompress = promisify<Uint8Array, zlib.ZstdOptions, Buffer>(zlib.zstdDecompress);

/** No frame of ours is bigger; a damaged length must not make us ask for gigabytes. */
const largestFrameBytes = 16 * MiB;

const damaged = (detail: string, cause?: unknown): Error =>
  vaultError('corrupt', {
    message: `The compressed content is damaged: ${detail}.`,
    hint: 'Restore another restore point; this one can not be read past the damage.',
    ...(cause === undefined ? {} : { cause }),
  });

/** Cuts a compressed stream into frames; a gzip member keeps its header, a zstd frame loses the one we put before it. */
async function* splitFrames(chunks: AsyncIterable<Uint8Array>, algorithm: 'gzip' | 'zstd'): AsyncGenerator<Uint8Array> {
  const reader = new ByteReader(chunks);
  const headerBytes = algorithm === 'gzip' ? gzipHeaderBytes : zstdHeaderBytes;
  try {
    for (;;) {
      const header = await reader.upTo(headerBytes);
      if (header.length === 0) return;
      const size = bytesAfter(header, algorithm);
      if (size === undefined || size > largestFrameBytes)
        throw damaged(`no ${algorithm} frame begins where one should`);
      const body = await reader.upTo(size);
      if (body.length < size) {
        throw vaultError('truncated', {
          message: `The compressed content ends in the middle of a ${algorithm} frame.`,
        });
      }
      yield algorithm === 'gzip' ? Buffer.concat([header, body]) : body;
    }
  } finally {
    await reader.close();
  }
}

/** Undoes `compress`, several frames at once, in order. vault/corrupt or vault/truncated when the frames are not whole. */
export async function* decompress(
  chunks: AsyncIterable<Uint8Array>,
  algorithm: CompressionAlgorithm,
): AsyncGenerator<Uint8Array> {
  if (algorithm === 'none') {
    yield* chunks;
    return;
  }
  const unpack = algorithm === 'gzip' ? gunzip : zstdDecompress;
  const limit = blockBytesOf[algorithm];
  yield* mapOrdered(splitFrames(chunks, algorithm), framesInFlight, async (frame) => {
    try {
      return await unpack(frame, { chunkSize: limit + 1024, maxOutputLength: largestFrameBytes });
    } catch (error) {
      throw damaged(`a ${algorithm} frame of ${frame.length} bytes can not be unpacked (${messageOf(error)})`, error);
    }
  });
}
