import { createCipheriv } from 'node:crypto';
import { remainder } from '../chunker/polynomial.ts';

/** Bytes that look random and are the same for the same seed. */
export function randomStream(seed: number, length: number): Buffer {
  const key = Buffer.alloc(32);
  key.writeUInt32LE(seed >>> 0);
  return createCipheriv('aes-256-ctr', key, Buffer.alloc(16)).update(Buffer.alloc(length));
}

/** One stretch of a stream: random bytes, zeros, or a few bytes again and again. */
export interface Stretch {
  readonly kind: 'random' | 'zeros' | 'repeated';
  readonly length: number;
  readonly seed: number;
}

export function streamOf(stretches: readonly Stretch[]): Buffer {
  return Buffer.concat(
    stretches.map(({ kind, length, seed }) => {
      if (kind === 'zeros') return Buffer.alloc(length);
      return kind === 'random'
        ? randomStream(seed, length)
        : Buffer.alloc(length, randomStream(seed, 1 + (seed % 200)));
    }),
  );
}

/** The remainder of a window, by plain division. */
export function remainderOf(window: Uint8Array, polynomial: bigint): bigint {
  return remainder(BigInt(`0x${Buffer.from(window).toString('hex')}`), polynomial);
}

/**
 * Changes the three bytes before `position` so that a chunk may end there: the lowest bits of the window are the lowest bits
 * of its remainder, too.
 */
export function plantCandidate(bytes: Buffer, position: number, polynomial: bigint): void {
  const low = Number(remainderOf(bytes.subarray(position - 64, position), polynomial) & 0xfffffn);
  bytes.writeUIntBE(bytes.readUIntBE(position - 3, 3) ^ low, position - 3, 3);
}
