import zlib from 'node:zlib';

import { MiB } from '../../../base/bytes.ts';

/**
 * What a compressor's output is cut from. One that had to hold each whole result would be mostly empty, and V8 would
 * collect the heap for memory that was never used.
 */
const outputBytes = 2 * MiB;

/** One compressor of zstd that makes a frame of each block. It lives on from block to block, as its tables are large. */
class FrameMaker {
  private readonly stream: zlib.ZstdCompress;
  private parts: Uint8Array[] = [];
  private failure: Error | undefined;
  private onFailure: ((error: Error) => void) | undefined;

  constructor(level: number) {
    this.stream = zlib.createZstdCompress({
      // Each write ends a frame; given all of it at once, zstd notes its size as for a single one.
      flush: zlib.constants.ZSTD_e_end,
      chunkSize: outputBytes,
      params: {
        [zlib.constants.ZSTD_c_compressionLevel]: level,
        [zlib.constants.ZSTD_c_checksumFlag]: 1,
      },
    });
    this.stream.on('data', (part: Buffer) => this.parts.push(part));
    this.stream.on('error', (error) => {
      this.failure = error;
      this.onFailure?.(error);
    });
  }

  make(block: Uint8Array): Promise<Uint8Array[]> {
    return new Promise((resolve, reject) => {
      if (this.failure) return reject(this.failure);
      this.onFailure = reject;
      this.stream.write(block, (error) => {
        if (error) return reject(error);
        const { parts } = this;
        this.parts = [];
        resolve(parts);
      });
    });
  }

  close(): void {
    this.stream.destroy();
  }
}

/** Makes frames of zstd, several at once. Close it when none is under way. */
export class ZstdFrames {
  private readonly level: number;
  private readonly idle: FrameMaker[] = [];

  constructor(level: number) {
    this.level = level;
  }

  /** The frame of a block that is not empty, in parts. */
  async make(block: Uint8Array): Promise<Uint8Array[]> {
    const maker = this.idle.pop() ?? new FrameMaker(this.level);
    try {
      const parts = await maker.make(block);
      this.idle.push(maker);
      return parts;
    } catch (error) {
      maker.close();
      throw error;
    }
  }

  close(): void {
    for (const maker of this.idle.splice(0)) maker.close();
  }
}
